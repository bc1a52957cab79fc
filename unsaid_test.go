package bellhop_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bellhop"
)

// leaves are fields that a version may leave out, and how to read and empty them.
var leaves = []struct {
	name string
	read func(*bellhop.Order) string
	wipe func(*bellhop.Order)
}{
	{"tags", func(o *bellhop.Order) string { return slices.Concat(o.Tags, []string{""})[0] },
		func(o *bellhop.Order) { o.Tags = nil }},
	{"current_total_price", func(o *bellhop.Order) string { return o.Current.String() },
		func(o *bellhop.Order) { o.Current = o.Total }},
	{"billing_address.zip", func(o *bellhop.Order) string { return o.Billing.Zip },
		func(o *bellhop.Order) { o.Billing.Zip = "" }},
	{"customer.phone", func(o *bellhop.Order) string { return o.Customer.Phone },
		func(o *bellhop.Order) { o.Customer.Phone = "" }},
	{"email", func(o *bellhop.Order) string { return o.CustomerEmail },
		func(o *bellhop.Order) { o.CustomerEmail = "" }},
}

// cutVersion is a version of an order that says some of the leaves, as n's bits say.
func cutVersion(n int) bellhop.Order {
	text := string(rune('a' + n%26))
	o := bellhop.Order{ID: 1, CustomerEmail: text, Total: bellhop.Money{Units: 5, Currency: "JPY"},
		Current: bellhop.Money{Units: int64(n), Currency: "JPY"},
		Version: bellhop.Version{UpdatedAt: time.Date(2026, 11, 1, 0, 0, n, 0, time.UTC), Hash: uint64(n)}}
	o.Customer = &bellhop.Customer{ID: 5, Name: "Jo", Phone: text}
	o.Billing = &bellhop.Address{Name: "Jo", City: "Busan", Zip: text}
	o.CustomerName, o.Tags = "Jo", []string{text}
	var unsaid []string
	for i, leaf := range leaves {
		switch {
		case n>>i&1 == 1:
			unsaid = append(unsaid, leaf.name)
			leaf.wipe(&o)
		case n%7 == i: // there is none
			leaf.wipe(&o)
		}
	}
	if len(unsaid) > 0 {
		slices.Sort(unsaid)
		o.Unsaid = []bellhop.Unsaid{{Fields: unsaid}}
	}
	return o
}

// TestKeepUnsaid puts versions of an order together in two sequences: each field is as the newest version has it that
// says it, be it nothing.
func TestKeepUnsaid(t *testing.T) {
	fold := func(numbers []int) bellhop.Order { // what a store does with versions that come in a sequence
		is := cutVersion(numbers[0])
		for _, n := range numbers[1:] {
			o := cutVersion(n)
			if o.Version.Compare(is.Version) > 0 {
				is, o = o, is
			}
			is.KeepUnsaid(&o)
		}
		return is
	}
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.IntRange(0, 59), 1, 8).Draw(t, "versions")
		is, same := fold(all), fold(rapid.Permutation(all).Draw(t, "shuffled"))
		if !reflect.DeepEqual(is, same) {
			t.Fatalf("%+v is not %+v", is, same)
		}
		newest := cutVersion(slices.Max(all))
		for i, leaf := range leaves {
			want := leaf.read(&newest)
			for said, n := -1, 0; n < len(all); n++ {
				if all[n]>>i&1 == 0 && all[n] > said {
					o := cutVersion(all[n])
					said, want = all[n], leaf.read(&o)
				}
			}
			if got := leaf.read(&is); got != want {
				t.Fatalf("%s is %q, want %q", leaf.name, got, want)
			}
		}
	})
}

// TestKeepUnsaidOfOthers takes nothing of another customer, of another place, or in another currency.
func TestKeepUnsaidOfOthers(t *testing.T) {
	was, is := cutVersion(0), cutVersion(31)
	is.Customer.ID, is.Billing.City, is.Total.Currency = 6, "Seoul", "USD"
	want := cutVersion(31)
	want.Customer.ID, want.Billing.City, want.Total.Currency = 6, "Seoul", "USD"
	if is.KeepUnsaid(&was) || !reflect.DeepEqual(is, want) {
		t.Errorf("it took over: %+v", is)
	}
}
