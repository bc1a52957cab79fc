package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/web"
)

// member adds somebody with a session, and returns its secret.
func (r *rig) member(email string, shops ...bellhop.Membership) (session string) {
	r.Helper()
	p, err := r.DB.AddPerson(context.Background(), bellhop.Person{Email: email, Shops: shops, AddedAt: day})
	must(r, err)
	session = "bh_s_of-" + email
	must(r, r.DB.AddSession(context.Background(), bellhop.Session{TokenHash: web.HashToken(session), PersonID: p.ID,
		CreatedAt: day, ExpiresAt: day.Add(24 * time.Hour)}, "192.0.2.1"))
	return session
}

// operatorToken adds an operator's token, and returns its secret.
func (r *rig) operatorToken() string {
	r.Helper()
	_, err := r.DB.AddToken(context.Background(), bellhop.Token{Operator: true, Name: "ops",
		Hash: web.HashToken("bh_t_of-an-operator"), CreatedAt: day})
	must(r, err)
	return "bh_t_of-an-operator"
}

func staffOf(shop string) bellhop.Membership {
	return bellhop.Membership{Shop: shop, Role: bellhop.RoleStaff}
}

func ownerOf(shop string) bellhop.Membership {
	return bellhop.Membership{Shop: shop, Role: bellhop.RoleOwner}
}

// ok makes a request that is answered with this status.
func (r *rig) ok(status int, method, path, secret, body string) map[string]any {
	r.Helper()
	a := r.Call(method, path, secret, body)
	if a.StatusCode != status {
		r.Fatalf("%s %s: %d %s", method, path, a.StatusCode, a.Body)
	}
	if a.Body == "" {
		return nil
	}
	return a.JSON(r)
}

func TestMe(t *testing.T) {
	r := newRig(t)
	must(t, r.DB.UpdateShop(context.Background(), demo, func(s *bellhop.Shop) { s.Name = "Demo" }))
	for name, c := range map[string]struct{ secret, role, shop, shops string }{
		"one shop":       {ownerSession, "owner", demo, "[map[domain:demo.myshopify.com name:Demo role:owner]]"},
		"two shops":      {r.member("sam@example.com", staffOf(demo), ownerOf(other)), "staff", demo, "[map[domain:demo.myshopify.com name:Demo role:staff] map[domain:other.myshopify.com name: role:owner]]"},
		"operator":       {operatorSession, "operator", "", "[]"},
		"token":          {demoToken, "token", demo, "[map[domain:demo.myshopify.com name:Demo role:token]]"},
		"operator token": {r.operatorToken(), "operator", "", "[]"},
	} {
		me := r.ok(200, "GET", "/v1/me", c.secret, "")
		if me["role"] != c.role || me["shop"] != c.shop || fmt.Sprint(me["shops"]) != c.shops {
			t.Errorf("%s: %v", name, me)
		}
	}
	r.Problem(r.Call("GET", "/v1/me", "", ""), 401, "unauthenticated")
}

// TestWhichShop has each call about a shop name one, unless there is only one to name.
func TestWhichShop(t *testing.T) {
	r := newRig(t)
	both, staff := r.member("sam@example.com", ownerOf(demo), staffOf(other)), r.member("lee@example.com", staffOf(demo))
	r.Order(demo, 1)
	r.Order(other, 2)
	for _, c := range []struct {
		secret, query string
		status        int
		code          string
	}{
		{both, "", 400, "shop_required"}, {both, "?shop=" + demo, 200, "#1001"}, {both, "?shop=" + other, 200, "#1002"},
		{both, "?shop=OTHER.myshopify.com", 200, "#1002"}, {both, "?shop=third.myshopify.com", 404, "shop_not_found"},
		{both, "?shop=x", 404, "shop_not_found"},
		{staff, "", 200, "#1001"}, {staff, "?shop=" + demo, 200, "#1001"}, {staff, "?shop=" + other, 404, "shop_not_found"},
		{ownerSession, "", 200, "#1001"}, {demoToken, "?shop=" + other, 404, "shop_not_found"},
		{operatorSession, "", 400, "shop_required"}, {r.operatorToken(), "", 400, "shop_required"},
		{"bh_t_of-an-operator", "?shop=" + other, 200, "#1002"},
	} {
		a := r.Call("GET", "/v1/orders"+c.query, c.secret, "")
		if c.status != 200 {
			r.Problem(a, c.status, c.code)
		} else if a.StatusCode != 200 || !strings.Contains(a.Body, c.code) {
			t.Errorf("%s %s: %d %s", c.secret, c.query, a.StatusCode, a.Body)
		}
		if masked := strings.Contains(a.Body, "•••"); masked != (c.secret == "bh_t_of-an-operator" && c.status == 200) {
			t.Errorf("%s %s: masked is %t", c.secret, c.query, masked)
		}
	}
	r.ok(200, "PATCH", "/v1/orders/"+"820982911946154509", staff, `{"handling":"handled"}`)
}

