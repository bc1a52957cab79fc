package events_test

import (
	"encoding/json"
	"fmt"
	"time"

	"bellhop"
	"bellhop/events"
)

// A change of an order becomes a CloudEvent. Who ordered, and what a person wrote, is left out unless
// asked for.
func ExampleComposer_Order() {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	order := &bellhop.Order{Shop: "demo.myshopify.com", ID: 820982911946154508, Name: "#1001",
		Total:   bellhop.Money{Units: 40300, Digits: 2, Currency: "USD"},
		Current: bellhop.Money{Units: 39800, Digits: 2, Currency: "USD"}, CustomerName: "Jo Lee",
		Details: bellhop.Details{Schema: bellhop.DetailsSchema, Items: []bellhop.Item{{ID: 1, Title: "Ring", Quantity: 2,
			Current: 1, ToFulfil: 1, Properties: []bellhop.Attribute{{Name: "Engraving", Value: "For Jo"}}}}}}
	event := events.Composer{}.Order(events.Change{Origin: "store", Seq: 42, Type: events.OrderRecorded,
		Shop: order.Shop, OrderID: order.ID, At: at}, order)

	raw, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	var said struct {
		SpecVersion, Type, Source, Subject, Sequence string
		Data                                         struct {
			Name, Total, Currency string
			CurrentTotal          string `json:"current_total"`
			Customer              *struct{ Name string }
			Items                 []struct {
				Title      string
				ToFulfil   int `json:"to_fulfil"`
				Properties []struct{ Name, Value string }
			}
		}
	}
	if err := json.Unmarshal(raw, &said); err != nil {
		panic(err)
	}
	fmt.Println(said.SpecVersion, said.Type, said.Source, said.Subject, said.Sequence)
	fmt.Println(said.Data.Name, said.Data.Total, said.Data.CurrentTotal, said.Data.Currency, said.Data.Customer)
	for _, item := range said.Data.Items {
		fmt.Println(item.Title, item.ToFulfil, item.Properties)
	}
	// Output:
	// 1.0 order.recorded https://demo.myshopify.com 820982911946154508 0000000000000000042
	// #1001 403.00 398.00 USD <nil>
	// Ring 1 []
}

// Each order's events go out one after the other, those of many orders together.
func ExampleRuns() {
	all := []*events.Event{
		{Shop: "a", OrderID: 1, Sequence: 1}, {Shop: "a", OrderID: 2, Sequence: 2},
		{Shop: "a", OrderID: 1, Sequence: 3}, {Shop: "b", OrderID: 1, Sequence: 4},
	}
	for i, run := range events.Runs(all) {
		for _, e := range run {
			fmt.Printf("run %d: event %d\n", i+1, e.Sequence)
		}
	}
	// Output:
	// run 1: event 1
	// run 1: event 2
	// run 2: event 3
	// run 2: event 4
}
