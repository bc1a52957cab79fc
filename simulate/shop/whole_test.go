package shop_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/simulate"
	"bellhop/simulate/shop"
)

// clock is a clock that moves by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// byHand is a rig whose clock moves by hand, and whose twin sends when it is told to.
func byHand(t *testing.T) (*rig, *clock) {
	t.Helper()
	c := &clock{now: time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)}
	r := installed(t, func(o *shop.Options) { o.Now = c.Now })
	for _, topic := range []string{"ORDERS_CREATE", "ORDERS_UPDATED", "ORDERS_DELETE"} {
		if _, wrong := r.subscribe(topic, hooks); wrong != "" {
			t.Fatal(wrong)
		}
	}
	return r, c
}

// sent sends what is due, and returns what came of a topic.
func (r *rig) sent(topic string) int {
	r.Flush(r.t.Context())
	n := 0
	for _, h := range r.got {
		if topic == "" || h.topic() == topic {
			n++
		}
	}
	return n
}

func (r *rig) orders() map[int64]shop.Order {
	r.t.Helper()
	all, err := r.Orders(domain)
	r.must(err)
	byID := map[int64]shop.Order{}
	for _, o := range all {
		byID[o.ID] = o
	}
	return byID
}

func updatedAt(t *testing.T, o shop.Order) (at time.Time) {
	t.Helper()
	var body struct {
		At time.Time `json:"updated_at"`
	}
	if err := json.Unmarshal(o.Body(), &body); err != nil || !body.At.Equal(o.UpdatedAt) {
		t.Fatalf("%v, and %s in the body: %v", o.UpdatedAt, body.At, err)
	}
	return body.At
}

func TestFill(t *testing.T) {
	r, c := byHand(t)
	from := c.Now().Add(time.Minute - 90*24*time.Hour)
	r.must(r.Fill(domain, simulate.ShopifyOptions{Orders: 900, Updates: 0.5}, from, c.Now()))
	if n := r.sent(""); n != 0 {
		t.Errorf("%d webhooks were sent", n)
	}
	hours, err := r.OrdersByHour(domain)
	r.must(err)
	sum := 0
	for hour, n := range hours {
		if hour.Before(from.Truncate(time.Hour)) || hour.After(c.Now()) || n != 1 {
			t.Errorf("%d orders at %v", n, hour)
		}
		sum += n
	}
	changed := 0
	for _, o := range r.orders() {
		if updatedAt(t, o).After(o.CreatedAt) {
			changed++
		}
		if o.UpdatedAt.After(c.Now()) {
			t.Errorf("an order will change at %v", o.UpdatedAt)
		}
	}
	if sum != 900 || changed < 400 || changed > 500 {
		t.Errorf("%d orders, of which %d changed", sum, changed)
	}
	if n := len(r.walk("sortKey:CREATED_AT", 100)); n != 600 {
		t.Errorf("read_orders covers %d", n)
	}
	r.must(r.SetScopes(domain, []string{"read_orders", "read_all_orders"}))
	if n := len(r.walk("sortKey:UPDATED_AT reverse:true", 100)); n != 900 {
		t.Errorf("read_all_orders covers %d", n)
	}
	if r.Fill(domain, simulate.ShopifyOptions{Orders: 1}, c.Now(), c.Now().Add(time.Hour)) == nil {
		t.Error("it has orders of the future")
	}
}

// TestPagesGoOn: while pages are read, orders come, change and go; those that stay as they are are read once.
func TestPagesGoOn(t *testing.T) {
	r, c := byHand(t)
	r.must(r.Fill(domain, simulate.ShopifyOptions{Orders: 300, Updates: 0.3}, c.Now().Add(-24*time.Hour), c.Now()))
	rng := rand.New(rand.NewPCG(21, 0))
	for _, args := range []string{"sortKey:UPDATED_AT", "sortKey:UPDATED_AT reverse:true", "sortKey:CREATED_AT",
		"sortKey:CREATED_AT reverse:true"} {
		still, seen, after := r.orders(), map[string]int{}, ""
		c.pass(time.Minute)
		for more := true; more; {
			r.must(r.SetPoints(domain, 2000))
			page := r.good(fmt.Sprintf(`{orders(first:40 %s %s){nodes{id} pageInfo{hasNextPage endCursor}}}`, after, args))["orders"]
			for _, n := range at(page, "nodes").([]any) {
				seen[at(n, "id").(string)]++
			}
			more = at(page, "pageInfo", "hasNextPage") == true
			after = fmt.Sprintf("after:%q", at(page, "pageInfo", "endCursor"))
			ids := slices.Sorted(maps.Keys(still))
			for i, id := range []int64{ids[rng.IntN(len(ids))], ids[rng.IntN(len(ids))]} {
				if r.ChangeOrder(domain, id, shop.OrderChange{Change: []simulate.Change{"note", "deleted"}[i]}) == nil {
					delete(still, id)
				}
			}
			r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 2}))
			r.sent("")
		}
		for id := range still {
			if n := seen[fmt.Sprintf("gid://shopify/Order/%d", id)]; n != 1 {
				t.Errorf("%s: order %d was read %d times", args, id, n)
			}
		}
	}
}

