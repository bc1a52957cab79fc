package simulate

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"

	"bellhop"
	"bellhop/shopify"
)

// APIVersion is the version in the headers of deliveries.
const APIVersion = "2026-10"

// Copy tells a duplicate from the delivery that it repeats.
type Copy string

// The kinds of copy.
const (
	CopyNone   Copy = ""
	CopySameID Copy = "same_id" // Shopify delivered it twice: all is the same
	CopyNewID  Copy = "new_id"  // two subscriptions to one topic: the webhook id differs
)

// Delivery is one webhook or one Event as Shopify sends it. It is not changed once it is
// made, and retries send it as it is.
type Delivery struct {
	Seq         int // from 0, in the order in which they are begun
	Shop        string
	Topic       string // of an Event with its action, such as Order/create
	Handle      string // of an Event's subscription; "" is a webhook
	WebhookID   string
	EventID     string // shared by all deliveries of one action of the merchant
	TriggeredAt time.Time
	OrderID     int64 // 0 with poison
	Body        []byte
	Signature   string // X-Shopify-Hmac-Sha256
	Hash        uint64 // xxhash64 of Body
	Copy        Copy
	Poison      string // the body's fault; "" without one

	Target       string // "" is Options.Target
	APIVersion   string // "" is [APIVersion]
	Subscription string // the id of the one that it is for; the twin of the Admin API sets it

	says statement
}

// statement is a body's statement, without the body.
type statement struct {
	order   *order // nil with poison
	given   *given // instead of order and state; nil for none
	state   orderState
	step    stepKind // that it states alone, the newest of its kind
	deleted bool
}

// stepKind is a step of an order's life that has a body of its own.
type stepKind uint8

const (
	stepNone stepKind = iota
	stepEdit
	stepRefund
	stepParcel
	stepRisk
)

// NewDelivery makes a delivery with a body of the caller's own, such as that of shop/update.
func NewDelivery(shop, topic, secret string, at time.Time, body []byte) *Delivery {
	d := &Delivery{Shop: shop, Topic: topic, WebhookID: uuid.NewString(), EventID: uuid.NewString(),
		TriggeredAt: at.UTC().Truncate(time.Microsecond)}
	return d.WithBody(secret, body)
}

// WithBody returns the delivery with another body, and its signature.
func (d *Delivery) WithBody(secret string, body []byte) *Delivery {
	c := *d
	c.Body, c.Signature, c.Hash = body, shopify.Sign(secret, body), xxhash.Sum64(body)
	return &c
}

// AsEvent returns an Event of the order as it is after d. fault says why the body has not the order; "" if it has.
func (d *Delivery) AsEvent(handle, action, secret string, body []byte, fault string) *Delivery {
	c := *d
	c.Topic, c.Handle, c.WebhookID = shopify.EventTopic+"/"+action, handle, uuid.NewString()
	c.Copy, c.Poison = CopyNone, fault
	c.says.step = stepNone
	return c.WithBody(secret, body)
}

// Whole returns the order as it is after the delivery, in the form of orders/create, whatever the delivery's
// own body says; nil with poison, and once the order is deleted. It needs no Body.
func (d *Delivery) Whole() []byte {
	o, st := d.says.order, &d.says.state
	switch {
	case d.says.given != nil:
		return d.says.given.body
	case o == nil || d.says.deleted:
		return nil
	}
	var v view
	v.look(o, st)
	w := renderer{o: o, v: &v}
	w.orderBody(st)
	return w.b
}

