package bellhop

import (
	"cmp"
	"slices"
	"strings"
)

// Unsaid names fields of which an order's body says nothing, not even that there is none. They are as an older version
// has them.
type Unsaid struct {
	Of Version `json:"of,omitzero"` // the newest version that says them; zero for none yet
	// Fields are in Shopify's words, sorted: such as tags, customer.name, billing_address and billing_address.zip.
	Fields []string `json:"fields"`
}

// lesser fields are kept one by one. What they were is not known by their values: an order that says no current total
// has that of when it was placed.
var lesser = map[string]func(o, was *Order){
	"cancel_reason":         func(o, was *Order) { o.CancelReason = was.CancelReason },
	"closed_at":             func(o, was *Order) { o.ClosedAt = was.ClosedAt },
	"discount_codes":        func(o, was *Order) { o.DiscountCodes = was.DiscountCodes },
	"line_item_groups":      func(o, was *Order) { o.Groups = was.Groups },
	"note_attributes":       func(o, was *Order) { o.Attributes = was.Attributes },
	"payment_gateway_names": func(o, was *Order) { o.Gateways = was.Gateways },
	"po_number":             func(o, was *Order) { o.PONumber = was.PONumber },
	"returns":               func(o, was *Order) { o.ReturnStatus = was.ReturnStatus },
	"shipping_lines":        func(o, was *Order) { o.ShippingLines = was.ShippingLines },
	"source_name":           func(o, was *Order) { o.Source = was.Source },
	"tags":                  func(o, was *Order) { o.Tags = was.Tags },
	"tax_lines":             func(o, was *Order) { o.TaxLines = was.TaxLines },
	"taxes_included":        func(o, was *Order) { o.TaxesIncluded = was.TaxesIncluded },

	"total_price_set":                    func(o, was *Order) { o.Presentment = was.Presentment },
	"total_outstanding":                  func(o, was *Order) { o.Outstanding = was.Outstanding },
	"subtotal_price":                     func(o, was *Order) { o.Placed.Subtotal = was.Placed.Subtotal },
	"total_discounts":                    func(o, was *Order) { o.Placed.Discounts = was.Placed.Discounts },
	"total_shipping_price_set":           func(o, was *Order) { o.Placed.Shipping = was.Placed.Shipping },
	"total_tax":                          func(o, was *Order) { o.Placed.Tax = was.Placed.Tax },
	"original_total_duties_set":          func(o, was *Order) { o.Placed.Duties = was.Placed.Duties },
	"original_total_additional_fees_set": func(o, was *Order) { o.Placed.Fees = was.Placed.Fees },
	"total_tip_received":                 func(o, was *Order) { o.Placed.Tips = was.Placed.Tips },
	"current_total_price":                func(o, was *Order) { o.Current = was.Current },
	"current_total_price_set":            func(o, was *Order) { o.BuyersNow = was.BuyersNow },
	"current_subtotal_price":             func(o, was *Order) { o.Now.Subtotal = was.Now.Subtotal },
	"current_total_discounts":            func(o, was *Order) { o.Now.Discounts = was.Now.Discounts },
	"current_shipping_price_set":         func(o, was *Order) { o.Now.Shipping = was.Now.Shipping },
	"current_total_tax":                  func(o, was *Order) { o.Now.Tax = was.Now.Tax },
	"current_total_duties_set":           func(o, was *Order) { o.Now.Duties = was.Now.Duties },
	"current_total_additional_fees_set":  func(o, was *Order) { o.Now.Fees = was.Now.Fees },
}

// KeepUnsaid takes over from an order of an older version the fields of which the own one's body says nothing, each
// from the newest version that says it. It reports whether there were any. It takes no other customer's data, no
// address of another place, and nothing of an order in another currency.
func (o *Order) KeepUnsaid(was *Order) (changed bool) {
	wants := o.unsaidBefore(was)
	var kept []string
	for _, part := range hiddenParts {
		names := slices.DeleteFunc(slices.Clone(wants), func(name string) bool { return partOf(name) != part })
		if len(names) > 0 && o.keptAt(part) < 0 && o.keepPart(keeper{part, names, was.shows(part)}, was) {
			kept = append(kept, names...) // but for a part that is that of an older version as a whole
		}
	}
	for _, name := range wants {
		if keep := lesser[name]; keep != nil && o.Total.Currency == was.Total.Currency {
			keep(o, was)
			kept = append(kept, name)
		}
	}
	if len(kept) > 0 {
		o.moveUnsaid(kept, was)
		o.CustomerName = o.Details.Contact()
	}
	return len(kept) > 0
}

