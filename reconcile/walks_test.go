package reconcile_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bellhop"
	"bellhop/reconcile"
	"bellhop/simulate"
	"bellhop/simulate/shop"
	"bellhop/store"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

const day = 24 * time.Hour

// fill gives the demo shop orders of the last weeks.
func (r *rig) fill(n int) {
	r.Helper()
	now := r.clock.Now()
	r.must(r.twin.Fill(demo, simulate.ShopifyOptions{Orders: n, Updates: 0.3}, now.Add(-50*day), now.Add(-time.Minute)))
}

// phone adds a device, so that orders owe pushes.
func (r *rig) phone() {
	r.Helper()
	_, err := r.store.PutDevice(r.Context(), bellhop.Device{Shop: demo, Installation: "phone",
		Kind: bellhop.AddressToken, Value: "the app's FCM token", Platform: bellhop.PlatformAndroid, Form: bellhop.FormData,
		AddedAt: r.clock.Now(), SeenAt: r.clock.Now()}, store.DeviceLimits{})
	r.must(err)
}

// rings reports whether somebody is to be rung for an order, and what found it.
func (r *rig) rings(id int64) (rings bool, found string) {
	r.Helper()
	o, there := r.here(demo, id)
	if !there {
		r.Fatalf("order %d is not here", id)
	}
	for _, p := range o.Pushes {
		rings = rings || p.Kind == bellhop.PushOrderNew && p.Status == bellhop.PushPending
	}
	return rings, o.Trace.Found
}

// TestBackfillRingsNobody: orders from before the connection are here, and quiet; those that a webhook missed since
// ring, unless they are older than a day.
func TestBackfillRingsNobody(t *testing.T) {
	r := newRig(t)
	r.fill(120)
	old := r.there(demo)
	r.must(r.twin.Install(demo))
	r.must(r.store.AddShop(t.Context(), bellhop.Shop{Domain: demo, AddedAt: start}))
	r.phone()
	_, err := r.Connector.ClientCredentials(t.Context(), demo)
	r.must(err)
	r.until(soon, "the backfill is done", func() bool { return !r.state(demo).BackfilledAt.IsZero() })
	for id := range old {
		if rings, found := r.rings(id); rings || found != "backfill" {
			t.Fatalf("order %d of the backfill: rings %t, found by %q", id, rings, found)
		}
	}
	if w := r.state(demo).Backfilled; w.Seen != 120 || w.Found < 100 || w.Total != 120 || w.Requests == 0 {
		t.Errorf("the backfill says %+v", w)
	}
	sent := r.orders(demo, 1)[0]
	r.faults(demo, shop.Faults{Dropped: 1})
	missed := r.orders(demo, 1)[0]
	r.until(soon, "all is here", func() bool { return r.hasAll(demo) })
	for id, want := range map[int64]string{sent: "", missed: "reconcile"} {
		if rings, found := r.rings(id); !rings || found != want {
			t.Errorf("order %d: rings %t, found by %q, want by %q", id, rings, found, want)
		}
	}
	r.away = true
	late := r.orders(demo, 1)[0]
	r.run(day + time.Hour)
	r.away = false
	r.until(soon, "all is here", func() bool { return r.hasAll(demo) })
	if rings, found := r.rings(late); rings || found != "reconcile" {
		t.Errorf("an order of yesterday: rings %t, found by %q", rings, found)
	}
}

// TestLooksGoOnBesideABackfill: while a backfill of hours goes on, what a webhook misses is here within ten minutes.
func TestLooksGoOnBesideABackfill(t *testing.T) {
	r := newRig(t)
	r.fill(700)
	r.asked = func(*http.Request) *http.Response { // each request takes its time
		r.clock.set(r.clock.Now().Add(5 * time.Second))
		return nil
	}
	r.connected()
	r.until(soon, "the backfill has begun", func() bool { return r.state(demo).Backfill.Seen > 0 })
	r.faults(demo, shop.Faults{Dropped: 1})
	missed := r.orders(demo, 1)[0]
	r.until(soon, "the order is here", func() bool { _, there := r.here(demo, missed); return there })
	if w := r.state(demo).Backfill; !w.Running() {
		t.Error("the backfill is over already: the test shows nothing")
	}
	r.until(3*time.Hour, "the backfill is done", func() bool { return !r.state(demo).BackfilledAt.IsZero() })
	if !r.hasAll(demo) {
		t.Error("it left something out")
	}
}

