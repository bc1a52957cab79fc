package shopify_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bellhop"
	"bellhop/shopify"
	"bellhop/simulate"
)

// sums draws the amounts of a body, in a currency's smallest units, and knows what they come to.
type sums struct {
	*rapid.T
	currency string
	digits   int
	body     strings.Builder
}

func (s *sums) units(what string) int64 { return rapid.Int64Range(0, 99_999_999).Draw(s.T, what) }
func (s *sums) count(what string, most int) int64 {
	return rapid.Int64Range(0, int64(most)).Draw(s.T, what)
}
func (s *sums) coin(what string) bool          { return rapid.Bool().Draw(s.T, what) }
func (s *sums) add(format string, args ...any) { fmt.Fprintf(&s.body, format, args...) }

// text writes units as an owner reads them. It shares nothing with the code under test.
func (s *sums) text(units int64) string {
	sign := ""
	if units < 0 {
		sign, units = "-", -units
	}
	t := fmt.Sprintf("%0*d", s.digits+1, units)
	if s.digits == 0 {
		return sign + t
	}
	return sign + t[:len(t)-s.digits] + "." + t[len(t)-s.digits:]
}

// json writes units as Shopify does: as a string or, now and then, as a number.
func (s *sums) json(units int64) string {
	if s.coin("as a number") {
		return s.text(units)
	}
	return `"` + s.text(units) + `"`
}

func (s *sums) some(units int64) bellhop.Amount {
	if units == 0 {
		return ""
	}
	return bellhop.Amount(s.text(units))
}

// field writes a sum, or leaves it out, and returns what an owner sees.
func (s *sums) field(name string) bellhop.Amount {
	if s.coin(name + " left out") {
		return ""
	}
	units := s.units(name)
	if strings.HasSuffix(name, "_set") {
		s.add(`,%q:{"shop_money":{"amount":%s,"currency_code":%q}}`, name, s.json(units), s.currency)
	} else {
		s.add(`,%q:%s`, name, s.json(units))
	}
	return bellhop.Amount(s.text(units))
}

// list writes n elements and returns the sum that each returns.
func (s *sums) list(name string, n int64, one func() int64) (sum int64) {
	s.add(`,%q:[`, name)
	for i := range n {
		if i > 0 {
			s.add(",")
		}
		sum += one()
	}
	s.add("]")
	return sum
}

func (s *sums) item(id int64) bellhop.Item {
	it := bellhop.Item{ID: id, Quantity: s.count("quantity", 50), Tip: s.coin("tip")}
	it.Current = s.count("current", int(it.Quantity))
	it.ToFulfil = s.count("to fulfil", int(it.Current))
	price := s.units("price")
	it.Price = bellhop.Amount(s.text(price))
	s.add(`{"id":%d,"quantity":%d,"current_quantity":%d,"fulfillable_quantity":%d,"price":%s`, id, it.Quantity, it.Current,
		it.ToFulfil, s.json(price))
	if it.Tip {
		s.add(`,"tip_payment_method":"visa"`)
	}
	var off int64
	if shares := s.count("shares of a discount", 3); shares > 0 {
		s.add(`,"total_discount":%s`, s.json(s.units("of the line alone")))
		off = s.list("discount_allocations", shares, func() int64 {
			share := s.units("share")
			s.add(`{"amount":%s}`, s.json(share))
			return share
		})
	} else {
		off = s.units("discount")
		s.add(`,"total_discount":%s,"discount_allocations":[]`, s.json(off))
	}
	tax := s.list("tax_lines", s.count("taxes", 2), func() int64 {
		tax := s.units("tax")
		s.add(`{"price":%s,"rate":0.1}`, s.json(tax))
		return tax
	})
	s.add("}")
	it.Discount, it.Tax, it.Total = s.some(off), s.some(tax), bellhop.Amount(s.text(price*it.Quantity-off))
	return it
}

// refund returns what a refund gave back.
func (s *sums) refund(id int64) (back int64) {
	s.add(`{"id":%d`, id)
	back = s.list("transactions", s.count("transactions", 3), func() int64 {
		units := s.units("back")
		kind := rapid.SampledFrom([]string{"refund", "refund", "void", "sale"}).Draw(s.T, "kind")
		status := rapid.SampledFrom([]string{"success", "pending", "failure", "error"}).Draw(s.T, "status")
		s.add(`{"kind":%q,"status":%q,"amount":%s,"currency":%q}`, kind, status, s.json(units), s.currency)
		if kind != "refund" || status == "failure" || status == "error" {
			return 0
		}
		return units
	})
	s.add("}")
	return back
}

