package api_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/web"
)

const appSignIn = `{"email":"jo@example.com","password":"correct horse battery","refresh":true}`

// pair is a session's token and its refresh token.
type pair struct{ token, refresh, id string }

func pairOf(s map[string]any) pair {
	return pair{fmt.Sprint(s["token"]), fmt.Sprint(s["refresh_token"]), fmt.Sprint(s["id"])}
}

// app signs the owner in as an app does.
func (r *rig) app(change ...string) pair {
	r.Helper()
	a := r.Call("POST", "/v1/sessions", "", strings.NewReplacer(change...).Replace(appSignIn),
		withHeader("User-Agent", "OwnersApp/1.2 (kim@example.com)"))
	if a.StatusCode != 200 {
		r.Fatal(a.StatusCode, a.Body)
	}
	return pairOf(a.JSON(r))
}

func (r *rig) tryRefresh(refresh string) reply {
	r.Helper()
	return r.Call("POST", "/v1/sessions/refresh", "", `{"refresh_token":"`+refresh+`"}`)
}

func (r *rig) refresh(refresh string) pair {
	r.Helper()
	a := r.tryRefresh(refresh)
	if a.StatusCode != 200 {
		r.Fatal(a.StatusCode, a.Body)
	}
	return pairOf(a.JSON(r))
}

// ended checks that no token of a session is good.
func (r *rig) ended(all ...pair) {
	r.Helper()
	for _, p := range all {
		r.Problem(r.Call("GET", "/v1/me", p.token, ""), 401, "unauthenticated")
		r.Problem(r.tryRefresh(p.refresh), 401, "refresh_invalid")
	}
}

func TestSessionsRefresh(t *testing.T) {
	r := newRig(t)
	s := r.ok(200, "POST", "/v1/sessions", "", appSignIn)
	r.same("the token's end", s["expires_at"], "2026-11-22T11:00:00Z")
	r.same("the session's end", s["refresh_expires_at"], "2027-02-20T10:00:00Z")
	one := pairOf(s)
	r.ok(200, "GET", "/v1/me", one.token, "")
	r.Clock.Add(time.Hour)
	r.Problem(r.Call("GET", "/v1/me", one.token, ""), 401, "unauthenticated")

	s = r.ok(200, "POST", "/v1/sessions/refresh", "", `{"refresh_token":"`+one.refresh+`"}`)
	two := pairOf(s)
	r.same("the session's end", s["refresh_expires_at"], "2027-02-20T11:00:00Z")
	if s["role"] != "owner" || s["shop"] != demo || two.id != one.id || two.token == one.token ||
		two.refresh == one.refresh {
		t.Errorf("%v after %v", s, one)
	}
	r.ok(200, "GET", "/v1/me", two.token, "")
	for range 3 { // for longer than 90 days
		r.Clock.Add(89 * 24 * time.Hour)
		two = r.refresh(two.refresh)
	}
	three := r.refresh(two.refresh)
	r.Problem(r.Call("GET", "/v1/me", two.token, ""), 401, "unauthenticated")
	r.ok(200, "GET", "/v1/me", three.token, "")
	r.ok(204, "DELETE", "/v1/sessions/current", three.token, "")
	r.ended(three)
}

func TestRefreshingExpires(t *testing.T) {
	r := newRig(t)
	s := r.app()
	r.Clock.Add(90*24*time.Hour - time.Second)
	s = r.refresh(s.refresh)
	r.Clock.Add(90 * 24 * time.Hour)
	r.ended(s)
}

// A phone that lost the answer asks again, however late, and however often.
func TestALostAnswerComesAgain(t *testing.T) {
	r := newRig(t)
	one := r.app()
	two := r.refresh(one.refresh)
	r.same("at once", r.refresh(one.refresh), two)
	r.Clock.Add(48 * time.Hour)
	r.same("late", r.refresh(one.refresh), two)
	r.ok(200, "GET", "/v1/me", two.token, "")
	three := r.refresh(two.refresh)
	r.same("of the next", r.refresh(two.refresh), three)
}

func TestRefreshesAtTheSameMomentBringOnePair(t *testing.T) {
	r := newRig(t)
	one := r.app()
	var all [8]pair
	var wait sync.WaitGroup
	for i := range all {
		wait.Go(func() { all[i] = r.refresh(one.refresh) })
	}
	wait.Wait()
	for _, p := range all {
		r.same("each", p, all[0])
	}
	r.ok(200, "GET", "/v1/me", all[7].token, "")
}

