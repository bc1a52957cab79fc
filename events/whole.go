package events

import (
	"strconv"
	"time"

	"bellhop"
)

// Details are what an order says beside what lists show. All amounts are in the order's currency.
type Details struct {
	Complete      bool                   `json:"complete" doc:"False for an order that was recorded before bellhop kept whole orders (schema 13 of its store): it has only items. bellhop orders refill completes it."`
	Placed        bellhop.Sums           `json:"placed" doc:"The parts of total."`
	Now           bellhop.Sums           `json:"now" doc:"The parts of current_total."`
	Refunded      string                 `json:"refunded" example:"5.00" doc:"All that went back so far, in the order's currency. A refund of another one is not in it."`
	Outstanding   string                 `json:"outstanding,omitempty" example:"0.00" doc:"Still to be paid."`
	BuyersNow     string                 `json:"buyers_now,omitempty" doc:"What it comes to now in the currency of presentment."`
	TaxesIncluded bool                   `json:"taxes_included" doc:"Prices have the tax in them."`
	Contact       *Contact               `json:"contact,omitempty"`
	Billing       *bellhop.Address       `json:"billing_address,omitempty"`
	Shipping      *bellhop.Address       `json:"shipping_address,omitempty"`
	ShippingLines []bellhop.ShippingLine `json:"shipping_lines" nullable:"false"`
	TaxLines      []bellhop.TaxLine      `json:"tax_lines" nullable:"false"`
	DiscountCodes []bellhop.DiscountCode `json:"discount_codes" nullable:"false"`
	Tags          []string               `json:"tags" nullable:"false"`
	Attributes    []bellhop.Attribute    `json:"attributes,omitempty" nullable:"false" doc:"The note's attributes."`
	Gateways      []string               `json:"payment_gateways" nullable:"false"`
	PONumber      string                 `json:"po_number,omitempty"`
	Source        string                 `json:"source,omitempty" example:"web" doc:"web, pos, shopify_draft_order, or an app's id."`
	CancelReason  string                 `json:"cancel_reason,omitempty" example:"customer"`
	ReturnStatus  string                 `json:"return_status,omitempty" doc:"Of the newest return."`
	ClosedAt      *time.Time             `json:"closed_at"`
	Unread        []string               `json:"unread" nullable:"false" doc:"Fields of Shopify's body that could not be read."`
}

// Contact is how to reach the customer.
type Contact struct {
	ID     string `json:"id,omitempty"`
	Name   string `json:"name,omitempty" doc:"As its language writes it."`
	Email  string `json:"email,omitempty"`
	Phone  string `json:"phone,omitempty"`
	Locale string `json:"locale,omitempty" example:"ja-JP"`
}

// Item is one line of an order.
type Item struct {
	ID         string              `json:"id"`
	Title      string              `json:"title" example:"Tee"`
	Variant    string              `json:"variant" example:"M"`
	SKU        string              `json:"sku" example:"TEE-M"`
	Vendor     string              `json:"vendor,omitempty"`
	Quantity   int64               `json:"quantity" example:"2" doc:"Ordered."`
	Current    int64               `json:"current_quantity" example:"2" doc:"Without what was removed or refunded."`
	ToFulfil   int64               `json:"to_fulfil" example:"1" doc:"Still to be sent."`
	Removed    bool                `json:"removed" doc:"An edit removed it: it counts nowhere."`
	Price      string              `json:"price" example:"19.90" doc:"Of one."`
	Discount   string              `json:"discount,omitempty" doc:"Of the whole line."`
	Total      string              `json:"total,omitempty" doc:"Of all that were ordered, after the discount."`
	Tax        string              `json:"tax,omitempty"`
	Properties []bellhop.Attribute `json:"properties" nullable:"false" doc:"Such as an engraving or a gift note."`
	Bundle     string              `json:"bundle,omitempty" doc:"The title of the bundle that it belongs to."`
	GiftCard   bool                `json:"gift_card"`
	Tip        bool                `json:"tip"`
	Custom     bool                `json:"custom" doc:"It is of no product."`
}

// History is what happened to an order since it was placed, each kind by its ids.
type History struct {
	Refunds      []Refund      `json:"refunds" nullable:"false"`
	Fulfillments []Fulfillment `json:"fulfillments" nullable:"false"`
	Edits        []Edit        `json:"edits" nullable:"false"`
	Risks        []Risk        `json:"risks" nullable:"false"`
}

// Refund is money or goods that went back.
type Refund struct {
	ID       string       `json:"id"`
	At       *time.Time   `json:"at"`
	Amount   string       `json:"amount" example:"5.00" doc:"Empty when no money went back: a restock or an edit."`
	Currency string       `json:"currency,omitempty" example:"USD" doc:"Of the amount: the order's, or the buyer's where Shopify said no other."`
	Note     string       `json:"note,omitempty"`
	Lines    []RefundLine `json:"lines" nullable:"false"`
}

