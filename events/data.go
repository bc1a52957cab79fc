package events

import (
	"time"

	"bellhop"
)

// Events and the REST API show orders and pushes in the same shapes. The tags beside
// json's are the API's: they describe the shapes in its OpenAPI document.

// Order is the shape of an order. Ids are strings, since they pass 2^53;
// money is a decimal string in the currency's own digits.
type Order struct {
	ID                string        `json:"id" example:"820982911946154508"`
	Shop              string        `json:"shop" example:"demo.myshopify.com"`
	Name              string        `json:"name" example:"#1001"`
	Number            int64         `json:"number" example:"1001"`
	Currency          string        `json:"currency" example:"USD"`
	Total             string        `json:"total" example:"403.00" doc:"When it was placed, in the shop's currency."`
	CurrentTotal      string        `json:"current_total" example:"398.00" doc:"What it comes to now, after edits and refunds."`
	Pieces            int64         `json:"pieces" example:"3" doc:"How many pieces it has now."`
	Presentment       *Amount       `json:"presentment" doc:"What the buyer saw; null when it is the shop's currency."`
	Customer          *Customer     `json:"customer,omitempty" required:"true"`
	Note              *string       `json:"note,omitempty" required:"true"`
	FinancialStatus   string        `json:"financial_status" example:"paid"`
	FulfillmentStatus string        `json:"fulfillment_status" example:"unfulfilled"`
	Handling          string        `json:"handling" enum:"new,seen,handled" doc:"How far the owner has got with it."`
	Test              bool          `json:"test"`
	Taken             *Taken        `json:"taken,omitempty" doc:"Who has it. Left out while nobody does."`
	PlacedAt          time.Time     `json:"placed_at" doc:"With the shop's offset. An imported order was placed long ago."`
	CreatedAt         *time.Time    `json:"created_at" doc:"In Shopify, with the shop's offset."`
	UpdatedAt         *time.Time    `json:"updated_at" doc:"With the shop's offset."`
	RecordedAt        *time.Time    `json:"recorded_at"`
	CancelledAt       *time.Time    `json:"cancelled_at"`
	EditedAt          *time.Time    `json:"edited_at"`
	RefundedAt        *time.Time    `json:"refunded_at"`
	RedactedAt        *time.Time    `json:"redacted_at,omitempty" doc:"When the customer's data was taken away. Left out while it is there, as the next."`
	RedactedFor       string        `json:"redacted_for,omitempty" enum:"request,retention" doc:"Why it was: somebody asked for it, or it was kept for long enough."`
	Items             *[]Item       `json:"items,omitempty" nullable:"false" doc:"Left out of lists and of the stream."`
	Details           *Details      `json:"details,omitempty" doc:"Left out of lists and of the stream."`
	History           *History      `json:"history,omitempty" doc:"Left out of lists and of the stream."`
	Pushes            *[]OrdersPush `json:"pushes,omitempty" nullable:"false" doc:"Left out of lists and of the stream."`
	Steps             *[]Step       `json:"steps,omitempty" nullable:"false" doc:"Left out of lists and of the stream."`
	Trace             Trace         `json:"trace"`
}

// Taken says who has an order.
type Taken struct {
	Person string     `json:"person" doc:"Their id."`
	Email  string     `json:"email" example:"jo@example.com" doc:"Empty once they left the shop."`
	At     *time.Time `json:"at"`
}

// Step is what was done so that somebody has an order.
type Step struct {
	At     *time.Time `json:"at"`
	Kind   string     `json:"kind" enum:"rung,rung_all,nobody_on_duty,passed_over,taken,released,ended" doc:"It rang one person, or all on duty; it waits until somebody is; it passed over whom it can't ring; somebody took or released the order; it rings nobody any more. Later versions may have more."`
	Person string     `json:"person,omitempty" doc:"The id of whom it is about, if of anybody."`
	Email  string     `json:"email,omitempty" doc:"Theirs; missing once they left the shop."`
	Reason string     `json:"reason,omitempty" example:"handled" doc:"Why somebody was passed over: no_device. Why it ended: taken, handled, cancelled, ran_through when everybody was rung, rota_off."`
	Until  *time.Time `json:"until,omitempty" doc:"With nobody_on_duty: when the first comes on duty."`
}

// Amount is money.
type Amount struct {
	Currency string `json:"currency" example:"EUR"`
	Total    string `json:"total" example:"372.11"`
}

// Customer is the customer; empty where Shopify withheld it or there is none.
type Customer struct {
	Name  string `json:"name" example:"Jo Lee"`
	Email string `json:"email" example:"jo@example.com"`
}

// Trace is the way of what first brought the order: a webhook, or what bellhop fetched.
type Trace struct {
	TriggeredAt *time.Time `json:"triggered_at"`
	AcceptedAt  *time.Time `json:"accepted_at"`
	RecordedAt  *time.Time `json:"recorded_at"`
	PushedAt    *time.Time `json:"pushed_at"`
	Found       string     `json:"found,omitempty" enum:"backfill,reconcile" doc:"Missing where a webhook brought the order first. backfill: bellhop fetched it when the shop was connected. reconcile: bellhop found it missing when it compared the shop with Shopify. triggered_at is when Shopify answered bellhop then."`
}

