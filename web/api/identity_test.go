package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/identity"
	"bellhop/identity/identitytest"
	"bellhop/web"
	"bellhop/web/site"
	"bellhop/web/webtest"
)

const issuerURL = "https://id.example.com"

// issued is a rig that takes the tokens of an issuer.
type issued struct {
	*rig
	issuer *identitytest.Issuer
}

// newIssued takes further parameters of the issuer's setting.
func newIssued(t *testing.T, params string) *issued {
	settings, err := identity.ParseSettings(issuerURL + "?audience=bellhop" + params)
	must(t, err)
	s := &issued{}
	s.rig = newRig(t, func(o *site.Options) {
		s.issuer = identitytest.New(issuerURL, o.Now)
		o.Identity = identity.New(settings, identity.Options{HTTP: s.issuer, Now: o.Now})
	})
	return s
}

// token is one of an address, with further claims.
func (s *issued) token(email string, claims ...any) string {
	c := s.issuer.Claims("bellhop", email)
	for n := 0; n < len(claims); n += 2 {
		c[claims[n].(string)] = claims[n+1]
	}
	return s.issuer.Token(c)
}

func (s *issued) person(email string) (bellhop.Person, error) {
	return s.DB.PersonByEmail(context.Background(), email)
}

func TestTokenOfTheTeamsOwn(t *testing.T) {
	s := newIssued(t, "")
	s.Order(demo, 1)
	s.Order(other, 2)
	jo := s.token("jo@example.com")
	a := s.Call("GET", "/v1/orders", jo, "")
	if a.StatusCode != 200 || strings.Count(a.Body, `"id"`) != 1 || !strings.Contains(a.Body, "Jo Lee") {
		t.Errorf("%d %s", a.StatusCode, a.Body)
	}
	s.Problem(s.Call("GET", "/v1/orders?shop="+other, jo, ""), 404, "shop_not_found")
	s.Problem(s.Call("DELETE", "/v1/sessions/current", jo, ""), 400, "not_a_session")
	s.Problem(s.Call("GET", "/v1/orders", s.token("nobody@example.com"), ""), 401, "no_account")
	s.Problem(s.Call("GET", "/v1/orders", s.token("jo@example.com", "email_verified", false), ""), 401, "token_claim")
	s.Problem(s.Call("GET", "/v1/orders?shop="+demo, s.token("op@example.com"), ""), 401, "operator_token")
	s.Problem(s.Call("GET", "/v1/orders", "", "", withCookie(jo)), 401, "unauthenticated")
	s.Clock.Add(2 * time.Hour)
	s.Problem(s.Call("GET", "/v1/orders", jo, ""), 401, "token_expired")
	if strings.Contains(s.Logged.String(), strings.Split(jo, ".")[2]) {
		t.Error("the log has the token")
	}
}

// TestTokensAreNothingWithoutASetting, whatever they say.
func TestTokensAreNothingWithoutASetting(t *testing.T) {
	r := newRig(t)
	i := identitytest.New(issuerURL, r.Clock.Now)
	r.Problem(r.Call("GET", "/v1/orders", i.Token(i.Claims("bellhop", "jo@example.com")), ""), 401, "unauthenticated")
	r.Problem(r.Call("POST", "/v1/sessions", "", `{"jwt":"a.b.c"}`), 401, "unauthenticated")
}

func TestTokenOfSeveralShops(t *testing.T) {
	s := newIssued(t, "")
	must(t, s.DB.SetMembership(context.Background(), s.Owner.ID,
		bellhop.Membership{Shop: other, Role: bellhop.RoleStaff}))
	jo := s.token("jo@example.com")
	s.Problem(s.Call("GET", "/v1/orders", jo, ""), 400, "shop_required")
	for _, shop := range []string{demo, other} {
		if a := s.Call("GET", "/v1/orders?shop="+shop, jo, ""); a.StatusCode != 200 {
			t.Errorf("%s: %d %s", shop, a.StatusCode, a.Body)
		}
	}
}

// TestWhoeverIsRemovedHere stays out, although the token is still valid.
func TestWhoeverIsRemovedHere(t *testing.T) {
	s := newIssued(t, "")
	jo := s.token("jo@example.com")
	if a := s.Call("GET", "/v1/orders", jo, ""); a.StatusCode != 200 {
		t.Fatal(a.Body)
	}
	must(t, s.DB.RemovePerson(context.Background(), s.Owner.ID))
	s.Problem(s.Call("GET", "/v1/orders", jo, ""), 401, "no_account")
}