// TestOwnersOnly has staff, and tokens of a shop, do nothing that is for its owners.
func TestOwnersOnly(t *testing.T) {
	r := newRig(t)
	staff, mixed := r.member("lee@example.com", staffOf(demo)), r.member("sam@example.com", staffOf(demo), ownerOf(other))
	for _, call := range []struct{ method, path, body string }{
		{"GET", "/v1/people", ""}, {"PATCH", "/v1/people/1", `{"role":"staff"}`}, {"DELETE", "/v1/people/1", ""},
		{"GET", "/v1/invitations", ""}, {"POST", "/v1/invitations", `{"email":"x@example.com","role":"owner"}`},
		{"DELETE", "/v1/invitations?email=x@example.com", ""}, {"PATCH", "/v1/shop", `{"customer_in_push":true}`},
	} {
		sep := "?"
		if strings.Contains(call.path, "?") {
			sep = "&"
		}
		path := call.path + sep + "shop=" + demo
		for _, secret := range []string{staff, mixed, demoToken} {
			r.Problem(r.Call(call.method, path, secret, call.body), 403, "owners_only")
		}
		r.Problem(r.Call(call.method, path, otherSession, call.body), 404, "shop_not_found")
		r.Problem(r.Call(call.method, call.path, mixed, call.body), 400, "shop_required")
	}
	shop := r.ok(200, "PATCH", "/v1/shop", ownerSession, `{"customer_in_push":true}`)
	if shop["customer_in_push"] != true || r.ok(200, "GET", "/v1/shop", staff, "")["customer_in_push"] != true {
		t.Errorf("settings %v", shop)
	}
	if s := r.ok(200, "GET", "/v1/shop", otherSession, ""); s["customer_in_push"] != false {
		t.Errorf("another shop's settings %v", s)
	}
}

func TestPeople(t *testing.T) {
	r := newRig(t)
	r.member("lee@example.com", staffOf(demo), ownerOf(other))
	owner := web.ID(r.Owner.ID)
	list := fmt.Sprint(r.ok(200, "GET", "/v1/people", ownerSession, ""))
	if !strings.Contains(list, "email:jo@example.com") || !strings.Contains(list, "role:staff") ||
		strings.Contains(list, "kim@") || strings.Contains(list, other) {
		t.Errorf("people %s", list)
	}
	r.Problem(r.Call("PATCH", "/v1/people/"+owner, ownerSession, `{"role":"staff"}`), 409, "last_owner")
	r.Problem(r.Call("DELETE", "/v1/people/"+owner, ownerSession, ""), 409, "last_owner")
	for _, id := range []string{"999", "0", "x"} {
		a := r.Call("PATCH", "/v1/people/"+id, ownerSession, `{"role":"owner"}`)
		if a.StatusCode != 404 && a.StatusCode != 400 {
			t.Errorf("%s: %d %s", id, a.StatusCode, a.Body)
		}
	}
	kim, err := r.DB.PersonByEmail(context.Background(), "kim@example.com")
	must(t, err)
	r.Problem(r.Call("PATCH", "/v1/people/"+web.ID(kim.ID), ownerSession, `{"role":"owner"}`), 404, "person_not_found")
	r.Problem(r.Call("DELETE", "/v1/people/"+web.ID(kim.ID), ownerSession, ""), 404, "person_not_found")
	lee, err := r.DB.PersonByEmail(context.Background(), "lee@example.com")
	must(t, err)
	if m := r.ok(200, "PATCH", "/v1/people/"+web.ID(lee.ID), ownerSession, `{"role":"owner"}`); m["role"] != "owner" {
		t.Errorf("promoted %v", m)
	}
	asLee := "?shop=" + demo
	r.ok(200, "PATCH", "/v1/people/"+owner+asLee, "bh_s_of-lee@example.com", `{"role":"staff"}`)
	r.Problem(r.Call("GET", "/v1/people", ownerSession, ""), 403, "owners_only") // at once
	r.ok(204, "DELETE", "/v1/people/"+owner+asLee, "bh_s_of-lee@example.com", "")
	r.Problem(r.Call("GET", "/v1/people", ownerSession, ""), 401, "unauthenticated") // there was no other shop
}