// Header returns all headers of the delivery. No official list for HTTPS has X-Shopify-Order-Id and
// X-Shopify-Test, but Shopify was seen to send them, and an endpoint must bear them.
func (d *Delivery) Header() http.Header {
	if d.Handle != "" {
		return d.eventHeader()
	}
	h := http.Header{
		"Content-Type":           {"application/json"},
		"Accept":                 {"*/*"},
		"User-Agent":             {"Shopify-Captain-Hook"},
		"X-Shopify-Topic":        {d.Topic},
		"X-Shopify-Hmac-Sha256":  {d.Signature},
		"X-Shopify-Shop-Domain":  {d.Shop},
		"X-Shopify-Api-Version":  {cmp.Or(d.APIVersion, APIVersion)},
		"X-Shopify-Webhook-Id":   {d.WebhookID},
		"X-Shopify-Event-Id":     {d.EventID},
		"X-Shopify-Triggered-At": {d.TriggeredAt.Format(time.RFC3339Nano)},
	}
	if d.OrderID != 0 {
		h["X-Shopify-Order-Id"] = []string{strconv.FormatInt(d.OrderID, 10)}
		h["X-Shopify-Test"] = []string{strconv.FormatBool(d.Facts().Test)}
	}
	return h
}

// eventHeader returns the headers of an Event: https://shopify.dev/docs/apps/build/events/delivery-structure.
func (d *Delivery) eventHeader() http.Header {
	topic, action, _ := strings.Cut(d.Topic, "/")
	return http.Header{
		"Content-Type":         {"application/json"},
		"Accept":               {"*/*"},
		"User-Agent":           {"Shopify-Captain-Hook"},
		"Shopify-Topic":        {topic},
		"Shopify-Action":       {action},
		"Shopify-Handle":       {d.Handle},
		"Shopify-Hmac-Sha256":  {d.Signature},
		"Shopify-Shop-Domain":  {d.Shop},
		"Shopify-Api-Version":  {cmp.Or(d.APIVersion, APIVersion)},
		"Shopify-Webhook-Id":   {d.WebhookID},
		"Shopify-Event-Id":     {d.EventID},
		"Shopify-Resource-Id":  {shopify.GlobalOrderID(d.OrderID)},
		"Shopify-Triggered-At": {d.TriggeredAt.Format(time.RFC3339Nano)},
	}
}

// Version compares the delivery with others of the same order; zero without the order.
func (d *Delivery) Version() bellhop.Version {
	if d.says.order == nil || d.says.step != stepNone || d.says.deleted {
		return bellhop.Version{}
	}
	return d.version()
}

// version is that of all that the body says.
func (d *Delivery) version() bellhop.Version {
	return bellhop.Version{
		UpdatedAt:   d.says.state.updated.UTC(),
		TriggeredAt: d.TriggeredAt.Truncate(time.Microsecond),
		Hash:        d.Hash,
	}
}

// history returns the steps that the body states.
func (d *Delivery) history() bellhop.History {
	if d.says.step != stepNone {
		return d.says.stated(d.version())
	}
	return d.says.order.history(&d.says.state, d.version())
}

// Event returns the delivery as an endpoint accepts it, for tests that begin
// behind one.
func (d *Delivery) Event(id bellhop.EventID, at time.Time) *bellhop.Event {
	return &bellhop.Event{
		ID: id, Shop: d.Shop, Topic: d.Topic, APIVersion: cmp.Or(d.APIVersion, APIVersion), WebhookID: d.WebhookID,
		ShopifyEventID: d.EventID, TriggeredAt: d.TriggeredAt, AcceptedAt: at,
		SignedBy: bellhop.SignerApp, Body: d.Body,
	}
}

// Fact returns the delivery's statement, as decoding its body should. ok is false for poison.
func (d *Delivery) Fact(e *bellhop.Event) (f bellhop.Fact, ok bool) {
	f = bellhop.Fact{Event: e, At: e.AcceptedAt, OrderID: d.OrderID}
	switch {
	case d.Poison != "":
		return bellhop.Fact{}, false
	case d.says.deleted:
		f.Deleted = true
	case d.says.step != stepNone:
		h := d.history()
		f.History = &h
	default:
		f.Order = d.says.order.asOrder(&d.says.state, d.Version())
	}
	return f, true
}
