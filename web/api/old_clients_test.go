package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// oldAnswers were written by that bellhop: they are not to be written anew. Only the receipt of a push that nobody
// sent is refused since.
const oldAnswers = "testdata/old_clients.txt"

// oldCalls are what apps of before a person could have several shops send. Who: the owner's session, the token of
// a shop, or an operator.
var oldCalls = [][4]string{
	{"POST", "/v1/sessions", "", `{"email":"jo@example.com","password":"correct horse battery"}`},
	{"POST", "/v1/sessions", "", `{"email":"op@example.com","password":"correct horse battery","cookie":true}`},
	{"POST", "/v1/sessions", "", `{"email":"jo@example.com","password":"wrong"}`},
	{"POST", "/v1/sessions", "", `{"email":"jo@example.com"}`},
	{"POST", "/v1/sessions", "", `{"password":"x"}`},
	{"POST", "/v1/sessions", "", `{}`},
	{"POST", "/v1/sessions", "", `{"email":"","password":""}`},
	{"POST", "/v1/sessions", "", `{"email":1,"password":"x"}`},
	{"POST", "/v1/sessions", "", `{"email":"a","password":"b","more":1}`},
	{"POST", "/v1/sessions", "", ``},
	{"GET", "/v1/orders", ownerSession, ``},
	{"GET", "/v1/orders", demoToken, ``},
	{"GET", "/v1/orders", operatorSession, ``},
	{"GET", "/v1/orders", "", ``},
	{"GET", "/v1/orders", "bh_s_nobody", ``},
	{"GET", "/v1/orders?shop=demo.myshopify.com&limit=1", ownerSession, ``},
	{"GET", "/v1/orders?shop=DEMO.myshopify.com&handling=new", ownerSession, ``},
	{"GET", "/v1/orders?shop=other.myshopify.com", ownerSession, ``},
	{"GET", "/v1/orders?shop=other.myshopify.com", demoToken, ``},
	{"GET", "/v1/orders?shop=demo.myshopify.com", operatorSession, ``},
	{"GET", "/v1/orders?shop=nonsense", operatorSession, ``},
	{"GET", "/v1/orders?q=tee&since=2026-11-22T00:00:00Z", ownerSession, ``},
	{"GET", "/v1/orders?limit=0", ownerSession, ``},
	{"GET", "/v1/orders?unknown=1", ownerSession, ``},
	{"GET", "/v1/orders/820982911946154509", ownerSession, ``},
	{"GET", "/v1/orders/820982911946154509?shop=demo.myshopify.com", operatorSession, ``},
	{"GET", "/v1/orders/820982911946154510", ownerSession, ``},
	{"GET", "/v1/orders/x", ownerSession, ``},
	{"PATCH", "/v1/orders/820982911946154509", ownerSession, `{"handling":"handled"}`},
	{"PATCH", "/v1/orders/820982911946154509", ownerSession, `{"handling":"new","was":"seen"}`},
	{"PATCH", "/v1/orders/820982911946154509", ownerSession, `{"handling":"never"}`},
	{"PUT", "/v1/devices/phone", ownerSession, `{"kind":"token","value":"t1","platform":"ios","locale":"en-GB","timezone":"Europe/London"}`},
	{"PUT", "/v1/devices/phone", ownerSession, `{"kind":"token","value":"t2","platform":"ios"}`},
	{"PUT", "/v1/devices/till", demoToken, `{"kind":"fid","value":"f1","platform":"android","form":"data"}`},
	{"PUT", "/v1/devices/ops", operatorSession, `{"kind":"token","value":"t3","platform":"ios"}`},
	{"PUT", "/v1/devices/phone", ownerSession, `{"kind":"webpush","value":"v","platform":"ios"}`},
	{"PUT", "/v1/devices/phone", ownerSession, `{"kind":"token"}`},
	{"DELETE", "/v1/devices/till", ownerSession, ``},
	{"DELETE", "/v1/devices/till", ownerSession, ``},
	{"GET", "/v1/pushes", ownerSession, ``},
	{"GET", "/v1/pushes?order=820982911946154509&status=pending", demoToken, ``},
	{"GET", "/v1/pushes?status=x", ownerSession, ``},
	{"POST", "/v1/pushes/1/receipt", ownerSession, `{"event":"received"}`},
	{"POST", "/v1/pushes/x/receipt", ownerSession, `{"event":"opened"}`},
	{"DELETE", "/v1/sessions/current", demoToken, ``},
	{"DELETE", "/v1/sessions/current?device=phone", ownerSession, ``},
	{"GET", "/v1/orders", ownerSession, ``},
}