func TestChangesOfAnOrder(t *testing.T) {
	r, c := byHand(t)
	r.must(r.Fill(domain, simulate.ShopifyOptions{Orders: 40}, c.Now().Add(-time.Hour), c.Now()))
	c.pass(time.Minute)
	done := map[simulate.Change]int{}
	for id, before := range r.orders() {
		changes := []simulate.Change{"note", "paid", "edited", "fulfilled", "refunded"}
		if id%2 == 0 {
			changes = []simulate.Change{"note", "cancelled"}
		}
		for _, change := range changes {
			if r.ChangeOrder(domain, id, shop.OrderChange{Change: change}) == nil {
				done[change]++
			}
		}
		if o := r.orders()[id]; !o.UpdatedAt.Equal(c.Now()) || string(o.Body()) == string(before.Body()) {
			t.Errorf("order %d is as it was", id)
		}
	}
	if len(done) != 6 || done["note"] != 40 {
		t.Errorf("changed were %v", done)
	}
	// Nothing moves, and nobody hears of it.
	sent := r.sent("")
	id := slices.Sorted(maps.Keys(r.orders()))[0]
	before := r.orders()[id]
	c.pass(time.Minute)
	r.must(r.ChangeOrder(domain, id, shop.OrderChange{Change: "note", Still: true, Silent: true}))
	if o := r.orders()[id]; !o.UpdatedAt.Equal(before.UpdatedAt) || string(o.Body()) == string(before.Body()) {
		t.Errorf("updated at %v, before %v", o.UpdatedAt, before.UpdatedAt)
	}
	if n := r.sent(""); n != sent {
		t.Errorf("%d webhooks tell of it", n-sent)
	}
	r.must(r.ChangeOrder(domain, id, shop.OrderChange{Change: "note", Still: true}))
	if r.sent(""); !updatedAt(t, r.orders()[id]).Equal(before.UpdatedAt) || len(r.got) != sent+1 {
		t.Errorf("%d webhooks tell of a change that left updated_at", len(r.got)-sent)
	}
	// Deleted, with and without its webhook.
	for i, silent := range []bool{true, false} {
		r.must(r.ChangeOrder(domain, id, shop.OrderChange{Change: "deleted", Silent: silent}))
		if n := r.sent("orders/delete"); n != i {
			t.Errorf("%d webhooks tell of deletions, want %d", n, i)
		}
		if r.ChangeOrder(domain, id, shop.OrderChange{Change: "note"}) == nil {
			t.Error("what is gone changes")
		}
		id = slices.Sorted(maps.Keys(r.orders()))[0]
	}
	if gone, err := r.DeletedOrders(domain); err != nil || len(gone) != 2 || len(r.orders()) != 38 {
		t.Errorf("deleted are %v: %v", gone, err)
	}
	for _, wrong := range []shop.OrderChange{{}, {Change: "eaten"}} {
		if r.ChangeOrder(domain, id, wrong) == nil {
			t.Errorf("%q is no error", wrong.Change)
		}
	}
}

// TestSilentChanges: what a share of changes does, no webhook tells, and updated_at doesn't.
func TestSilentChanges(t *testing.T) {
	r, c := byHand(t)
	r.must(r.SetFaults(domain, shop.Faults{Silent: 0.5}))
	r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 300, Updates: 1, FollowUps: 1}))
	c.pass(time.Minute)
	if n := r.sent("orders/create"); n != 300 {
		t.Errorf("%d orders were told of", n)
	}
	told := map[int64]time.Time{}
	for _, h := range r.got {
		var o struct {
			ID int64
			At time.Time `json:"updated_at"`
		}
		r.must(json.Unmarshal([]byte(h.body), &o))
		told[o.ID] = o.At
	}
	silent := 0
	for id, o := range r.orders() {
		var body struct{ Note, Tags string }
		r.must(json.Unmarshal(o.Body(), &body))
		if !updatedAt(t, o).Equal(told[id]) {
			t.Errorf("order %d was updated at %v, and the webhook says %v", id, o.UpdatedAt, told[id])
		}
		if o.UpdatedAt.Equal(o.CreatedAt) && body.Tags != "" {
			silent++
		}
	}
	if silent < 5 {
		t.Errorf("%d orders got tags without being updated", silent)
	}
}

