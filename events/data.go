package events

import (
	"strconv"
	"time"

	"bellhop"
)

// What follows is as the REST API shows it, field by field; a test in web holds
// the two together. It is a definition of its own since others depend on it: the
// API may grow without it.

// Order is an order in full. Ids are strings, since they pass 2^53; money is
// a decimal string in the currency's own digits.
type Order struct {
	ID                string       `json:"id"`
	Shop              string       `json:"shop"`
	Name              string       `json:"name"`
	Number            int64        `json:"number"`
	Currency          string       `json:"currency"`
	Total             string       `json:"total"` // in the shop's currency
	Presentment       *Amount      `json:"presentment"`
	Customer          *Customer    `json:"customer,omitempty"` // where [Composer] is to say it
	Note              *string      `json:"note,omitempty"`     // likewise
	FinancialStatus   string       `json:"financial_status"`
	FulfillmentStatus string       `json:"fulfillment_status"`
	Handling          string       `json:"handling"`
	Test              bool         `json:"test"`
	PlacedAt          *time.Time   `json:"placed_at"`
	UpdatedAt         *time.Time   `json:"updated_at"`
	RecordedAt        *time.Time   `json:"recorded_at"`
	CancelledAt       *time.Time   `json:"cancelled_at"`
	EditedAt          *time.Time   `json:"edited_at"`
	RefundedAt        *time.Time   `json:"refunded_at"`
	Items             []Item       `json:"items"`
	Pushes            []OrdersPush `json:"pushes"`
	Trace             Trace        `json:"trace"`
}

// DeletedOrder is told of an order that was deleted.
type DeletedOrder struct {
	ID      string `json:"id"`
	Shop    string `json:"shop"`
	Deleted bool   `json:"deleted"`
}

// Amount is money.
type Amount struct {
	Currency string `json:"currency"`
	Total    string `json:"total"`
}

// Customer is who ordered; empty where Shopify withheld it or there is nobody.
type Customer struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// Item is one line of an order.
type Item struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Variant  string `json:"variant"`
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	Price    string `json:"price"` // of one
}

// Trace is the way of the webhook that first brought the order.
type Trace struct {
	TriggeredAt *time.Time `json:"triggered_at"`
	AcceptedAt  *time.Time `json:"accepted_at"`
	RecordedAt  *time.Time `json:"recorded_at"`
	PushedAt    *time.Time `json:"pushed_at"`
}

// OrdersPush is a push inside its order. It names the device's installation, and
// not its address.
type OrdersPush struct {
	ID         string     `json:"id"`
	Device     string     `json:"device"`
	Kind       string     `json:"kind"`
	Status     string     `json:"status"`
	Attempts   int        `json:"attempts"`
	SentAt     *time.Time `json:"sent_at"`
	ReceivedAt *time.Time `json:"received_at"`
	OpenedAt   *time.Time `json:"opened_at"`
	Reason     string     `json:"reason"`
}

// Push is a push by itself.
type Push struct {
	OrdersPush
	Shop         string     `json:"shop"`
	Order        string     `json:"order"`
	OrderName    string     `json:"order_name"`
	OrderDeleted bool       `json:"order_deleted,omitempty"`
	CreatedAt    *time.Time `json:"created_at"`
	NextAt       *time.Time `json:"next_at"` // null once it is final
}

func (c Composer) order(o *bellhop.Order) Order {
	out := Order{
		ID: id(o.ID), Shop: o.Shop, Name: o.Name, Number: o.Number, Currency: o.Total.Currency, Total: o.Total.String(),
		FinancialStatus: o.FinancialStatus, FulfillmentStatus: o.FulfillmentStatus,
		Handling: string(o.Handling), Test: o.Test,
		PlacedAt: at(o.PlacedAt), UpdatedAt: at(o.UpdatedAt), RecordedAt: atUTC(o.Trace.RecordedAt),
		CancelledAt: at(o.CancelledAt), EditedAt: at(o.EditedAt), RefundedAt: at(o.RefundedAt),
		Items: make([]Item, len(o.Items)), Pushes: make([]OrdersPush, len(o.Pushes)),
		Trace: Trace{TriggeredAt: atUTC(o.Trace.TriggeredAt), AcceptedAt: atUTC(o.Trace.AcceptedAt),
			RecordedAt: atUTC(o.Trace.RecordedAt), PushedAt: atUTC(o.Trace.PushedAt)},
	}
	if p := o.Presentment; p != nil {
		out.Presentment = &Amount{Currency: p.Currency, Total: p.String()}
	}
	if c.Customer {
		out.Customer, out.Note = &Customer{Name: o.CustomerName, Email: o.CustomerEmail}, &o.Note
	}
	for i, it := range o.Items {
		out.Items[i] = Item{ID: id(it.ID), Title: it.Title, Variant: it.Variant, SKU: it.SKU, Quantity: it.Quantity,
			Price: it.Price.String()}
	}
	for i := range o.Pushes {
		out.Pushes[i] = pushOf(&o.Pushes[i]).OrdersPush
	}
	return out
}

func pushOf(p *bellhop.Push) Push {
	return Push{
		OrdersPush: OrdersPush{ID: id(p.ID), Device: p.Installation, Kind: string(p.Kind), Status: string(p.Status),
			Attempts: p.Attempts, SentAt: atUTC(p.SentAt), ReceivedAt: atUTC(p.ReceivedAt), OpenedAt: atUTC(p.OpenedAt),
			Reason: p.Reason},
		OrderName: p.OrderName, CreatedAt: atUTC(p.CreatedAt), NextAt: atUTC(p.NextAt),
	}
}

func id(n int64) string { return strconv.FormatInt(n, 10) }

// at keeps the offset that came with a time; an absent time is null.
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func atUTC(t time.Time) *time.Time { return at(t.UTC()) }