var random = regexp.MustCompile(`bh_[a-z]_[A-Za-z0-9_-]{43}`)

// TestOldClients get the answers that bellhop gave before people could have several shops. Answers may have gained
// fields.
func TestOldClients(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 1)
	r.Order(other, 2)
	var said []string
	for _, c := range oldCalls {
		a := r.Call(c[0], c[1], c[2], c[3])
		body := random.ReplaceAllString(strings.TrimSpace(a.Body), "SECRET")
		cookies := random.ReplaceAllString(strings.Join(a.Header.Values("Set-Cookie"), " "), "SECRET")
		said = append(said, fmt.Sprintf("%s %s %s %s\n%d %s %s\n%s\n", c[0], c[1], c[2], c[3], a.StatusCode,
			a.Header.Get("Content-Type"), cookies, body))
	}
	text, err := os.ReadFile(oldAnswers)
	must(t, err)
	want := strings.Split(string(text), "\n\n")
	if len(want) != len(said) {
		t.Fatalf("%d answers, %d in the file", len(said), len(want))
	}
	for n := range said {
		was, is := strings.Split(strings.TrimSpace(want[n]), "\n"), strings.Split(strings.TrimSpace(said[n]), "\n")
		if len(was) != len(is) || was[0] != is[0] || was[1] != is[1] || len(was) == 3 && !gained(was[2], is[2]) {
			t.Errorf("was\n%s\nis\n%s", want[n], said[n])
		}
	}
}

// gained reports whether an answer is an old one, or has further fields.
func gained(was, is string) bool {
	var before, now any
	if was == is {
		return true
	}
	return json.Unmarshal([]byte(was), &before) == nil && json.Unmarshal([]byte(is), &now) == nil && holds(now, before)
}

func holds(now, before any) bool {
	switch before := before.(type) {
	case map[string]any:
		now, ok := now.(map[string]any)
		for k, v := range before {
			ok = ok && (k == "detail" || holds(now[k], v)) // that is for people
		}
		return ok
	case []any:
		now, ok := now.([]any)
		ok = ok && len(now) == len(before)
		for i := range before {
			ok = ok && holds(now[i], before[i])
		}
		return ok
	}
	return now == before
}

// TestOldClientOfSeveralShops gets no orders of whichever shop comes first: it has to name one. Its phone rings for
// all.
func TestOldClientOfSeveralShops(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 1)
	r.Order(other, 2)
	ctx := context.Background()
	must(t, r.DB.SetMembership(ctx, r.Owner.ID, staffOf(other)))
	s := r.ok(200, "POST", "/v1/sessions", "", `{"email":"jo@example.com","password":"correct horse battery"}`)
	if s["shop"] != demo || s["role"] != "owner" {
		t.Errorf("signed in: %v", s)
	}
	session := s["token"].(string)
	for _, call := range []struct{ method, path, body string }{
		{"GET", "/v1/orders", ""}, {"GET", "/v1/orders/820982911946154509", ""}, {"GET", "/v1/pushes", ""},
		{"PATCH", "/v1/orders/820982911946154509", `{"handling":"seen"}`}, {"GET", "/v1/stream", ""},
		{"POST", "/v1/pushes/1/receipt", `{"event":"received"}`},
	} {
		a := r.Call(call.method, call.path, session, call.body)
		if r.Problem(a, 400, "shop_required"); !strings.Contains(a.Body, "?shop=NAME.myshopify.com") {
			t.Errorf("%s %s does not say what to do: %s", call.method, call.path, a.Body)
		}
	}
	r.ok(200, "PUT", "/v1/devices/phone", session, `{"kind":"token","value":"t1","platform":"ios"}`)
	for _, shop := range []string{demo, other} {
		all, err := r.DB.Devices(ctx, shop)
		must(t, err)
		if len(all) != 1 || all[0].PersonID != r.Owner.ID || !all[0].RetiredAt.IsZero() {
			t.Errorf("devices of %s: %+v", shop, all)
		}
	}
	r.ok(204, "DELETE", "/v1/sessions/current?device=phone", session, "")
	for _, shop := range []string{demo, other} {
		if all, err := r.DB.Devices(ctx, shop); err != nil || len(all) > 0 {
			t.Errorf("devices of %s after signing out: %+v, %v", shop, all, err)
		}
	}
}
