package console_test

import (
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web/site"
)

// The button gives the list as it is filtered.
func TestExport(t *testing.T) {
	r := newRig(t)
	for n := range 3 {
		r.Order(demo, n, func(o *bellhop.Order) {
			o.FulfillmentStatus, o.Current = []string{"unfulfilled", "fulfilled", "unfulfilled"}[n], usd(int64(1000*n+500))
			o.CustomerName = "=1+1"
		})
	}
	r.Order(other, 7)
	page := r.Get("/?fulfillment_status=unfulfilled&q=TEE&show=new", ownerSession)
	link := between(page.Body, `<a class="button quiet export" href="`, `"`)
	a := r.Get(strings.ReplaceAll(link, "&amp;", "&"), ownerSession)
	if a.StatusCode != 200 || a.Header.Get("Content-Type") != "text/csv; charset=utf-8" ||
		a.Header.Get("Content-Disposition") != `attachment; filename="orders-demo-2026-11-22.csv"` ||
		a.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(a.Body, "\ufeff") {
		t.Fatalf("%s: %d %v", link, a.StatusCode, a.Header)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(a.Body, "\ufeff"))).ReadAll()
	must(t, err)
	if len(rows) != 3 || rows[1][0] != "#1002" || rows[2][0] != "#1000" || rows[1][13] != "25.00" ||
		rows[1][15] != "'=1+1" {
		t.Errorf("%q", rows)
	}
	for _, query := range []string{"since=never", "sort=updated"} {
		if a := r.Get("/orders.csv?"+query, ownerSession); a.StatusCode != 400 ||
			!strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %v", query, a.StatusCode, a.Header)
		}
	}
	page = r.Get("/?sort=updated&q=sort", ownerSession)
	if got := between(page.Body, `<a class="button quiet export" `, "</a>"); got !=
		`href="/orders.csv?q=sort" download>Export as CSV, by time placed` {
		t.Errorf("of a list that is sorted by update: %s", got)
	}
	for session, want := range map[string]int{"": 303, demoToken: 303, operatorSession: 404} {
		if a := r.Get("/orders.csv?shop="+demo, session); a.StatusCode != want || strings.Contains(a.Body, "#1000") {
			t.Errorf("as %q: %d", session, a.StatusCode)
		}
	}
	if page := r.Get("/?shop="+demo, operatorSession); strings.Contains(page.Body, "/orders.csv") {
		t.Error("an operator gets a button that does nothing")
	}
}

// The list keeps to the form's filters, on its further pages as well. Days are the reader's.
func TestFilters(t *testing.T) {
	r := newRig(t)
	for n, o := range []bellhop.Order{
		{FinancialStatus: "paid", FulfillmentStatus: "unfulfilled", Current: usd(5000)},
		{FinancialStatus: "refunded", FulfillmentStatus: "fulfilled", Current: usd(1000), Test: true},
		{FinancialStatus: "paid", FulfillmentStatus: "partial", Current: usd(10000), CancelledAt: day,
			Details: bellhop.Details{Tags: []string{"vip"}}},
	} {
		r.Order(demo, n, func(to *bellhop.Order) {
			to.FinancialStatus, to.FulfillmentStatus, to.Current, to.Test, to.CancelledAt, to.Tags = o.FinancialStatus,
				o.FulfillmentStatus, o.Current, o.Test, o.CancelledAt, o.Tags
			to.PlacedAt = day.AddDate(0, 0, -n)
		})
	}
	for query, want := range map[string]string{
		"": "#1000 #1001 #1002", "financial_status=paid": "#1000 #1002", "fulfillment_status=partial": "#1002",
		"cancelled=true": "#1002", "cancelled=false": "#1000 #1001", "test=true": "#1001", "test=false": "#1000 #1002",
		"tag=VIP": "#1002", "since=2026-11-21": "#1000 #1001", "before=2026-11-21": "#1001 #1002",
		"since=2026-11-21&before=2026-11-21": "#1001", "at_least=50": "#1000 #1002",
		"financial_status=paid&at_least=60&show=new": "#1002", "sort=updated": "#1002 #1001 #1000",
	} {
		a := r.Get("/?"+query, ownerSession)
		strictPage(t, a)
		var got []string
		for _, row := range strings.Split(between(a.Body, `<ul id="orders"`, "</ul>"), "<strong>")[1:] {
			got = append(got, row[:strings.Index(row, "<")])
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, not %s", query, s, want)
		}
	}
	// In Seoul the day begins nine hours earlier: at 9:00 UTC of the 21st it is 18:00 there.
	r.Order(demo, 9, func(o *bellhop.Order) { o.PlacedAt = day.AddDate(0, 0, -1).Add(7 * time.Hour) })
	r.SetSettings(r.Owner.ID, bellhop.Settings{Timezone: "Asia/Seoul"})
	a := r.Get("/?before=2026-11-21&since=2026-11-21&tag=&show=new", ownerSession)
	if strings.Contains(a.Body, "#1009") || !strings.Contains(a.Body, "#1001") {
		t.Error("the days are not the reader's")
	}
	for _, want := range []string{`<details class="more" open>`, `name="since" form="find" value="2026-11-21"`,
		`name="before" form="find" value="2026-11-21"`, `since=2026-11-21T00%3A00%3A00%2B09%3A00`, `href="/?show=new"`} {
		if !strings.Contains(a.Body, want) {
			t.Errorf("the form lacks %s", want)
		}
	}
	for _, bad := range []string{"test=perhaps", "since=yesterday", "at_least=much", "sort=price"} {
		if a := r.Get("/?"+bad, ownerSession); a.StatusCode != 400 {
			t.Errorf("%s: %d", bad, a.StatusCode)
		}
	}
}