// RefundLine is a line that went back.
type RefundLine struct {
	Item     string `json:"item" doc:"Its id."`
	Quantity int64  `json:"quantity"`
	Amount   string `json:"amount,omitempty"`
	Restock  string `json:"restock,omitempty" example:"return"`
}

// Fulfillment is a parcel.
type Fulfillment struct {
	ID       string             `json:"id"`
	At       *time.Time         `json:"at"`
	Status   string             `json:"status" example:"success"`
	Shipment string             `json:"shipment_status,omitempty" example:"in_transit"`
	Carrier  string             `json:"carrier,omitempty"`
	Tracking []bellhop.Tracking `json:"tracking" nullable:"false"`
	Lines    []LineQuantity     `json:"lines" nullable:"false"`
}

// Edit is a change of an order's lines.
type Edit struct {
	ID      string         `json:"id"`
	At      *time.Time     `json:"at"`
	Added   []LineQuantity `json:"added" nullable:"false"`
	Removed []LineQuantity `json:"removed" nullable:"false"`
}

// Risk is an assessment of an order.
type Risk struct {
	At       *time.Time `json:"at"`
	Level    string     `json:"level" example:"medium"`
	Provider string     `json:"provider,omitempty"`
}

// LineQuantity is some pieces of a line.
type LineQuantity struct {
	Item     string `json:"item" doc:"Its id."`
	Quantity int64  `json:"quantity"`
}

func detailsOf(o *bellhop.Order) *Details {
	d := &Details{
		Complete: o.Schema > 0, Placed: o.Placed, Now: o.Now, Refunded: o.Refunded().String(),
		Outstanding: string(o.Outstanding), BuyersNow: string(o.BuyersNow), TaxesIncluded: o.TaxesIncluded,
		Billing: o.Billing, Shipping: o.Shipping, ShippingLines: list(o.ShippingLines), TaxLines: list(o.TaxLines),
		DiscountCodes: list(o.DiscountCodes), Tags: list(o.Tags), Attributes: o.Attributes, Gateways: list(o.Gateways),
		PONumber: o.PONumber, Source: o.Source, CancelReason: o.CancelReason, ReturnStatus: o.ReturnStatus,
		ClosedAt: o.ClosedAt, Unread: list(o.Unread),
	}
	if c := o.Details.Customer; c != nil {
		d.Contact = &Contact{Name: c.Name, Email: c.Email, Phone: c.Phone, Locale: c.Locale}
		if c.ID != 0 {
			d.Contact.ID = id(c.ID)
		}
	}
	return d
}

func itemOf(o *bellhop.Order) func(*bellhop.Item) Item {
	return func(it *bellhop.Item) Item {
		return Item{ID: id(it.ID), Title: it.Title, Variant: it.Variant, SKU: it.SKU, Vendor: it.Vendor,
			Quantity: it.Quantity, Current: it.Current, ToFulfil: it.ToFulfil, Removed: o.Removed(it),
			Price: string(it.Price), Discount: string(it.Discount), Total: string(it.Total), Tax: string(it.Tax),
			Properties: list(it.Properties), Bundle: o.Bundle(it), GiftCard: it.GiftCard, Tip: it.Tip, Custom: it.Custom}
	}
}

func historyOf(o *bellhop.Order) *History {
	lines := func(all []bellhop.LineQuantity) []LineQuantity {
		return each(all, func(l *bellhop.LineQuantity) LineQuantity { return LineQuantity{id(l.Item), l.Quantity} })
	}
	h := &o.History
	return &History{
		Refunds: each(h.Refunds, func(r *bellhop.Refund) Refund {
			return Refund{ID: id(r.ID), At: at(r.At), Amount: string(r.Amount), Currency: o.Returned(r).Currency, Note: r.Note,
				Lines: each(r.Lines, func(l *bellhop.RefundLine) RefundLine {
					return RefundLine{Item: id(l.Item), Quantity: l.Quantity, Amount: string(l.Amount), Restock: l.Restock}
				})}
		}),
		Fulfillments: each(h.Fulfillments, func(f *bellhop.Fulfillment) Fulfillment {
			return Fulfillment{ID: id(f.ID), At: at(f.At), Status: f.Status, Shipment: f.Shipment, Carrier: f.Carrier,
				Tracking: list(f.Tracking), Lines: lines(f.Lines)}
		}),
		Edits: each(h.Edits, func(e *bellhop.Edit) Edit {
			return Edit{ID: id(e.ID), At: at(e.At), Added: lines(e.Added), Removed: lines(e.Removed)}
		}),
		Risks: each(h.Risks, func(k *bellhop.Risk) Risk { return Risk{At: at(k.At), Level: k.Level, Provider: k.Provider} }),
	}
}

// list is never null.
func list[T any](all []T) []T {
	if all == nil {
		return []T{}
	}
	return all
}

func each[T, U any](all []T, shape func(*T) U) []U {
	shapes := make([]U, len(all))
	for i := range all {
		shapes[i] = shape(&all[i])
	}
	return shapes
}

func id(n int64) string { return strconv.FormatInt(n, 10) }
