package rules_test

import (
	"fmt"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/rules"
)

// Why did this phone not ring? Its budget was spent: the last message gathers the rest.
func ExampleRation() {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	budget := bellhop.Budget{Burst: 3, Refill: time.Minute} // of the push service
	usd := func(units int64) bellhop.Money { return bellhop.Money{Units: units, Digits: 2, Currency: "USD"} }
	var due []store.OrderBrief
	for i := range int64(6) {
		due = append(due, store.OrderBrief{ID: i, Kind: bellhop.PushOrderNew, Total: usd(1000)})
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

// Does an owner want a push about this order?
func ExampleWants() {
	likes := bellhop.Settings{AtLeast: "50"}
	usd := func(units int64) bellhop.Money { return bellhop.Money{Units: units, Digits: 2, Currency: "USD"} }
	for _, total := range []bellhop.Money{usd(9900), usd(900)} {
		wanted, why := rules.Wants(likes, bellhop.PushOrderNew, total)
		fmt.Printf("%s: %t %q\n", total, wanted, why)
	}
	// Output:
	// 99.00: true ""
	// 9.00: false "below_amount"
}
