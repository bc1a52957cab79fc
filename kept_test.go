package bellhop_test

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bellhop"
)

// TestKeepHidden puts versions of an order together in two sequences: what the newest hides is of the newest that
// shows it.
func TestKeepHidden(t *testing.T) {
	version := rapid.Custom(func(t *rapid.T) bellhop.Order {
		n := rapid.IntRange(1, 6).Draw(t, "version")
		at := time.Date(2026, 11, 1, 0, 0, n, 0, time.UTC)
		text := string(rune('0' + n))
		o := bellhop.Order{ID: 1, Version: bellhop.Version{UpdatedAt: at, Hash: uint64(n)}, CustomerEmail: text}
		o.Customer = &bellhop.Customer{ID: 5, Name: text}
		o.Billing = &bellhop.Address{Name: text, City: "Busan"}
		o.Shipping = &bellhop.Address{Address1: text, City: "Seoul"}
		switch n % 4 { // which of it is hidden follows from the version
		case 1:
			o.Customer, o.CustomerEmail, o.Billing, o.Shipping = nil, "", nil, nil
		case 2:
			o.Customer, o.CustomerEmail = &bellhop.Customer{ID: 5}, ""
			o.Billing, o.Shipping = &bellhop.Address{City: "Busan"}, &bellhop.Address{City: "Seoul"}
		case 3:
			o.Shipping = nil // there is none
		}
		o.CustomerName = o.Details.Contact()
		return o
	})
	// fold is what a store does with versions that come in a sequence.
	fold := func(all []bellhop.Order) bellhop.Order {
		is := all[0]
		for _, o := range all[1:] {
			if o.Version.Compare(is.Version) > 0 {
				is, o = o, is
			}
			is.KeepHidden(&o)
		}
		return is
	}
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(version, 1, 8).Draw(t, "versions")
		shuffled := rapid.Permutation(all).Draw(t, "shuffled")
		is, same := fold(all), fold(shuffled)
		if !reflect.DeepEqual(is, same) {
			t.Fatalf("%+v is not %+v", is, same)
		}
		var name, street string // as the newest version says that shows them
		var named, housed bellhop.Version
		for _, o := range all {
			hides := o.Version.Hash%4 == 1 || o.Version.Hash%4 == 2
			if !hides && o.Version.Compare(named) > 0 {
				named, name = o.Version, o.CustomerName
			}
			if !hides && o.Version.Compare(housed) > 0 {
				housed, street = o.Version, ""
				if o.Shipping != nil {
					street = o.Shipping.Address1
				}
			}
		}
		var got string
		if is.Shipping != nil {
			got = is.Shipping.Address1
		}
		if is.CustomerName != name || is.CustomerEmail != name || got != street {
			t.Fatalf("%q, %q at %q: want %q at %q", is.CustomerName, is.CustomerEmail, got, name, street)
		}
	})
}

// TestKeepHiddenOfOthers takes no data of another customer, and no address of another place.
func TestKeepHiddenOfOthers(t *testing.T) {
	was := bellhop.Order{Version: bellhop.Version{Hash: 1}, CustomerEmail: "jo@example.com"}
	was.Customer = &bellhop.Customer{ID: 5, Name: "Jo"}
	was.Shipping = &bellhop.Address{Address1: "1 Main St", City: "Busan"}
	is := bellhop.Order{Version: bellhop.Version{Hash: 2}}
	is.Customer, is.Shipping = &bellhop.Customer{ID: 6}, &bellhop.Address{City: "Seoul"}
	is.KeepHidden(&was)
	if is.Customer.ID != 6 || is.CustomerName != "" || is.Shipping.Address1 != "" {
		t.Errorf("%+v lives at %+v", is.Customer, is.Shipping)
	}
}
