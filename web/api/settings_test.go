package api_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"bellhop"
)

func TestSettings(t *testing.T) {
	r := newRig(t)
	const path = "/v1/settings"
	sameJSON(t, r.ok(200, "GET", path, ownerSession, ""), `{"language":"","timezone":"","notify_new":true,
		"notify_paid":false,"notify_cancelled":false,"notify_refunded":false,"at_least":"","quiet_from":"","quiet_to":"",
		"gather_above":0,"loud_from":""}`)
	r.ok(200, "PATCH", path, ownerSession, `{"language":"ko","timezone":"asia/seoul","notify_new":false,
		"notify_paid":true,"notify_cancelled":true,"notify_refunded":true,"at_least":"5","quiet_from":"22:00",
		"quiet_to":"07:00","gather_above":20,"loud_from":"900"}`)
	want := `{"language":"ko","timezone":"Asia/Seoul","notify_new":true,"notify_paid":true,"notify_cancelled":true,
		"notify_refunded":true,"at_least":"","quiet_from":"22:00","quiet_to":"07:00","gather_above":20,"loud_from":"900"}`
	sameJSON(t, r.ok(200, "PATCH", path, ownerSession, `{"notify_new":true,"at_least":""}`), want)
	sameJSON(t, r.ok(200, "PATCH", path, ownerSession, `{}`), want)
	sameJSON(t, r.ok(200, "GET", path, ownerSession, ""), want)
	sameJSON(t, r.ok(200, "GET", "/v1/me/data", ownerSession, "")["settings"], `{"language":"ko",
		"timezone":"Asia/Seoul","new_orders":true,"paid_orders":true,"cancelled_orders":true,"refunded_orders":true,
		"at_least":"","quiet_from":"22:00","quiet_to":"07:00","group_above":20,"loud_from":"900"}`)
	if got := r.ok(200, "GET", path, otherSession, "")["language"]; got != "" {
		t.Errorf("another's language is %v", got)
	}
	r.ok(200, "PATCH", path, operatorSession, `{"language":"ja"}`)
	r.Problem(r.Call("GET", path, demoToken, ""), 403, "people_only")
	r.Problem(r.Call("PATCH", path, demoToken, `{"language":"ja"}`), 403, "people_only")
}

func TestWrongSettingsAreNamed(t *testing.T) {
	r := newRig(t)
	r.SetSettings(r.Owner.ID, bellhop.Settings{Language: "ja"})
	for body, code := range map[string]string{
		`{"language":"fr"}`: "language", `{"timezone":"Mars/Olympus"}`: "timezone", `{"at_least":"-1"}`: "at_least",
		`{"loud_from":"much"}`: "loud_from", `{"quiet_from":"25:00","quiet_to":"07:00"}`: "quiet_from",
		`{"quiet_from":"22:00","quiet_to":"x"}`: "quiet_to", `{"quiet_from":"22:00"}`: "quiet_to",
		`{"gather_above":1001}`: "gather_above", `{"notify_paid":true,"gather_above":-1}`: "gather_above",
	} {
		a := r.Call("PATCH", "/v1/settings", ownerSession, body)
		r.Problem(a, 400, code)
		fault := a.JSON(t)["errors"].([]any)[0].(map[string]any)
		if fault["location"] != "body."+code || fault["message"] != a.JSON(t)["detail"] {
			t.Errorf("%s: %s", body, a.Body)
		}
	}
	for _, body := range []string{`{"notify_new":"yes"}`, `{"gather_above":1.5}`, `{"colour":"red"}`, `[]`} {
		r.Problem(r.Call("PATCH", "/v1/settings", ownerSession, body), 400, "invalid")
	}
	if got := fmt.Sprint(r.ok(200, "GET", "/v1/settings", ownerSession, "")); strings.Contains(got, "notify_paid:true") {
		t.Errorf("a request that was refused changed %s", got)
	}
}

// Two phones change different things at once: neither undoes the other's.
func TestSettingsAreChangedOneByOne(t *testing.T) {
	r := newRig(t)
	var both sync.WaitGroup
	for _, body := range []string{`{"language":"ko"}`, `{"notify_paid":true}`, `{"at_least":"5"}`, `{"loud_from":"9"}`} {
		both.Go(func() {
			if a := r.Call("PATCH", "/v1/settings", ownerSession, body); a.StatusCode != 200 {
				t.Error(a.Body)
			}
		})
	}
	both.Wait()
	got := r.ok(200, "GET", "/v1/settings", ownerSession, "")
	if got["language"] != "ko" || got["notify_paid"] != true || got["at_least"] != "5" || got["loud_from"] != "9" {
		t.Errorf("%v", got)
	}
}

func TestPasswordIsChanged(t *testing.T) {
	r := newRig(t)
	const path, old, better = "/v1/me/password", "correct horse battery", "a better one"
	in := func(password string) reply {
		return r.Call("POST", "/v1/sessions", "", `{"email":"jo@example.com","password":"`+password+`"}`)
	}
	phone, _ := in(old).JSON(t)["token"].(string)
	r.Problem(r.Call("PUT", path, demoToken, `{"current":"x","password":"`+better+`"}`), 403, "people_only")
	r.Problem(r.Call("PUT", path, ownerSession, `{"current":"wrong","password":"`+better+`"}`), 401, "wrong_credentials")
	r.Problem(r.Call("PUT", path, ownerSession, `{"password":"`+better+`"}`), 401, "wrong_credentials")
	short := r.Call("PUT", path, ownerSession, `{"current":"`+old+`","password":"short"}`)
	r.Problem(short, 400, "password")
	if !strings.Contains(short.Body, `"body.password"`) {
		t.Error(short.Body)
	}
	r.ok(200, "GET", "/v1/me", phone, "")

	s := r.ok(200, "PUT", path, ownerSession, `{"current":"`+old+`","password":"`+better+`"}`)
	token, _ := s["token"].(string)
	r.ok(200, "GET", "/v1/me", token, "")
	for _, ended := range []string{ownerSession, phone} {
		r.Problem(r.Call("GET", "/v1/me", ended, ""), 401, "unauthenticated")
	}
	r.Problem(in(old), 401, "wrong_credentials")
	if a := in(better); a.StatusCode != 200 {
		t.Error(a.Body)
	}
	if strings.Contains(r.Logged.String(), better) {
		t.Error("the log has the password")
	}
	for n := range 20 {
		a := r.Call("PUT", path, otherSession, `{"current":"a guess","password":"`+better+`"}`)
		if a.StatusCode == 429 && a.Header.Get("Retry-After") != "" {
			break
		}
		if n > 15 {
			t.Error("nobody limits guesses")
		}
	}
	link := r.member("sam@example.com", staffOf(demo)) // without a password
	r.ok(200, "PUT", path, link, `{"password":"`+better+`"}`)
}
