package bellhop

import (
	"slices"
	"strconv"
)

// Kept says that a part of an order's personal data is of an older version than the order, since the newest hides it.
type Kept struct {
	Part string  `json:"part"`
	Of   Version `json:"of"`
	// Whole says that the newest version does not even show of whom or of which place it is.
	Whole bool `json:"whole,omitempty"`
}

// The parts of an order that Shopify hides from apps without a scope or an approval. It then writes them as if there
// were none.
const (
	partCustomer = "customer"
	partEmail    = "email"
	partBilling  = "billing_address"
	partShipping = "shipping_address"
)

var hiddenParts = [...]string{partCustomer, partEmail, partBilling, partShipping}

// Hides reports whether the order's version may hide some of its personal data.
func (o *Order) Hides() bool {
	return slices.ContainsFunc(hiddenParts[:], func(part string) bool { return !o.shows(part) })
}

// KeepHidden takes over from an order of an older version what the own one hides, each part from the newest version
// that shows it. It reports whether that changes the order. It takes no other customer's data, and no address of
// another place: they changed since.
func (o *Order) KeepHidden(was *Order) (changed bool) {
	for _, part := range hiddenParts {
		if was.shows(part) && o.wants(part, was) {
			o.keep(part, was)
			changed = true
		}
	}
	if changed {
		o.CustomerName = o.Details.Contact()
	}
	return changed
}

// wants reports whether a part is to be that of an older version.
func (o *Order) wants(part string, was *Order) bool {
	whose := o.whose(part)
	if i := o.keptAt(part); i >= 0 {
		k := o.Kept[i]
		return was.of(part).Compare(k.Of) > 0 && (k.Whole || whose == was.whose(part))
	}
	return !o.shows(part) && (whose == "" || whose == was.whose(part))
}

func (o *Order) keep(part string, was *Order) {
	k := Kept{part, was.of(part), o.whose(part) == ""}
	o.Kept = slices.Clone(o.Kept) // copies of the order share it
	if i := o.keptAt(part); i >= 0 {
		k.Whole = o.Kept[i].Whole
		o.Kept[i] = k
	} else {
		o.Kept = append(o.Kept, k)
		slices.SortFunc(o.Kept, func(a, b Kept) int {
			return slices.Index(hiddenParts[:], a.Part) -
				slices.Index(hiddenParts[:], b.Part)
		})
	}
	switch part {
	case partCustomer:
		o.Customer = was.Customer
	case partEmail:
		o.CustomerEmail = was.CustomerEmail
	case partBilling:
		o.Billing = was.Billing
	case partShipping:
		o.Shipping = was.Shipping
	}
}

func (o *Order) keptAt(part string) int {
	return slices.IndexFunc(o.Kept, func(k Kept) bool { return k.Part == part })
}

// of is the version that a part is of.
func (o *Order) of(part string) Version {
	if i := o.keptAt(part); i >= 0 {
		return o.Kept[i].Of
	}
	return o.Version
}

// shows reports whether a part is as Shopify has it, be it nothing. Where the customer is hidden all else may be, too.
func (o *Order) shows(part string) bool {
	customer := o.Customer != nil && o.Customer.Name != ""
	switch {
	case o.keptAt(part) >= 0:
		return true
	case part == partCustomer:
		return customer
	}
	nobody := !customer || o.keptAt(partCustomer) >= 0
	switch part {
	case partEmail:
		return o.CustomerEmail != "" || !nobody
	case partBilling:
		return o.Billing.shown(nobody)
	}
	return o.Shipping.shown(nobody)
}

// shown reports whether an address has what Shopify hides. Where there is none, that may be hidden, too.
func (a *Address) shown(nobody bool) bool {
	if a == nil {
		return !nobody
	}
	return a.Name != "" || a.Address1 != "" || a.Address2 != "" || a.Zip != "" || a.Phone != ""
}

// whose is what Shopify shows of a part that it hides: the customer's id, or the place of an address; "" for nothing.
func (o *Order) whose(part string) string {
	switch part {
	case partCustomer:
		if o.Customer != nil && o.Customer.ID != 0 {
			return strconv.FormatInt(o.Customer.ID, 10)
		}
	case partBilling:
		return o.Billing.place()
	case partShipping:
		return o.Shipping.place()
	}
	return ""
}

func (a *Address) place() string {
	if a == nil || a.City+a.Province+a.Country+a.CountryCode == "" {
		return ""
	}
	return a.City + "\n" + a.Province + "\n" + a.Country + "\n" + a.CountryCode
}
