package console_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"bellhop"
	"bellhop/internal/realserver/chromium"
	"bellhop/store"
	"bellhop/web"
)

const exported = `{"format":"bellhop customer data 1","made_at":"2026-11-22T09:00:00Z","customer":{"id":"7",` +
	`"email":"ada@example.com"},"orders":[{"id":"1","name":"#1001","items":[{"title":"<b>Tee</b>"}]}],"webhooks":[` +
	`{"event":"00000000-0000-0000-0000-000000000001","topic":"orders/create","accepted_at":"2026-11-22T09:00:00Z",` +
	`"body":{"note":"by the back door"}}],"dead_letters":[],"left_out":[]}`

// asked adds a request with an export, and returns its id.
func (r *rig) asked(shop string) string {
	r.Helper()
	q, err := r.DB.AddRequest(r.Context(), bellhop.PrivacyRequest{Shop: shop, Kind: bellhop.RequestGive,
		RequestedAt: day, ReceivedAt: day, DueAt: day.AddDate(0, 0, 30),
		Subject: bellhop.Subject{CustomerID: 7, Email: "ada@example.com"}})
	must(r, err)
	until := day.AddDate(0, 0, 30)
	must(r, r.DB.PutExport(r.Context(), q.ID, []byte(exported), until))
	must(r, r.DB.UpdateRequest(r.Context(), q.ID, func(q *bellhop.PrivacyRequest) error {
		q.ExportAt, q.ExportUntil, q.Outcome, q.DoneAt, q.Process = day, until, bellhop.RequestDone, day, "shop-1/7"
		q.Steps = []bellhop.PrivacyStep{{What: "orders", N: 1, At: day}, {What: "new_place", N: 2, At: day, Note: "a note"}}
		q.Backups = []bellhop.BackupNote{{Name: "monday.age", MadeAt: day}, {Name: "sunday.age", MadeAt: day, Until: until}}
		return nil
	}))
	return web.ID(q.ID)
}

func TestPersonalDataPages(t *testing.T) {
	r := newRig(t)
	id, others := r.asked(demo), r.asked(other)
	for _, c := range []struct {
		path, session string
		says          []string
	}{
		{"/", ownerSession, []string{`id="export-waits"`, `href="/privacy/` + id + `"`}},
		{"/privacy", ownerSession, []string{"A customer asks for their data", "Export ready", "/privacy/" + id}},
		{"/privacy?show=open", ownerSession, []string{"There are no requests."}},
		{"/privacy/" + id, ownerSession, []string{"monday.age", "no expiry date", "shop-1/7", "new_place", "a note",
			`href="/privacy/` + id + `/export"`}},
		{"/privacy", operatorSession, []string{demo, other}},
		{"/privacy/" + others, operatorSession, []string{other}},
		{"/privacy/" + id + "/export", ownerSession, []string{"ada@example.com", "by the back door", "&lt;b&gt;Tee"}},
		{"/privacy/" + id, ownerSession, []string{"by jo@example.com on"}},
	} {
		a := r.Get(c.path, c.session)
		strictPage(t, a)
		for _, words := range c.says {
			if !strings.Contains(a.Body, words) {
				t.Errorf("%s: no %q in\n%s", c.path, words, a.Body)
			}
		}
		if !strings.HasSuffix(c.path, "/export") && strings.Contains(a.Body, "ada@example.com") {
			t.Errorf("%s names the customer", c.path)
		}
	}
	if a := r.Get("/", ownerSession); strings.Contains(a.Body, "export-waits") {
		t.Error("an export that was fetched still waits")
	}
	if a := r.Get("/privacy/"+id+"/export.json", ownerSession); a.Body != exported ||
		!strings.Contains(a.Header.Get("Content-Disposition"), "personal-data-"+id+".json") {
		t.Errorf("%v %s", a.Header, a.Body)
	}
	for path, session := range map[string]string{"/privacy/" + others: ownerSession,
		"/privacy/" + others + "/export": ownerSession, "/privacy/x": ownerSession, "/privacy/" + id: otherSession} {
		if a := r.Get(path, session); a.StatusCode != 404 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
	if a := r.Get("/privacy/"+id+"/export?shop="+demo, operatorSession); a.StatusCode != 403 {
		t.Errorf("an operator: %d", a.StatusCode)
	}
	if a := r.Get("/privacy/"+id+"?shop="+demo, operatorSession); strings.Contains(a.Body, "/export") {
		t.Error("an operator is offered the export")
	}
	seen, err := r.DB.Accesses(t.Context(), store.AccessQuery{Shop: demo, About: id})
	must(t, err)
	if all := seen.Accesses; len(all) != 1 || all[0].What != bellhop.AccessGiven || all[0].N != 2 ||
		all[0].By != "jo@example.com" { // both at the same time
		t.Errorf("%+v", all)
	}
}

func TestRedactedOrdersSaySo(t *testing.T) {
	r := newRig(t)
	for n, why := range []string{bellhop.RedactedForRequest, bellhop.RedactedForRetention} {
		o := r.Order(demo, n)
		_, err := r.DB.RedactOrders(t.Context(), demo, []int64{o.ID}, why, day)
		must(t, err)
		words := []string{"as the customer asked", "its retention period was over"}[n]
		for _, session := range []string{ownerSession, operatorSession} {
			a := r.Get("/orders/"+orderID(n)+"?shop="+demo, session)
			if !strings.Contains(a.Body, words) || strings.Contains(a.Body, "Jo Lee") {
				t.Errorf("%s: %s", why, a.Body)
			}
		}
	}
	if a := r.Get("/", ownerSession); strings.Count(a.Body, "Customer data removed") != 2 {
		t.Errorf("%s", a.Body)
	}
}

// TestPersonalDataInABrowser shows the pages at each width, light and dark, in each language.
func TestPersonalDataInABrowser(t *testing.T) {
	b := newBrowser(t, newRig(t))
	id := b.asked(demo)
	pages := []string{"/", "/privacy", "/privacy/" + id}
	for _, path := range pages {
		b.open(path, ownerSession)
		chromium.Check(t, b.tab, path)
	}
	b.open("/", ownerSession)
	b.do(chromedp.Click("#export-waits a"), chromedp.WaitVisible("#export-title"),
		chromedp.Click(`a[href="/privacy/`+id+`/export"]`), chromedp.WaitVisible("h3"))
	if says := b.eval(`document.querySelector("main").innerText`); !strings.Contains(says, "by the back door") {
		t.Errorf("it says %s", says)
	}
	chromium.Check(t, b.tab, "/privacy/ID/export")
	for _, language := range []string{"ko", "ja"} {
		b.SetSettings(b.Owner.ID, bellhop.Settings{Language: language})
		b.do(chromedp.EmulateViewport(360, 900))
		for _, path := range append(pages, "/privacy/"+id+"/export") {
			b.open(path, ownerSession)
			chromium.Fits(t, b.tab, path+" in "+language)
		}
	}
}
