package simulate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/shopify"
	"bellhop/simulate"
)

func generate(t testing.TB, o simulate.ShopifyOptions) []*simulate.Delivery {
	t.Helper()
	seq, err := simulate.Generate(o)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(seq)
}

func everything() simulate.ShopifyOptions {
	o := options()
	o.Shops = []string{"a.myshopify.com", "b.myshopify.com", "c.myshopify.com", "d.myshopify.com"}
	o.Orders, o.Updates, o.Duplicates, o.Shuffle, o.Poison = 3000, 0.5, 0.1, 0.1, 0.02
	return o
}

func TestSameSeedSameRun(t *testing.T) {
	o := everything()
	o.Orders = 600
	a, b := generate(t, o), generate(t, o)
	if len(a) != len(b) {
		t.Fatalf("%d and %d deliveries", len(a), len(b))
	}
	for i := range a {
		if !bytes.Equal(a[i].Body, b[i].Body) || !reflect.DeepEqual(a[i].Header(), b[i].Header()) {
			t.Fatalf("delivery %d differs", i)
		}
	}
	o.Seed++
	if c := generate(t, o); bytes.Equal(a[0].Body, c[0].Body) {
		t.Error("another seed made the same order")
	}
}

func TestVariety(t *testing.T) {
	ds := generate(t, everything())
	seen := map[string]int{}
	sizes := []int{}
	for i, d := range ds {
		if d.Seq != i {
			t.Fatalf("delivery %d says that it is number %d", i, d.Seq)
		}
		if d.Poison != "" {
			seen["poison"]++
			continue
		}
		checkBody(t, d)
		seen[d.Topic]++
		seen[string(d.Copy)+" copy"]++
		f, _ := d.Fact(d.Event(bellhop.EventID{}, d.TriggeredAt))
		if f.Order != nil {
			sizes = append(sizes, len(d.Body))
			noteOrder(seen, f.Order)
		}
	}
	for _, what := range []string{
		"poison", "orders/create", "orders/updated", "orders/paid", "orders/fulfilled", "orders/partially_fulfilled",
		"orders/cancelled", "orders/edited", "refunds/create", "orders/delete", "same_id copy", "new_id copy",
		"0 digits", "2 digits", "3 digits", "presentment", "no customer", "CJK", "emoji", "markup", "past 2^53", "test",
		"many lines",
	} {
		if seen[what] == 0 {
			t.Errorf("no delivery shows: %s", what)
		}
	}
	slices.Sort(sizes)
	if median := sizes[len(sizes)/2]; median < 7000 || median > 9000 {
		t.Errorf("the median body has %d bytes; one of Shopify's with a line has 7 to 9 KB", median)
	}
}

func noteOrder(seen map[string]int, o *bellhop.Order) {
	note := func(what string, is bool) {
		if is {
			seen[what]++
		}
	}
	text := o.CustomerName + o.Note
	seen[fmt.Sprint(o.Total.Digits, " digits")]++
	note("presentment", o.Presentment != nil)
	note("no customer", o.CustomerName == "")
	note("CJK", strings.Contains(text, "田中"))
	note("emoji", strings.Contains(text, "🦄"))
	note("markup", strings.Contains(text, "<script>"))
	note("past 2^53", o.ID > 1<<53)
	note("test", o.Test)
	note("many lines", len(o.Items) > 60)
}

