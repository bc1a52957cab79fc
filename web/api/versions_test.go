package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
)

// TestETags follows one order as its owner sees it, and as an operator does, without personal data.
func TestETags(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0)
	path := "/v1/orders/" + id(0)
	get := func(secret string, more ...func(*http.Request)) reply {
		t.Helper()
		return r.Call("GET", path, secret, "", more...)
	}
	first := get(ownerSession)
	tag := first.Header.Get("ETag")
	if !strings.HasPrefix(tag, `"`) || first.StatusCode != 200 {
		t.Fatalf("%d %q", first.StatusCode, tag)
	}
	if same := get(demoToken).Header.Get("ETag"); same != tag {
		t.Errorf("the same answer has %s and %s", tag, same)
	}
	for header, status := range map[string]int{tag: 304, "W/" + tag: 304, `"a", ` + tag: 304, "*": 304, `"a"`: 200,
		"garbage": 200, `"unended`: 200, strings.ReplaceAll(tag, `"`, ""): 200} {
		got := get(ownerSession, withHeader("If-None-Match", header))
		if got.StatusCode != status || got.Header.Get("ETag") != tag || status == 304 && got.Body != "" {
			t.Errorf("If-None-Match %s: %d %s %q", header, got.StatusCode, got.Header.Get("ETag"), got.Body)
		}
	}
	masked := get(operatorSession, func(r *http.Request) { r.URL.RawQuery = "shop=" + demo })
	if other := masked.Header.Get("ETag"); other == tag || other == "" {
		t.Errorf("what an operator sees has %s, too", other)
	}

	version := first.JSON(t)["version"].(string)
	for _, query := range []string{"", "?updated_since=0"} {
		one := r.ok(200, "GET", "/v1/orders"+query, ownerSession, "")["orders"].([]any)[0].(map[string]any)
		if one["version"] != version {
			t.Errorf("%q has version %v, not %s", query, one["version"], version)
		}
	}
	patched := r.Call("PATCH", path, ownerSession, `{"handling":"handled"}`, withHeader("If-Match", tag))
	if now := patched.Header.Get("ETag"); patched.StatusCode != 200 || now == tag ||
		now != get(ownerSession).Header.Get("ETag") {
		t.Errorf("%d %s", patched.StatusCode, now)
	}
}

// TestIfMatch keeps what somebody else has said meanwhile.
func TestIfMatch(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0)
	path := "/v1/orders/" + id(0)
	saw := r.Call("GET", path, ownerSession, "")
	tag, version := saw.Header.Get("ETag"), saw.JSON(t)["version"].(string)
	r.ok(200, "PATCH", path, demoToken, `{"handling":"seen"}`)
	now := r.Call("GET", path, ownerSession, "").Header.Get("ETag")
	for _, header := range []string{tag, `"` + version + `"`, `"a", "b"`, "W/" + now, `""`} {
		refused := r.Call("PATCH", path, ownerSession, `{"handling":"handled"}`, withHeader("If-Match", header))
		r.Problem(refused, 412, "changed_meanwhile")
		if refused.JSON(t)["handling"] != "seen" || refused.Header.Get("ETag") != now {
			t.Errorf("%s: %s %s", header, refused.Header.Get("ETag"), refused.Body)
		}
	}
	for _, header := range []string{"x", version, `"a`, `"a" "b"`, `*, "a"`, `"a";`, `w/"a"`} {
		r.Problem(r.Call("PATCH", path, ownerSession, `{"handling":"handled"}`, withHeader("If-Match", header)), 400,
			"if_match")
	}
	r.Problem(r.Call("PATCH", path, ownerSession, `{"handling":"handled"}`,
		withHeader("If-Match", `"`+strings.Repeat("a", 4096)+`"`)), 400, "invalid")
	patch := func(body, header string) reply {
		t.Helper()
		got := r.Call("PATCH", path, ownerSession, body, withHeader("If-Match", header))
		if got.StatusCode != 200 {
			t.Errorf("%s with %s: %d %s", body, header, got.StatusCode, got.Body)
		}
		return got
	}
	patch(`{"handling":"seen"}`, tag) // it is so already, maybe by this client, whose answer was lost
	handled := patch(`{"handling":"handled"}`, `"a" , `+now)
	patch(`{"handling":"new"}`, `"`+handled.JSON(t)["version"].(string)+`"`)
	patch(`{"handling":"handled"}`, "*")
	r.Problem(r.Call("PATCH", "/v1/orders/"+id(1), ownerSession, `{"handling":"seen"}`, withHeader("If-Match", "*")), 404,
		"order_not_found")
	both := r.Call("PATCH", path, ownerSession, `{"handling":"seen","was":"new"}`, withHeader("If-Match", "*"))
	r.Problem(both, 409, "changed_meanwhile")
	if both.JSON(t)["handling"] != "handled" {
		t.Error(both.Body)
	}
}

// TestIfMatchBearsPushes lets an owner set an order whose push went out since, since that changes nothing of the
// order; its ETag is another.
func TestIfMatchBearsPushes(t *testing.T) {
	r := newRig(t)
	r.ok(200, "PUT", "/v1/devices/phone", ownerSession, `{"kind":"token","value":"t","platform":"ios"}`)
	r.Order(demo, 0)
	path := "/v1/orders/" + id(0)
	tag := r.Call("GET", path, ownerSession, "").Header.Get("ETag")
	var settled []store.Settled
	for range 2 { // one turns the fan-out into a push
		owed, err := r.DB.ClaimPushes(t.Context(), r.Clock.Now(), store.Slots{Free: 1}, time.Minute)
		must(t, err)
		for _, d := range owed {
			settled = append(settled, store.Settled{Pushes: d.Pushes, Status: bellhop.PushSent, At: r.Clock.Now()})
		}
	}
	must(t, r.DB.SettlePushes(t.Context(), settled))
	if now := r.Call("GET", path, ownerSession, "").Header.Get("ETag"); now == tag {
		t.Fatal("nothing was sent")
	}
	got := r.Call("PATCH", path, ownerSession, `{"handling":"seen"}`, withHeader("If-Match", tag))
	if got.StatusCode != 200 {
		t.Error(got.Body)
	}
}
