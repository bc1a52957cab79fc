package simulate

import (
	"encoding/json"
	"time"

	"bellhop"
)

// given is an order that the twin did not make up.
type given struct {
	body               []byte
	facts              Facts
	email, fulfillment string
	parts              []int64
	lines              int
	shipping, removed  int
}

// Given makes a delivery that states an order with a body of the caller's own, in the form of orders/create. It needs
// an id and times of creation and change. Nothing further happens to the order by [Delivery.Then].
func Given(shop, secret string, at time.Time, body []byte) (*Delivery, error) {
	type part struct {
		ID      int64 `json:"id"`
		Removed bool  `json:"is_removed"`
	}
	var in struct {
		ID           int64      `json:"id"`
		Number       int64      `json:"order_number"`
		Created      time.Time  `json:"created_at"`
		Updated      time.Time  `json:"updated_at"`
		Processed    *time.Time `json:"processed_at"`
		Cancelled    time.Time  `json:"cancelled_at"`
		Closed       time.Time  `json:"closed_at"`
		Financial    string     `json:"financial_status"`
		Fulfillment  string     `json:"fulfillment_status"`
		Source       string     `json:"source_name"`
		Tags         string     `json:"tags"`
		Test         bool       `json:"test"`
		Email        string     `json:"email"`
		Lines        []part     `json:"line_items"`
		Shipping     []part     `json:"shipping_lines"`
		Fulfillments []part     `json:"fulfillments"`
		Refunds      []part     `json:"refunds"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.ID <= 0 || in.Created.IsZero() || in.Updated.IsZero() {
		return nil, bellhop.Invalidf("order",
			"it is no order: give one as orders/create has it, with id, created_at and updated_at")
	}
	g := &given{body: body, email: in.Email, fulfillment: in.Fulfillment, lines: len(in.Lines), facts: Facts{ID: in.ID,
		Number: in.Number, Created: in.Created, Updated: in.Updated, Processed: in.Created, Cancelled: in.Cancelled,
		Closed: in.Closed, Financial: in.Financial, Source: in.Source, Tags: in.Tags, Test: in.Test}}
	if in.Processed != nil {
		g.facts.Processed = *in.Processed
	}
	for _, p := range append(in.Fulfillments, in.Refunds...) {
		g.parts = append(g.parts, p.ID)
	}
	for _, l := range in.Shipping {
		if l.Removed {
			g.removed++
		} else {
			g.shipping++
		}
	}
	d := NewDelivery(shop, "orders/updated", secret, at, body)
	d.OrderID, d.says.given = in.ID, g
	return d, nil
}