// TestInvitation invites somebody new and somebody who has an account, by the same answer.
func TestInvitation(t *testing.T) {
	r := newRig(t)
	invite := func(email string) string {
		t.Helper()
		i := r.ok(201, "POST", "/v1/invitations", ownerSession, `{"email":"`+email+`","role":"staff"}`)
		if i["path"] != "/invitation?once="+i["secret"].(string) || i["role"] != "staff" {
			t.Errorf("invitation %v", i)
		}
		return i["secret"].(string)
	}
	for _, bad := range []string{"nobody", "a b@example.com", "Jo <jo@example.com>"} {
		r.Problem(r.Call("POST", "/v1/invitations", ownerSession, `{"email":"`+bad+`","role":"staff"}`), 400, "email")
	}
	secret := invite("New@Example.com")
	list := fmt.Sprint(r.ok(200, "GET", "/v1/invitations", ownerSession, ""))
	if !strings.Contains(list, "new@example.com") || !strings.Contains(list, "invited_by:jo@example.com") ||
		strings.Contains(list, secret) {
		t.Errorf("invitations %s", list)
	}
	body := func(secret string) string { return `{"secret":"` + secret + `","password":"a good password"}` }
	r.Problem(r.Call("POST", "/v1/invitations/signup", "", `{"secret":"`+secret+`","password":"short"}`), 400, "invalid")
	r.Problem(r.Call("POST", "/v1/invitations/signup", "", body("bh_i_guess")), 404, "invitation_not_found")
	r.Problem(r.Call("POST", "/v1/invitations/accept", otherSession, `{"secret":"`+secret+`"}`), 409, "other_address")
	session := r.ok(200, "POST", "/v1/invitations/signup", "", body(secret))
	if session["shop"] != demo || session["role"] != "staff" {
		t.Errorf("session %v", session)
	}
	r.ok(200, "GET", "/v1/orders", session["token"].(string), "")
	r.Problem(r.Call("POST", "/v1/invitations/signup", "", body(secret)), 404, "invitation_not_found")

	secret = invite("kim@example.com") // who has an account
	taken := r.Call("POST", "/v1/invitations/signup", "", body(secret))
	if unknown := r.Call("POST", "/v1/invitations/signup", "", body("bh_i_guess")); taken.Body != unknown.Body {
		t.Errorf("the answers tell who has an account:\n%s%s", taken.Body, unknown.Body)
	}
	me := r.ok(200, "POST", "/v1/invitations/accept", otherSession, `{"secret":"`+secret+`"}`)
	if len(me["shops"].([]any)) != 2 {
		t.Errorf("me %v", me)
	}
	r.Problem(r.Call("POST", "/v1/invitations/accept", demoToken, `{"secret":"`+secret+`"}`), 401, "unauthenticated")

	secret = invite("late@example.com")
	r.ok(204, "DELETE", "/v1/invitations?email=late@example.com", ownerSession, "")
	r.Problem(r.Call("DELETE", "/v1/invitations?email=late@example.com", ownerSession, ""), 404, "invitation_not_found")
	r.Problem(r.Call("POST", "/v1/invitations/signup", "", body(secret)), 404, "invitation_not_found")
	secret = invite("late@example.com")
	r.Clock.Add(7 * 24 * time.Hour)
	r.Problem(r.Call("POST", "/v1/invitations/signup", "", body(secret)), 404, "invitation_not_found")
}

// TestInvitationsAreLimited bounds how many addresses a shop can try, and what one network can guess.
func TestInvitationsAreLimited(t *testing.T) {
	r := newRig(t)
	status := func() int {
		return r.Call("POST", "/v1/invitations", ownerSession, `{"email":"x@example.com","role":"staff"}`).StatusCode
	}
	n := 0
	for ; status() == http.StatusCreated; n++ {
		if n > 100 {
			t.Fatal("no end")
		}
	}
	if n != 20 || status() != http.StatusTooManyRequests {
		t.Errorf("%d invitations at once", n)
	}
	for n = 0; r.Call("POST", "/v1/invitations/signup", "", `{"secret":"bh_i_x","password":"a good password"}`).
		StatusCode == http.StatusNotFound; n++ {
		if n > 100 {
			t.Fatal("no end")
		}
	}
	if n != 30 {
		t.Errorf("%d guesses at once", n)
	}
}

