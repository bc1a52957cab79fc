package api_test

import (
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/simulate/shop"
	"bellhop/web/webtest"
)

const appShop = webtest.Fresh

// withShopify is a rig that can connect shops.
func withShopify(t *testing.T) (*rig, *webtest.Shopify) {
	t.Helper()
	s := &webtest.Shopify{TB: t}
	r := newRig(t, s.Connect)
	webtest.Must(t, s.Install(appShop))
	return r, s
}

func idToken(t *testing.T, s *webtest.Shopify, user string) string {
	t.Helper()
	token, err := s.IDToken(appShop, user)
	webtest.Must(t, err)
	return token
}

func TestExchangeConnects(t *testing.T) {
	r, s := withShopify(t)
	a := r.Call("POST", "/v1/shops/exchange", idToken(t, s, "staff"), "")
	if a.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	got := a.JSON(t)
	conn := got["connection"].(map[string]any)
	if got["shop"] != appShop || got["sign_in_url"] != "" || conn["grant"] != "token_exchange" ||
		conn["access"] != "good" ||
		len(conn["subscriptions"].([]any)) == 0 {
		t.Errorf("%s", a.Body)
	}
	kept, err := r.DB.Connection(t.Context(), appShop)
	webtest.Must(t, err)
	if strings.Contains(a.Body, kept.Token) || strings.Contains(a.Body, kept.RefreshToken) {
		t.Error("the answer has a token")
	}
	// A page of the app's sends one with each visit. The access that works stays.
	body, err := json.Marshal(map[string]any{"id_token": idToken(t, s, "owner")})
	webtest.Must(t, err)
	if a := r.Call("POST", "/v1/shops/exchange", "", string(body)); a.StatusCode != http.StatusOK {
		t.Errorf("%d %s", a.StatusCode, a.Body)
	}
	if c, err := r.DB.Connection(t.Context(), appShop); err != nil || c.Token != kept.Token {
		t.Errorf("it exchanged again: %v", err)
	}
	if people, err := r.DB.People(t.Context(), appShop); err != nil || len(people) != 0 {
		t.Errorf("a member of the staff became %v %v", people, err)
	}
}

// Who gets a link to sign in, by who has the app open.
func TestExchangeSignsIn(t *testing.T) {
	r, s := withShopify(t)
	signIn := func(user string) string {
		t.Helper()
		a := r.Call("POST", "/v1/shops/exchange", idToken(t, s, user), `{"sign_in":true}`)
		if a.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", a.StatusCode, a.Body)
		}
		link, _ := a.JSON(t)["sign_in_url"].(string)
		return link
	}
	if link := signIn("staff"); link != "" {
		t.Errorf("staff without an account: %s", link)
	}
	webtest.Must(t, s.Uninstall(appShop, time.Hour))
	webtest.Must(t, s.Install(appShop))
	first, err := url.Parse(signIn("owner"))
	webtest.Must(t, err)
	if !strings.HasPrefix(first.String(), webtest.AppURL+"/signin?once=bh_l_") {
		t.Fatalf("the owner: %s", first)
	}
	a := r.Post("/signin", "", url.Values{"once": {first.Query().Get("once")}})
	if a.StatusCode != http.StatusSeeOther || len(a.Cookies()) == 0 {
		t.Errorf("the link: %d %s", a.StatusCode, a.Body)
	}
	if second := signIn("owner"); second == "" || second == first.String() {
		t.Errorf("later: %s", second)
	}
	if link := signIn("staff"); link != "" {
		t.Errorf("staff beside the owner: %s", link)
	}
	// Whoever has an account in another shop alone has none here.
	webtest.Must(t, s.SetInfo(appShop, shop.Info{Email: "kim@example.com"}))
	if link := signIn("owner"); link != "" {
		t.Errorf("the owner of another shop: %s", link)
	}
	// Whoever held an invitation, and chose a password for somebody else's address, loses the account.
	stranger, err := r.DB.AddPerson(t.Context(), bellhop.Person{Email: "olga@example.com", Unproven: true, AddedAt: day,
		PasswordHash: r.Owner.PasswordHash, Shops: []bellhop.Membership{{Shop: appShop, Role: bellhop.RoleStaff}}})
	webtest.Must(t, err)
	webtest.Must(t, s.SetInfo(appShop, shop.Info{Email: stranger.Email}))
	if link := signIn("owner"); link == "" {
		t.Error("the owner of an address that a stranger took gets no link")
	}
	if p, err := r.DB.PersonByEmail(t.Context(), stranger.Email); err != nil || p.Unproven || p.PasswordHash != "" {
		t.Errorf("the stranger keeps %+v, %v", p, err)
	}
}

func TestTenThousandForgedIDTokens(t *testing.T) {
	r, s := withShopify(t)
	right := idToken(t, s, "owner")
	random := rand.New(rand.NewPCG(19, 10_001))
	handler := r.Site.Handler()
	for n := range 10_000 {
		forged := forgeToken(t, random, right)
		req := httptest.NewRequest("POST", "/v1/shops/exchange", nil)
		req.Header.Set("Authorization", "Bearer "+forged)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, req)
		if w.Code != http.StatusUnauthorized || w.Header().Get("X-Shopify-Retry-Invalid-Session-Request") != "1" {
			t.Fatalf("%d: %d %s for %s", n, w.Code, w.Body, forged)
		}
	}
	if _, err := r.DB.Connection(t.Context(), appShop); bellhop.KindOf(err) != bellhop.NotFound {
		t.Errorf("a forged one connected: %v", err)
	}
	r.Problem(r.Call("POST", "/v1/shops/exchange", "", ""), 401, "invalid_id_token")
	if a := r.Call("POST", "/v1/shops/exchange", right, ""); a.StatusCode != http.StatusOK {
		t.Errorf("the right one after them: %d %s", a.StatusCode, a.Body)
	}
	r.Clock.Add(2 * time.Minute)
	r.Problem(r.Call("POST", "/v1/shops/exchange", right, ""), 401, "invalid_id_token")
}

// forgeToken changes a character, a claim or the algorithm of a token.
func forgeToken(t *testing.T, random *rand.Rand, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	b64 := base64.RawURLEncoding
	switch random.IntN(4) {
	case 0:
		parts[0] = b64.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
		if random.IntN(2) == 0 {
			parts[2] = ""
		}
	case 1:
		payload, err := b64.DecodeString(parts[1])
		webtest.Must(t, err)
		var claims map[string]any
		webtest.Must(t, json.Unmarshal(payload, &claims))
		names := []string{"iss", "dest", "aud", "sub", "exp", "nbf", "jti"}
		claims[names[random.IntN(len(names))]] = random.Int32()
		payload, err = json.Marshal(claims)
		webtest.Must(t, err)
		parts[1] = b64.EncodeToString(payload)
	default:
		const letters = "abcdefghijklmnopqrstuvwxyz0123456789-_"
		text := strings.Join(parts, ".")
		for {
			at, c := random.IntN(len(text)), letters[random.IntN(len(letters))]
			if text[at] != c {
				return text[:at] + string(c) + text[at+1:]
			}
		}
	}
	return strings.Join(parts, ".")
}

func TestExchangeWithoutAnApp(t *testing.T) {
	r := newRig(t)
	r.Problem(r.Call("POST", "/v1/shops/exchange", "x.y.z", ""), 404, "connecting_off")
}
