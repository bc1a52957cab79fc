package pgstore_test

import (
	"context"
	"fmt"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/store/pgstore"
)

// A store in a PostgreSQL database: record what a webhook states, and read it.
func Example() {
	ctx := context.Background()
	url := exampleURL() // such as postgres://USER:PASSWORD@HOST/DATABASE
	_, err := postgres.Migrate(ctx, url, pgstore.Schema())
	check(err)
	pools, err := postgres.Open(ctx, postgres.Options{URL: url})
	check(err)
	defer pools.Close()
	db := pgstore.New(pools)
	defer db.Close()
	check(db.AddShop(ctx, bellhop.Shop{Domain: "demo.myshopify.com", AddedAt: time.Now()}))

	fact, err := shopify.Decode(&bellhop.Event{ID: bellhop.EventID{1}, Shop: "demo.myshopify.com",
		Topic: shopify.TopicOrderCreate, AcceptedAt: time.Now(), SignedBy: bellhop.SignerApp,
		Body: []byte(`{` + simulate.Blank + `"id":1,"name":"#1001","currency":"EUR","total_price":"403.00","line_items":[],` +
			`"updated_at":"2026-11-22T09:00:00+09:00"}`)})
	check(err)
	fact.At = time.Now()
	results, err := db.Record(ctx, []bellhop.Fact{fact})
	check(err)
	order, err := db.Order(ctx, "demo.myshopify.com", 1)
	check(err)
	fmt.Println(results[0].Outcome, order.Name, order.Total, order.Total.Currency)
	totals, err := db.Totals(ctx) // the ledger
	fmt.Println(totals[bellhop.OutcomeRecorded], err)
	// Output:
	// recorded #1001 403.00 EUR
	// 1 <nil>
}

func exampleURL() string {
	s, err := server()
	check(err)
	serverOnce.Do(func() { atExit = append(atExit, s.Close) })
	name, err := s.NewDatabase(context.Background())
	check(err)
	return s.URL(name)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