// TestKilledAnywhere kills processes at each point of a step, again and again: all comes to the same end.
func TestKilledAnywhere(t *testing.T) {
	r := newRig(t)
	r.fill(300)
	r.connected()
	met := map[reconcile.Point]int{}
	for n := range 3 {
		for _, point := range reconcile.Points() {
			r.orders(demo, 7)
			for tries := 0; met[point] <= n && tries < 30; tries++ {
				r.killed(point, 1+n%2, met)
				r.drain()
				r.clock.set(r.clock.Now().Add(7 * time.Minute)) // and the dead one's lease runs out
			}
		}
		r.faults(demo, shop.Faults{Dropped: 0.5})
	}
	for _, point := range reconcile.Points() {
		if met[point] < 3 {
			t.Errorf("only %d processes died at %s", met[point], point)
		}
	}
	r.faults(demo, shop.Faults{})
	r.until(soon, "all is here", func() bool { return r.hasAll(demo) })
	r.until(2*time.Hour, "the hours are closed", func() bool {
		return r.state(demo).ClosedTo.After(r.clock.Now().Add(-2 * time.Hour))
	})
	r.closedRight(demo)
	r.run(2 * time.Minute)
	if is := r.state(demo); is.BackfilledAt.IsZero() || len(is.Pending) > 0 {
		t.Errorf("%s", r.text(demo))
	}
}

// killed runs a process that dies the n-th time that it comes to a point.
func (r *rig) killed(point reconcile.Point, n int, met map[reconcile.Point]int) {
	r.Helper()
	if r.dies(func(at reconcile.Point) bool {
		if at == point {
			n--
		}
		return at == point && n == 0
	}) {
		met[point]++
	}
}

// dies runs a process until a time to die, and reports whether that came.
func (r *rig) dies(when func(reconcile.Point) bool) (died bool) {
	r.Helper()
	s := &mortal{Store: r.store.Store, key: r.store.key}
	p := r.process("mortal", s)
	p.Part = r.Part
	p.Probe = func(at reconcile.Point) {
		if when(at) {
			s.dead = true
			panic(at)
		}
	}
	defer func() {
		if p := recover(); p != nil {
			if _, died = p.(reconcile.Point); !died {
				panic(p)
			}
		}
	}()
	due, _, err := p.Due(r.Context())
	r.must(err)
	for _, one := range due {
		r.must(p.Keep(r.Context(), one))
	}
	return false
}

// TestOneProcessAtATime: while a process works on a shop the others leave it alone.
func TestOneProcessAtATime(t *testing.T) {
	r := newRig(t)
	r.fill(30)
	r.connected()
	began, goOn := make(chan struct{}), make(chan struct{})
	var asked atomic.Int64
	r.asked = func(*http.Request) *http.Response {
		if asked.Add(1) == 1 {
			close(began)
			<-goOn
		}
		return nil
	}
	due, _, err := r.Due(t.Context())
	r.must(err)
	ended := make(chan error)
	go func() { ended <- r.Keep(r.Context(), due[0]) }()
	<-began
	for range 3 {
		r.must(r.process("another", r.store).Keep(t.Context(), due[0]))
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the others made %d requests", n-1)
	}
	close(goOn)
	r.must(<-ended)
	n := asked.Load()
	r.must(r.process("another", r.store).Keep(t.Context(), due[0])) // it is not due any more, or goes on
	r.drain()
	if w := r.state(demo).Backfilled; n < 3 || w.Seen+r.state(demo).Backfill.Seen != 30 {
		t.Errorf("%d requests; %s", n, r.text(demo))
	}
}

