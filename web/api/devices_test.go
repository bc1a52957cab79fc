package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
)

const phoneBody = `{"kind":"token","value":"v-%s","platform":"ios","name":"%s"}`

// devices lists devices as somebody sees them: installation, name, and whose value they see.
func (r *rig) devices(path, secret string) (all []string) {
	r.Helper()
	for _, v := range r.ok(200, "GET", path, secret, "")["devices"].([]any) {
		d := v.(map[string]any)
		all = append(all, fmt.Sprint(d["installation"], "/", d["name"], "/", d["value"]))
	}
	return all
}

func (r *rig) same(what string, got, want any) {
	r.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		r.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestDevicesAreListed(t *testing.T) {
	r := newRig(t)
	staff := r.member("lee@example.com", staffOf(demo))
	both := r.member("both@example.com", staffOf(demo), ownerOf(other))
	for name, secret := range map[string]string{"jo": ownerSession, "lee": staff, "till": demoToken, "both": both} {
		r.ok(200, "PUT", "/v1/devices/"+name, secret, fmt.Sprintf(phoneBody, name, strings.ToUpper(name)))
	}
	r.same("staff", r.devices("/v1/devices", staff), "[lee/LEE/v-lee]")
	r.same("of several shops", r.devices("/v1/devices", both), "[both/BOTH/v-both]")
	r.same("as staff", r.devices("/v1/devices?shop="+demo, both), "[both/BOTH/v-both]")
	r.same("another shop", r.devices("/v1/devices", otherSession), "[both/BOTH/]")
	for secret, values := range map[string]string{ownerSession: "v-jo", demoToken: "v-till", r.operatorToken(): ""} {
		all := r.devices("/v1/devices?shop="+demo, secret)
		var seen []string
		for _, d := range all {
			if value := d[strings.LastIndex(d, "/")+1:]; value != "" {
				seen = append(seen, value)
			}
		}
		if len(all) != 4 || strings.Join(seen, " ") != values {
			t.Errorf("%q, want the value %q alone", all, values)
		}
	}
	r.Problem(r.Call("GET", "/v1/devices", operatorSession, ""), 400, "shop_required")
	r.Problem(r.Call("GET", "/v1/devices?shop="+demo, otherSession, ""), 404, "shop_not_found")

	r.Clock.Add(time.Minute)
	r.ok(200, "PUT", "/v1/devices/new", ownerSession, fmt.Sprintf(phoneBody, "jo", "New"))
	for _, v := range r.ok(200, "GET", "/v1/devices", ownerSession, "")["devices"].([]any) {
		d := v.(map[string]any)
		if retired := d["retired_at"] != nil; retired != (d["installation"] == "jo") ||
			retired != (d["retired_for"] == "address_moved") {
			t.Errorf("%v", d)
		}
	}
}

func TestDevicesAreNamed(t *testing.T) {
	r := newRig(t)
	staff := r.member("lee@example.com", staffOf(demo))
	r.ok(200, "PUT", "/v1/devices/jo", ownerSession, fmt.Sprintf(phoneBody, "jo", "Jo's"))
	r.ok(200, "PUT", "/v1/devices/lee", staff, fmt.Sprintf(phoneBody, "lee", "Lee's"))
	const path = "/v1/devices/"
	d := r.ok(200, "PATCH", path+"lee", staff, `{"name":"가게 폰"}`)
	r.same("named", d["name"], "가게 폰")
	r.same("by an owner", r.ok(200, "PATCH", path+"lee", ownerSession, `{"name":"Lee"}`)["name"], "Lee")
	r.same("by a token", r.ok(200, "PATCH", path+"lee", demoToken, `{"name":"Lee 2"}`)["name"], "Lee 2")
	again := r.ok(200, "PUT", path+"lee", staff, `{"kind":"token","value":"v2","platform":"ios"}`)
	r.same("refreshed", again["name"], "Lee 2")
	r.Problem(r.Call("PATCH", path+"jo", staff, `{"name":"mine"}`), 404, "device_not_found")
	r.Problem(r.Call("PATCH", path+"lee", otherSession, `{"name":"mine"}`), 404, "device_not_found")
	r.Problem(r.Call("PATCH", path+"none", ownerSession, `{"name":"x"}`), 404, "device_not_found")
	for _, name := range []string{"", strings.Repeat("x", 81)} {
		r.Problem(r.Call("PATCH", path+"jo", ownerSession, `{"name":"`+name+`"}`), 400, "invalid")
	}
	r.Problem(r.Call("PATCH", path+"jo", ownerSession, `{"name":"a\nb"}`), 400, "name")
	if page := r.Get("/devices", ownerSession).Body; !strings.Contains(page, "Lee 2") {
		t.Error("the console has no name of a device")
	}
}

func TestDevicesAreTested(t *testing.T) {
	r := newRig(t)
	staff := r.member("lee@example.com", staffOf(demo))
	r.ok(200, "PUT", "/v1/devices/jo", ownerSession, fmt.Sprintf(phoneBody, "jo", "Jo's"))
	r.ok(200, "PUT", "/v1/devices/lee", staff, fmt.Sprintf(phoneBody, "lee", "Lee's"))
	const path = "/v1/devices/"
	p := r.ok(202, "POST", path+"lee/test", staff, "")
	if p["kind"] != "test" || p["device"] != "lee" || p["status"] != "pending" || p["id"] == "" {
		t.Errorf("%v", p)
	}
	owed, err := r.DB.ClaimPushes(t.Context(), r.Clock.Now(), store.Slots{Free: 1}, time.Minute)
	must(t, err)
	must(t, r.DB.SettlePushes(t.Context(), []store.Settled{{Pushes: owed[0].Pushes, Status: bellhop.PushFailed,
		Reason: "unregistered", At: r.Clock.Now()}}))
	r.ok(204, "POST", "/v1/pushes/"+p["id"].(string)+"/receipt", staff, `{"event":"received"}`)
	d := r.ok(200, "GET", "/v1/devices", staff, "")["devices"].([]any)[0].(map[string]any)
	last, _ := d["last_test"].(map[string]any)
	if last["status"] != "failed" || last["reason"] != "unregistered" || last["at"] == nil || last["received_at"] == nil {
		t.Errorf("the last test is %v", last)
	}
	r.Problem(r.Call("POST", path+"jo/test", staff, ""), 404, "device_not_found")
	r.Problem(r.Call("POST", path+"jo/test", otherSession, ""), 404, "device_not_found")
	r.Problem(r.Call("POST", path+"none/test", ownerSession, ""), 404, "device_not_found")

	r.ok(202, "POST", path+"lee/test", ownerSession, "")
	if a := r.Post("/devices/ring", ownerSession, url.Values{"device": {"lee"}}); a.StatusCode != 303 {
		t.Fatal(a.StatusCode, a.Body)
	}
	a := r.Call("POST", path+"lee/test", staff, "")
	r.Problem(a, 429, "rate_limited")
	if wait := a.Header.Get("Retry-After"); wait != "30" {
		t.Errorf("the console's tests count, too: try again in %q", wait)
	}
	r.Clock.Add(30 * time.Second)
	r.ok(202, "POST", path+"lee/test", staff, "")
}
