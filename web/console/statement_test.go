package console_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"bellhop"
	"bellhop/i18n"
	"bellhop/internal/realserver/chromium"
	"bellhop/statement"
)

// compared keeps how far the shop demo was compared, five minutes ago unless change says otherwise.
func (r *rig) compared(change func(*bellhop.Reconciliation)) {
	r.Helper()
	must(r, r.DB.UpdateReconciliation(r.Context(), demo, func(s *bellhop.Reconciliation) error {
		now := r.Clock.Now()
		first := now.AddDate(0, -1, -14).Truncate(24 * time.Hour)
		*s = bellhop.Reconciliation{Due: now.Add(5 * time.Minute), From: first, ConnectedAt: first,
			CheckedAt: now.Add(-3 * time.Minute), LookedTo: now.Add(-5 * time.Minute),
			ClosedTo: now.Add(-15 * time.Minute).Truncate(time.Hour), SweptAt: now.Add(-7 * time.Hour),
			BackfilledAt: first.Add(time.Hour), Requests: 312, Points: 980, RequestsOn: now.Truncate(24 * time.Hour),
			Backfilled: bellhop.Walk{From: first.AddDate(0, 0, -60), To: first, StartedAt: first, Total: 1200,
				Seen: 1204, Found: 1190, Differed: 14}}
		change(s)
		return nil
	}))
}

// stated adds a statement of each hour from one on until the hours are closed, with some orders in it.
func (r *rig) stated(from, to time.Time, orders func(hour time.Time) int) {
	r.Helper()
	last, err := r.DB.LastStatement(r.Context(), demo)
	must(r, err)
	for hour := from; hour.Before(to); hour = hour.Add(time.Hour) {
		n := orders(hour)
		if n == 0 {
			continue
		}
		s := bellhop.Statement{Shop: demo, From: hour, To: hour.Add(time.Hour), MadeAt: hour.Add(80 * time.Minute),
			CheckedAt: hour.Add(78 * time.Minute), Shopify: n, Here: n, Webhook: n, Rung: n, Quiet: map[string]int{},
			P50: 1200 * time.Millisecond, P99: 4 * time.Second, Worst: 9 * time.Second}
		if n > 3 {
			s.Rung, s.Quiet["quiet_hours"], s.Quiet["gave_up"] = n-3, 2, 1
		}
		if n > 4 {
			s.Differed, s.Reconciled, s.Webhook = 1, 1, n-1
		}
		last, err = statement.Make(s, last, nil, signer)
		must(r, err)
		must(r, r.DB.AddStatement(r.Context(), last, nil))
	}
}

var signer = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

// daily are five orders a day at noon in UTC, and one at eleven at night.
func daily(hour time.Time) int {
	switch hour.Hour() {
	case 12:
		return 5
	case 23:
		return 1
	}
	return 0
}