// checkBody reads a body as JSON and compares the simple fields.
func checkBody(t *testing.T, d *simulate.Delivery) {
	t.Helper()
	if !utf8.Valid(d.Body) || bytes.ContainsAny(d.Body, "\n\t") {
		t.Fatalf("delivery %d is not minified UTF-8", d.Seq)
	}
	if i := bytes.IndexByte(d.Body, '/'); i > 0 && d.Body[i-1] != '\\' {
		t.Fatalf("delivery %d has a / that is not escaped", d.Seq)
	}
	var b struct {
		ID         int64
		Name       string
		OrderID    int64                `json:"order_id"`
		TotalPrice string               `json:"total_price"`
		Items      []struct{ ID int64 } `json:"line_items"`
		Note       *string
		Edit       struct {
			OrderID int64 `json:"order_id"`
		} `json:"order_edit"`
	}
	if err := json.Unmarshal(d.Body, &b); err != nil {
		t.Fatalf("delivery %d: %v", d.Seq, err)
	}
	if d.OrderID != b.ID && d.OrderID != b.OrderID && d.OrderID != b.Edit.OrderID {
		t.Fatalf("delivery %d is about order %d and its body about another", d.Seq, d.OrderID)
	}
	f, _ := d.Fact(d.Event(bellhop.EventID{}, d.TriggeredAt))
	if o := f.Order; o != nil {
		note := ""
		if b.Note != nil {
			note = *b.Note
		}
		if o.Name != b.Name || o.Total.String() != b.TotalPrice || len(o.Items) != len(b.Items) || o.Note != note {
			t.Fatalf("delivery %d: the body differs from what it states: %+v", d.Seq, o)
		}
	}
}

func TestPoisonIsSignedAndUseless(t *testing.T) {
	o := options()
	o.Orders, o.Poison = 200, 0.5
	kinds := map[string]bool{}
	for _, d := range generate(t, o) {
		if d.Poison == "" {
			continue
		}
		kinds[d.Poison] = true
		if _, ok := d.Fact(d.Event(bellhop.EventID{}, d.TriggeredAt)); ok || d.Signature == "" {
			t.Errorf("%s: it states something, or has no signature", d.Poison)
		}
	}
	if len(kinds) < 8 {
		t.Errorf("only %d kinds of poison: %v", len(kinds), kinds)
	}
}

func TestShares(t *testing.T) {
	o := options()
	o.Orders, o.Duplicates, o.Poison, o.Updates = 4_000, 0.05, 0.01, 0.2
	var n, copies, poison float64
	for _, d := range generate(t, o) {
		n++
		if d.Copy != "" {
			copies++
		} else if d.Poison != "" {
			poison++
		}
	}
	if copies/n < 0.035 || copies/n > 0.065 || poison/n < 0.005 || poison/n > 0.015 {
		t.Errorf("%.3f copies, want 0.05; %.3f poison, want 0.01", copies/n, poison/n)
	}
}

func TestModelIgnoresTheOrder(t *testing.T) {
	o := everything()
	o.Orders = 1000
	ds := generate(t, o)
	take := func() map[simulate.OrderKey]simulate.Expected {
		m := simulate.NewModel()
		for _, d := range ds {
			m.Take(d)
		}
		return m.Expect()
	}
	want := take()
	r := rand.New(rand.NewPCG(1, 2))
	for range 3 {
		r.Shuffle(len(ds), func(i, j int) { ds[i], ds[j] = ds[j], ds[i] })
		if got := take(); !reflect.DeepEqual(got, want) {
			t.Fatal("a shuffle ended in another state")
		}
	}
	if len(want) != o.Orders {
		t.Errorf("%d orders, want %d", len(want), o.Orders)
	}
}

