package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/store"
)

// TestErase erases a shop after its uninstall, and lets another one be.
func TestErase(t *testing.T) {
	for _, kind := range []bellhop.RequestKind{bellhop.RequestErase, bellhop.RequestEraseNow} {
		d := openDesk(t)
		d.fill()
		d.must(d.store.AddShop(t.Context(), bellhop.Shop{Domain: "other.myshopify.com", AddedAt: noon}))
		d.must(d.store.UpdateShop(t.Context(), domain, func(s *bellhop.Shop) { s.UninstalledAt = d.now }))
		d.now = d.now.Add(48 * time.Hour)
		r := d.request(kind, bellhop.Subject{})
		d.must(d.privacy().Round(t.Context()))
		r = d.after(r)
		if c := counts(r); r.Outcome != bellhop.RequestDone || c["orders"] != 3 || c["dead_letters"] != 2 || c["shop"] == 0 {
			t.Errorf("%s ended as %q with %v", kind, r.Outcome, c)
		}
		shops, err := d.store.Shops(t.Context())
		d.must(err)
		kept, err := d.store.Archived(t.Context(), domain, time.Time{}, bellhop.EventID{}, 100)
		d.must(err)
		depth, err := d.queue.Depth(t.Context())
		d.must(err)
		if len(shops) != 1 || shops[0].Domain != "other.myshopify.com" || len(kept) != 0 || depth != (queue.Depth{}) {
			t.Errorf("%s: there are %d shops, %d bodies and a queue with %+v", kind, len(shops), len(kept), depth)
		}
	}
}

// TestEraseNobody carries out a request to erase a shop that nobody knows.
func TestEraseNobody(t *testing.T) {
	d := openDesk(t)
	r, err := d.store.AddRequest(t.Context(), bellhop.PrivacyRequest{Shop: "unknown.myshopify.com",
		Kind: bellhop.RequestErase, RequestedAt: d.now, ReceivedAt: d.now, DueAt: d.now})
	d.must(err)
	d.must(d.privacy().Round(t.Context()))
	if r = d.after(r); r.Outcome != bellhop.RequestUnknownShop {
		t.Errorf("ended as %q", r.Outcome)
	}
}

// TestEraseNoShopInUse leaves a shop alone that has the app again.
func TestEraseNoShopInUse(t *testing.T) {
	left := noon.Add(time.Hour)
	for what, c := range map[string]struct {
		come func(d *desk)
		note string // "": the request stays open
	}{
		"connected again": {func(d *desk) {
			d.connect(bellhop.Connection{ConnectedAt: left.Add(time.Hour), Access: bellhop.AccessGood})
		}, "connected again on 22 November 2026"},
		"never gone, as Shopify said": {func(d *desk) {
			d.connect(bellhop.Connection{ConnectedAt: noon, CheckedAt: left.Add(time.Hour), Access: bellhop.AccessGood})
		}, "still gave access"},
		"not looked at since": {func(d *desk) {
			d.connect(bellhop.Connection{ConnectedAt: noon, CheckedAt: left.Add(-time.Minute), Access: bellhop.AccessGood})
		}, ""},
		"sends orders": {func(d *desk) {
			d.now = left.Add(47 * time.Hour)
			d.record("orders/create", ordered(5, joID, "Jo Lee", jo, d.now))
		}, "sent orders/create on 24 November 2026"},
	} {
		d := openDesk(t)
		d.must(d.store.UpdateShop(t.Context(), domain, func(s *bellhop.Shop) { s.UninstalledAt = left }))
		c.come(d)
		d.now = left.Add(48 * time.Hour)
		r := d.request(bellhop.RequestErase, bellhop.Subject{})
		err := d.privacy().Round(t.Context())
		r = d.after(r)
		if _, e := d.store.Shop(t.Context(), domain); e != nil {
			t.Fatalf("%s: the shop is gone: %v", what, e)
		}
		if c.note == "" {
			if bellhop.KindOf(err) != bellhop.Internal && bellhop.KindOf(err) != bellhop.Unavailable || err == nil || !r.Open() {
				t.Errorf("%s: %v, %q", what, err, r.Outcome)
			}
			continue
		}
		if err != nil || r.Outcome != bellhop.RequestInstalledAgain || len(r.Steps) != 1 ||
			!strings.Contains(r.Steps[0].Note, c.note) {
			t.Errorf("%s: %v, ended as %q with %+v", what, err, r.Outcome, r.Steps)
		}
	}
}

func (d *desk) connect(c bellhop.Connection) {
	d.Helper()
	c.Shop, c.Grant, c.Token, c.Since = domain, bellhop.GrantToken, "shpat_1", noon
	d.must(d.store.PutConnection(d.Context(), c))
}

// TestEraseLateWebhooks erases a shop although webhooks of before its uninstall came late, and compliance topics.
func TestEraseLateWebhooks(t *testing.T) {
	d := openDesk(t)
	d.must(d.store.UpdateShop(t.Context(), domain, func(s *bellhop.Shop) { s.UninstalledAt = noon }))
	d.now = noon.Add(5 * time.Hour)
	d.record("orders/create", ordered(5, joID, "Jo Lee", jo, noon))
	d.now = noon.Add(40 * time.Hour)
	d.record("app/uninstalled", `{"id":1,"myshopify_domain":"`+domain+`"}`)
	d.now = noon.Add(48 * time.Hour)
	r := d.request(bellhop.RequestErase, bellhop.Subject{})
	d.must(d.privacy().Round(t.Context()))
	if r = d.after(r); r.Outcome != bellhop.RequestDone {
		t.Errorf("ended as %q: %+v", r.Outcome, r.Steps)
	}
}

