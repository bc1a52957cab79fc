package api_test

import (
	"context"
	"fmt"
	"testing"

	"bellhop"
)

func TestRota(t *testing.T) {
	r := newRig(t)
	staff := r.member("lee@example.com", staffOf(demo))
	r.member("elsewhere@example.com", staffOf(other))
	off := r.ok(200, "GET", "/v1/rota", staff, "")
	if off["on"] != false || fmt.Sprint(off["people"]) != "[]" {
		t.Errorf("without a rota: %v", off)
	}
	set := `{"people":["Lee@example.com","jo@example.com"],"after_minutes":7,"from":"100"}`
	if a := r.Call("PUT", "/v1/rota", staff, set); a.StatusCode != 403 {
		t.Errorf("staff: %d %s", a.StatusCode, a.Body)
	}
	if a := r.Call("PUT", "/v1/rota", demoToken, set); a.StatusCode != 403 {
		t.Errorf("a token: %d %s", a.StatusCode, a.Body)
	}
	for body, code := range map[string]string{
		`{"people":["elsewhere@example.com"]}`:           "people",
		`{"people":["jo@example.com","JO@example.com"]}`: "people",
		`{"people":["jo@example.com"],"from":"much"}`:    "from",
		`{"people":[]}`: "invalid",
		`{"people":["jo@example.com"],"after_minutes":-1}`: "invalid",
	} {
		if a := r.Call("PUT", "/v1/rota", ownerSession, body); a.StatusCode != 400 || a.JSON(t)["code"] != code {
			t.Errorf("%s: %d %s", body, a.StatusCode, a.Body)
		}
	}
	ctx := context.Background()
	for _, p := range mustPeople(t, r) {
		must(t, r.DB.UpdateSettings(ctx, p.ID, func(s *bellhop.Settings) error {
			s.QuietFrom, s.QuietTo, s.Timezone = "22:00", "07:00", "UTC"
			return nil
		}))
	}
	got := r.ok(200, "PUT", "/v1/rota", ownerSession, set)
	people := got["people"].([]any)
	if got["on"] != true || got["after_minutes"] != 7.0 || got["from"] != "100" || len(people) != 2 ||
		people[0].(map[string]any)["email"] != "lee@example.com" {
		t.Errorf("set: %v", got)
	}
	if holes := fmt.Sprint(got["holes"]); holes != "[map[from:22:00 timezone:UTC to:07:00]]" {
		t.Errorf("holes: %s", holes)
	}
	r.ok(204, "DELETE", "/v1/rota", ownerSession, "")
	if off := r.ok(200, "GET", "/v1/rota", ownerSession, ""); off["on"] != false {
		t.Errorf("switched off: %v", off)
	}
}

func mustPeople(t *testing.T, r *rig) []bellhop.Person {
	t.Helper()
	people, err := r.DB.People(context.Background(), demo)
	must(t, err)
	return people
}

func TestTake(t *testing.T) {
	r := newRig(t)
	staff := r.member("lee@example.com", staffOf(demo))
	id := r.Order(demo, 7).ID
	take, release := fmt.Sprintf("/v1/orders/%d/take", id), fmt.Sprintf("/v1/orders/%d/release", id)
	for name, secret := range map[string]string{"a token": demoToken, "an operator": operatorSession} {
		path := take
		if secret == operatorSession {
			path += "?shop=" + demo
		}
		if a := r.Call("POST", path, secret, ""); a.StatusCode != 403 || a.JSON(t)["code"] != "people_only" {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Body)
		}
	}
	if a := r.Call("POST", take, otherSession, ""); a.StatusCode != 404 {
		t.Errorf("another shop's: %d %s", a.StatusCode, a.Body)
	}
	for range 2 {
		got := r.ok(200, "POST", take, staff, "")
		if taken := got["taken"].(map[string]any); taken["email"] != "lee@example.com" || taken["at"] == nil {
			t.Errorf("taken: %v", taken)
		}
		if steps := got["steps"].([]any); len(steps) != 1 || steps[0].(map[string]any)["kind"] != "taken" {
			t.Errorf("steps: %v", steps)
		}
	}
	list := r.ok(200, "GET", "/v1/orders", ownerSession, "")["orders"].([]any)[0].(map[string]any)
	if list["taken"] == nil || list["steps"] != nil {
		t.Errorf("in a list: %v", list)
	}
	a := r.Call("POST", take, ownerSession, "")
	if a.StatusCode != 409 || a.JSON(t)["code"] != "already_taken" ||
		a.JSON(t)["detail"] != "lee@example.com has this order" {
		t.Errorf("by another: %d %s", a.StatusCode, a.Body)
	}
	if got := r.ok(200, "POST", release, ownerSession, ""); got["taken"] != nil {
		t.Errorf("an owner releases: %v", got["taken"])
	}
	r.ok(200, "POST", take, ownerSession, "")
	if a := r.Call("POST", release, staff, ""); a.StatusCode != 403 || a.JSON(t)["code"] != "owners_only" {
		t.Errorf("staff release another's: %d %s", a.StatusCode, a.Body)
	}
}