// An order of three deliveries, in all six orders.
func TestModelByHand(t *testing.T) {
	o := options()
	o.Orders, o.Updates, o.Seed = 400, 1, 3
	byTopic := map[int64]map[string]*simulate.Delivery{}
	for _, d := range generate(t, o) {
		if byTopic[d.OrderID] == nil {
			byTopic[d.OrderID] = map[string]*simulate.Delivery{}
		}
		byTopic[d.OrderID][d.Topic] = d
	}
	var cases int
	for id, m := range byTopic {
		edit, create, deleted := m["orders/edited"], m["orders/create"], m["orders/delete"]
		key := simulate.OrderKey{Shop: "demo.myshopify.com", ID: id}
		if edit != nil {
			cases++
			early := simulate.NewModel()
			early.Take(edit)
			if e := early.Expect()[key]; e.Known || e.Order.EditedAt.IsZero() || e.Order.Name != "" {
				t.Fatalf("an edit before its order: %+v", e)
			}
			early.Take(create)
			if e := early.Expect()[key]; !e.Known || e.Order.EditedAt.IsZero() || e.Order.Name == "" {
				t.Fatalf("an edit, then its order: %+v", e)
			}
		}
		if refund, upd := m["refunds/create"], m["orders/updated"]; refund != nil && upd != nil {
			cases++
			checkOnce(t, key, refund, upd)
		}
		if made, moved := m["fulfillments/create"], m["fulfillments/update"]; made != nil && moved != nil {
			cases++
			checkNewest(t, key, made, moved)
		}
		if deleted != nil {
			cases++
			m := simulate.NewModel()
			m.Take(deleted)
			m.Take(create)
			if e := m.Expect()[key]; !e.Deleted || !e.Known {
				t.Fatalf("an order after its tombstone: %+v", e)
			}
		}
		if upd := m["orders/updated"]; upd != nil {
			cases++
			m := simulate.NewModel()
			m.Take(upd)
			m.Take(create)
			if e := m.Expect()[key]; e.Order.Version != upd.Version() {
				t.Fatalf("an older version won: %+v", e)
			}
		}
	}
	if cases < 100 {
		t.Errorf("only %d cases", cases)
	}
}

// checkOnce takes a refund from a body of its own, and repeatedly from its order's.
func checkOnce(t *testing.T, key simulate.OrderKey, refund, order *simulate.Delivery) {
	t.Helper()
	m := simulate.NewModel()
	m.Take(refund)
	alone := m.Expect()[key].Order
	if len(alone.History.Refunds) != 1 || alone.RefundedAt.IsZero() != (alone.History.Refunds[0].Amount == "") {
		t.Fatalf("a refund alone: %+v", alone)
	}
	m.Take(order)
	m.Take(order)
	n := 0
	for _, r := range m.Expect()[key].Order.History.Refunds {
		if r.ID == alone.History.Refunds[0].ID {
			n++
		}
	}
	if n != 1 {
		t.Fatalf("the refund is there %d times", n)
	}
}

// checkNewest takes two statements about parcels, the newer one first.
func checkNewest(t *testing.T, key simulate.OrderKey, older, newer *simulate.Delivery) {
	t.Helper()
	m := simulate.NewModel()
	m.Take(newer)
	want := m.Expect()[key].Order.History.Fulfillments[0]
	m.Take(older)
	for _, f := range m.Expect()[key].Order.History.Fulfillments {
		if f.ID == want.ID && (f.Shipment != want.Shipment || f.Status != want.Status) {
			t.Fatalf("an older statement won: %+v, not %+v", f, want)
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	o := options()
	o.Orders, o.Updates = b.N, 0.2
	seq, err := simulate.Generate(o)
	if err != nil {
		b.Fatal(err)
	}
	n, size := 0, 0
	for d := range seq {
		n++
		size += len(d.Body)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "bodies/s")
	b.ReportMetric(float64(size)/float64(n), "B/body")
}

// Decoding a body gives the twin's own statement of it, and fails for poison.
func TestDeliveriesDecode(t *testing.T) {
	keys := &shopify.Keys{App: shopify.NewSecret("s3cret")}
	for _, d := range generate(t, everything()) {
		if _, ok := keys.Verify(d.Body, d.Signature); !ok {
			t.Fatalf("delivery %d: the signature is refused", d.Seq)
		}
		e := d.Event(bellhop.EventID{}, d.TriggeredAt)
		got, err := shopify.Decode(e)
		want, ok := d.Fact(e)
		if !ok {
			if !bellhop.IsPermanent(err) {
				t.Fatalf("poison %q was decoded: %v", d.Poison, err)
			}
			continue
		}
		if got.At = e.AcceptedAt; got.Order != nil { // the twin states what a body says
			got.Order.Unsaid = nil
		}
		if err != nil || !reflect.DeepEqual(got, want) { // which is much faster than cmp.Equal
			t.Fatalf("delivery %d, %s: %v\n%s\n%s", d.Seq, d.Topic, err, cmp.Diff(want, got), d.Body)
		}
	}
}
