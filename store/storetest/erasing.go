package storetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/move"
)

// erase erases a shop in steps, does each twice as after a crash, and counts what was deleted.
func (f *fixture) erase(domain string, limit int) map[string]int {
	f.Helper()
	n := map[string]int{}
	step := func(place string) string {
		done := must(f.s.EraseShop(f.ctx, domain, place, limit))(f)
		if done.N > limit {
			f.Errorf("a step of %d deleted %d %s", limit, done.N, done.What)
		}
		if done.N > 0 {
			n[done.What] += done.N
		}
		return done.Next
	}
	for place, more := "", true; more; {
		next := step(place)
		step(place)
		place, more = next, next != ""
	}
	return n
}

// dump returns all rows of a store as text, by their tables.
func dump(f *fixture) map[move.Table][]string {
	f.Helper()
	all := map[move.Table][]string{}
	for _, t := range move.Tables() {
		for place, more := "", true; more; more = place != "" {
			chunk, next, err := mover(f).Export(f.ctx, t, place, move.ChunkLimit{Rows: 100, Bytes: 1 << 20})
			f.must(err)
			place = next
			for _, table := range reflect.ValueOf(chunk).Fields() {
				for _, row := range table.Seq2() {
					all[t] = append(all[t], string(must(json.Marshal(row.Interface()))(f)))
				}
			}
		}
	}
	return all
}

// eraseShop erases one of the shops of a filled store, and compares the others.
func eraseShop(f *fixture) {
	fill(f)
	r := must(f.s.AddRequest(f.ctx, bellhop.PrivacyRequest{Shop: second, Kind: bellhop.RequestGive, RequestedAt: day,
		ReceivedAt: day, DueAt: day}))(f)
	f.must(f.s.PutExport(f.ctx, r.ID, []byte("export"), at(1)))
	f.must(f.s.AddAccess(f.ctx, bellhop.Access{At: day, By: "ann@example.com", What: "order", About: second + "/3"}))
	f.must(f.s.AddAccess(f.ctx, bellhop.Access{Shop: second, At: day, By: "jo@example.com", What: bellhop.AccessExport}))
	must(f.s.TakeLease(f.ctx, "shop/"+second, "one", day, time.Minute))(f)
	must(f.s.TakeLease(f.ctx, "reconcile/"+second, "one", day, time.Minute))(f)
	f.must(f.s.AddRefusals(f.ctx, []store.Refusal{{Shop: second, Reason: "x", Count: 1, At: day}}, day))
	newest := f.order(second, 777, 1)
	newest.Order.PlacedAt = newest.Event.AcceptedAt
	f.record(newest) // the newest event, push and change
	was, totals, pushes := dump(f), f.totalsMatch(), must(f.s.PushCounts(f.ctx))(f)
	last, highest := f.lastChange(), f.highestPush(second)

	first := must(f.s.EraseShop(f.ctx, second, "", 1))(f)
	f.equal("disabled at once", must(f.s.Shop(f.ctx, second))(f).Disabled, true)
	n := f.erase(second, 7)
	n[first.What] += first.N
	for _, what := range []string{"pushes", "devices", "orders", "events", "heard", "people", "accesses", "exports",
		"statements", "shop"} {
		if n[what] == 0 {
			f.Errorf("erased no %s: %v", what, n)
		}
	}
	is := dump(f)
	delete(was, move.TableCounters)
	delete(is, move.TableCounters)
	was[move.TableExports] = slices.DeleteFunc(was[move.TableExports], func(row string) bool {
		return strings.HasPrefix(row, fmt.Sprintf(`{"Request":%d,`, r.ID))
	})
	for t := range was {
		was[t] = slices.DeleteFunc(was[t], func(row string) bool {
			return strings.Contains(row, second) || t == move.TableExports && strings.Contains(row, fmt.Sprintf(`:%d,`, r.ID))
		})
		if t != move.TablePeople { // one has another shop left
			f.equal(string(t), append([]string{}, is[t]...), append([]string{}, was[t]...))
		}
	}
	for t, table := range is {
		for _, row := range table {
			if strings.Contains(row, second) {
				f.Errorf("%s still has %s", t, row)
			}
		}
	}
	f.equal("totals", must(f.s.Totals(f.ctx))(f), totals)
	f.erasedPushes(pushes)
	f.goneShop(second, r.ID)
	const unknown = "unknown.myshopify.com"
	r = must(f.s.AddRequest(f.ctx, bellhop.PrivacyRequest{Shop: unknown, Kind: bellhop.RequestGive}))(f)
	f.must(f.s.PutExport(f.ctx, r.ID, []byte("export"), at(1)))
	f.equal("exports of a shop without a row", f.erase(unknown, 7)["exports"], 1)
	f.comesBack(second, last, highest)
}

