package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web/site"
)

// keyed is a call with an Idempotency-Key.
func (r *rig) keyed(method, path, secret, body, key string) reply {
	r.Helper()
	return r.Call(method, path, secret, body, withHeader("Idempotency-Key", key))
}

func replayed(a reply) bool { return a.Header.Get("Idempotency-Replayed") == "true" }

// TestIdempotencyKeys sends changes again that must not be made again.
func TestIdempotencyKeys(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0)
	const device = `{"kind":"token","value":"t","platform":"ios"}`
	first := r.keyed("PUT", "/v1/devices/phone", ownerSession, device, "a")
	again := r.keyed("PUT", "/v1/devices/phone", ownerSession, device, "a")
	if first.StatusCode != 200 || replayed(first) || !replayed(again) || again.Body != first.Body ||
		again.StatusCode != 200 || again.Header.Get("Content-Type") != first.Header.Get("Content-Type") {
		t.Errorf("%d %s\n%d %s", first.StatusCode, first.Body, again.StatusCode, again.Body)
	}
	r.Problem(r.keyed("PUT", "/v1/devices/phone", ownerSession, device+" ", "a"), 400, "idempotency_key_reused")
	r.Problem(r.keyed("PUT", "/v1/devices/phon", ownerSession, device, "a"), 400, "idempotency_key_reused")
	r.Problem(r.keyed("PUT", "/v1/devices/phone?shop="+demo, ownerSession, device, "a"), 400, "idempotency_key_reused")
	r.Problem(r.keyed("DELETE", "/v1/devices/phone", ownerSession, "", "a"), 400, "idempotency_key_reused")
	r.Problem(r.keyed("PATCH", "/v1/settings", demoToken, `{}`, "a"), 403, "people_only") // another's is another

	for range 2 { // the second would be 404
		if a := r.keyed("DELETE", "/v1/devices/phone", ownerSession, "", "b"); a.StatusCode != 204 || a.Body != "" {
			t.Errorf("%d %s", a.StatusCode, a.Body)
		}
	}
	r.Problem(r.keyed("DELETE", "/v1/devices/phone", ownerSession, "", "c"), 404, "device_not_found")
	if a := r.keyed("DELETE", "/v1/devices/phone", ownerSession, "", "c"); !replayed(a) || a.StatusCode != 404 {
		t.Errorf("%d %s", a.StatusCode, a.Body)
	}
	r.keyed("PUT", "/v1/devices/till", demoToken, device, "a")
	r.keyed("DELETE", "/v1/devices/till", demoToken, "", "b")
	r.Clock.Add(store.AnswersKept)
	if a := r.keyed("DELETE", "/v1/devices/till", demoToken, "", "b"); a.StatusCode != 404 {
		t.Errorf("a day later: %d", a.StatusCode)
	}
}

// TestKeysOfOrders leaves alone what somebody else did meanwhile, and keeps no customer's data.
func TestKeysOfOrders(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0)
	path := "/v1/orders/" + id(0)
	r.keyed("PATCH", path, ownerSession, `{"handling":"handled"}`, "a")
	r.ok(200, "PATCH", path, demoToken, `{"handling":"new"}`)
	again := r.keyed("PATCH", path, ownerSession, `{"handling":"handled"}`, "a")
	if now := r.Call("GET", path, ownerSession, ""); !replayed(again) || again.Body != now.Body ||
		again.Header.Get("ETag") != now.Header.Get("ETag") || now.JSON(t)["handling"] != "new" {
		t.Errorf("%s\n%s", again.Body, now.Body)
	}
	r.Problem(r.Call("PATCH", path, ownerSession, `{"handling":"handled"}`, withHeader("Idempotency-Key", "a"),
		withHeader("If-Match", "*")), 400, "idempotency_key_reused")
}

// TestKeyOfAnInvitation sends again what changes of which shops its sender is.
func TestKeyOfAnInvitation(t *testing.T) {
	r := newRig(t)
	made := r.ok(201, "POST", "/v1/invitations", ownerSession, `{"email":"kim@example.com","role":"staff"}`)
	body := fmt.Sprintf(`{"secret":%q}`, made["secret"])
	first := r.keyed("POST", "/v1/invitations/accept", otherSession, body, "a")
	again := r.keyed("POST", "/v1/invitations/accept", otherSession, body, "a")
	if first.StatusCode != 200 || !replayed(again) || again.Body != first.Body {
		t.Errorf("%d %s\n%d %s", first.StatusCode, first.Body, again.StatusCode, again.Body)
	}
}

// TestBadKeys are refused before anything happens.
func TestBadKeys(t *testing.T) {
	r := newRig(t)
	for _, key := range []string{"", strings.Repeat("a", 256), "a\tb", "키"} {
		r.Problem(r.keyed("PATCH", "/v1/settings", ownerSession, `{"language":"ko"}`, key), 400, "idempotency_key")
	}
	r.Problem(r.Call("PATCH", "/v1/settings", ownerSession, `{}`, func(r *http.Request) {
		r.Header["Idempotency-Key"] = []string{"a", "b"}
	}), 400, "idempotency_key")
	r.Problem(r.keyed("PATCH", "/v1/settings", "", `{}`, ""), 401, "unauthenticated")
	for path, secret := range map[string]string{"/v1/sessions": "", "/v1/invitations": ownerSession} {
		r.Problem(r.keyed("POST", path, secret, `{}`, "a"), 400, "idempotency_key_unsupported")
	}
	r.Problem(r.keyed("PATCH", "/v1/settings", ownerSession, strings.Repeat(" ", 8<<20), "a"), 413, "too_large")
	r.ok(200, "PATCH", "/v1/settings", ownerSession, `{"language":"ko"}`)
	if a := r.Call("GET", "/v1/me", ownerSession, "", withHeader("Idempotency-Key", "")); a.StatusCode != 200 {
		t.Error(a.Body) // reading takes none
	}
}

// slowStore lets a test look while a change is under way, and fail it.
type slowStore struct {
	site.Store
	during func()
	fails  *bool
}

func (s slowStore) SetHandling(ctx context.Context, shop string, id int64, was, to bellhop.Handling, at time.Time,
	unless func(*bellhop.Order) error) (bellhop.Order, error) {
	if s.during(); *s.fails {
		return bellhop.Order{}, bellhop.Errorf(bellhop.Unavailable, "database", "away")
	}
	return s.Store.SetHandling(ctx, shop, id, was, to, at, unless)
}

// TestKeyUnderWay tells the second to come again, and lets a change be made that failed.
func TestKeyUnderWay(t *testing.T) {
	fails, during := true, func() {}
	r := newRig(t, func(o *site.Options) { o.Store = slowStore{o.Store, func() { during() }, &fails} })
	r.Order(demo, 0)
	patch := func() reply {
		return r.keyed("PATCH", "/v1/orders/"+id(0), ownerSession, `{"handling":"seen"}`, "a")
	}
	during = func() {
		during = func() { t.Error("the second ran, too") }
		second := patch()
		r.Problem(second, 409, "in_progress")
		if second.Header.Get("Retry-After") != "1" {
			t.Error("nobody says when to come again")
		}
	}
	r.Problem(patch(), 503, "database")
	fails, during = false, func() {}
	if a := patch(); a.StatusCode != 200 || replayed(a) {
		t.Error(fmt.Sprint(a.StatusCode), a.Body)
	}
	if a := patch(); a.StatusCode != 200 || !replayed(a) {
		t.Error(fmt.Sprint(a.StatusCode), a.Body)
	}
}