// TestDelayOfADay: under a clock that a test moves.
func TestDelayOfADay(t *testing.T) {
	r, c := byHand(t)
	r.must(r.SetFaults(domain, shop.Faults{Delayed: 1, DelaySeconds: 24 * 3600}))
	r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 3}))
	r.answering(func(hook) int { return 503 })
	for i, step := range []struct {
		pass time.Duration
		want int
	}{{0, 0}, {24*time.Hour - time.Second, 0}, {time.Second, 3}, {time.Hour, 3 * 7}, {24 * time.Hour, 3 * 9}} {
		c.pass(step.pass)
		if n := r.sent(""); i < 3 && n != step.want || n > step.want {
			t.Errorf("after %v there were %d attempts, want %d", step.pass, n, step.want)
		}
	}
	if s := r.Ledger().Summary(); s.GivenUp == 3 || s.Deliveries != 3 {
		t.Errorf("%+v", s)
	}
}

// TestTheIndexNeverCatchesUp: what is made stays out of lists, until the fault ends.
func TestTheIndexNeverCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := withOrders(t, simulate.ShopifyOptions{Orders: 5})
		r.must(r.SetFaults(domain, shop.Faults{LagSeconds: 1_000_000_000}))
		r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 3}))
		time.Sleep(23 * time.Hour)
		if n := len(r.ids()); n != 5 || len(r.orders()) != 8 {
			t.Errorf("%d of %d are in the list", n, len(r.orders()))
		}
		r.must(r.SetFaults(domain, shop.Faults{}))
		if n := len(r.ids()); n != 8 {
			t.Errorf("%d are in the list in the end", n)
		}
	})
}

// BenchmarkManyOrders shows what a shop of 100,000 orders takes: to be made, in memory, and to be read.
func BenchmarkManyOrders(b *testing.B) {
	for b.Loop() {
		r := installed(&testing.T{})
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		begun := time.Now()
		r.must(r.Fill(domain, simulate.ShopifyOptions{Orders: 100_000, Updates: 0.3}, begun.Add(-50*24*time.Hour), begun))
		b.ReportMetric(time.Since(begun).Seconds(), "s/fill")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/100_000, "B/order")
		begun = time.Now()
		if n := len(r.walk("sortKey:UPDATED_AT", 250)); n != 100_000 {
			b.Fatalf("%d orders", n)
		}
		b.ReportMetric(time.Since(begun).Seconds(), "s/walk")
		begun = time.Now()
		page := r.good(`{orders(first:50){nodes{id name totalPriceSet{shopMoney{amount}} lineItems(first:10){nodes{id title}}}}}`)
		if at(page, "orders", "nodes", 49) == nil {
			b.Fatal("the page is short")
		}
		b.ReportMetric(time.Since(begun).Seconds()/50*1e6, "µs/whole")
	}
}

// TestByHand: what an operator asks of the twin.
func TestByHand(t *testing.T) {
	r, c := byHand(t)
	post := func(action, body string) *httptest.ResponseRecorder {
		return r.do("POST", "/_/"+action, "application/json", body)
	}
	if w := post("past", `{"orders":48,"days":2,"updates":0.5}`); w.Code != 200 {
		t.Fatal(w.Body)
	}
	id := slices.Sorted(maps.Keys(r.orders()))[0]
	c.pass(time.Minute)
	if w := post("change", fmt.Sprintf(`{"shop":%q,"order":"%d","still":true,"silent":true}`, domain, id)); w.Code != 200 {
		t.Fatal(w.Body)
	}
	if o := r.orders()[id]; o.UpdatedAt.Equal(c.Now()) || !strings.Contains(string(o.Body()), "VIP") || r.sent("") != 0 {
		t.Errorf("it was updated at %v, and %d webhooks tell of it", o.UpdatedAt, len(r.got))
	}
	if w := post("change", fmt.Sprintf(`{"shop":%q,"order":"%d","change":"deleted"}`, domain, id)); w.Code != 200 {
		t.Fatal(w.Body)
	}
	if r.sent("orders/delete") != 1 {
		t.Error("nothing tells of a deletion")
	}
	var hours struct{ Hours map[time.Time]int }
	r.must(json.Unmarshal(r.do("GET", "/_/hours?shop="+domain, "", "").Body.Bytes(), &hours))
	want, err := r.OrdersByHour(domain)
	if err != nil || len(want) < 47 || !maps.Equal(hours.Hours, want) {
		t.Errorf("by hours there are %v, want %v: %v", hours.Hours, want, err)
	}
	if st, err := r.State(domain); err != nil || st.Orders != 47 {
		t.Errorf("it has %d orders: %v", st.Orders, err)
	}
	for action, body := range map[string]string{"past": `{"orders":-1}`, "change": `{"order":"1"}`, "hours": "{}"} {
		if w := post(action, body); w.Code < 400 {
			t.Errorf("%s %s: %d", action, body, w.Code)
		}
	}
}