func (f *fixture) highestPush(domain string) (id int64) {
	for _, p := range f.allPushes(domain, store.PushQuery{Limit: 200}) {
		id = max(id, p.ID)
	}
	return id
}

// erasedPushes checks that the pushes of an erased shop are counted as before, and the owed ones as skipped.
func (f *fixture) erasedPushes(was map[bellhop.PushStatus]int64) {
	f.Helper()
	is := must(f.s.PushCounts(f.ctx))(f)
	sum := func(m map[bellhop.PushStatus]int64) (n int64) {
		for v := range maps.Values(m) {
			n += v
		}
		return n
	}
	if sum(is) != sum(was) || is[bellhop.PushSkipped] <= was[bellhop.PushSkipped] ||
		is[bellhop.PushSent] != was[bellhop.PushSent] {
		f.Errorf("pushes are counted as %v, before as %v", is, was)
	}
}

// goneShop checks what is left of an erased shop: its requests.
func (f *fixture) goneShop(domain string, request int64) {
	f.Helper()
	f.kind(bellhop.NotFound, errOf(f.s.Shop(f.ctx, domain)))
	f.kind(bellhop.NotFound, errOf(f.s.PersonByEmail(f.ctx, "leaver@example.com")))
	many := must(f.s.PersonByEmail(f.ctx, "many@example.com"))(f)
	f.equal("a member of other shops", many.Shops, []bellhop.Membership{staffOf(shop), staffOf(third)})
	must(f.s.Request(f.ctx, domain, request))(f)
	f.kind(bellhop.NotFound, errOf(f.s.PrivacyExport(f.ctx, domain, request)))
	f.equal("lines", len(f.allLines(store.LineQuery{Shop: domain})), 0)
	f.equal("accesses", len(must(f.s.Accesses(f.ctx, store.AccessQuery{About: domain + "/3", Limit: 10}))(f).Accesses), 0)
	for _, r := range must(f.s.Refusals(f.ctx, time.Time{}))(f) {
		if r.Shop == domain {
			f.Errorf("refusals stay: %+v", r)
		}
	}
	for _, l := range must(f.s.Leases(f.ctx))(f) {
		if strings.Contains(l.Name, domain) {
			f.Errorf("a lease stays: %+v", l)
		}
	}
}

// comesBack checks that an erased shop is a new one when it comes again, and that no number is given out twice.
func (f *fixture) comesBack(domain string, last, highest int64) {
	f.Helper()
	f.equal("outcome", f.outcomes(f.order(domain, 3, 1)), []bellhop.Outcome{bellhop.OutcomeSkipped})
	f.addShop(domain)
	f.addDevice(domain, "phone", bellhop.FormData)
	o := f.order(domain, 3, 1)
	o.Order.PlacedAt = at(f.n) // not too old to ring
	f.equal("outcome", f.outcomes(o), []bellhop.Outcome{bellhop.OutcomeRecorded})
	if now := f.lastChange(); now <= last {
		f.Errorf("the stream went from %d to %d", last, now)
	}
	if now := f.highestPush(domain); now <= highest {
		f.Errorf("pushes went from %d to %d", highest, now)
	}
	f.equal("nothing more to erase", f.erase(nobody, 3)["orders"], 0)
}

// Erased returns a store in which every kind of thing was, and of which a shop was erased, so that a driver can look
// for rows of it that no method shows.
func Erased(t *testing.T, d Driver) store.Store {
	f := &fixture{T: t, d: d, ctx: t.Context(), s: d.Open(t)}
	fill(f)
	must(f.s.AddToken(f.ctx, bellhop.Token{Shop: second, Name: "ci", Hash: [32]byte{30: 1}, CreatedAt: day}))(f)
	f.erase(second, 100)
	return f.s
}

