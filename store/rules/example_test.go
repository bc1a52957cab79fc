package rules_test

import (
	"fmt"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/rules"
)

// Why did this phone get no push? Its budget was spent: the last message gathers the rest.
func ExampleRation() {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	budget := bellhop.Budget{Burst: 3, Refill: time.Minute} // of the push service
	usd := func(units int64) bellhop.Money { return bellhop.Money{Units: units, Digits: 2, Currency: "USD"} }
	var due []store.OrderBrief
	for i := range int64(6) {
		due = append(due, store.OrderBrief{ID: i, Kind: bellhop.PushOrderNew, Current: usd(1000)})
	}
	portions, left, next := rules.Ration(budget, bellhop.Budget{}, rules.Allowance{}, due, now)
	for _, p := range portions {
		if p.Gathered != nil {
			fmt.Println("one push for", p.Gathered.Orders, "orders:", p.Gathered.Total)
			continue
		}
		fmt.Println("one push for one order")
	}
	fmt.Println(left.Spent, next.IsZero())
	// Output:
	// one push for one order
	// one push for one order
	// one push for 4 orders: 40.00
	// 3 true
}

// What does a new order change, and to whom does it owe a push? The answer needs no
// database.
func ExamplePlanRecord() {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	shop := &rules.StoredShop{Row: 1, Receivers: []rules.Receiver{
		{ID: 10}, {ID: 11, Settings: bellhop.Settings{AtLeast: "50"}}}}
	order := &bellhop.Order{ID: 7, PlacedAt: at, Version: bellhop.Version{UpdatedAt: at, Hash: 1},
		Total: bellhop.Money{Units: 900, Digits: 2, Currency: "USD"}}
	event := &bellhop.Event{ID: bellhop.EventID{1}, Shop: "a.myshopify.com", AcceptedAt: at}

	changes, results := rules.PlanRecord(rules.Before{Shops: map[string]*rules.StoredShop{event.Shop: shop}},
		[]bellhop.Fact{{Event: event, At: at, OrderID: order.ID, Order: order}})
	fmt.Printf("%s, %d push is owed\n", results[0].Outcome, results[0].Pushes)
	for _, p := range changes.Owed {
		fmt.Printf("device %d: %s %q\n", p.Device, p.Status(), p.Skipped)
	}
	// Output:
	// recorded, 1 push is owed
	// device 10: pending ""
	// device 11: skipped "below_amount"
}
