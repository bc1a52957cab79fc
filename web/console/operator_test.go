package console_test

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	"bellhop"
	"bellhop/internal/realserver/chromium"
	"bellhop/internal/sqlitefile"
	"bellhop/queue"
	"bellhop/queue/sqlitequeue"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/web/site"
)

// openQueue opens a queue of its own.
func openQueue(t testing.TB, now func() time.Time) queue.Queue {
	t.Helper()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "queue.db")
	_, err := sqlitefile.Migrate(ctx, path, sqlitequeue.Schema())
	must(t, err)
	f, err := sqlitefile.Open(ctx, path, sqlitefile.Options{})
	must(t, err)
	broker := sqlitequeue.NewBroker(f, now)
	must(t, broker.Create(ctx, "orders", queue.DefaultAttributes()))
	q, err := broker.Open(ctx, "orders")
	must(t, err)
	t.Cleanup(func() {
		q.Close()
		f.Close()
	})
	return q
}

const orderBody = `{` + simulate.Blank + `"id":820982911946154999,"name":"#2001","email":"jo.lee@example.com","currency":"USD","total_price":"403.00",
	"created_at":"2026-11-22T09:00:00Z","updated_at":"2026-11-22T09:00:00Z","note":"Ring at no. 12","financial_status":"paid",
	"customer":{"id":1,"first_name":"Jo","last_name":"Lee","name":"Jo Lee"},"line_items":[{` + simulate.BlankLine + `
	"id":1,"name":"Tee","quantity":2,"price":"19.90"}]}`

// makeDeadLetter makes a dead letter of a body.
func makeDeadLetter(t testing.TB, q queue.Queue, n int, shop, body string) bellhop.EventID {
	t.Helper()
	ctx := context.Background()
	e := &bellhop.Event{ID: bellhop.EventID(uuid.Must(uuid.NewV7())), Shop: shop, Topic: "orders/create",
		APIVersion: "2026-10", WebhookID: fmt.Sprint("dead-", n),
		TriggeredAt: day, AcceptedAt: day, SignedBy: bellhop.SignerApp, Body: []byte(body)}
	must(t, q.Send(ctx, e))
	got, err := q.Receive(ctx, 1)
	must(t, err)
	must(t, q.Settle(ctx, queue.Settlement{Receipt: got[0].Receipt, Verdict: queue.DeadLetter,
		Reason: "the order has no id"}))
	return e.ID
}

// withQueue is a rig whose operators have a queue.
func withQueue(t *testing.T) (*rig, queue.Queue) {
	t.Helper()
	var q queue.Queue
	r := newRig(t, func(o *site.Options) {
		q = openQueue(t, o.Now)
		o.Queue = q
	})
	return r, q
}

// TestResend begins with a dry run, then sends pushes again, stale ones only on request.
func TestResend(t *testing.T) {
	r := newRig(t)
	ctx := context.Background()
	r.Device(demo, "phone")
	for _, n := range []int{-90_000, 1, 2, 3, 4} { // the first is a day old
		r.Order(demo, n)
	}
	owed, err := r.DB.ClaimPushes(ctx, day.Add(time.Hour), store.Slots{Free: 100}, time.Minute)
	must(t, err)
	for i, reason := range []string{"gave_up: not_allowed", "gave_up: not_allowed", "gave_up: unavailable", "refused",
		"unregistered"} {
		must(t, r.DB.SettlePushes(ctx, []store.Settled{{Pushes: owed[i].Pushes, Status: bellhop.PushFailed,
			Reason: reason, At: day.Add(time.Hour)}}))
	}
	page := r.Get("/resend", operatorSession)
	strictPage(t, page)
	for _, want := range []string{demo, "Given up after an hour: The push service is having problems",
		"Send 2 notifications again", "Also send 1 of an order older than a day"} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("the dry run lacks %q", want)
		}
	}
	if a := r.Get("/resend", ownerSession); a.StatusCode != 404 {
		t.Errorf("an owner gets %d", a.StatusCode)
	}
	failed := func() int64 {
		counts, err := r.DB.PushCounts(ctx)
		must(t, err)
		return counts[bellhop.PushFailed]
	}
	if n := failed(); n != 5 {
		t.Errorf("looking left %d failed", n)
	}
	form := url.Values{"back": {"/resend"}}
	if page := r.goOn(r.Post("/resend", operatorSession, form), operatorSession); !strings.Contains(page.Body,
		"bellhop sends 2 notifications again.") {
		t.Error("it does not say what it did")
	}
	if n := failed(); n != 3 {
		t.Errorf("%d failed", n)
	}
	form.Set("stale", "1")
	r.Post("/resend", operatorSession, form)
	if n := failed(); n != 2 {
		t.Errorf("with stale ones, %d failed", n)
	}
}