// eraseUnknown erases what the archive has of a shop that nobody added, or added again meanwhile.
func eraseUnknown(f *fixture) {
	f.addShop(shop)
	f.record(f.order(nobody, 1, 1), f.order(shop, 1, 1), f.order(nobody, 2, 1))
	f.equal("erased", f.erase(nobody, 1), map[string]int{"events": 2})
	f.equal("lines", len(f.allLines(store.LineQuery{})), 1)
	for _, bad := range []string{"x", "-1"} {
		f.kind(bellhop.Invalid, errOf(f.s.EraseShop(f.ctx, shop, bad, 1)))
	}
	f.kind(bellhop.Invalid, errOf(f.s.EraseShop(f.ctx, shop, "", 0)))
}

// erasedWhileRecording erases a shop while its webhooks come: nothing of them is left, and nothing of another
// shop's is missing.
func erasedWhileRecording(f *fixture) {
	f.addShop(shop, second)
	facts := make([]bellhop.Fact, 200)
	for i := range facts {
		facts[i] = f.order([]string{shop, second}[i%2], int64(i+1), 1)
	}
	done, erased := make(chan error, 1), make(chan struct{})
	go func() {
		for i := range facts {
			if i == len(facts)/2 {
				<-erased
			}
			if _, err := f.s.Record(f.ctx, facts[i:i+1]); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	f.erase(second, 10)
	close(erased)
	f.must(<-done)
	rest := f.erase(second, 1000)
	if rest["orders"] != 0 || rest["events"] == 0 {
		f.Errorf("an erased shop's webhooks left %v", rest)
	}
	f.equal("lines", len(f.allLines(store.LineQuery{Limit: 200})), len(facts)/2)
	f.equal("orders", len(f.allOrders(shop, store.OrderQuery{Limit: 200})), len(facts)/2)
}

// oldOrders takes the personal data from the oldest orders.
func oldOrders(f *fixture) {
	f.addShop(shop, other)
	var want []string
	for i := range 30 {
		domain := []string{shop, other}[i%2]
		f.record(f.order(domain, int64(i+1), 30-i))
		if i >= 10 {
			want = append([]string{fmt.Sprint(domain, i+1)}, want...)
		}
	}
	f.record(f.refund(shop, 99, 1, 1)) // of an order that never came
	var got []string
	for {
		found := must(f.s.OldOrders(f.ctx, at(21), 7))(f)
		if len(found) == 0 {
			break
		}
		for _, o := range found {
			f.equal("the order", o.CustomerEmail, "jo@example.com")
			got = append(got, fmt.Sprint(o.Shop, o.ID))
			must(f.s.RedactOrders(f.ctx, o.Shop, []int64{o.ID}, bellhop.RedactedForRetention, at(100)))(f)
		}
	}
	f.equal("old orders", got, want)
	f.record(f.order(shop, 29, 20)) // a newer version brings its data
	f.equal("old again", len(must(f.s.OldOrders(f.ctx, at(21), 7))(f)), 1)
	f.kind(bellhop.Invalid, errOf(f.s.OldOrders(f.ctx, day, 0)))
}

// pruneLedger drops old lines, and keeps totals and dead letters.
func pruneLedger(f *fixture) {
	f.addShop(shop)
	f.record(f.orders(1, 5)...)
	dead, dropped := f.event(shop, "orders/create"), f.event(shop, "orders/create")
	f.must(f.s.Dead(f.ctx, dead, "bad", at(100)))
	f.must(f.s.DropDead(f.ctx, dropped, "dropped", at(100)))
	f.record(f.order(shop, 6, 1))
	young := f.order(shop, 7, 1)
	f.record(young)
	totals := f.totalsMatch()
	n := 0
	for {
		m := must(f.s.PruneLedger(f.ctx, young.Event.AcceptedAt, 3))(f)
		if n += m; m == 0 {
			break
		}
		if m > 3 {
			f.Errorf("%d lines at once", m)
		}
	}
	f.equal("dropped lines", n, 7)
	var left []bellhop.EventID
	for _, l := range f.allLines(store.LineQuery{}) {
		left = append(left, l.Event.ID)
	}
	f.equal("lines", left, []bellhop.EventID{young.Event.ID, dead.ID})
	f.equal("totals", must(f.s.Totals(f.ctx))(f), totals)
	f.equal("orders", len(f.allOrders(shop, store.OrderQuery{})), 7)
	f.kind(bellhop.Invalid, errOf(f.s.PruneLedger(f.ctx, day, 0)))
	f.must(f.s.Scrub(f.ctx))
	f.equal("orders found after a scrub", len(f.allOrders(shop, store.OrderQuery{Text: "jo@example.com"})), 7)
}
