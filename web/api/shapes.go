package api

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/web"
)

// Order is an order as the API gives it. Ids are strings, since they pass 2^53;
// money is a decimal string in the currency's own digits.
type Order struct {
	ID                string        `json:"id" example:"820982911946154508"`
	Shop              string        `json:"shop" example:"demo.myshopify.com"`
	Name              string        `json:"name" example:"#1001"`
	Number            int64         `json:"number" example:"1001"`
	Currency          string        `json:"currency" example:"USD"`
	Total             string        `json:"total" example:"403.00" doc:"In the shop's currency."`
	Presentment       *Amount       `json:"presentment" doc:"What the buyer saw; null when it is the shop's currency."`
	Customer          Customer      `json:"customer"`
	Note              string        `json:"note"`
	FinancialStatus   string        `json:"financial_status" example:"paid"`
	FulfillmentStatus string        `json:"fulfillment_status" example:"unfulfilled"`
	Handling          string        `json:"handling" enum:"new,seen,handled" doc:"How far the owner has got with it."`
	Test              bool          `json:"test"`
	PlacedAt          *time.Time    `json:"placed_at" doc:"With the shop's offset."`
	UpdatedAt         *time.Time    `json:"updated_at" doc:"With the shop's offset."`
	RecordedAt        *time.Time    `json:"recorded_at"`
	CancelledAt       *time.Time    `json:"cancelled_at"`
	EditedAt          *time.Time    `json:"edited_at"`
	RefundedAt        *time.Time    `json:"refunded_at"`
	Items             *[]Item       `json:"items,omitempty" nullable:"false" doc:"Left out of lists and of the stream."`
	Pushes            *[]OrdersPush `json:"pushes,omitempty" nullable:"false" doc:"Left out of lists and of the stream."`
	Trace             Trace         `json:"trace"`
}

// TransformSchema lets presentment be null, which the library can't be told by
// a tag.
func (Order) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	amount := *s.Properties["presentment"]
	s.Properties["presentment"] = &huma.Schema{
		Description: amount.Description,
		AnyOf:       []*huma.Schema{{Ref: amount.Ref}, {Type: "null"}},
	}
	return s
}

// Amount is money.
type Amount struct {
	Currency string `json:"currency" example:"EUR"`
	Total    string `json:"total" example:"372.11"`
}

// Customer is who ordered; empty where Shopify withheld it or there is nobody.
type Customer struct {
	Name  string `json:"name" example:"Jo Lee"`
	Email string `json:"email" example:"jo@example.com"`
}

// Item is one line of an order.
type Item struct {
	ID       string `json:"id"`
	Title    string `json:"title" example:"Tee"`
	Variant  string `json:"variant" example:"M"`
	SKU      string `json:"sku" example:"TEE-M"`
	Quantity int64  `json:"quantity" example:"2"`
	Price    string `json:"price" example:"19.90" doc:"Of one."`
}

// Trace is the way of the event that first brought the order.
type Trace struct {
	TriggeredAt *time.Time `json:"triggered_at"`
	AcceptedAt  *time.Time `json:"accepted_at"`
	RecordedAt  *time.Time `json:"recorded_at"`
	PushedAt    *time.Time `json:"pushed_at"`
}

// OrdersPush is a push inside its order.
type OrdersPush struct {
	ID         string     `json:"id"`
	Device     string     `json:"device" doc:"The app's own id of the installation; empty when there was no device."`
	Kind       string     `json:"kind" example:"order.new"`
	Status     string     `json:"status" enum:"pending,sending,sent,unknown,failed,skipped"`
	Attempts   int        `json:"attempts"`
	SentAt     *time.Time `json:"sent_at"`
	ReceivedAt *time.Time `json:"received_at"`
	OpenedAt   *time.Time `json:"opened_at"`
	Reason     string     `json:"reason"`
}

// Push is a line of the delivery log.
type Push struct {
	OrdersPush
	Shop      string     `json:"shop"`
	Order     string     `json:"order" doc:"The order's id."`
	OrderName string     `json:"order_name" example:"#1001"`
	CreatedAt *time.Time `json:"created_at"`
	NextAt    *time.Time `json:"next_at" doc:"When it is due; null once it is final."`
}