// fickle is a store whose lists of 200 orders, which are an export's, a test answers.
type fickle struct {
	site.Store
	page func(cursor string) (store.OrderPage, error)
}

func (f *fickle) Orders(ctx context.Context, shop string, q store.OrderQuery) (store.OrderPage, error) {
	if q.Limit != 200 {
		return f.Store.Orders(ctx, shop, q)
	}
	return f.page(q.Cursor)
}

// A file that can't be written to its end is no whole file, and one that can't be begun is a page that
// says so. There is a bound to how many are written at once.
func TestExportThatFails(t *testing.T) {
	f := &fickle{}
	r := newRig(t, func(o *site.Options) { f.Store, o.Store = o.Store, f })
	row := store.OrderPage{Orders: []bellhop.Order{{ID: 1, Name: "#1", Total: usd(1), Current: usd(1)}}, Next: "more"}
	broken := bellhop.Errorf(bellhop.Unavailable, "away", "the database is away")

	f.page = func(string) (store.OrderPage, error) { return store.OrderPage{}, broken }
	if a := r.Get("/orders.csv", ownerSession); a.StatusCode != 503 || a.Header.Get("Content-Disposition") != "" {
		t.Errorf("it never began: %d %v", a.StatusCode, a.Header)
	}
	f.page = func(cursor string) (store.OrderPage, error) {
		if cursor != "" {
			return store.OrderPage{}, broken
		}
		return row, nil
	}
	get := func() (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", r.URL+"/orders.csv", nil)
		must(t, err)
		withCookie(ownerSession)(req)
		res, err := r.Client().Do(req)
		if err == nil {
			defer res.Body.Close()
			_, err = io.ReadAll(res.Body)
		}
		return res, err
	}
	if _, err := get(); err == nil {
		t.Error("half a file came as a whole one")
	}
	if !strings.Contains(r.Logged.String(), "an export broke off") {
		t.Error("nobody hears of it")
	}

	began, free := make(chan bool), make(chan bool)
	f.page = func(string) (store.OrderPage, error) {
		began <- true
		<-free
		return store.OrderPage{}, nil
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if res, err := get(); err != nil || res.StatusCode != 200 {
				t.Errorf("one of four: %v", err)
			}
		})
		<-began
	}
	if a := r.Get("/orders.csv", ownerSession); a.StatusCode != 429 || !strings.Contains(a.Body, "Too many requests") {
		t.Errorf("a fifth at once: %d", a.StatusCode)
	}
	close(free)
	all.Wait()
}
