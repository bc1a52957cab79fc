package console

import (
	"net/url"
	"slices"
	"strings"

	"bellhop"
)

// itemRow is a line of an order.
type itemRow struct {
	Title, Variant, SKU, Vendor string
	Bundle                      string
	Marks                       []string // what it is beside an article: a gift card, a tip, …
	Removed                     string   // words, when an edit removed it
	Properties                  []bellhop.Attribute
	Quantity, Now, ToSend       string // Now is "" where it is the quantity
	Price, Discount, Total      string
}

func (v *visit) itemRow(o *bellhop.Order, it *bellhop.Item) itemRow {
	row := itemRow{Title: it.Title, Variant: it.Variant, SKU: it.SKU, Vendor: it.Vendor, Quantity: v.count(it.Quantity),
		Properties: visible(it.Properties), Price: v.amount(o, it.Price), Total: v.amount(o, it.Total)}
	if b := o.Bundle(it); b != "" {
		row.Bundle = v.T("order.bundle", "Bundle", b)
	}
	if it.Discount != "" {
		row.Discount = v.Money(negative(o.In(it.Discount)))
	}
	for words, is := range map[string]bool{"order.giftCard": it.GiftCard, "order.tip": it.Tip,
		"order.custom": it.Custom && o.Schema > 0} {
		if is {
			row.Marks = append(row.Marks, v.T(words))
		}
	}
	slices.Sort(row.Marks)
	switch {
	case o.Schema == 0: // nobody knows the rest
	case o.Removed(it):
		row.Removed = v.T("order.removed")
	default:
		if it.Current != it.Quantity {
			row.Now = v.T("order.hasNow", "N", v.count(it.Current))
		}
		if it.ToFulfil > 0 {
			row.ToSend = v.T("order.toSend", "N", v.count(it.ToFulfil))
		}
	}
	return row
}

// visible are the properties that buyers see: what a name beginning with "_" has is for programs.
func visible(all []bellhop.Attribute) []bellhop.Attribute {
	return slices.DeleteFunc(slices.Clone(all), bellhop.Attribute.Private)
}

func (f *Reader) count(n int64) string { return f.Number(int(n)) }

func (f *Reader) amount(o *bellhop.Order, a bellhop.Amount) string {
	if a == "" {
		return ""
	}
	return f.Money(o.In(a))
}

// pieces says how many pieces an order has; "" where nobody knows.
func (f *Reader) pieces(n int64) string {
	if n <= 0 {
		return ""
	}
	return f.N("push.items", int(n))
}

// parcel is a fulfilment.
type parcel struct {
	Label, Carrier, When string
	Bad                  bool
	Tracking             []bellhop.Tracking
	Lines                []string
}

func (v *visit) parcels(o *bellhop.Order) (all []parcel) {
	for i := range o.History.Fulfillments {
		f := &o.History.Fulfillments[i]
		p := parcel{Label: v.parcelLabel(f), Carrier: f.Carrier, When: v.Moment(f.At),
			Bad:   slices.Contains([]string{"cancelled", "error", "failure"}, f.Status),
			Lines: v.piecesOf(o, f.Lines)}
		for _, t := range f.Tracking {
			if u, err := url.Parse(t.URL); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
				t.URL = ""
			}
			if t.Number == "" {
				t.Number = t.URL
			}
			p.Tracking = append(p.Tracking, t)
		}
		all = append(all, p)
	}
	return all
}

// parcelLabel says how far a parcel is: as the carrier says, or else Shopify.
func (v *visit) parcelLabel(f *bellhop.Fulfillment) string {
	if f.Shipment != "" && f.Status == "success" {
		return v.label("parcel.", f.Shipment)
	}
	return v.label("parcel.", f.Status)
}

// piecesOf says which lines, and how many of each.
func (v *visit) piecesOf(o *bellhop.Order, lines []bellhop.LineQuantity) (all []string) {
	for _, l := range lines {
		title := v.T("order.unknownItem")
		if i := slices.IndexFunc(o.Items, func(it bellhop.Item) bool { return it.ID == l.Item }); i >= 0 {
			title = spaced(o.Items[i].Title, o.Items[i].Variant)
		}
		all = append(all, v.count(l.Quantity)+" × "+title)
	}
	return all
}

// adminURL is an order's page in Shopify's admin.
func adminURL(o *bellhop.Order, id string) string {
	name := strings.TrimSuffix(o.Shop, ".myshopify.com")
	return "https://admin.shopify.com/store/" + url.PathEscape(name) + "/orders/" + id
}