// Device is one installation of the shop's app.
type Device struct {
	ID           string     `json:"id"`
	Installation string     `json:"installation"`
	Kind         string     `json:"kind" enum:"token,fid,webpush"`
	Value        string     `json:"value"`
	Platform     string     `json:"platform" enum:"android,ios,web"`
	Form         string     `json:"form" enum:"notification,data"`
	Locale       string     `json:"locale" example:"en-GB"`
	Timezone     string     `json:"timezone" example:"Europe/Berlin"`
	AddedAt      *time.Time `json:"added_at"`
	SeenAt       *time.Time `json:"seen_at"`
}

func orderShape(o *bellhop.Order) Order {
	out := Order{
		ID: web.ID(o.ID), Shop: o.Shop, Name: o.Name, Number: o.Number,
		Currency: o.Total.Currency, Total: o.Total.String(),
		Customer: Customer{Name: o.CustomerName, Email: o.CustomerEmail},
		Note:     o.Note, FinancialStatus: o.FinancialStatus, FulfillmentStatus: o.FulfillmentStatus,
		Handling: string(o.Handling), Test: o.Test,
		PlacedAt: at(o.PlacedAt), UpdatedAt: at(o.UpdatedAt), RecordedAt: atUTC(o.Trace.RecordedAt),
		CancelledAt: at(o.CancelledAt), EditedAt: at(o.EditedAt), RefundedAt: at(o.RefundedAt),
		Trace: Trace{
			TriggeredAt: atUTC(o.Trace.TriggeredAt), AcceptedAt: atUTC(o.Trace.AcceptedAt),
			RecordedAt: atUTC(o.Trace.RecordedAt), PushedAt: atUTC(o.Trace.PushedAt),
		},
	}
	if p := o.Presentment; p != nil {
		out.Presentment = &Amount{Currency: p.Currency, Total: p.String()}
	}
	return out
}

// wholeOrderShape is orderShape with items and pushes.
func wholeOrderShape(o *bellhop.Order) Order {
	items, pushes := make([]Item, len(o.Items)), make([]OrdersPush, len(o.Pushes))
	for i, it := range o.Items {
		items[i] = Item{
			ID: web.ID(it.ID), Title: it.Title, Variant: it.Variant, SKU: it.SKU,
			Quantity: it.Quantity, Price: it.Price.String(),
		}
	}
	for i := range o.Pushes {
		pushes[i] = ordersPushShape(&o.Pushes[i])
	}
	out := orderShape(o)
	out.Items, out.Pushes = &items, &pushes
	return out
}

func ordersPushShape(p *bellhop.Push) OrdersPush {
	return OrdersPush{
		ID: web.ID(p.ID), Device: p.Installation, Kind: string(p.Kind), Status: string(p.Status),
		Attempts: p.Attempts, SentAt: atUTC(p.SentAt), ReceivedAt: atUTC(p.ReceivedAt),
		OpenedAt: atUTC(p.OpenedAt), Reason: p.Reason,
	}
}

func pushShape(p *bellhop.Push) Push {
	return Push{
		OrdersPush: ordersPushShape(p), Shop: p.Shop, Order: web.ID(p.OrderID), OrderName: p.OrderName,
		CreatedAt: atUTC(p.CreatedAt), NextAt: atUTC(p.NextAt),
	}
}

func deviceShape(d *bellhop.Device) Device {
	return Device{
		ID: web.ID(d.ID), Installation: d.Installation, Kind: string(d.Kind), Value: d.Value,
		Platform: string(d.Platform), Form: string(d.Form), Locale: d.Locale, Timezone: d.Timezone,
		AddedAt: atUTC(d.AddedAt), SeenAt: atUTC(d.SeenAt),
	}
}

// at keeps the offset that came with a time; an absent time is null.
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func atUTC(t time.Time) *time.Time { return at(t.UTC()) }