var november = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// TestStatementPage says in a sentence what an owner wants to know, in each of its cases.
func TestStatementPage(t *testing.T) {
	r := newRig(t)
	now := r.Clock.Now()
	r.shows(r.Get("/statement", ownerSession), "Nobody can tell", "bellhop receives this shop")
	r.shows(r.Get("/shop", ownerSession), "Nobody can tell", `href="/statement"`)
	r.stated(november.AddDate(0, -1, 0), now.Add(-15*time.Minute).Truncate(time.Hour), daily)
	r.Order(demo, 1) // at nine, in an hour that is not closed
	var unchecked []bellhop.Span
	for i := range 3 {
		from := november.AddDate(0, 0, 2+3*i)
		unchecked = append(unchecked, bellhop.Span{From: from, To: from.AddDate(0, 0, 1)})
	}
	for name, c := range map[string]struct {
		change func(*bellhop.Reconciliation)
		path   string
		says   []string
	}{
		// 21 days with six orders each, and one that came since.
		"all": {func(s *bellhop.Reconciliation) {}, "/statement", []string{
			"All 127 orders of November 2026 are here; last checked 3 min ago.", "Notifications were sent for 63 orders.",
			" orders: Waits until quiet hours end", "Given up", "All here", "Not closed yet",
			`href="/statement?month=2026-10"`}},
		"a month before": {func(s *bellhop.Reconciliation) {}, "/statement?month=2026-10", []string{
			"orders since Oct 8, 2026 12:00 am, when the shop was connected, are here"}},
		"before it was connected": {func(s *bellhop.Reconciliation) {}, "/statement?month=2026-09", []string{
			"was connected on Oct 8, 2026", "orders from Aug 9, 2026", "1,204 orders, 1,190 of which"}},
		"before all that was fetched": {func(s *bellhop.Reconciliation) {}, "/statement?month=2026-07", []string{
			"was connected on Oct 8, 2026", "none of this month"}},
		"missing": {func(s *bellhop.Reconciliation) {
			s.Pending = []bellhop.PendingOrder{{ID: 1, Missing: true}, {ID: 2}, {ID: 3, Missing: true, Backfill: true}}
		}, "/statement", []string{"1 order is not here yet"}},
		"not checked": {func(s *bellhop.Reconciliation) {
			s.CheckedAt = now.Add(-5 * time.Hour)
			s.Reason, s.Since = "access_revoked", now.Add(-4*time.Hour)
		}, "/statement", []string{"Not checked since Nov 22, 2026 5:00 am.", "no longer accepts",
			"orders of this month are here"}},
		"not to the end": {func(s *bellhop.Reconciliation) { s.Reason, s.Since = "changing", now.Add(-time.Hour) },
			"/statement", []string{"All 127 orders", "Some of it can&#39;t be compared since Nov 22, 2026 9:00 am",
				"changed each time"}},
		"trouble of a moment": {func(s *bellhop.Reconciliation) { s.Reason, s.Since = "queue_behind", now },
			"/statement", []string{"All 127 orders", "Some of it can&#39;t be compared since", "Many events wait"}},
		"never checked": {func(s *bellhop.Reconciliation) { s.Unchecked = unchecked }, "/statement", []string{
			"The hours from Nov 3, 2026 12:00 am to Nov 4, 2026 12:00 am were never checked",
			"2 more periods of this month were never checked.", "Last checked 3 min ago."}},
		"never checked, and missing": {func(s *bellhop.Reconciliation) {
			s.Unchecked, s.Pending = unchecked[:2], []bellhop.PendingOrder{{ID: 1, Missing: true}}
		}, "/statement", []string{"1 order is not here yet", "The hours from Nov 3, 2026 12:00 am",
			"1 more period of this month was never checked."}},
		"nobody works": {func(s *bellhop.Reconciliation) { s.CheckedAt = now.Add(-2 * time.Hour) }, "/statement",
			[]string{"Not checked since", "should start bellhop serve"}},
		"the first time": {func(s *bellhop.Reconciliation) {
			*s = bellhop.Reconciliation{Due: now, From: now, ConnectedAt: now, ClosedTo: now.Truncate(time.Hour)}
		}, "/statement", []string{"for the first time", "were not fetched"}},
		"a day": {func(s *bellhop.Reconciliation) {}, "/statement?month=2026-11&day=2026-11-12", []string{
			`id="d2026-11-12"`, "12:00 pm – 1:00 pm", "No notification for 2 orders: Waits until quiet hours end"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &rig{r.In(t)}
			r.compared(c.change)
			page := r.Get(c.path, ownerSession)
			strictPage(t, page)
			r.shows(page, c.says...)
			if strings.Contains(page.Body, "At Shopify</th>") || strings.Contains(page.Body, "statement.csv") {
				t.Error("the owner sees what is for operators")
			}
		})
	}
}

func TestStatementForOperators(t *testing.T) {
	r := newRig(t)
	r.stated(november, r.Clock.Now().Truncate(time.Hour), daily)
	r.compared(func(s *bellhop.Reconciliation) {
		s.Altered = []time.Time{november.Add(12 * time.Hour)}
		s.Hours = []bellhop.OpenHour{{Hour: s.ClosedTo, Shopify: 3, Differed: 2, Left: 2}}
	})
	page := r.Get("/statement?shop="+demo+"&day=2026-11-12", operatorSession)
	strictPage(t, page)
	r.shows(page, "At Shopify", "Found later", "9.00 s",
		"half within 1.20 s, 99% within 4.00 s", "312 requests and 980 points",
		"Lines of the ledger in the hour from Nov 1, 2026 12:00 pm were altered, or a backup was restored",
		"verify --db --shop "+demo,
		"Differences in open hours", "/statement.csv?month=2026-11&amp;shop="+demo,
		"/v1/statement?hours=true&amp;month=2026-11&amp;shop="+demo)
	file := r.Get("/statement.csv?month=2026-11&shop="+demo, operatorSession)
	rows, err := csv.NewReader(strings.NewReader(file.Body)).ReadAll()
	must(t, err)
	if len(rows) != 1+2*21 || rows[1][0] != "2026-11-01T12:00:00Z" || rows[1][2] != "5" {
		t.Errorf("%d rows: %v", len(rows), rows[:2])
	}
	if got := file.Header.Get("Content-Disposition"); got != `attachment; filename="statement-demo-2026-11.csv"` {
		t.Error(got)
	}
	r.shows(r.Get("/shops", operatorSession), "Compared with Shopify")
	r.shows(r.Get("/shop?shop="+demo, operatorSession), "Compared with Shopify", "Hours closed until")
	r.compared(func(s *bellhop.Reconciliation) { s.OlderTo = november })
	r.shows(r.Get("/shop?shop="+demo, operatorSession), "Older orders",
		"compared back to Nov 1, 2026; the next night goes on")
	r.compared(func(s *bellhop.Reconciliation) {
		s.Older = bellhop.Walk{StartedAt: r.Clock.Now(), Seen: 1250, Place: november}
	})
	r.shows(r.Get("/shop?shop="+demo, operatorSession), "1,250 seen, back to Nov 1, 2026 so far")
}