// TestEraseWhileItComesBack leaves the shop alone that was added again while the queue still had events of before.
func TestEraseWhileItComesBack(t *testing.T) {
	d := openDesk(t)
	d.fill()
	d.must(d.queue.Send(t.Context(), d.event("orders/create", `{"id":`)))
	r := d.request(bellhop.RequestEraseNow, bellhop.Subject{})
	d.must(d.privacy().Round(t.Context()))
	d.must(d.store.AddShop(t.Context(), bellhop.Shop{Domain: domain, AddedAt: d.now}))
	d.now = d.now.Add(time.Minute)
	fresh := d.record("orders/create", ordered(299938000021, annID, "Ann Lee", "ann@example.com", d.now))
	all, err := d.queue.Receive(t.Context(), 1)
	d.must(err)
	d.must(d.queue.Settle(t.Context(), queue.Settlement{Receipt: all[0].Receipt, Verdict: queue.DeadLetter}))
	newer := d.die("orders/create", `{"id":`)
	d.must(d.privacy().Round(t.Context()))
	if r = d.after(r); r.Outcome != bellhop.RequestDone {
		t.Errorf("ended as %q", r.Outcome)
	}
	d.same("what the shop has", d.left(map[string]*bellhop.Event{"old": all[0].Event, "order": fresh, "dead": newer}),
		[]string{"dead", "order"})
}

// TestEraseEndsTheSame ends erasing a shop at each point, each time that it is passed, and goes on.
func TestEraseEndsTheSame(t *testing.T) {
	passed := 0
	for at := 1; at == 1 || passed >= at-1; at++ {
		d := openDesk(t)
		d.fill()
		r := d.request(bellhop.RequestEraseNow, bellhop.Subject{})
		passed = 0
		func() {
			defer func() { _ = recover() }()
			p := d.privacy()
			p.Probe = func(pipeline.Point) {
				if passed++; passed == at {
					panic("killed")
				}
			}
			d.must(p.Round(t.Context()))
		}()
		d.must(d.privacy().Round(t.Context()))
		_, err := d.store.Shop(t.Context(), domain)
		kept, e := d.store.Archived(t.Context(), domain, time.Time{}, bellhop.EventID{}, 100)
		d.must(e)
		if r = d.after(r); r.Outcome != bellhop.RequestDone || bellhop.KindOf(err) != bellhop.NotFound || len(kept) > 0 {
			t.Fatalf("after a crash at the %d. point: %q, %v, %d bodies", at, r.Outcome, err, len(kept))
		}
	}
	if passed < 8 {
		t.Errorf("there were only %d points", passed)
	}
}

// TestRetain takes personal data from old orders, and old lines out of the ledger.
func TestRetain(t *testing.T) {
	d := openDesk(t)
	d.record("orders/create", ordered(1, joID, "Jo Lee", jo, noon))
	d.now = d.now.Add(300 * 24 * time.Hour)
	d.record("orders/create", ordered(2, joID, "Jo Lee", jo, d.now))
	d.now = d.now.Add(100 * 24 * time.Hour)
	day := 24 * time.Hour
	d.must(d.privacy().Retain(t.Context(), pipeline.Keep{}))
	names := func() (all []string) {
		for id := int64(1); id <= 2; id++ {
			o, err := d.store.Order(t.Context(), domain, id)
			d.must(err)
			all = append(all, o.CustomerName+o.RedactedFor)
		}
		return all
	}
	d.same("without a limit", names(), []string{"Jo Lee", "Jo Lee"})
	for _, ago := range []time.Duration{366 * day, 364 * day} {
		d.must(d.store.AddAccess(t.Context(), bellhop.Access{Shop: domain, At: d.now.Add(-ago), By: "ann@example.com",
			What: bellhop.AccessExport}))
	}
	d.must(d.privacy().Retain(t.Context(), pipeline.Keep{Personal: 365 * day, Ledger: 365 * day, Accesses: 365 * day}))
	d.same("after a year", names(), []string{"retention", "Jo Lee"})
	lines, err := d.store.Lines(t.Context(), store.LineQuery{Shop: domain})
	d.must(err)
	if len(lines.Lines) != 1 || lines.Lines[0].OrderID != 2 {
		t.Errorf("the ledger has %+v", lines.Lines)
	}
	accesses, err := d.store.Accesses(t.Context(), store.AccessQuery{})
	d.must(err)
	if len(accesses.Accesses) != 1 {
		t.Errorf("the access log has %+v", accesses.Accesses)
	}
	_, err = d.store.TakeLease(t.Context(), pipeline.RetentionLease, "another", d.now, time.Minute)
	d.must(err)
	d.must(d.privacy().Retain(t.Context(), pipeline.Keep{Personal: day}))
	d.same("while another process does", names(), []string{"retention", "Jo Lee"})
}

// TestRetainHeard drops sums of events from before the time in which anybody looks for silences.
func TestRetainHeard(t *testing.T) {
	d := openDesk(t)
	for n := range 40 {
		d.now = noon.Add(time.Duration(n) * 24 * time.Hour)
		d.record("orders/create", ordered(int64(n+1), joID, "Jo Lee", jo, d.now))
	}
	silences := func(since time.Time) []store.Silence {
		all, err := d.store.Silences(t.Context(), domain, since, time.Hour)
		d.must(err)
		return all
	}
	since := d.now.Add(-store.HeardTime)
	want := silences(since)
	d.now = d.now.Add(100 * 24 * time.Hour) // a quiet shop keeps what its silence is compared with
	d.must(d.privacy().Retain(t.Context(), pipeline.Keep{}))
	d.same("silences that matter", silences(since), want)
	d.same("silences in all", len(silences(time.Time{})), len(want)+1) // and the one before them
}
