package reconcile_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/reconcile"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// full is an order in which nothing is empty.
func full() *bellhop.Order {
	o := &bellhop.Order{}
	n := 0
	fill(reflect.ValueOf(o).Elem(), &n)
	o.Total, o.Current = money(7755, "USD"), money(6655, "USD")
	presentment := money(7135, "EUR")
	o.Presentment = &presentment
	o.Schema, o.RedactedFor = bellhop.DetailsSchema, ""
	o.EditedAt, o.History.Edits, o.Items[0].Tip = time.Time{}, nil, false
	o.History.Refunds[0].Currency = "EUR"
	return o
}

func money(cents int64, currency string) bellhop.Money {
	return bellhop.Money{Units: cents, Digits: 2, Currency: currency}
}

// fill sets all that a value has.
func fill(v reflect.Value, n *int) {
	*n++
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = noon.Add(time.Duration(*n) * time.Hour)
		return
	case *bellhop.Amount:
		*p = bellhop.Amount(fmt.Sprintf("%d.50", *n))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.String:
		v.SetString(fmt.Sprintf("text%d", *n))
	case reflect.Int64, reflect.Int:
		v.SetInt(int64(*n))
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(uint64(*n % 3))
	case reflect.Bool:
		v.SetBool(true)
	}
}

// untold are the fields of an order that Differ leaves alone: what Shopify doesn't say, what follows from other fields,
// and what a fetch tells in other words.
var untold = []string{
	".Shop", ".ID", ".Version", ".Pieces", ".CustomerName", ".Handling", ".Taken", ".Steps", ".EditedAt",
	".RefundedAt", ".Trace", ".Pushes", ".RedactedAt", ".RedactedFor", ".Details.Schema", ".Details.Kept",
	".Details.ReturnStatus", ".Details.Unread", ".Details.Unsaid",
	".Details.DiscountCodes[0].Amount", ".Details.Items[0].Custom", ".History.Edits", ".History.Risks",
	".History.Refunds[0].Step.Said", ".History.Fulfillments[0].Step.Said",
}

// TestEachFieldCounts: a change of any part of a fetched order is a difference.
func TestEachFieldCounts(t *testing.T) {
	if d := reconcile.Differ(full(), full()); d != nil {
		t.Fatalf("the same differs in %v", d)
	}
	counted := 0
	change(reflect.ValueOf(full()).Elem(), "", func(path string) {
		o := full()
		mutate(reflect.ValueOf(o).Elem(), path)
		d := reconcile.Differ(full(), o)
		if slices.ContainsFunc(untold, func(p string) bool { return strings.HasPrefix(path, p) }) {
			if d != nil {
				t.Errorf("%s counts as %v", path, d)
			}
			return
		}
		if counted++; len(d) == 0 {
			t.Errorf("a change of %s is no difference", path)
		}
	})
	if counted < 100 {
		t.Errorf("only %d fields were compared", counted)
	}
}

// change calls do with the path of each single value.
func change(v reflect.Value, path string, do func(path string)) {
	if _, ok := v.Interface().(time.Time); ok || !slices.Contains(
		[]reflect.Kind{reflect.Struct, reflect.Pointer, reflect.Slice}, v.Kind()) {
		do(path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			change(v.Field(i), path+"."+v.Type().Field(i).Name, do)
		}
	case reflect.Pointer:
		change(v.Elem(), path, do)
	case reflect.Slice:
		if v.Len() > 0 {
			change(v.Index(0), path+"[0]", do)
		}
	}
}

func mutate(v reflect.Value, path string) {
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "."), ".") {
		name, _, list := strings.Cut(part, "[")
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v = v.FieldByName(name); list {
			v = v.Index(0)
		}
	}
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = p.Add(time.Minute)
		return
	case *bellhop.Amount:
		*p += "1"
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Int64, reflect.Int:
		v.SetInt(v.Int() + 1)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(v.Uint() + 1)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	}
}