// OrdersPush is a push inside its order. It names the device's installation, and
// not its address.
type OrdersPush struct {
	ID         string     `json:"id"`
	Device     string     `json:"device" doc:"The app's own id of the installation; empty when there was no device."`
	Kind       string     `json:"kind" enum:"order.new,order.paid,order.cancelled,order.refunded,order.ring,test"`
	Refund     string     `json:"refund,omitempty" doc:"The id of the refund that an order.refunded is about."`
	Status     string     `json:"status" enum:"pending,sending,sent,unknown,failed,skipped"`
	Attempts   int        `json:"attempts"`
	SentAt     *time.Time `json:"sent_at"`
	ReceivedAt *time.Time `json:"received_at"`
	OpenedAt   *time.Time `json:"opened_at"`
	Reason     string     `json:"reason"`
}

// Push is the shape of a push by itself, as in the delivery log.
type Push struct {
	OrdersPush
	Shop      string     `json:"shop"`
	Order     string     `json:"order" doc:"The order's id."`
	OrderName string     `json:"order_name" example:"#1001"`
	CreatedAt time.Time  `json:"created_at"`
	NextAt    *time.Time `json:"next_at" doc:"When it is due; null once it is final."`
}

// SettledPush is a push in an event.
type SettledPush struct {
	Push
	OrderDeleted bool `json:"order_deleted,omitempty"`
}

// DeletedOrder stands for an order that was deleted.
type DeletedOrder struct {
	ID      string `json:"id"`
	Shop    string `json:"shop"`
	Deleted bool   `json:"deleted" enum:"true"`
}

// OrderOf returns the shape of an order, without its items and pushes.
func OrderOf(o *bellhop.Order) Order {
	out := Order{
		ID: id(o.ID), Shop: o.Shop, Name: o.Name, Number: o.Number, Currency: o.Total.Currency, Total: o.Total.String(),
		CurrentTotal: o.Current.String(), Pieces: o.Pieces,
		Customer: &Customer{Name: o.CustomerName, Email: o.CustomerEmail}, Note: &o.Note,
		FinancialStatus: o.FinancialStatus, FulfillmentStatus: o.FulfillmentStatus,
		Handling: string(o.Handling), Test: o.Test,
		PlacedAt: o.PlacedAt, CreatedAt: at(o.CreatedAt), UpdatedAt: at(o.UpdatedAt),
		RecordedAt:  AtUTC(o.Trace.RecordedAt),
		CancelledAt: at(o.CancelledAt), EditedAt: at(o.EditedAt), RefundedAt: at(o.RefundedAt),
		RedactedAt: AtUTC(o.RedactedAt), RedactedFor: o.RedactedFor,
		Trace: Trace{TriggeredAt: AtUTC(o.Trace.TriggeredAt), AcceptedAt: AtUTC(o.Trace.AcceptedAt),
			RecordedAt: AtUTC(o.Trace.RecordedAt), PushedAt: AtUTC(o.Trace.PushedAt),
			Found: o.Trace.Found},
	}
	if t := o.Taken; t != nil {
		out.Taken = &Taken{id(t.By), t.Email, AtUTC(t.At)}
	}
	if p := o.Presentment; p != nil {
		out.Presentment = &Amount{Currency: p.Currency, Total: p.String()}
	}
	return out
}

// WholeOrderOf returns the shape of an order with its items, details, history and pushes.
func WholeOrderOf(o *bellhop.Order) Order {
	out, items, pushes := OrderOf(o), each(o.Items, itemOf(o)), make([]OrdersPush, len(o.Pushes))
	for i := range o.Pushes {
		pushes[i] = PushOf(&o.Pushes[i]).OrdersPush
	}
	steps := each(o.Steps, stepOf)
	out.Items, out.Details, out.History, out.Pushes, out.Steps = &items, detailsOf(o), historyOf(o), &pushes, &steps
	return out
}

func stepOf(s *bellhop.RotaStep) Step {
	out := Step{At: AtUTC(s.At), Kind: string(s.Kind), Email: s.Email, Reason: s.Reason, Until: AtUTC(s.Until)}
	if s.Person != 0 {
		out.Person = id(s.Person)
	}
	return out
}

// PushOf returns the shape of a push.
func PushOf(p *bellhop.Push) Push {
	occasion, about := p.Kind.Split()
	refund := ""
	if about != 0 && occasion == bellhop.PushOrderRefunded {
		refund = id(about)
	}
	return Push{
		OrdersPush: OrdersPush{ID: id(p.ID), Device: p.Installation, Kind: string(occasion), Refund: refund,
			Status: string(p.Status), Attempts: p.Attempts, SentAt: AtUTC(p.SentAt), ReceivedAt: AtUTC(p.ReceivedAt),
			OpenedAt: AtUTC(p.OpenedAt),
			Reason:   p.Reason},
		Shop: p.Shop, Order: id(p.OrderID), OrderName: p.OrderName,
		CreatedAt: p.CreatedAt.UTC(), NextAt: AtUTC(p.NextAt),
	}
}

// at keeps the offset that came with a time; an absent time is null.
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// AtUTC is a time in UTC; null for none.
func AtUTC(t time.Time) *time.Time { return at(t.UTC()) }
