package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/web"
)

func TestPasswordInTheSettings(t *testing.T) {
	r := newRig(t)
	set := func(session, current, password string) reply {
		t.Helper()
		return r.Post("/settings/password", session, url.Values{"back": {"/settings"}, "current": {current},
			"password": {password}})
	}
	if a := set(ownerSession, "a guess of mine", "a new password"); a.StatusCode != http.StatusBadRequest ||
		!strings.Contains(a.Body, `id="current-wrong"`) {
		t.Errorf("a wrong current one: %d %s", a.StatusCode, a.Body)
	}
	if a := set(ownerSession, password, "short"); a.StatusCode != http.StatusBadRequest ||
		!strings.Contains(a.Body, `id="password-wrong"`) {
		t.Errorf("a short one: %d %s", a.StatusCode, a.Body)
	}
	a := set(ownerSession, password, "a new password")
	if a.StatusCode != http.StatusSeeOther || len(a.Cookies()) != 2 {
		t.Fatalf("%d %v", a.StatusCode, a.Header)
	}
	if page := r.Get("/settings", ownerSession); page.StatusCode != http.StatusSeeOther {
		t.Errorf("the old session goes on: %d", page.StatusCode)
	}
	for _, c := range a.Cookies() {
		if c.Name == web.CookieName {
			r.shows(r.Get("/settings", c.Value), "A new password signs you out everywhere else")
		}
	}
	a = r.Post("/signin", "", url.Values{"email": {"jo@example.com"}, "password": {"a new password"}})
	if a.StatusCode != http.StatusSeeOther {
		t.Errorf("signing in with it: %d %s", a.StatusCode, a.Body)
	}
	for n := range 20 {
		if set(otherSession, "a guess of mine", "a new password").StatusCode == http.StatusTooManyRequests {
			return
		}
		if n > 15 {
			t.Error("nobody limits guesses")
		}
	}
}

// Somebody who came by a link has no password to bring.
func TestFirstPassword(t *testing.T) {
	r := newRig(t)
	p, err := r.DB.AddPerson(t.Context(), bellhop.Person{Email: "new@example.com", Role: bellhop.RoleOwner, Shop: demo,
		Shops: []bellhop.Membership{{Shop: demo, Role: bellhop.RoleOwner}}, AddedAt: day})
	must(t, err)
	const session = "bh_s_of-somebody-new"
	must(t, r.DB.AddSession(t.Context(), bellhop.Session{TokenHash: web.HashToken(session), PersonID: p.ID,
		CreatedAt: day, ExpiresAt: day.Add(24 * time.Hour)}, "192.0.2.1"))
	page := r.Get("/settings", session)
	if strings.Contains(page.Body, `name="current"`) || !strings.Contains(page.Body, "You have no password yet") {
		t.Error(page.Body)
	}
	a := r.Post("/settings/password", session, url.Values{"password": {"a first password"}})
	if a.StatusCode != http.StatusSeeOther {
		t.Errorf("%d %s", a.StatusCode, a.Body)
	}
}
