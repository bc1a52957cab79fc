package bellhop

import (
	"cmp"
	"slices"
)

// KeepUnsaid takes over from an order of an older version the fields of which the own one's body says nothing, as a
// [Fact] names them. It reports whether that changes the order. It takes no other customer's data, and no address of
// another place.
func (o *Order) KeepUnsaid(was *Order, unsaid []string) (changed bool) {
	if len(unsaid) == 0 {
		return false
	}
	own := *o
	for _, part := range hiddenParts {
		switch k := (keeper{part, unsaid}); {
		case o.keptAt(part) >= 0: // it is that of an older version as a whole
		case part == partCustomer:
			own.Customer = k.customer(o.Customer, was.Customer)
		case part == partEmail && own.whose(partCustomer) == was.whose(partCustomer):
			own.CustomerEmail = k.field("", o.CustomerEmail, was.CustomerEmail)
		case part == partBilling:
			own.Billing = k.address(o.Billing, was.Billing)
		case part == partShipping:
			own.Shipping = k.address(o.Shipping, was.Shipping)
		}
	}
	changed = own.CustomerEmail != o.CustomerEmail || !same(own.Customer, o.Customer) || !same(own.Billing, o.Billing) ||
		!same(own.Shipping, o.Shipping)
	if changed {
		own.CustomerName = own.Details.Contact()
		*o = own
	}
	return changed
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// keeper keeps what is known of the fields of a part.
type keeper struct {
	part   string
	unsaid []string
}

// silent reports whether the body says nothing of a field, or of the whole part.
func (k keeper) silent(field string) bool {
	return slices.Contains(k.unsaid, k.part) || slices.Contains(k.unsaid, k.part+"."+field)
}

func (k keeper) field(name, own, known string) string {
	if known != "" && k.silent(name) {
		return known
	}
	return own
}

func (k keeper) customer(own, was *Customer) *Customer {
	if was == nil {
		return own
	}
	c := *cmp.Or(own, &Customer{})
	if c.ID == 0 && k.silent("id") {
		c.ID = was.ID
	}
	c.Name, c.Email, c.Phone = k.field("name", c.Name, was.Name), k.field("email", c.Email, was.Email),
		k.field("phone", c.Phone, was.Phone)
	if c.ID != was.ID || c == (Customer{}) {
		return own
	}
	return &c
}

func (k keeper) address(own, was *Address) *Address {
	if was == nil {
		return own
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
		return own
	}
	return &a
}