// TestSameValues are written in other ways, or not at all.
func TestSameValues(t *testing.T) {
	for name, fn := range map[string]func(known, fetched *bellhop.Order){
		"zeros at the end": func(k, f *bellhop.Order) { k.Items[0].Price, f.Items[0].Price = "55.00", "55.0" },
		"nothing and zero": func(k, f *bellhop.Order) { k.Items[0].Discount, f.Items[0].Discount = "", "0.00" },
		"zero and nothing": func(k, f *bellhop.Order) { k.Outstanding, f.Outstanding = "0.00", "" },
		"more digits":      func(k, f *bellhop.Order) { f.Total = bellhop.Money{Units: 775500, Digits: 4, Currency: "USD"} },
		"an offset":        func(k, f *bellhop.Order) { f.PlacedAt = k.PlacedAt.In(time.FixedZone("", 3600)) },
		"half a second":    func(k, f *bellhop.Order) { f.ClosedAt = later(*k.ClosedAt) },
		"a rate":           func(k, f *bellhop.Order) { k.TaxLines[0].Rate, f.TaxLines[0].Rate = "0.060", "0.06" },
		"a code's letters": func(k, f *bellhop.Order) {
			f.DiscountCodes[0].Code = strings.ToUpper(k.DiscountCodes[0].Code)
		},
		"the order of tags":    func(k, f *bellhop.Order) { k.Tags, f.Tags = []string{"a", "b"}, []string{"b", "a"} },
		"no list and an empty": func(k, f *bellhop.Order) { k.Attributes, f.Attributes = nil, []bellhop.Attribute{} },
		"the order of lines": func(k, f *bellhop.Order) {
			k.Items, f.Items = []bellhop.Item{{ID: 1}, {ID: 2}}, []bellhop.Item{{ID: 2}, {ID: 1}}
		},
		"sums that an old webhook lacks": func(k, f *bellhop.Order) {
			k.Now.Shipping, k.Placed.Fees, k.BuyersNow = "", "", ""
		},
		"a refund that only a webhook told": func(k, f *bellhop.Order) { f.History.Refunds = nil },
		"a parcel that only a webhook told": func(k, f *bellhop.Order) { f.History.Fulfillments = nil },
		"a carrier without a number":        func(k, f *bellhop.Order) { f.History.Fulfillments[0].Carrier = "" },
		"bundles without names":             func(k, f *bellhop.Order) { k.Groups = nil },
		"a webhook's microseconds":          func(k, f *bellhop.Order) { k.UpdatedAt = *later(k.UpdatedAt) },
		"a cancelled parcel's way": func(k, f *bellhop.Order) {
			k.History.Fulfillments[0].Status, f.History.Fulfillments[0].Status = "cancelled", "cancelled"
			f.History.Fulfillments[0].Shipment = ""
		},
		"a tip that nobody sends": func(k, f *bellhop.Order) {
			k.Items[0].Tip, f.Items[0].Tip, f.Items[0].ToFulfil = true, true, k.Items[0].ToFulfil+1
		},
		"withheld people": func(k, f *bellhop.Order) {
			f.CustomerName, f.CustomerEmail, f.Customer, f.Billing = "", "", nil, nil
			f.Shipping = &bellhop.Address{City: k.Shipping.City, CountryCode: k.Shipping.CountryCode}
		},
		"what an edit moved": func(k, f *bellhop.Order) {
			k.History.Edits = []bellhop.Edit{{Step: bellhop.Step{ID: 1}}}
			f.Placed.Subtotal, f.Placed.Tax = "1.00", "2.00"
		},
		"the known one is newer": func(k, f *bellhop.Order) {
			k.UpdatedAt, f.Note = k.UpdatedAt.Add(time.Second), "old"
		},
		"redacted": func(k, f *bellhop.Order) {
			k.Redact()
			k.RedactedFor = bellhop.RedactedForRequest
		},
	} {
		k, f := full(), full()
		fn(k, f)
		if d := reconcile.Differ(k, f); d != nil {
			t.Errorf("%s: they differ in %v", name, d)
		}
	}
}

func later(t time.Time) *time.Time {
	t = t.Add(400 * time.Millisecond)
	return &t
}

// TestDifferences have names, and no value in them.
func TestDifferences(t *testing.T) {
	for name, tt := range map[string]struct {
		fn   func(known, fetched *bellhop.Order)
		want string
	}{
		"a note":           {func(k, f *bellhop.Order) { f.Note = "" }, "[note]"},
		"another currency": {func(k, f *bellhop.Order) { f.Total.Currency = "CAD" }, "[total]"},
		"a tag more":       {func(k, f *bellhop.Order) { f.Tags = append(f.Tags, "vip") }, "[tags]"},
		"a line less":      {func(k, f *bellhop.Order) { f.Items = nil }, "[items]"},
		"a name at last":   {func(k, f *bellhop.Order) { k.Customer.Name = "" }, "[customer.name]"},
		"an address":       {func(k, f *bellhop.Order) { k.Billing = nil }, "[billing_address]"},
		"reopened":         {func(k, f *bellhop.Order) { f.ClosedAt = nil }, "[closed_at]"},
		"a refund": {func(k, f *bellhop.Order) {
			k.History.Refunds, f.History.Refunds[0].ID = nil, 41
		}, "[refunds.41]"},
		"a parcel": {func(k, f *bellhop.Order) {
			k.History.Fulfillments, f.History.Fulfillments[0].ID = nil, 7
		}, "[fulfillments.7]"},
		"of an old bellhop": {func(k, f *bellhop.Order) { k.Schema = 0; f.Note = "other" }, "[schema]"},
		"redacted": {func(k, f *bellhop.Order) {
			k.Redact()
			k.RedactedFor, f.Name, f.Note = bellhop.RedactedForRetention, "#2", "secret"
		}, "[name]"},
	} {
		k, f := full(), full()
		tt.fn(k, f)
		if d := fmt.Sprint(reconcile.Differ(k, f)); d != tt.want {
			t.Errorf("%s: they differ in %s, not in %s", name, d, tt.want)
		}
	}
}
