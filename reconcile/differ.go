package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"bellhop"
)

// Differ returns the fields in which a fetched order differs from the known one, by their names, as values: "55.0" is
// "55.00", no amount is zero, and lists that have no order of their own are compared without one. There is none where
// the known one is newer. It leaves out what a fetch can't tell, or tells in other words: edits, risks, returns, which
// lines are of no product, and what codes took off. Where Shopify shows the app less than it did, bellhop keeps what it
// knows. An order that lost its personal data is compared without any.
func Differ(known, fetched *bellhop.Order) []string {
	if at(fetched.UpdatedAt) < at(known.UpdatedAt) {
		return nil
	}
	if known.Schema < bellhop.DetailsSchema {
		return []string{"schema"} // most of it was never recorded
	}
	k, f := *known, *fetched
	if known.RedactedFor != "" {
		k.Redact()
		f.Redact()
	}
	d := differ{currency: f.Total.Currency}
	d.order(&k, &f)
	d.sums(&k, &f)
	d.people(&k, &f)
	d.lists(&k, &f)
	d.history(&k.History, &f.History)
	return d.fields
}

type differ struct {
	fields   []string
	currency string
}

// is notes a field, unless it is the same.
func (d *differ) is(field string, same bool) {
	if !same {
		d.fields = append(d.fields, field)
	}
}

func (d *differ) order(k, f *bellhop.Order) {
	d.is("updated_at", at(k.UpdatedAt) == at(f.UpdatedAt))
	d.is("created_at", at(k.CreatedAt) == at(f.CreatedAt))
	d.is("placed_at", at(k.PlacedAt) == at(f.PlacedAt))
	d.is("cancelled_at", at(k.CancelledAt) == at(f.CancelledAt))
	d.is("closed_at", at(*cmp.Or(k.ClosedAt, &time.Time{})) == at(*cmp.Or(f.ClosedAt, &time.Time{})))
	d.is("name", k.Name == f.Name)
	d.is("number", k.Number == f.Number)
	d.is("note", k.Note == f.Note)
	d.is("test", k.Test == f.Test)
	d.is("financial_status", k.FinancialStatus == f.FinancialStatus)
	d.is("fulfillment_status", k.FulfillmentStatus == f.FulfillmentStatus)
	d.is("cancel_reason", k.CancelReason == f.CancelReason)
	d.is("source", k.Source == f.Source)
	d.is("po_number", k.PONumber == f.PONumber)
	d.is("taxes_included", k.TaxesIncluded == f.TaxesIncluded)
}

