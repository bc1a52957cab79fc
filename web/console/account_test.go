package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"bellhop"
	"bellhop/store"
)

func TestAccessLogPage(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0)
	r.Order(other, 0)
	r.shows(r.Get("/access", ownerSession), "No entries yet.")
	if a := r.Get("/orders.csv", ownerSession); a.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	r.Post("/orders/"+orderID(0)+"?shop="+demo, operatorSession, url.Values{"why": {"The parcel came back"}})
	r.Post("/people/shop?shop="+demo, operatorSession, url.Values{"customer_in_push": {"1"}})
	must(t, r.DB.AddAccess(t.Context(), bellhop.Access{Shop: demo, At: day, By: "token till", What: bellhop.AccessRead,
		N: 1234}))
	page := r.Get("/access", ownerSession)
	r.shows(page, "Export of orders (1)", "jo@example.com", "An operator saw an order&#39;s customer data",
		"The parcel came back", "op@example.com", "/orders/"+orderID(0), "An operator changed something",
		"POST /people/shop", "Read orders through the API (1,234)", "API token till")
	if n := strings.Count(page.Body, "<li data-key"); n != 4 {
		t.Errorf("%d lines:\n%s", n, page.Body)
	}
	r.shows(r.Get("/access", otherSession), "No entries yet.")
	lines, err := r.DB.Accesses(t.Context(), store.AccessQuery{Shop: demo})
	must(t, err)
	if len(lines.Accesses) != 4 {
		t.Errorf("%+v", lines.Accesses)
	}
}

func TestAccountInTheSettings(t *testing.T) {
	r := newRig(t)
	a := r.Get("/settings/data", ownerSession)
	if a.Header.Get("Content-Disposition") != `attachment; filename="bellhop-account.json"` ||
		!strings.Contains(a.Body, `"email": "jo@example.com"`) || strings.Contains(a.Body, "argon2") {
		t.Errorf("%v %s", a.Header, a.Body)
	}
	remove := func(email, current string) reply {
		t.Helper()
		return r.Post("/settings/remove", ownerSession, url.Values{"email": {email}, "current": {current}})
	}
	for _, c := range []struct {
		email, current, words string
		status                int
	}{
		{"op@example.com", password, "This is not the address of your account", 400},
		{"jo@example.com", "a guess of mine", "This is not your current password", 401},
		{"jo@example.com", password, "You are the only owner of a shop", 409},
	} {
		if a := remove(c.email, c.current); a.StatusCode != c.status || !strings.Contains(a.Body, c.words) {
			t.Errorf("%+v: %d %s", c, a.StatusCode, a.Body)
		}
	}
	p := bellhop.Person{Email: "lee@example.com", AddedAt: day}
	p.SetShops([]bellhop.Membership{{Shop: demo, Role: bellhop.RoleOwner}})
	_, err := r.DB.AddPerson(t.Context(), p)
	must(t, err)
	r.shows(remove("jo@example.com", password), "Your account is removed")
	if a := r.Get("/settings", ownerSession); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the session goes on: %d", a.StatusCode)
	}
}