// Nobody can tell a thief from the owner: the session ends for both, and no other one.
func TestAStolenRefreshTokenEndsItsSession(t *testing.T) {
	for name, steal := range map[string]func(r *rig, one pair) (last pair){
		"after the new token was used": func(r *rig, one pair) pair {
			two := r.refresh(one.refresh)
			r.ok(200, "GET", "/v1/me", two.token, "")
			return two
		},
		"after the new refresh token was used": func(r *rig, one pair) pair {
			return r.refresh(r.refresh(one.refresh).refresh)
		},
		"long after": func(r *rig, one pair) pair {
			for range 5 {
				one = r.refresh(one.refresh)
				r.ok(200, "GET", "/v1/me", one.token, "")
			}
			return one
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			another := r.app()
			stolen := r.app()
			last := steal(r, stolen)
			r.Problem(r.tryRefresh(stolen.refresh), 401, "refresh_reused")
			r.ended(last, stolen)
			r.ok(200, "GET", "/v1/me", r.refresh(another.refresh).token, "")
			log := r.Logged.String()
			if !strings.Contains(log, "a refresh token came once more") || strings.Contains(log, "bh_r_") {
				t.Error(log)
			}
		})
	}
}

func TestSecretsOfAnotherKindAreNone(t *testing.T) {
	r := newRig(t)
	s := r.app()
	r.Problem(r.Call("GET", "/v1/me", s.refresh, ""), 401, "unauthenticated")
	r.Problem(r.Call("GET", "/v1/me", "", "", withCookie(s.refresh)), 401, "unauthenticated")
	if page := r.Get("/", s.refresh); page.StatusCode != 303 {
		t.Errorf("the console takes a refresh token: %d", page.StatusCode)
	}
	family, own := s.refresh[:48], s.refresh[48:]
	for _, not := range []string{s.token, ownerSession, demoToken, "x", strings.Repeat("x", 256), own, family,
		"bh_s_" + s.refresh[5:], "bh_r_" + own + own, s.refresh + "x", " " + s.refresh} {
		r.Problem(r.tryRefresh(not), 401, "refresh_invalid")
	}
	r.ok(200, "GET", "/v1/me", s.token, "")
	for _, body := range []string{`{}`, `{"refresh_token":""}`, `{"refresh_token":1}`, `{"token":"x"}`,
		`{"refresh_token":"` + strings.Repeat("x", 257) + `"}`} {
		r.Problem(r.Call("POST", "/v1/sessions/refresh", "", body), 400, "invalid")
	}
	// Whoever knows what a session's refresh tokens have in common had one of them.
	r.Problem(r.tryRefresh(family+"A"+own[1:]), 401, "refresh_reused")
	r.ended(s)
}

func TestRefreshingEndsWithThePassword(t *testing.T) {
	r := newRig(t)
	others, mine := r.app(), r.app()
	fresh := pairOf(r.ok(200, "PUT", "/v1/me/password", mine.token,
		`{"current":"correct horse battery","password":"another horse"}`))
	r.ended(others, mine)
	r.ok(200, "GET", "/v1/me", r.refresh(fresh.refresh).token, "")
	r.same("an old session's answer", pairOf(r.ok(200, "PUT", "/v1/me/password",
		fmt.Sprint(r.ok(200, "POST", "/v1/sessions", "", `{"email":"jo@example.com","password":"another horse"}`)["token"]),
		`{"current":"another horse","password":"a third horse"}`)).refresh, "<nil>")
}

func TestRefreshingEndsWithTheShop(t *testing.T) {
	lee := []string{"jo@", "lee@"}
	for name, leave := range map[string]func(r *rig, person int64){
		"removed":     func(r *rig, id int64) { r.ok(204, "DELETE", "/v1/people/"+web.ID(id), ownerSession, "") },
		"uninstalled": func(r *rig, _ int64) { must(r, r.DB.Uninstall(r.Context(), demo, r.Clock.Now())) },
		"reclaimed": func(r *rig, id int64) {
			must(r, r.DB.RemovePerson(r.Context(), id))
			r.member("lee@example.com", staffOf(demo))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			p, err := r.DB.AddPerson(t.Context(), bellhop.Person{Email: "lee@example.com", AddedAt: day,
				PasswordHash: r.Owner.PasswordHash, Role: bellhop.RoleOwner, Shop: demo})
			must(t, err)
			s := r.app(lee...)
			lost := r.app(lee...)
			r.refresh(lost.refresh) // and the answer is lost
			leave(r, p.ID)
			r.ended(s, lost)
		})
	}
	t.Run("one of two", func(t *testing.T) {
		r := newRig(t)
		must(t, r.DB.SetMembership(t.Context(), r.Owner.ID, staffOf(other)))
		s := r.app()
		must(t, r.DB.RemoveMembership(t.Context(), r.Owner.ID, other))
		s = r.refresh(s.refresh)
		r.Problem(r.Call("GET", "/v1/orders?shop="+other, s.token, ""), 404, "shop_not_found")
		r.ok(200, "GET", "/v1/orders", s.token, "")
	})
}