func TestSessionByAToken(t *testing.T) {
	s := newIssued(t, "")
	body, _ := json.Marshal(map[string]any{"jwt": s.token("jo@example.com"), "cookie": true})
	a := s.Call("POST", "/v1/sessions", "", string(body))
	if a.StatusCode != 200 || len(a.Cookies()) != 1 {
		t.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	session := a.JSON(t)["token"].(string)
	s.Clock.Add(24 * time.Hour)
	if a := s.Call("GET", "/v1/orders", session, ""); a.StatusCode != 200 {
		t.Errorf("a day later: %d %s", a.StatusCode, a.Body)
	}
	for body, code := range map[string]string{
		`{"jwt":"a.b.c"}`: "unauthenticated",
		`{"jwt":"a.b.c","email":"jo@example.com","password":"x"}`: "invalid",
		`{"email":"jo@example.com"}`:                              "invalid",
		`{"password":"x"}`:                                        "invalid",
		`{}`:                                                      "invalid",
	} {
		status := 400
		if code == "unauthenticated" {
			status = 401
		}
		s.Problem(s.Call("POST", "/v1/sessions", "", body), status, code)
	}
}

func TestOperatorsWhereTheSettingAllowsThem(t *testing.T) {
	s := newIssued(t, "&operators=accept&shops_claim=shops")
	s.Order(demo, 1)
	op := s.token("op@example.com", "shops", []string{other}) // more than the claim says
	if a := s.Call("GET", "/v1/orders?shop="+demo, op, ""); a.StatusCode != 200 || strings.Contains(a.Body, "Jo Lee") {
		t.Errorf("%d %s", a.StatusCode, a.Body)
	}
	s.Problem(s.Call("GET", "/v1/orders", s.token("new@example.com", "shops", map[string]string{demo: "operator"}), ""),
		401, "token_claim")
	// A session lasts as long as the token: whoever is operator no more at the issuer is none here.
	session := s.Call("POST", "/v1/sessions", "", `{"jwt":"`+op+`"}`).JSON(t)["token"].(string)
	if a := s.Call("GET", "/v1/orders?shop="+demo, session, ""); a.StatusCode != 200 {
		t.Errorf("%d %s", a.StatusCode, a.Body)
	}
	s.Clock.Add(time.Hour + time.Second)
	s.Problem(s.Call("GET", "/v1/orders?shop="+demo, session, ""), 401, "unauthenticated")
}

// TestShopsByAClaim makes an account that has the shops of the newest token, and its devices with them.
func TestShopsByAClaim(t *testing.T) {
	s := newIssued(t, "&shops_claim=shops")
	of := func(shops ...string) string { return s.token("new@example.com", "shops", shops) }
	s.Problem(s.Call("GET", "/v1/orders", of("gone.myshopify.com"), ""), 401, "no_account")
	if _, err := s.person("new@example.com"); bellhop.KindOf(err) != bellhop.NotFound {
		t.Errorf("an account for no shop: %v", err)
	}
	two := of("gone.myshopify.com", demo, other)
	device := `{"kind":"token","value":"t1","platform":"ios"}`
	if a := s.Call("PUT", "/v1/devices/phone?shop="+demo, two, device); a.StatusCode != 200 {
		t.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	for _, shop := range []string{demo, other} {
		if n := s.devices(shop, "phone"); n != 1 {
			t.Errorf("%d devices in %s", n, shop)
		}
	}
	s.Clock.Add(time.Minute)
	if a := s.Call("GET", "/v1/orders", of(demo), ""); a.StatusCode != 200 {
		t.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	if s.devices(other, "phone") != 0 || s.devices(demo, "phone") != 1 {
		t.Error("the device stays in a shop that the token no longer names")
	}
	s.Problem(s.Call("GET", "/v1/orders?shop="+other, two, ""), 404, "shop_not_found") // older, still valid
	if p, err := s.person("new@example.com"); err != nil || len(p.Shops) != 1 {
		t.Errorf("the older token gave back: %v %v", p.Shops, err)
	}
	s.Clock.Add(time.Minute)
	s.Problem(s.Call("GET", "/v1/orders", of(), ""), 401, "no_account")
	if _, err := s.person("new@example.com"); bellhop.KindOf(err) != bellhop.NotFound {
		t.Errorf("the account outlives its shops: %v", err)
	}
}

func (s *issued) devices(shop, installation string) (n int) {
	all, err := s.DB.Devices(context.Background(), shop)
	must(s, err)
	for _, d := range all {
		if d.Installation == installation {
			n++
		}
	}
	return n
}

// TestTheClaimDecides: whom an operator removes here is back with the next request, and a role is what the
// newest token says. A shop keeps its last owner, whom the token no longer lets in.
func TestTheClaimDecides(t *testing.T) {
	s := newIssued(t, "&shops_claim=shops")
	ctx := context.Background()
	role := func(role string) string { return s.token("kim2@example.com", "shops", map[string]string{demo: role}) }
	get := func(token string) int { return s.Call("GET", "/v1/orders", token, "").StatusCode }
	if code := get(role("staff")); code != 200 {
		t.Fatal(code)
	}
	p, err := s.person("kim2@example.com")
	must(t, err)
	must(t, s.DB.RemovePerson(ctx, p.ID))
	s.Clock.Add(time.Minute)
	if code := get(role("owner")); code != 200 {
		t.Error(code)
	}
	if p, err = s.person("kim2@example.com"); err != nil || p.RoleIn(demo) != bellhop.RoleOwner {
		t.Errorf("%+v %v", p, err)
	}
	must(t, s.DB.RemovePerson(ctx, s.Owner.ID)) // the other owner
	s.Clock.Add(time.Minute)
	if code := get(s.token("kim2@example.com", "shops", []string{other})); code != 200 {
		t.Error(code)
	}
	if p, err = s.person("kim2@example.com"); err != nil || p.RoleIn(demo) != bellhop.RoleOwner ||
		p.RoleIn(other) != bellhop.RoleStaff {
		t.Errorf("%+v %v", p, err)
	}
	narrow := s.token("kim2@example.com", "shops", []string{other})
	s.Problem(s.Call("GET", "/v1/orders?shop="+demo, narrow, ""), 404, "shop_not_found")
	// A session would open what the token does not.
	s.Problem(s.Call("POST", "/v1/sessions", "", `{"jwt":"`+narrow+`"}`), 403, "token_narrower")
	whole := s.token("kim2@example.com", "shops", map[string]string{demo: "owner", other: "staff"})
	if a := s.Call("POST", "/v1/sessions", "", `{"jwt":"`+whole+`"}`); a.StatusCode != 200 {
		t.Errorf("of a token with all of the shops: %d %s", a.StatusCode, a.Body)
	}
}

// TestOneAccountForManyFirstRequests at the same moment.
func TestOneAccountForManyFirstRequests(t *testing.T) {
	s := newIssued(t, "&shops_claim=shops")
	token := s.token("new@example.com", "shops", []string{demo, other})
	first := s.token("first@example.com", "shops", []string{demo})
	if a := s.Call("GET", "/v1/orders", first, ""); a.StatusCode != 200 { // then nobody waits for the issuer's keys
		t.Fatal(a.Body)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if a := s.Call("GET", "/v1/orders?shop="+other, token, ""); a.StatusCode != 200 {
				t.Errorf("%d %s", a.StatusCode, a.Body)
			}
		})
	}
	all.Wait()
	if p, err := s.person("new@example.com"); err != nil || len(p.Shops) != 2 {
		t.Errorf("%+v %v", p, err)
	}
}

// TestTokenEndsWhatAStrangerHas: an invitation made the account, and whoever held it chose the password, and another
// later. The token proves whose the address is.
func TestTokenEndsWhatAStrangerHas(t *testing.T) {
	s := newIssued(t, "&shops_claim=shops")
	ctx := context.Background()
	stranger, err := s.DB.AddPerson(ctx, bellhop.Person{Email: "pat@example.com", Unproven: true, AddedAt: day,
		PasswordHash: s.Owner.PasswordHash, Shops: []bellhop.Membership{{Shop: demo, Role: bellhop.RoleStaff}}})
	must(t, err)
	must(t, s.DB.AddSession(ctx, bellhop.Session{TokenHash: web.HashToken("bh_s_stranger"), PersonID: stranger.ID,
		CreatedAt: day, ExpiresAt: day.Add(24 * time.Hour)}, "192.0.2.1"))
	a := s.Post("/settings/password", "bh_s_stranger", url.Values{"current": {webtest.Password},
		"password": {"a stranger's password"}})
	if a.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	session := ""
	for _, c := range a.Cookies() {
		if c.Name == web.CookieName {
			session = c.Value
		}
	}
	device := `{"kind":"token","value":"t1","platform":"ios"}`
	if a := s.Call("PUT", "/v1/devices/strangers", session, device); a.StatusCode != 200 {
		t.Fatal(a.Body)
	}
	a = s.Call("GET", "/v1/orders?shop="+other, s.token("pat@example.com", "shops", []string{demo, other}), "")
	if a.StatusCode != 200 {
		t.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	s.Problem(s.Call("GET", "/v1/orders", session, ""), http.StatusUnauthorized, "unauthenticated")
	if n := s.devices(demo, "strangers") + s.devices(other, "strangers"); n != 0 {
		t.Errorf("%d devices of the stranger's", n)
	}
	if p, err := s.person("pat@example.com"); err != nil || p.Unproven || p.PasswordHash != "" {
		t.Errorf("%+v %v", p, err)
	}
}

func TestIssuerThatIsAway(t *testing.T) {
	s := newIssued(t, "")
	s.issuer.Answer(func(http.ResponseWriter, *http.Request) { panic("connection refused") })
	a := s.Call("GET", "/v1/orders", s.token("jo@example.com"), "")
	s.Problem(a, 503, "issuer_away")
	if a.Header.Get("Retry-After") == "" || strings.Contains(a.Body, "connection refused") {
		t.Errorf("%v %s", a.Header, a.Body)
	}
	if a := s.Call("GET", "/v1/orders", ownerSession, ""); a.StatusCode != 200 {
		t.Errorf("a session: %d", a.StatusCode)
	}
	s.issuer.Answer(nil)
	s.Clock.Add(time.Minute)
	if a := s.Call("GET", "/v1/orders", s.token("jo@example.com"), ""); a.StatusCode != 200 {
		t.Errorf("it is back: %d %s", a.StatusCode, a.Body)
	}
}
