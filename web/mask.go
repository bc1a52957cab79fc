package web

import (
	"slices"

	"bellhop"
)

// Masked stands for personal data that the reader may not see.
const Masked = "•••"

// MaskOrder returns an order with all that it says of people masked, and what people wrote. It leaves
// the order that it gets as it is.
func MaskOrder(o bellhop.Order) bellhop.Order {
	hide(&o.CustomerName, &o.CustomerEmail, &o.Note, &o.PONumber)
	if o.Customer != nil {
		c := *o.Customer
		c.ID = 0
		hide(&c.Name, &c.Email, &c.Phone, &c.Locale)
		o.Customer = &c
	}
	o.Billing, o.Shipping = maskAddress(o.Billing), maskAddress(o.Shipping)
	o.Attributes = maskAttributes(o.Attributes)
	o.Items = slices.Clone(o.Items)
	for i := range o.Items {
		o.Items[i].Properties = maskAttributes(o.Items[i].Properties)
	}
	h := &o.History
	h.Refunds = slices.Clone(h.Refunds)
	for i := range h.Refunds {
		hide(&h.Refunds[i].Note)
	}
	h.Fulfillments = slices.Clone(h.Fulfillments)
	for i := range h.Fulfillments {
		h.Fulfillments[i].Tracking = slices.Clone(h.Fulfillments[i].Tracking)
		for j := range h.Fulfillments[i].Tracking {
			t := &h.Fulfillments[i].Tracking[j]
			hide(&t.Number)
			t.URL = "" // the number is in it
		}
	}
	return o
}

func maskAddress(a *bellhop.Address) *bellhop.Address {
	if a == nil {
		return nil
	}
	m := *a
	hide(&m.Name, &m.Company, &m.Address1, &m.Address2, &m.City, &m.Zip, &m.Province, &m.ProvinceCode, &m.Country,
		&m.CountryCode, &m.Phone)
	return &m
}

// maskAttributes leaves the names of those that are for programs.
func maskAttributes(all []bellhop.Attribute) []bellhop.Attribute {
	all = slices.Clone(all)
	for i := range all {
		if !all[i].Private() {
			hide(&all[i].Name)
		}
		hide(&all[i].Value)
	}
	return all
}

// hide masks texts. An empty one stays empty: that there is nothing says nothing of a person.
func hide(texts ...*string) {
	for _, t := range texts {
		if *t != "" {
			*t = Masked
		}
	}
}