func TestWhoGetsNoSessionThatRefreshes(t *testing.T) {
	r := newRig(t)
	r.Problem(r.Call("POST", "/v1/sessions", "", strings.Replace(appSignIn, "jo@", "op@", 1)), 403, "members_only")
	for _, change := range []string{"jo@", "op@"} {
		wrong := strings.NewReplacer("correct", "wrong", "jo@", change).Replace(appSignIn)
		r.Problem(r.Call("POST", "/v1/sessions", "", wrong), 401, "wrong_credentials")
	}
	for _, body := range []string{`{"jwt":"a.b.c","refresh":true}`, `{"refresh":true}`,
		strings.Replace(appSignIn, "}", `,"cookie":true}`, 1)} {
		r.Problem(r.Call("POST", "/v1/sessions", "", body), 400, "invalid")
	}
	for _, v := range r.ok(200, "GET", "/v1/sessions", operatorSession, "")["sessions"].([]any) {
		r.same("refreshes", v.(map[string]any)["refreshes"], false)
	}
	plain := r.ok(200, "POST", "/v1/sessions", "", `{"email":"jo@example.com","password":"correct horse battery"}`)
	if plain["refresh_token"] != nil || plain["id"] != nil || plain["refresh_expires_at"] != nil {
		t.Errorf("an old client's session is %v", plain)
	}
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	r := newRig(t)
	lost := r.app()
	r.Clock.Add(time.Second)
	mine := r.app()
	r.ok(200, "PUT", "/v1/devices/lost", lost.token, fmt.Sprintf(phoneBody, "v1", "Old phone"))
	r.ok(200, "PUT", "/v1/devices/mine", mine.token, fmt.Sprintf(phoneBody, "v2", "New phone"))
	r.Clock.Add(30 * time.Minute)
	mine = r.refresh(mine.refresh)
	list := func(secret string) (all []string) {
		for _, v := range r.ok(200, "GET", "/v1/sessions", secret, "")["sessions"].([]any) {
			s := v.(map[string]any)
			all = append(all, fmt.Sprintf("%v %v %v %v %v", s["agent"], s["current"], s["devices"], s["refreshes"],
				s["last_used_at"]))
		}
		return all
	}
	want := []string{" false [] false 2026-11-22T09:00:00Z",
		"OwnersApp false [map[installation:lost name:Old phone]] true 2026-11-22T10:00:00Z",
		"OwnersApp true [map[installation:mine name:New phone]] true 2026-11-22T10:30:01Z"}
	got := list(mine.token)
	r.same("listed", got, want)

	const path = "/v1/sessions/"
	r.Problem(r.Call("GET", "/v1/sessions", demoToken, ""), 403, "people_only")
	r.Problem(r.Call("DELETE", path+lost.id, demoToken, ""), 403, "people_only")
	r.Problem(r.Call("DELETE", path+lost.id, otherSession, ""), 404, "session_not_found")
	r.Problem(r.Call("DELETE", path+lost.id, operatorSession, ""), 404, "session_not_found")
	for _, id := range []string{"0", "1", "x", "-1", "99999999999999999999"} {
		r.Problem(r.Call("DELETE", path+id, mine.token, ""), 404, "session_not_found")
	}
	r.ok(204, "DELETE", path+lost.id, mine.token, "")
	r.ended(lost)
	r.same("devices", r.devices("/v1/devices", mine.token), "[mine/New phone/v-v2]")
	r.ok(204, "DELETE", path+mine.id, mine.token, "")
	r.ended(mine)
	r.same("devices", r.devices("/v1/devices", ownerSession), "[]")
}

// The newest 50 of a person stay, and refreshing counts with signing in.
func TestSessionsThatRefreshAreBounded(t *testing.T) {
	r := newRig(t)
	first := r.app()
	last := first
	for range 50 {
		r.Clock.Add(30 * time.Second)
		last = r.app()
	}
	r.ended(first)
	last = r.refresh(last.refresh)
	r.same("sessions", len(r.ok(200, "GET", "/v1/sessions", last.token, "")["sessions"].([]any)), 50)

	r.Clock.Add(10 * time.Minute)
	for range 30 {
		last = r.refresh(last.refresh)
	}
	a := r.tryRefresh(last.refresh)
	r.Problem(a, 429, "rate_limited")
	r.same("wait", a.Header.Get("Retry-After"), "2")
	r.Problem(r.Call("POST", "/v1/sessions", "", appSignIn), 429, "rate_limited")
	r.Clock.Add(2 * time.Second)
	r.refresh(last.refresh)
}
