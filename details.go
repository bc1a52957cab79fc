package bellhop

import (
	"cmp"
	"strings"
	"time"
)

// DetailsSchema is the version of [Details] and [History] as JSON documents.
const DetailsSchema = 1

// Amount is an exact decimal such as "403.00", in the currency of its order and with that
// currency's digits; "" where Shopify says none.
type Amount string

// Details is the part of an order that no list needs. A database keeps it as one JSON document,
// so that a new field needs no new column.
type Details struct {
	// Schema is 0 for an order that an older bellhop recorded: it has only Items.
	Schema int `json:"schema"`

	Placed        Sums   `json:"placed"` // when it was placed
	Now           Sums   `json:"now"`    // after edits and refunds
	Outstanding   Amount `json:"outstanding,omitempty"`
	BuyersNow     Amount `json:"buyers_now,omitempty"` // what it comes to now in the buyer's currency
	TaxesIncluded bool   `json:"taxes_included,omitempty"`

	Customer *Customer `json:"customer,omitempty"`
	Billing  *Address  `json:"billing_address,omitempty"`
	Shipping *Address  `json:"shipping_address,omitempty"`
	Kept     []Kept    `json:"kept,omitempty"` // of these, what the newest version hides

	Unsaid []Unsaid `json:"unsaid,omitempty"` // of which the newest version says nothing

	Items         []Item         `json:"items"`
	Groups        []ItemGroup    `json:"groups,omitempty"`
	ShippingLines []ShippingLine `json:"shipping_lines,omitempty"`
	TaxLines      []TaxLine      `json:"tax_lines,omitempty"`
	DiscountCodes []DiscountCode `json:"discount_codes,omitempty"`

	Tags         []string    `json:"tags,omitempty"`
	Attributes   []Attribute `json:"attributes,omitempty"`
	Gateways     []string    `json:"gateways,omitempty"` // of payment
	PONumber     string      `json:"po_number,omitempty"`
	Source       string      `json:"source,omitempty"` // web, pos, shopify_draft_order, an app's id
	CancelReason string      `json:"cancel_reason,omitempty"`
	ReturnStatus string      `json:"return_status,omitempty"` // of the newest return
	ClosedAt     *time.Time  `json:"closed_at,omitempty"`

	// Unread names the fields of the body that had a wrong type or an amount that is none.
	Unread []string `json:"unread,omitempty"`
}

// Contact is the name to show: the customer's, or else that of an address or of a company.
func (d *Details) Contact() string {
	billing, shipping := cmp.Or(d.Billing, &Address{}), cmp.Or(d.Shipping, &Address{})
	var name string
	if d.Customer != nil {
		name = d.Customer.Name
	}
	return cmp.Or(name, billing.Name, shipping.Name, billing.Company, shipping.Company)
}

// Sums are the parts of an order's total. They are in the order's currency.
type Sums struct {
	Subtotal  Amount `json:"subtotal,omitempty"` // of the lines, after their discounts
	Discounts Amount `json:"discounts,omitempty"`
	Shipping  Amount `json:"shipping,omitempty"`
	Tax       Amount `json:"tax,omitempty"`
	Duties    Amount `json:"duties,omitempty"`
	Fees      Amount `json:"fees,omitempty"`
	Tips      Amount `json:"tips,omitempty"`
}

// Customer is who ordered. Shopify may withhold any of it.
type Customer struct {
	ID     int64  `json:"id,omitempty"`
	Name   string `json:"name,omitempty"` // as its language writes it
	Email  string `json:"email,omitempty"`
	Phone  string `json:"phone,omitempty"`
	Locale string `json:"locale,omitempty"` // such as ja-JP: the language of the order
}

// Address is where an order or its bill goes.
type Address struct {
	Name         string `json:"name,omitempty"` // as its language writes it
	Company      string `json:"company,omitempty"`
	Address1     string `json:"address1,omitempty"`
	Address2     string `json:"address2,omitempty"`
	City         string `json:"city,omitempty"`
	Zip          string `json:"zip,omitempty"`
	Province     string `json:"province,omitempty"`
	ProvinceCode string `json:"province_code,omitempty"`
	Country      string `json:"country,omitempty"`
	CountryCode  string `json:"country_code,omitempty"`
	Phone        string `json:"phone,omitempty"`
}

// Item is one line of an order.
type Item struct {
	ID       int64  `json:"id"`
	Title    string `json:"title,omitempty"`
	Variant  string `json:"variant,omitempty"`
	SKU      string `json:"sku,omitempty"`
	Vendor   string `json:"vendor,omitempty"`
	Quantity int64  `json:"quantity"`  // ordered
	Current  int64  `json:"current"`   // without what was removed or refunded
	ToFulfil int64  `json:"to_fulfil"` // still to be sent

	Price    Amount `json:"price,omitempty"` // of one
	Discount Amount `json:"discount,omitempty"`
	Total    Amount `json:"total,omitempty"` // of all ordered ones, after the discount
	Tax      Amount `json:"tax,omitempty"`

	Properties []Attribute `json:"properties,omitempty"`
	Group      int64       `json:"group,omitempty"` // of Details.Groups: the bundle that it belongs to
	GiftCard   bool        `json:"gift_card,omitempty"`
	Tip        bool        `json:"tip,omitempty"`
	Custom     bool        `json:"custom,omitempty"` // of no product
}

// ItemGroup is a bundle that several lines make up.
type ItemGroup struct {
	ID       int64  `json:"id"`
	Title    string `json:"title,omitempty"`
	Quantity int64  `json:"quantity,omitempty"`
}

// Attribute is a named text, such as an engraving or a gift note.
type Attribute struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Private reports whether shops hide an attribute from buyers: its name begins with "_".
func (a Attribute) Private() bool { return strings.HasPrefix(a.Name, "_") }

// ShippingLine is a way of shipping that the buyer chose.
type ShippingLine struct {
	Title    string `json:"title,omitempty"`
	Code     string `json:"code,omitempty"`
	Price    Amount `json:"price,omitempty"`
	Discount Amount `json:"discount,omitempty"`
	Removed  bool   `json:"removed,omitempty"` // by an edit
}

// TaxLine is a tax of the whole order.
type TaxLine struct {
	Title string `json:"title,omitempty"`
	Rate  string `json:"rate,omitempty"` // such as 0.06
	Price Amount `json:"price,omitempty"`
}

// DiscountCode is a code that the buyer used.
type DiscountCode struct {
	Code   string `json:"code"`
	Amount Amount `json:"amount,omitempty"`
}

// Bundle is the title of the bundle that a line belongs to; "" for none.
func (d *Details) Bundle(it *Item) string {
	for i := range d.Groups {
		if it.Group != 0 && d.Groups[i].ID == it.Group {
			return d.Groups[i].Title
		}
	}
	return ""
}

// Pieces counts the pieces that an order now has. A tip is none.
func (d *Details) Pieces() (n int64) {
	for i := range d.Items {
		if !d.Items[i].Tip {
			n += d.Items[i].Current
		}
	}
	return n
}