// TestStatementOnTheShopsClock counts days as the shop does: an order at eleven at night in UTC is the next day's.
func TestStatementOnTheShopsClock(t *testing.T) {
	r := newRig(t)
	must(t, r.DB.UpdateShop(t.Context(), demo, func(s *bellhop.Shop) { s.Timezone = "Asia/Seoul" }))
	r.stated(november.AddDate(0, -1, 0), r.Clock.Now().Truncate(time.Hour), daily)
	r.compared(func(*bellhop.Reconciliation) {})
	// October 31, 11 pm in UTC is November there.
	r.shows(r.Get("/statement", ownerSession), "All 127 orders of November 2026", "By day (Asia/Seoul)")
	r.shows(r.Get("/statement?day=2026-11-01", ownerSession), "8:00 am – 9:00 am")
}

func TestStatementOfOthers(t *testing.T) {
	r := newRig(t)
	r.stated(november, r.Clock.Now().Truncate(time.Hour), daily)
	r.compared(func(*bellhop.Reconciliation) {})
	for path, session := range map[string]string{"/statement?shop=" + demo: otherSession,
		"/statement.csv?shop=" + demo: otherSession, "/statement.csv": ownerSession} {
		if a := r.Get(path, session); a.StatusCode != 404 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
	a := r.Get("/statement", otherSession)
	if strings.Contains(a.Body, "126") || !strings.Contains(a.Body, "Nobody can tell") {
		t.Errorf("%s", a.Body)
	}
	for _, query := range []string{"month=2026-12", "month=2026", "month=1999-01", "month=2026-11-01", "day=x"} {
		if a := r.Get("/statement?"+query, ownerSession); a.StatusCode != 400 {
			t.Errorf("%s: %d", query, a.StatusCode)
		}
	}
}

func TestBackfillOnTheShopsPage(t *testing.T) {
	r := newRig(t)
	now := r.Clock.Now()
	for name, c := range map[string]struct {
		change func(*bellhop.Reconciliation)
		says   []string
	}{
		"done":      {func(*bellhop.Reconciliation) {}, []string{"The orders from Aug 9, 2026", "1,204 orders, 1,190 of which"}},
		"asked for": {func(s *bellhop.Reconciliation) { s.Asked.Backfill = now }, []string{"about to fetch"}},
		"running": {func(s *bellhop.Reconciliation) {
			s.Backfill = bellhop.Walk{StartedAt: now, Total: 5000, Seen: 1250, Found: 1000}
		}, []string{"1,250 of 5,000 seen, 1,000 of which", `<progress max="5000" value="1250"`, `data-every="5"`}},
		"by a file": {func(s *bellhop.Reconciliation) {
			s.Backfill = bellhop.Walk{StartedAt: now, Total: 50000, Bulk: "gid://x", BulkRead: 700}
		}, []string{"a file of 50,000 orders", `value="700"`}},
		"paused": {func(s *bellhop.Reconciliation) {
			s.Backfill = bellhop.Walk{StartedAt: now, Seen: 20}
			s.Reason, s.Since = "queue_behind", now
		}, []string{"20 seen", "Paused since Nov 22, 2026 10:00 am. Many events wait"}},
	} {
		r.compared(c.change)
		page := r.Get("/shop", ownerSession)
		strictPage(t, page)
		t.Log(name)
		r.shows(page, c.says...)
	}
}

// TestStatementInABrowser shows the pages at each width, light and dark, in each language.
func TestStatementInABrowser(t *testing.T) {
	b := newBrowser(t, newRig(t))
	b.stated(november, b.Clock.Now().Truncate(time.Hour), daily)
	b.Order(demo, 1)
	b.compared(func(s *bellhop.Reconciliation) {
		s.Backfill = bellhop.Walk{StartedAt: s.From, Total: 5000, Seen: 1250, Found: 1000}
	})
	pages := map[string]string{"/statement?day=2026-11-12": ownerSession, "/shop": ownerSession,
		"/statement?shop=" + demo + "&day=2026-11-12": operatorSession}
	for path, session := range pages {
		b.open(path, session)
		chromium.Check(t, b.tab, path)
	}
	b.open("/shop", ownerSession)
	b.do(chromedp.Click(`a[href="/statement"]`), chromedp.WaitVisible("#verdict"),
		chromedp.Click("#d2026-11-12 a"), chromedp.WaitVisible("tr.hour"))
	if says := b.eval(`document.getElementById("verdict").innerText`); !strings.HasPrefix(says, "All 127 orders") {
		t.Errorf("it says %s", says)
	}
	for _, l := range i18n.Languages() {
		for _, email := range []string{b.Owner.Email, "op@example.com"} {
			p, err := b.DB.PersonByEmail(t.Context(), email)
			must(t, err)
			b.SetSettings(p.ID, bellhop.Settings{Language: l.Code})
		}
		for _, width := range []int64{360, 768, 1280} {
			b.do(chromedp.EmulateViewport(width, 900))
			for path, session := range pages {
				b.open(path, session)
				chromium.Fits(t, b.tab, path+" in "+l.Name)
			}
		}
	}
}