// fields writes the sums of an order.
func (s *sums) fields(want *bellhop.Details) {
	for _, f := range []struct {
		name string
		to   *bellhop.Amount
	}{
		{"subtotal_price", &want.Placed.Subtotal},
		{"total_discounts", &want.Placed.Discounts},
		{"total_tax", &want.Placed.Tax},
		{"original_total_duties_set", &want.Placed.Duties},
		{"original_total_additional_fees_set", &want.Placed.Fees},
		{"total_tip_received", &want.Placed.Tips},
		{"total_shipping_price_set", &want.Placed.Shipping},
		{"current_subtotal_price", &want.Now.Subtotal},
		{"current_total_discounts", &want.Now.Discounts},
		{"current_total_tax", &want.Now.Tax},
		{"current_shipping_price_set", &want.Now.Shipping},
		{"current_total_duties_set", &want.Now.Duties},
		{"current_total_additional_fees_set", &want.Now.Fees},
		{"total_outstanding", &want.Outstanding},
	} {
		*f.to = s.field(f.name)
	}
}

// shipping writes the ways of shipping. An old body has no sum of them.
func (s *sums) shipping(want *bellhop.Details) {
	ways := s.count("ways of shipping", 3)
	sum := s.list("shipping_lines", ways, func() int64 {
		price := s.units("shipping")
		s.add(`{"price":%s}`, s.json(price))
		want.ShippingLines = append(want.ShippingLines, bellhop.ShippingLine{Price: bellhop.Amount(s.text(price))})
		return price
	})
	if want.Placed.Shipping == "" && ways > 0 {
		want.Placed.Shipping = bellhop.Amount(s.text(sum))
	}
}

// items writes the lines, and returns how many pieces they now have.
func (s *sums) items(want *bellhop.Details) (pieces int64) {
	want.Items = []bellhop.Item{}
	return s.list("line_items", s.count("lines", 8), func() int64 {
		it := s.item(int64(len(want.Items) + 1))
		want.Items = append(want.Items, it)
		if it.Tip {
			return 0
		}
		return it.Current
	})
}

// checkSums holds an order of drawn amounts to them.
func checkSums(t *rapid.T) {
	s := &sums{T: t}
	s.currency = rapid.SampledFrom([]string{"USD", "JPY", "KRW", "KWD", "USDC", "CLF"}).Draw(t, "currency")
	s.digits = map[string]int{"USD": 2, "KWD": 3, "USDC": 2, "CLF": 4}[s.currency]
	total := s.units("total")
	s.add(`{`+simulate.Blank+`"id":1,"currency":%q,"total_price":%s`, s.currency, s.json(total))
	now := cmp.Or(s.field("current_total_price"), bellhop.Amount(s.text(total)))
	want := bellhop.Details{Schema: 1}
	s.fields(&want)
	s.shipping(&want)
	pieces := s.items(&want)
	var each []bellhop.Amount
	back := s.list("refunds", s.count("refunds", 4), func() int64 {
		units := s.refund(int64(len(each) + 1))
		each = append(each, s.some(units))
		return units
	})
	s.add("}")

	f, err := shopify.Decode(event("orders/create", []byte(s.body.String())))
	if err != nil {
		t.Fatalf("%s: %v", s.body.String(), err)
	}
	o := f.Order
	if diff := gocmp.Diff(want, o.Details); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", s.body.String(), diff)
	}
	var got []bellhop.Amount
	for _, r := range o.History.Refunds {
		got = append(got, r.Amount)
	}
	if diff := gocmp.Diff(each, got); diff != "" {
		t.Fatalf("refunds (-want +got):\n%s", diff)
	}
	if o.Total.String() != s.text(total) || o.Current.String() != string(now) || o.Pieces != pieces ||
		o.Refunded().String() != s.text(back) {
		t.Fatalf("%s: total %s, now %s, %d pieces, refunded %s; want %s, %s, %d, %s", s.body.String(), o.Total, o.Current,
			o.Pieces, o.Refunded(), s.text(total), now, pieces, s.text(back))
	}
}

func TestSums(t *testing.T) { rapid.Check(t, checkSums) }

func FuzzSums(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkSums)) }