// TestQuietDay counts what a day costs: of a shop without orders, and of a nightly sweep over orders that are the same.
func TestQuietDay(t *testing.T) {
	r := ready(t)
	r.orders(demo, 40)
	r.run(12 * time.Hour) // of a day
	last, err := r.store.LastChange(t.Context())
	r.must(err)
	totals, err := r.store.Totals(t.Context())
	r.must(err)
	began := r.clock.Now()
	r.run(day)
	is, now := r.state(demo), r.clock.Now()
	if !is.SweptAt.After(began) {
		t.Fatal("no night was in that day")
	}
	change, err := r.store.LastChange(t.Context())
	r.must(err)
	after, err := r.store.Totals(t.Context())
	r.must(err)
	for outcome, n := range after {
		if totals[outcome] != n {
			t.Errorf("%d events more are %s", n-totals[outcome], outcome)
		}
	}
	if change != last || len(is.Pending) > 0 {
		t.Errorf("changes %d to %d of the stream", last+1, change)
	}
	q := store.StatementQuery{Shop: demo, From: began.Add(2 * time.Hour), To: now}
	statements, err := r.store.Statements(t.Context(), q)
	r.must(err)
	if len(statements) > 2 {
		t.Errorf("%d statements of a quiet day: %+v", len(statements), statements)
	}
	r.run(day - now.Sub(now.Truncate(day)) - time.Minute) // to the end of a day
	if n := r.state(demo).Requests; n > 400 || n < 288 {
		t.Errorf("%d requests in a quiet day", n)
	} else {
		t.Logf("%d requests and %d points in a quiet day", n, r.state(demo).Points)
	}
}

// TestStatedAgain: an order that was in no list when its hour was closed is found at night, and its hour stated again.
func TestStatedAgain(t *testing.T) {
	r := ready(t)
	r.orders(demo, 5)
	r.run(time.Minute)
	r.faults(demo, shop.Faults{Dropped: 1, LagSeconds: 4 * 60 * 60})
	r.orders(demo, 3)
	r.run(2 * time.Hour)
	is := r.state(demo)
	q := store.StatementQuery{Shop: demo, From: start.Add(time.Hour), To: start.Add(2 * time.Hour)}
	first, err := r.store.Statements(t.Context(), q)
	r.must(err)
	if len(first) != 1 || first[0].Shopify != 5 || first[0].Here != 5 {
		t.Fatalf("the hour was closed by %+v; %s", first, is.Reason)
	}
	r.run(26 * time.Hour)
	if !r.hasAll(demo) {
		t.Error("the night left something out")
	}
	r.closedRight(demo)
}

// TestAlteredLine: somebody removes a line of the ledger of a closed hour. The hour is not stated again, and it is
// named.
func TestAlteredLine(t *testing.T) {
	r := ready(t)
	r.orders(demo, 5)
	r.run(90 * time.Minute)
	hour := start.Add(time.Hour)
	r.store.without = hour
	r.must(r.store.UpdateReconciliation(t.Context(), demo, func(s *bellhop.Reconciliation) error {
		s.Altered = []time.Time{hour.Add(-31 * 24 * time.Hour)} // which was named for long enough
		return nil
	}))
	last, err := r.store.LastStatement(t.Context(), demo)
	r.must(err)
	r.run(26 * time.Hour)
	is := r.state(demo)
	if len(is.Altered) != 1 || !is.Altered[0].Equal(hour) {
		t.Errorf("altered: %v, want %v", is.Altered, hour)
	}
	all, err := r.store.Statements(t.Context(), store.StatementQuery{Shop: demo, From: hour, To: hour.Add(time.Hour)})
	r.must(err)
	if len(all) != 1 || all[0].Number > last.Number {
		t.Errorf("the hour was stated again: %+v", all)
	}
	if n := strings.Count(r.log.String(), "lines of the ledger were altered"); n != 1 {
		t.Errorf("the log names it %d times", n)
	}
}

// TestRestoredBackup: orders that a restored backup lacks are here within ten minutes.
func TestRestoredBackup(t *testing.T) {
	at, backup := wire.Storage{Dir: wiretest.Dir(t), DB: "sqlite:", Queue: "sqlite:"}, filepath.Join(t.TempDir(), "backup")
	r := newRigOn(t, at)
	r.connected()
	r.run(time.Hour)
	r.orders(demo, 5)
	r.run(time.Hour)
	r.must(r.parts.Close())
	r.must(os.CopyFS(backup, os.DirFS(at.Dir)))
	r.must(os.Chmod(filepath.Join(backup, "bellhop.key"), 0o600))
	r.open(at)
	r.orders(demo, 8)
	r.run(3 * time.Hour)
	r.must(r.parts.Close())
	at.Dir = backup
	r.open(at)
	if r.hasAll(demo) {
		t.Fatal("the backup has it all: the test shows nothing")
	}
	r.until(soon, "all is here again", func() bool { return r.hasAll(demo) })
	r.closes("the restored backup")
}