// unsaidBefore returns the fields that an order does not say, and another one says better than who said them so far.
func (o *Order) unsaidBefore(was *Order) (names []string) {
	for _, u := range o.Unsaid {
		for _, name := range u.Fields {
			if was.said(name).Compare(u.Of) > 0 {
				names = append(names, name)
			}
		}
	}
	return names
}

// said is the version that a field is of.
func (o *Order) said(name string) Version {
	part := partOf(name)
	for _, u := range o.Unsaid {
		if o.keptAt(part) < 0 && (slices.Contains(u.Fields, name) || slices.Contains(u.Fields, part)) {
			return u.Of
		}
	}
	return o.of(part)
}

func partOf(name string) string {
	part, _, _ := strings.Cut(name, ".")
	return part
}

// moveUnsaid notes of which version fields are that were taken over.
func (o *Order) moveUnsaid(names []string, was *Order) {
	var all []Unsaid // copies of the order share the one before
	for _, u := range o.Unsaid {
		for _, name := range u.Fields {
			of := u.Of
			if slices.Contains(names, name) {
				of = was.said(name)
			}
			i := slices.IndexFunc(all, func(u Unsaid) bool { return u.Of.Compare(of) == 0 })
			if i < 0 {
				i, all = len(all), append(all, Unsaid{Of: of})
			}
			all[i].Fields = append(all[i].Fields, name)
		}
	}
	for _, u := range all {
		slices.Sort(u.Fields)
	}
	slices.SortFunc(all, func(a, b Unsaid) int { return a.Of.Compare(b.Of) })
	o.Unsaid = all
}

// keepPart keeps what is known of a part of people's data, and reports whether it is the same one's.
func (o *Order) keepPart(k keeper, was *Order) (ok bool) {
	switch k.part {
	case partCustomer:
		o.Customer, ok = k.customer(o.Customer, was.Customer)
	case partEmail:
		if ok = o.whose(partCustomer) == was.whose(partCustomer); ok {
			o.CustomerEmail = k.field("", o.CustomerEmail, was.CustomerEmail)
		}
	case partBilling:
		o.Billing, ok = k.address(o.Billing, was.Billing)
	case partShipping:
		o.Shipping, ok = k.address(o.Shipping, was.Shipping)
	}
	return ok
}

// keeper keeps what is known of the fields of a part.
type keeper struct {
	part   string
	unsaid []string
	shown  bool // what is empty is known to be so
}

// silent reports whether the body says nothing of a field, or of the whole part.
func (k keeper) silent(field string) bool {
	return slices.Contains(k.unsaid, k.part) || slices.Contains(k.unsaid, k.part+"."+field)
}

func (k keeper) field(name, own, known string) string {
	if (known != "" || k.shown) && k.silent(name) {
		return known
	}
	return own
}

func (k keeper) customer(own, was *Customer) (*Customer, bool) {
	if was == nil {
		return own, false
	}
	c := *cmp.Or(own, &Customer{})
	if c.ID == 0 && k.silent("id") {
		c.ID = was.ID
	}
	c.Name, c.Email, c.Phone, c.Locale = k.field("name", c.Name, was.Name), k.field("email", c.Email, was.Email),
		k.field("phone", c.Phone, was.Phone), k.field("locale", c.Locale, was.Locale)
	if c.ID != was.ID || c == (Customer{}) {
		return own, false
	}
	return &c, true
}

func (k keeper) address(own, was *Address) (*Address, bool) {
	if was == nil {
		return own, false
	}
	c := cmp.Or(own, &Address{})
	a := Address{
		Name:         k.field("name", c.Name, was.Name),
		Company:      k.field("company", c.Company, was.Company),
		Address1:     k.field("address1", c.Address1, was.Address1),
		Address2:     k.field("address2", c.Address2, was.Address2),
		City:         k.field("city", c.City, was.City),
		Zip:          k.field("zip", c.Zip, was.Zip),
		Province:     k.field("province", c.Province, was.Province),
		ProvinceCode: k.field("province_code", c.ProvinceCode, was.ProvinceCode),
		Country:      k.field("country", c.Country, was.Country),
		CountryCode:  k.field("country_code", c.CountryCode, was.CountryCode),
		Phone:        k.field("phone", c.Phone, was.Phone),
	}
	if a.place() != was.place() || a == (Address{}) {
		return own, false
	}
	return &a, true
}