// TestPhoneOfSeveralShops registers and removes a phone for all of a person's shops, without naming one.
func TestPhoneOfSeveralShops(t *testing.T) {
	r := newRig(t)
	both, staff := r.member("sam@example.com", ownerOf(demo), staffOf(other)), r.member("lee@example.com", staffOf(demo))
	body := func(value string) string { return `{"kind":"token","value":"` + value + `","platform":"ios"}` }
	live := func() (n int) {
		t.Helper()
		for _, shop := range []string{demo, other} {
			all, err := r.DB.Devices(context.Background(), shop)
			must(t, err)
			n += len(all)
		}
		return n
	}
	r.ok(200, "PUT", "/v1/devices/phone", both, body("v"))
	r.ok(200, "PUT", "/v1/devices/phone?shop="+other, both, body("v"))
	if n := live(); n != 2 {
		t.Errorf("%d devices", n)
	}
	r.Problem(r.Call("DELETE", "/v1/devices/phone", staff, ""), 404, "device_not_found")
	lee, err := r.DB.PersonByEmail(context.Background(), "lee@example.com")
	must(t, err)
	bearer := web.Principal{Person: lee, Shop: demo} // signed in by the team's own identity, without a session
	if err := web.DropDevice(context.Background(), r.DB, bearer, "phone"); bellhop.KindOf(err) != bellhop.NotFound {
		t.Errorf("another's device, without a session: %v", err)
	}
	r.ok(204, "DELETE", "/v1/devices/phone", ownerSession, "") // another owner's, in the one shop
	if n := live(); n != 1 {
		t.Errorf("%d devices", n)
	}
	r.ok(200, "PUT", "/v1/devices/phone", both, body("v"))
	r.ok(204, "DELETE", "/v1/devices/phone", both, "")
	if n := live(); n != 0 {
		t.Errorf("%d devices", n)
	}
	r.ok(200, "PUT", "/v1/devices/phone", both, body("v"))
	r.ok(204, "DELETE", "/v1/sessions/current?device=phone", both, "")
	if n := live(); n != 0 {
		t.Errorf("%d devices after signing out", n)
	}
	r.Problem(r.Call("PUT", "/v1/devices/x?shop="+demo, operatorSession, body("v")), 403, "members_only")
}

// TestChangesOfSeveralShops has somebody with several shops use up none of their limits.
func TestChangesOfSeveralShops(t *testing.T) {
	r := newRig(t)
	both := r.member("sam@example.com", staffOf(demo), staffOf(other))
	for range 2_000 {
		r.Call("DELETE", "/v1/devices/none", both, "")
	}
	if a := r.Call("DELETE", "/v1/devices/none", both, ""); a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("%d %s", a.StatusCode, a.Body)
	}
	r.Problem(r.Call("DELETE", "/v1/devices/none", ownerSession, ""), 404, "device_not_found")
}

// The log says what an operator changed, and nothing of what owners do, or what was refused.
func TestChangesByOperatorsAreLogged(t *testing.T) {
	r := newRig(t)
	op := r.operatorToken()
	who := r.ok(201, "POST", "/v1/people?shop="+demo, op, `{"email":"canary@example.com","role":"staff"}`)
	path := "/v1/people/" + who["id"].(string)
	r.ok(200, "GET", "/v1/people?shop="+demo, op, "")
	r.ok(409, "POST", "/v1/people?shop="+demo, op, `{"email":"canary@example.com","role":"staff"}`)
	r.ok(200, "PATCH", path+"?shop="+demo, ownerSession, `{"role":"owner"}`)
	r.ok(204, "DELETE", path+"?shop="+demo, op, "")
	a := r.Post("/people/shop?shop="+demo, operatorSession, url.Values{"customer_in_push": {"1"}})
	if a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	var logged []string
	for line := range strings.Lines(r.Logged.String()) {
		if strings.Contains(line, "an operator changed something") {
			logged = append(logged, line)
		}
	}
	for n, want := range []string{"POST path=/v1/people ", "DELETE path=" + path + " ", "POST path=/people/shop "} {
		if len(logged) != 3 || !strings.Contains(logged[n], "method="+want+"shop="+demo) ||
			strings.Contains(logged[n], "canary") {
			t.Errorf("%q of %q", want, logged)
		}
	}
}