func TestLedgerSearch(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 1)
	r.Order(other, 2)
	for path, want := range map[string][2]bool{
		"/ledger": {true, true}, "/ledger?find=" + demo: {true, false}, "/ledger?find=w1+2": {true, false}, "/ledger?find=" + orderID(2): {false, true},
		"/ledger?find=%231001": {true, false}, "/ledger?find=1002": {false, true}, "/ledger?find=%231001+" + other: {false, false},
		"/ledger?find=%231002+" + other: {false, true}, "/ledger?find=" + orderID(1) + "+" + demo: {true, false},
		"/ledger?find=nothing": {false, false}, "/ledger?outcome=recorded": {true, true}, "/ledger?outcome=dead": {false, false}, "/ledger?outcome=recorded&find=" + other: {false, true},
	} {
		a := r.Get(path, operatorSession)
		strictPage(t, a)
		list := between(a.Body, `<ul class="card rows">`, "</ul>")
		if got := [2]bool{strings.Contains(list, demo), strings.Contains(list, other)}; got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	for _, path := range []string{"/ledger?outcome=lost", "/ledger?cursor=!"} {
		if a := r.Get(path, operatorSession); a.StatusCode != 400 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
}

func TestDeadLetterIsMaskedUntilAsked(t *testing.T) {
	r, q := withQueue(t)
	dead := makeDeadLetter(t, q, 1, demo, orderBody)
	a := r.Get("/dead/"+dead.String(), operatorSession)
	strictPage(t, a)
	for _, personal := range []string{"jo.lee", "Jo", "Lee", "no. 12"} {
		if strings.Contains(between(a.Body, "<pre", "</pre>"), personal) {
			t.Errorf("the masked body has %q", personal)
		}
	}
	for _, known := range []string{"820982911946154999", "403.00", "#2001", "•••"} {
		if !strings.Contains(a.Body, known) {
			t.Errorf("the masked body lacks %q", known)
		}
	}
	a = r.Post("/dead/"+dead.String(), operatorSession, url.Values{})
	strictPage(t, a)
	if !strings.Contains(a.Body, "jo.lee@example.com") ||
		!strings.Contains(a.Body, "op@example.com, Nov 22, 2026 10:00 am") {
		t.Error(a.Body)
	}
	page, err := r.DB.Accesses(t.Context(), store.AccessQuery{About: dead.String(), Limit: 10})
	accesses := page.Accesses
	if err != nil || len(accesses) != 1 || accesses[0].By != "op@example.com" ||
		accesses[0].What != "dead_letter.body" {
		t.Errorf("%+v %v", accesses, err)
	}
	if strings.Contains(r.Logged.String(), "jo.lee") {
		t.Error("a customer's address is in the log")
	}
	for _, path := range []string{"/dead/" + uuid.Must(uuid.NewV7()).String(), "/dead/x"} {
		if a := r.Get(path, operatorSession); a.StatusCode != 404 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
}

func TestDroppingBeginsWithAQuestionAndIsWrittenDown(t *testing.T) {
	r, q := withQueue(t)
	one := makeDeadLetter(t, q, 1, demo, orderBody)
	for n := 2; n <= 4; n++ {
		makeDeadLetter(t, q, n, demo, `{"id":"x"}`)
	}
	dead := func() int {
		t.Helper()
		d, err := q.Depth(t.Context())
		must(t, err)
		return d.Dead
	}
	a := r.Post("/dead", operatorSession, url.Values{"letter": {one.String()}, "drop": {"1"}})
	strictPage(t, a)
	if dead() != 4 || !strings.Contains(a.Body, "Drop for good?") || strings.Contains(a.Body, ">Replay<") {
		t.Errorf("%d dead: %s", dead(), a.Body)
	}
	sure := url.Values{"letter": {one.String()}, "drop": {"1"}, "sure": {"1"}, "back": {"/dead"}}
	a = r.goOn(r.Post("/dead", operatorSession, sure), operatorSession)
	if dead() != 3 || !strings.Contains(a.Body, "1 dead letter was dropped for good.") {
		t.Errorf("%d dead: %s", dead(), a.Body)
	}
	page, err := r.DB.Accesses(t.Context(), store.AccessQuery{About: one.String(), Limit: 10})
	accesses := page.Accesses
	if err != nil || len(accesses) != 1 || accesses[0].By != "op@example.com" ||
		accesses[0].What != "dead_letter.drop" {
		t.Errorf("%+v, %v", accesses, err)
	}
	lines, err := r.DB.Lines(t.Context(), store.LineQuery{Outcome: bellhop.OutcomeDead})
	if err != nil || len(lines.Lines) != 1 || lines.Lines[0].Event.ID != one ||
		!strings.HasPrefix(lines.Lines[0].Reason, "dropped by op@example.com at 2026-") {
		t.Errorf("%+v, %v", lines, err)
	}
	if a := r.Post("/dead", operatorSession, sure); a.StatusCode != 404 {
		t.Errorf("dropping it again: %d", a.StatusCode)
	}
	if a := r.Post("/dead", ownerSession, sure); a.StatusCode != 404 || dead() != 3 {
		t.Errorf("an owner drops: %d", a.StatusCode)
	}
	a = r.goOn(r.Post("/dead", operatorSession, url.Values{"all": {"1"}, "drop": {"1"}, "sure": {"1"},
		"back": {"/dead"}}), operatorSession)
	if dead() != 0 || !strings.Contains(a.Body, "3 dead letters were dropped for good.") {
		t.Errorf("%d dead: %s", dead(), a.Body)
	}
}

func TestReplayBeginsWithADryRun(t *testing.T) {
	r, q := withQueue(t)
	good, bad := makeDeadLetter(t, q, 1, demo, orderBody), makeDeadLetter(t, q, 2, demo, `{"id":"x"}`)
	makeDeadLetter(t, q, 3, "unknown.myshopify.com", orderBody)
	dead := func() int {
		t.Helper()
		d, err := q.Depth(t.Context())
		must(t, err)
		return d.Dead
	}
	a := r.Post("/dead", operatorSession, url.Values{"letter": {good.String(), bad.String()}})
	strictPage(t, a)
	if dead() != 3 || !strings.Contains(a.Body, "bellhop would record it as order 820982911946154999.") ||
		!strings.Contains(a.Body, "It would become a dead letter again") ||
		!strings.Contains(a.Body, "bellhop would record 1.") {
		t.Errorf("%d dead: %s", dead(), a.Body)
	}
	a = r.Post("/dead", operatorSession, url.Values{"all": {"1"}})
	if dead() != 3 || !strings.Contains(a.Body, "bellhop does not know the shop") {
		t.Errorf("%d dead: %s", dead(), a.Body)
	}
	a = r.goOn(r.Post("/dead", operatorSession, url.Values{"letter": {good.String()}, "sure": {"1"},
		"back": {"/dead"}}), operatorSession)
	if dead() != 2 || !strings.Contains(a.Body, "1 dead letter is back in the queue.") {
		t.Errorf("%d dead: %s", dead(), a.Body)
	}
	a = r.goOn(r.Post("/dead", operatorSession, url.Values{"all": {"1"}, "sure": {"1"}, "back": {"/dead"}}),
		operatorSession)
	if dead() != 0 || !strings.Contains(a.Body, "2 dead letters are back") {
		t.Errorf("%d dead: %s", dead(), a.Body)
	}
	if a := r.goOn(r.Post("/dead", operatorSession, url.Values{"back": {"/dead"}}), operatorSession); !strings.Contains(
		a.Body, "Select some") {
		t.Error(a.Body)
	}
	if a := r.Post("/dead", operatorSession, url.Values{"letter": {"x"}}); a.StatusCode != 400 {
		t.Errorf("%d", a.StatusCode)
	}
}

func TestOperatorsPagesAreTheirs(t *testing.T) {
	r, q := withQueue(t)
	dead := makeDeadLetter(t, q, 1, demo, orderBody).String()
	for !strings.Contains(r.Get("/overview", operatorSession).Body, "waiting.svg") { // until the first sample
		must(t, t.Context().Err())
	}
	for _, path := range []string{"/overview", "/overview/waiting.svg", "/overview/oldest.svg", "/ledger", "/dead",
		"/dead/" + dead, "/shops"} {
		for session, want := range map[string]int{"": 303, demoToken: 303, ownerSession: 404, operatorSession: 200} {
			if a := r.Get(path, session); a.StatusCode != want {
				t.Errorf("GET %s: %d, not %d", path, a.StatusCode, want)
			}
		}
	}
	for _, path := range []string{"/dead", "/dead/" + dead} {
		for session, want := range map[string]int{"": 303, demoToken: 303, ownerSession: 404} {
			if a := r.Post(path, session, url.Values{"all": {"1"}, "sure": {"1"}}); a.StatusCode != want {
				t.Errorf("POST %s: %d, not %d", path, a.StatusCode, want)
			}
		}
	}
	accesses, err := r.DB.Accesses(t.Context(), store.AccessQuery{About: dead})
	if err != nil || len(accesses.Accesses) != 0 {
		t.Errorf("%v %v", accesses, err)
	}
	if d, err := q.Depth(t.Context()); err != nil || d.Dead != 1 {
		t.Errorf("%v %v", d, err)
	}
	for _, missing := range []string{"secrets", "rates", "latency", "pushes"} { // one sample tells no rate
		if a := r.Get("/overview/"+missing+".svg", operatorSession); a.StatusCode != 404 {
			t.Errorf("%s: %d", missing, a.StatusCode)
		}
	}
	svg := r.Get("/overview/waiting.svg", operatorSession)
	if svg.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(svg.Header.Get("Content-Security-Policy"),
		"default-src 'none'") || !strings.HasPrefix(svg.Body, "<svg") {
		t.Errorf("%v %.80s", svg.Header, svg.Body)
	}
	without := newRig(t)
	if a := without.Get("/dead", operatorSession); a.StatusCode != 404 {
		t.Errorf("without a queue: %d", a.StatusCode)
	}
}

// TestOperatorInABrowser replays a dead letter and drops one, and shows each page to axe.
func TestOperatorInABrowser(t *testing.T) {
	r, q := withQueue(t)
	for n := range 3 {
		r.Order(demo, n)
	}
	dead := makeDeadLetter(t, q, 1, demo, orderBody)
	makeDeadLetter(t, q, 2, demo, `{"id":"x"}`)
	b := newBrowser(t, r)
	see := func(what string) {
		t.Helper()
		chromium.Check(t, b.tab, what)
	}
	b.open("/overview", operatorSession)
	// More than two, once the page has reloaded.
	b.until(`[...document.querySelectorAll(".charts img")].length >= 2 && document.querySelector(".charts ` +
		`p").textContent === "No data yet."`)
	if drawn := b.eval(`Promise.all([...document.querySelectorAll(".charts img")].map(i => i.decode())).then(() => ` +
		`document.body.dataset.drawn = "all") && ""`); drawn != "" {
		t.Error(drawn)
	}
	b.until(`document.body.dataset.drawn === "all"`)
	see("the overview")
	b.open("/ledger", operatorSession)
	see("the ledger")
	b.open("/dead", operatorSession)
	see("the dead letters")
	b.do(chromedp.Click(fmt.Sprintf(`input[value="%s"]`, dead)), chromedp.Click(`button[name=picked]`),
		chromedp.WaitVisible(".plan"))
	see("the dry run")
	b.do(chromedp.Click(".buttons button"), chromedp.WaitVisible("#notice .notice"))
	if said := b.eval(`document.getElementById("notice").textContent.trim()`); said != "1 dead letter is back in the "+
		"queue." {
		t.Errorf("it says %q", said)
	}
	if d, err := q.Depth(t.Context()); err != nil || d.Dead != 1 || d.Waiting != 1 {
		t.Errorf("%+v %v", d, err)
	}
	b.do(chromedp.Click(".dead a"), chromedp.WaitVisible("pre"))
	see("a dead letter")
	b.do(chromedp.Click("input[name=drop] + button"), chromedp.WaitVisible(".plan"))
	see("the question before dropping")
	b.do(chromedp.Click("button[name=drop]"), chromedp.WaitVisible("#notice .notice"))
	if said := b.eval(`document.getElementById("notice").textContent.trim()`); said != "1 dead letter was dropped for "+
		"good." {
		t.Errorf("it says %q", said)
	}
	if d, err := q.Depth(t.Context()); err != nil || d.Dead != 0 {
		t.Errorf("%+v %v", d, err)
	}
}
