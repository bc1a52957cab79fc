package api_test

import (
	"fmt"
	"strings"
	"testing"

	"bellhop"
	"bellhop/store"
)

// accesses lists a shop's access log as its owner gets it, newest first.
func (r *rig) accesses(session string) (all []string) {
	r.Helper()
	for _, v := range r.ok(200, "GET", "/v1/access-log", session, "")["accesses"].([]any) {
		l := v.(map[string]any)
		all = append(all, fmt.Sprint(l["by"], " ", l["what"], " ", l["about"], " ", l["count"]))
	}
	return all
}

func TestReadsByTokensAreCounted(t *testing.T) {
	r := newRig(t)
	for n := range 3 {
		r.Order(demo, n)
	}
	r.Call("GET", "/v1/orders?shop="+other, otherSession, "")
	r.ok(200, "GET", "/v1/orders", ownerSession, "") // people of the shop are not in it
	if all := r.accesses(ownerSession); len(all) != 0 {
		t.Errorf("nobody read anything: %q", all)
	}
	r.ok(200, "GET", "/v1/orders", demoToken, "")
	want := "token till orders.read  3"
	if all := r.accesses(ownerSession); len(all) != 1 || all[0] != want {
		t.Errorf("the first read: %q, want %s", all, want)
	}
	r.ok(200, "GET", "/v1/orders/820982911946154508", demoToken, "")
	r.ok(200, "PATCH", "/v1/orders/820982911946154508", demoToken, `{"handling":"seen"}`)
	r.Call("GET", "/v1/orders/1", demoToken, "")
	r.Site.Close()
	page, err := r.DB.Accesses(t.Context(), store.AccessQuery{Shop: demo})
	must(t, err)
	if len(page.Accesses) != 1 || page.Accesses[0].N != 5 {
		t.Errorf("in the end %+v", page.Accesses)
	}
}

func TestAccessLogIsForOwners(t *testing.T) {
	r := newRig(t)
	staff, op := r.member("lee@example.com", staffOf(demo)), r.operatorToken()
	r.ok(200, "PATCH", "/v1/shop?shop="+demo, op, `{"customer_in_push":true}`)
	r.ok(200, "PATCH", "/v1/shop", ownerSession, `{"customer_in_push":false}`)
	path := "/v1/shops/" + demo + "/tokens"
	r.ok(201, "POST", path, op, `{"name":"more"}`)
	all := r.accesses(ownerSession)
	if len(all) != 2 || !strings.HasSuffix(strings.Join(all, "\n"), " operator.change PATCH /v1/shop 1") ||
		!strings.Contains(all[0], " operator.change POST "+path) {
		t.Errorf("%q", all)
	}
	if all := r.accesses(otherSession); len(all) != 0 {
		t.Errorf("another shop's owner sees %q", all)
	}
	r.Problem(r.Call("GET", "/v1/access-log", staff, ""), 403, "owners_only")
	r.Problem(r.Call("GET", "/v1/access-log", demoToken, ""), 403, "owners_only")
	r.Problem(r.Call("GET", "/v1/access-log?shop="+demo, otherSession, ""), 404, "shop_not_found")
	r.ok(200, "GET", "/v1/access-log?shop="+demo, op, "")
}

func TestOwnData(t *testing.T) {
	r := newRig(t)
	d := r.Device(demo, "phone")
	d.PersonID = r.Owner.ID
	_, err := r.DB.PutDevice(t.Context(), d, store.DeviceLimits{})
	must(t, err)
	must(t, r.DB.AddAccess(t.Context(), bellhop.Access{Shop: demo, At: day, By: r.Owner.Email, What: bellhop.AccessExport,
		N: 7}))
	a := r.Call("GET", "/v1/me/data", ownerSession, "")
	got := fmt.Sprint(a.JSON(t))
	for _, text := range []string{r.Owner.Email, demo, "192.0.2.1", "phone", "orders.export"} {
		if !strings.Contains(got, text) {
			t.Errorf("%s is not in %s", text, got)
		}
	}
	for _, text := range []string{"argon2", "kim@example.com", "op@example.com"} {
		if strings.Contains(a.Body, text) {
			t.Errorf("%s is in %s", text, a.Body)
		}
	}
	r.Problem(r.Call("GET", "/v1/me/data", demoToken, ""), 403, "people_only")
	r.Problem(r.Call("DELETE", "/v1/me", demoToken, `{"email":"jo@example.com"}`), 403, "people_only")
}

func TestRemoveAccount(t *testing.T) {
	r := newRig(t)
	const right = `{"email":"Jo@example.com","password":"correct horse battery"}`
	r.Problem(r.Call("DELETE", "/v1/me", ownerSession, `{"email":"kim@example.com","password":"correct horse battery"}`),
		400, "confirm")
	r.Problem(r.Call("DELETE", "/v1/me", ownerSession, `{"email":"jo@example.com"}`), 401, "wrong_credentials")
	r.Problem(r.Call("DELETE", "/v1/me", ownerSession, right), 409, "last_owner")
	r.ok(200, "GET", "/v1/me", ownerSession, "")
	r.member("lee@example.com", ownerOf(demo))
	r.ok(204, "DELETE", "/v1/me", ownerSession, right)
	r.Problem(r.Call("GET", "/v1/me", ownerSession, ""), 401, "unauthenticated")
	if _, err := r.DB.PersonByEmail(t.Context(), r.Owner.Email); bellhop.KindOf(err) != bellhop.NotFound {
		t.Errorf("the account is there: %v", err)
	}
	link := r.member("sam@example.com", staffOf(demo)) // without a password, as one who came by a link
	r.ok(204, "DELETE", "/v1/me", link, `{"email":"sam@example.com"}`)
	for n := range 20 {
		a := r.Call("DELETE", "/v1/me", otherSession, `{"email":"kim@example.com","password":"a guess of mine"}`)
		if a.StatusCode == 429 {
			return
		}
		if n > 15 {
			t.Error("nobody limits guesses")
		}
	}
}