// at is a time as GraphQL has it, in seconds.
func at(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func (d *differ) sums(k, f *bellhop.Order) {
	d.is("total", value(k.Total) == value(f.Total))
	d.is("current", value(k.Current) == value(f.Current))
	d.is("presentment", value(*cmp.Or(k.Presentment, &bellhop.Money{})) ==
		value(*cmp.Or(f.Presentment, &bellhop.Money{})))
	d.said("outstanding", k.Outstanding, f.Outstanding)
	if f.Presentment != nil {
		buyers := differ{currency: f.Presentment.Currency}
		buyers.said("buyers_now", k.BuyersNow, f.BuyersNow)
		d.fields = append(d.fields, buyers.fields...)
	}
	d.each("now", k.Now, f.Now)
	if len(k.History.Edits) == 0 && k.EditedAt.IsZero() { // an edit moves some of these here, and not there
		d.each("placed", k.Placed, f.Placed)
	}
}

func (d *differ) each(when string, k, f bellhop.Sums) {
	d.said(when+".subtotal", k.Subtotal, f.Subtotal)
	d.said(when+".discounts", k.Discounts, f.Discounts)
	d.said(when+".shipping", k.Shipping, f.Shipping)
	d.said(when+".tax", k.Tax, f.Tax)
	d.said(when+".duties", k.Duties, f.Duties)
	d.said(when+".fees", k.Fees, f.Fees)
	d.said(when+".tips", k.Tips, f.Tips)
}

// said compares an amount that webhooks of an older version don't have.
func (d *differ) said(field string, known, fetched bellhop.Amount) {
	d.is(field, known == "" || d.amount(known) == d.amount(fetched))
}

// amount writes equal amounts equally.
func (d *differ) amount(a bellhop.Amount) string {
	m, err := bellhop.ParseMoney(string(a), d.currency)
	if err != nil {
		return "0"
	}
	m.Currency = ""
	return value(m)
}

// value writes equal money equally, and none as zero.
func value(m bellhop.Money) string {
	text := m.String()
	if m.Digits > 0 {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "" || text == "0" {
		return "0"
	}
	return strings.TrimSpace(text + " " + m.Currency)
}

// people compares what Shopify may withhold: then what is known stays.
func (d *differ) people(k, f *bellhop.Order) {
	d.shown("customer_email", k.CustomerEmail, f.CustomerEmail)
	kc, fc := cmp.Or(k.Customer, &bellhop.Customer{}), cmp.Or(f.Customer, &bellhop.Customer{})
	d.is("customer.id", fc.ID == 0 || kc.ID == fc.ID)
	d.shown("customer.name", kc.Name, fc.Name)
	d.shown("customer.email", kc.Email, fc.Email)
	d.shown("customer.phone", kc.Phone, fc.Phone)
	d.shown("customer.locale", kc.Locale, fc.Locale)
	d.address("billing_address", k.Billing, f.Billing)
	d.address("shipping_address", k.Shipping, f.Shipping)
}

func (d *differ) shown(field, known, fetched string) { d.is(field, fetched == "" || known == fetched) }

func (d *differ) address(field string, k, f *bellhop.Address) {
	if f == nil {
		return
	}
	var parts differ
	was := cmp.Or(k, &bellhop.Address{})
	for _, part := range [][2]string{{was.Name, f.Name}, {was.Company, f.Company}, {was.Address1, f.Address1},
		{was.Address2, f.Address2}, {was.City, f.City}, {was.Zip, f.Zip}, {was.Province, f.Province},
		{was.ProvinceCode, f.ProvinceCode}, {was.Country, f.Country}, {was.CountryCode, f.CountryCode},
		{was.Phone, f.Phone}} {
		parts.shown(field, part[0], part[1])
	}
	d.is(field, len(parts.fields) == 0)
}

func (d *differ) lists(k, f *bellhop.Order) {
	d.is("items", same(k.Items, f.Items, d.item))
	d.is("groups", k.Groups == nil || same(k.Groups, f.Groups, func(g bellhop.ItemGroup) string {
		return fmt.Sprintf("%+v", g)
	}))
	d.is("shipping_lines", same(k.ShippingLines, f.ShippingLines, func(l bellhop.ShippingLine) string {
		return fmt.Sprintf("%q %q %s %s %t", l.Title, l.Code, d.amount(l.Price), d.amount(l.Discount), l.Removed)
	}))
	d.is("tax_lines", same(k.TaxLines, f.TaxLines, func(l bellhop.TaxLine) string {
		return fmt.Sprintf("%q %s %s", l.Title, rate(l.Rate), d.amount(l.Price))
	}))
	d.is("discount_codes", same(k.DiscountCodes, f.DiscountCodes, func(c bellhop.DiscountCode) string {
		return strings.ToLower(c.Code)
	}))
	text := func(s string) string { return s }
	d.is("tags", same(k.Tags, f.Tags, text))
	d.is("gateways", same(k.Gateways, f.Gateways, text))
	d.is("attributes", same(k.Attributes, f.Attributes, attribute))
}

func attribute(a bellhop.Attribute) string { return fmt.Sprintf("%q %q", a.Name, a.Value) }

// rate writes equal rates equally.
func rate(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return cmp.Or(s, "0")
}

func (d *differ) item(it bellhop.Item) string {
	properties := make([]string, 0, len(it.Properties))
	for _, p := range it.Properties {
		properties = append(properties, attribute(p))
	}
	if it.Tip {
		it.ToFulfil = 0 // nobody sends one
	}
	return fmt.Sprintf("%d %q %q %q %q %d %d %d %s %s %s %s %q %d %t %t", it.ID, it.Title, it.Variant, it.SKU, it.Vendor,
		it.Quantity, it.Current, it.ToFulfil, d.amount(it.Price), d.amount(it.Discount), d.amount(it.Total),
		d.amount(it.Tax), sorted(properties), it.Group, it.GiftCard, it.Tip)
}

// same compares two lists without their orders. Write writes what counts of an element.
func same[T any](known, fetched []T, write func(T) string) bool {
	return len(known) == len(fetched) && slices.Equal(written(known, write), written(fetched, write))
}

func written[T any](all []T, write func(T) string) []string {
	texts := make([]string, 0, len(all))
	for _, v := range all {
		texts = append(texts, write(v))
	}
	return sorted(texts)
}

func sorted(all []string) []string {
	slices.Sort(all)
	return all
}

// history compares what was fetched. Steps that only webhooks told stay as they are.
func (d *differ) history(k, f *bellhop.History) {
	for _, r := range f.Refunds {
		was, ok := k.Refund(r.ID)
		d.is(fmt.Sprintf("refunds.%d", r.ID), ok && d.refund(was) == d.refund(r))
	}
	for _, p := range f.Fulfillments {
		i, ok := slices.BinarySearchFunc(k.Fulfillments, p.ID, func(f bellhop.Fulfillment, id int64) int {
			return cmp.Compare(f.ID, id)
		})
		d.is(fmt.Sprintf("fulfillments.%d", p.ID), ok && sameParcel(k.Fulfillments[i], p))
	}
}

func (d *differ) refund(r bellhop.Refund) string {
	own := differ{currency: cmp.Or(r.Currency, d.currency)}
	return fmt.Sprintf("%d %s %s %q %q", at(r.At), own.amount(r.Amount), own.currency, r.Note,
		written(r.Lines, func(l bellhop.RefundLine) string {
			return fmt.Sprintf("%d %d %s %s", l.Item, l.Quantity, d.amount(l.Amount), l.Restock)
		}))
}

// sameParcel compares parcels. GraphQL names a carrier only beside a number, and no way of a cancelled parcel.
func sameParcel(k, f bellhop.Fulfillment) bool {
	if f.Carrier == "" {
		k.Carrier = ""
	}
	if f.Status == "cancelled" {
		k.Shipment, f.Shipment = "", ""
	}
	return parcel(k) == parcel(f)
}

func parcel(p bellhop.Fulfillment) string {
	return fmt.Sprintf("%d %q %q %q %q %q", at(p.At), p.Status, p.Shipment, p.Carrier, p.Tracking,
		written(p.Lines, func(l bellhop.LineQuantity) string { return fmt.Sprintf("%d %d", l.Item, l.Quantity) }))
}
