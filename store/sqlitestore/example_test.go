package sqlitestore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/store/sqlitestore"
)

// A store in an SQLite file: record what a webhook states, list orders, handle one.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "sqlitestore-example")
	check(err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "bellhop.db")
	_, err = sqlitefile.Migrate(ctx, path, sqlitestore.Schema())
	check(err)
	file, err := sqlitefile.Open(ctx, path, sqlitefile.Options{})
	check(err)
	defer file.Close()
	db := sqlitestore.New(file)
	defer db.Close()
	check(db.AddShop(ctx, bellhop.Shop{Domain: "demo.myshopify.com", AddedAt: time.Now()}))

	fact, err := shopify.Decode(&bellhop.Event{ID: bellhop.EventID{1}, Shop: "demo.myshopify.com",
		Topic: shopify.TopicOrderCreate, AcceptedAt: time.Now(), SignedBy: bellhop.SignerApp,
		Body: []byte(`{` + simulate.Blank + `"id":1,"name":"#1001","currency":"JPY","total_price":"19800","line_items":[],` +
			`"updated_at":"2026-11-22T09:00:00+09:00"}`)})
	check(err)
	fact.At = time.Now()
	results, err := db.Record(ctx, []bellhop.Fact{fact, fact}) // as Shopify may deliver it
	check(err)
	fmt.Println(results[0].Outcome, results[1].Outcome)

	page, err := db.Orders(ctx, "demo.myshopify.com", store.OrderQuery{Handling: []bellhop.Handling{bellhop.HandlingNew}})
	check(err)
	for _, o := range page.Orders {
		fmt.Println(o.Name, o.Total, o.Total.Currency)
	}
	handled, err := db.SetHandling(ctx, "demo.myshopify.com", 1, bellhop.HandlingNew, bellhop.HandlingHandled,
		time.Now(), nil)
	fmt.Println(handled.Handling, err)
	_, err = db.Order(ctx, "another.myshopify.com", 1) // another shop's order isn't there
	fmt.Println(bellhop.KindOf(err) == bellhop.NotFound)
	// Output:
	// recorded duplicate
	// #1001 19800 JPY
	// handled <nil>
	// true
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
