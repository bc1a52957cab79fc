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