// TestBulk: many orders come from a bulk operation; those with refunds or parcels, one by one.
func TestBulk(t *testing.T) {
	for name, fault := range map[string]shop.BulkFault{"fine": shop.BulkFine, "forbidden": shop.BulkForbidden,
		"failed": shop.BulkFailed, "cut": shop.BulkCut} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.BulkFrom = 300
			r.fill(400)
			r.faults(demo, shop.Faults{Bulk: fault})
			r.connected()
			r.until(time.Hour, "the backfill is done", func() bool { return !r.state(demo).BackfilledAt.IsZero() })
			if !r.hasAll(demo) {
				t.Error("it left something out")
			}
			w := r.state(demo).Backfilled
			t.Logf("%d requests, %d points; %d from bulk, %v", w.Requests, w.Points, w.BulkRead, r.calls)
			if r.calls["StartBulk"] != 1 || fault == shop.BulkFine && w.BulkRead != 400 || w.Found < 380 {
				t.Errorf("%d bulk operations, %d orders read, %d found", r.calls["StartBulk"], w.BulkRead, w.Found)
			}
			for id := range r.there(demo) { // nothing is left for a nightly sweep
				if _, found := r.rings(id); found != "backfill" {
					t.Fatalf("order %d was found by %q", id, found)
				}
			}
		})
	}
}

// TestChangesWhileRead: an order that changes whenever it is read is named, and holds up no other.
func TestChangesWhileRead(t *testing.T) {
	r := ready(t)
	r.faults(demo, shop.Faults{Dropped: 1})
	ids := r.orders(demo, 60)
	changing := true
	r.asked = func(req *http.Request) *http.Response {
		body, _ := io.ReadAll(req.Body)
		req.Body = io.NopCloser(strings.NewReader(string(body)))
		if changing && strings.Contains(string(body), `"operationName":"RestOf`) {
			for _, id := range ids {
				if strings.Contains(string(body), fmt.Sprint("gid://shopify/Order/", id)) {
					r.must(r.twin.ChangeOrder(demo, id, shop.OrderChange{Change: simulate.ChangeNote, Silent: true}))
					r.clock.set(r.clock.Now().Add(time.Second))
				}
			}
		}
		return nil
	}
	r.until(soon, "it is named", func() bool { return r.state(demo).Reason == "changing" })
	here := 0
	for _, id := range ids {
		if _, there := r.here(demo, id); there {
			here++
		}
	}
	if here < 40 || here == len(ids) {
		t.Errorf("%d of %d are here", here, len(ids))
	}
	closed := r.state(demo).ClosedTo
	r.run(2 * time.Hour)
	if is := r.state(demo); is.ClosedTo.After(closed.Add(time.Hour)) {
		t.Errorf("closed to %v meanwhile", is.ClosedTo)
	}
	changing = false
	r.until(soon, "all is here", func() bool { return r.hasAll(demo) })
	r.closes("the changes")
}

// TestRedactedStaysSo: what was taken away does not come back with a comparison.
func TestRedactedStaysSo(t *testing.T) {
	r := ready(t)
	ids := r.orders(demo, 6)
	r.run(time.Minute)
	_, err := r.store.RedactOrders(t.Context(), demo, ids, bellhop.RedactedForRequest, r.clock.Now())
	r.must(err)
	r.must(r.twin.ChangeOrder(demo, ids[1], shop.OrderChange{Change: simulate.ChangeNote, Silent: true}))
	r.must(r.twin.ChangeOrder(demo, ids[2], shop.OrderChange{Change: simulate.ChangeCancelled, Silent: true}))
	r.run(28 * time.Hour)
	for _, id := range ids {
		o, there := r.here(demo, id)
		if !there || o.CustomerName != "" || o.CustomerEmail != "" || o.Customer != nil && o.Customer.Name != "" ||
			o.Shipping != nil && o.Shipping.Name != "" {
			t.Errorf("order %d has personal data again: %t %q", id, there, o.CustomerName)
		}
	}
	if !r.hasAll(demo) {
		t.Error("their changes are not here")
	}
}
