package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
	"bellhop/web/site"
)

const (
	fresh    = "fresh.myshopify.com"
	shopPath = "/v1/shops/" + fresh
)

// operate makes a request as an operator.
func (r *rig) operate(method, path, body string) reply {
	r.Helper()
	return r.Call(method, path, operatorSession, body)
}

// want checks the status of an answer and returns its body.
func (r *rig) want(status int, a reply) map[string]any {
	r.Helper()
	if a.StatusCode != status {
		r.Fatalf("%s %s: %d, want %d: %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.Body)
	}
	if a.Body == "" {
		return nil
	}
	return a.JSON(r)
}

func TestProvisioningAShop(t *testing.T) {
	r := newRig(t)
	a := r.operate("POST", "/v1/shops", `{"domain":"Fresh.myshopify.com","customer_in_push":true}`)
	if s := r.want(201, a); s["domain"] != fresh || s["customer_in_push"] != true || s["own_secret"] != false ||
		a.Header.Get("Location") != shopPath {
		t.Errorf("%v %v", a.Header, s)
	}
	page, err := r.DB.Accesses(t.Context(), store.AccessQuery{Shop: fresh})
	must(t, err)
	if len(page.Accesses) != 1 || page.Accesses[0].About != "POST /v1/shops" {
		t.Errorf("the access log of a new shop: %+v", page.Accesses)
	}
	r.Problem(r.operate("POST", "/v1/shops", `{"domain":"fresh.myshopify.com"}`), 409, "shop_exists")
	if s := r.want(200, r.operate("GET", shopPath, "")); s["customer_in_push"] != true {
		t.Errorf("the second call changed it: %v", s)
	}
	s := r.want(200, r.operate("PATCH", shopPath, `{"disabled":true}`))
	if s["disabled"] != true || s["customer_in_push"] != true {
		t.Errorf("%v", s)
	}
	s = r.want(200, r.operate("PATCH", shopPath, `{"disabled":false,"customer_in_push":false}`))
	if s["disabled"] != false || s["customer_in_push"] != false {
		t.Errorf("%v", s)
	}
	for _, body := range []string{`{"domain":"example.com"}`, `{"domain":""}`, `{}`,
		`{"domain":"a.myshopify.com","x":1}`} {
		if a := r.operate("POST", "/v1/shops", body); a.StatusCode != 400 {
			t.Errorf("%s: %d %s", body, a.StatusCode, a.Body)
		}
	}
	for _, path := range []string{"/v1/shops/none.myshopify.com", "/v1/shops/example.com", "/v1/shops/none"} {
		r.Problem(r.operate("GET", path, ""), 404, "shop_not_found")
		r.Problem(r.operate("PATCH", path, `{}`), 404, "shop_not_found")
	}
}

func TestWhatShopifySaysOfAShop(t *testing.T) {
	r := newRig(t)
	must(t, r.DB.UpdateShop(context.Background(), demo, func(s *bellhop.Shop) {
		s.Name, s.Email, s.Currency, s.Timezone, s.Plan = "Demo", "jo@example.com", "EUR", "Europe/Berlin", "Basic"
		s.UninstalledAt = day
	}))
	s := r.want(200, r.operate("GET", "/v1/shops/"+demo, ""))
	for name, want := range map[string]any{"name": "Demo", "email": "jo@example.com", "currency": "EUR",
		"timezone": "Europe/Berlin", "plan": "Basic", "uninstalled_at": "2026-11-22T09:00:00Z"} {
		if s[name] != want {
			t.Errorf("%s is %v", name, s[name])
		}
	}
}

// TestSecretsOfAShop are rotated by the rules of the command line, and never read back.
func TestSecretsOfAShop(t *testing.T) {
	r := newRig(t)
	refused := `{"domain":"fresh.myshopify.com","own_secret_only":true}`
	r.Problem(r.operate("POST", "/v1/shops", refused), 400, "own_secret_only")
	r.want(201, r.operate("POST", "/v1/shops", `{"domain":"fresh.myshopify.com"}`))
	r.Problem(r.operate("PATCH", shopPath, `{"own_secret_only":true,"disabled":true}`), 400, "own_secret_only")
	if s := r.want(200, r.operate("GET", shopPath, "")); s["disabled"] != false {
		t.Error("half of a refused change was made")
	}
	r.Problem(r.operate("PUT", shopPath+"/secret", `{"secret":"two\nlines"}`), 400, "secret")
	r.Problem(r.operate("POST", "/v1/shops", `{"domain":"more.myshopify.com","secret":"two\nlines"}`), 400, "secret")
	answers := ""
	for _, step := range []struct{ method, path, body, now, before string }{
		{"PUT", "/secret", `{"secret":"canary-one"}`, "canary-one", ""},
		{"PUT", "/secret", `{"secret":"canary-two"}`, "canary-two", "canary-one"},
		{"PUT", "/secret", `{"secret":"canary-two"}`, "canary-two", "canary-one"}, // a repetition
		{"PATCH", "", `{"own_secret_only":true}`, "canary-two", "canary-one"},
		{"POST", "/secret/finish", "", "canary-two", ""},
		{"POST", "/secret/finish", "", "canary-two", ""},
	} {
		a := r.operate(step.method, shopPath+step.path, step.body)
		s := r.want(200, a)
		answers += a.Body
		if kept := r.shop(fresh); kept.Secret != step.now || kept.PreviousSecret != step.before ||
			s["own_secret"] != true || s["previous_secret"] != (step.before != "") {
			t.Errorf("%s %s %s: %q before %q, %v", step.method, step.path, step.body, kept.Secret, kept.PreviousSecret, s)
		}
	}
	answers += r.operate("GET", "/v1/shops", "").Body
	answers += r.operate("PUT", shopPath+"/secret", `{"secret":["canary-three"]}`).Body
	if strings.Contains(answers+r.Logged.String(), "canary") {
		t.Error("a secret is read back, or logged")
	}
}

func (r *rig) shop(domain string) bellhop.Shop {
	all, err := r.DB.Shops(context.Background())
	must(r, err)
	for _, s := range all {
		if s.Domain == domain {
			return s
		}
	}
	r.Fatalf("there is no shop %s", domain)
	return bellhop.Shop{}
}

func TestListOfShops(t *testing.T) {
	r := newRig(t)
	for n := range 7 {
		r.want(201, r.operate("POST", "/v1/shops", fmt.Sprintf(`{"domain":"s%d.myshopify.com"}`, n)))
	}
	var got []string
	for cursor := ""; ; {
		page := r.want(200, r.operate("GET", "/v1/shops?limit=4&cursor="+cursor, ""))
		for _, s := range page["shops"].([]any) {
			got = append(got, strings.TrimSuffix(s.(map[string]any)["domain"].(string), ".myshopify.com"))
		}
		if cursor = page["next"].(string); cursor == "" {
			break
		}
	}
	if s := strings.Join(got, " "); s != "demo other s0 s1 s2 s3 s4 s5 s6" {
		t.Error(s)
	}
}

func TestPeopleOfAShop(t *testing.T) {
	r := newRig(t, func(o *site.Options) { o.URL = "https://bellhop.example.com" })
	person := func(id any, more string) string { return fmt.Sprint("/v1/people/", id, more, "?shop=", demo) }
	const people = "/v1/people?shop=" + demo
	pat := r.want(201, r.operate("POST", people, `{"email":"Pat@Example.com","role":"staff"}`))
	if pat["email"] != "pat@example.com" || pat["role"] != "staff" {
		t.Errorf("%v", pat)
	}
	r.Problem(r.operate("POST", people, `{"email":"pat@example.com","role":"owner"}`), 409, "already_member")
	kim := r.want(201, r.operate("POST", people, `{"email":"kim@example.com","role":"owner"}`)) // other's owner, too
	r.Problem(r.operate("POST", people, `{"email":"op@example.com","role":"owner"}`), 409, "is_operator")
	r.Problem(r.operate("POST", "/v1/people", `{"email":"new@example.com","role":"owner"}`), 400, "shop_required")
	r.Problem(r.operate("POST", "/v1/people?shop=none.myshopify.com", `{"email":"new@example.com","role":"owner"}`), 404,
		"shop_not_found")
	for body, code := range map[string]string{
		`{"email":"Pat <pat@example.com>","role":"owner"}`: "email",
		`{"email":"new@example.com","role":"operator"}`:    "invalid",
		`{"email":"new@example.com"}`:                      "invalid",
	} {
		r.Problem(r.operate("POST", people, body), 400, code)
	}
	r.want(200, r.operate("PATCH", person(pat["id"], ""), `{"role":"owner"}`))
	r.want(204, r.operate("DELETE", person(web.ID(r.Owner.ID), ""), ""))
	r.want(204, r.operate("DELETE", person(kim["id"], ""), ""))
	r.Problem(r.operate("DELETE", person(pat["id"], ""), ""), 409, "last_owner")
	for _, id := range []any{kim["id"], "0", "x", "99999999999999999999"} { // kim is of another shop alone
		r.Problem(r.operate("POST", person(id, "/link"), ""), 404, "person_not_found")
	}
	link := r.want(200, r.operate("POST", person(pat["id"], "/link"), ""))["url"].(string)
	path, ok := strings.CutPrefix(link, "https://bellhop.example.com")
	if !ok || !regexp.MustCompile(`^/signin\?once=bh_l_[\w-]{43}$`).MatchString(path) {
		t.Errorf("the link is %s", link)
	}
	if strings.Contains(r.Logged.String(), "bh_l_") {
		t.Error("the link is logged")
	}
}

func TestLinksNeedAnAddress(t *testing.T) {
	r := newRig(t)
	r.Problem(r.operate("POST", "/v1/people/"+web.ID(r.Owner.ID)+"/link?shop="+demo, ""), 409, "no_url")
}

func TestTokensOfAShop(t *testing.T) {
	r := newRig(t)
	tokens := "/v1/shops/" + demo + "/tokens"
	made := r.want(201, r.operate("POST", tokens, `{"name":"a/b ..?"}`))
	secret := made["token"].(string)
	if a := r.Call("GET", "/v1/orders", secret, ""); a.StatusCode != 200 {
		t.Errorf("%d %s", a.StatusCode, a.Body)
	}
	r.Problem(r.operate("POST", tokens, `{"name":"a/b ..?"}`), 409, "token_exists")
	r.Problem(r.operate("POST", tokens, `{"name":""}`), 400, "invalid")
	a := r.operate("GET", tokens, "")
	if list := r.want(200, a)["tokens"].([]any); len(list) != 2 || strings.Contains(a.Body, secret) {
		t.Errorf("%s", a.Body)
	}
	r.Problem(r.operate("DELETE", "/v1/shops/"+other+"/tokens/"+made["id"].(string), ""), 404, "token_not_found")
	r.want(204, r.operate("DELETE", tokens+"/"+made["id"].(string), ""))
	r.Problem(r.operate("DELETE", tokens+"/"+made["id"].(string), ""), 404, "token_not_found")
	r.Problem(r.Call("GET", "/v1/orders", secret, ""), 401, "unauthenticated")
	for n := 0; ; n++ { // the store's bound
		if a := r.operate("POST", tokens, fmt.Sprintf(`{"name":"t%d"}`, n)); a.StatusCode == http.StatusConflict {
			r.Problem(a, 409, "too_many_tokens")
			break
		}
		if n > 100 {
			t.Fatal("a shop may have any number of tokens")
		}
	}
}

// TestProvisioningIsForOperators: a shop's own credentials open none of these calls, for a shop that is theirs,
// another's, or nobody's.
func TestProvisioningIsForOperators(t *testing.T) {
	r := newRig(t)
	doc := r.Call("GET", "/v1/openapi.json", "", "").JSON(t)
	calls := 0
	for path, item := range doc["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			if about, _ := op.(map[string]any)["description"].(string); !strings.HasPrefix(about, "For operators.") {
				continue
			}
			calls++
			shops := []string{demo, other, "none.myshopify.com"}
			if !strings.Contains(path, "{domain}") {
				shops = shops[:1]
			}
			for _, shop := range shops {
				path := strings.NewReplacer("{domain}", shop, "{id}", web.ID(r.Owner.ID)).Replace(path)
				for _, secret := range []string{ownerSession, demoToken} {
					a := r.Call(strings.ToUpper(method), path, secret, exampleBody(method, path))
					r.Problem(a, 403, "operator_required")
				}
			}
		}
	}
	if calls < 13 {
		t.Errorf("only %d calls were tried", calls)
	}
}

// exampleBody is one that the call takes.
func exampleBody(method, path string) string {
	part := path[strings.LastIndex(path, "/")+1:]
	v := map[string]any{
		"post shops":      map[string]any{"domain": fresh},
		"put secret":      map[string]any{"secret": "s"},
		"post connection": map[string]any{"grant": "client_credentials"},
		"post people":     map[string]any{"email": "new@example.com", "role": "staff"},
		"post tokens":     map[string]any{"name": "n"},
	}[method+" "+part]
	if method == "patch" {
		v = map[string]any{}
	}
	if v == nil {
		return ""
	}
	body, _ := json.Marshal(v)
	return string(body)
}

// TestAnOperatorsTokenIsLimited by itself: one that runs wild keeps nobody else out.
func TestAnOperatorsTokenIsLimited(t *testing.T) {
	r := newRig(t)
	ctx := context.Background()
	for _, name := range []string{"one", "two"} {
		_, err := r.DB.AddToken(ctx, bellhop.Token{Operator: true, Name: name, Hash: web.HashToken("bh_t_" + name),
			CreatedAt: day})
		must(t, err)
	}
	patch := func(token string) reply { return r.Call("PATCH", "/v1/shops/"+demo, token, `{}`) }
	for n := 0; ; n++ {
		a := patch("bh_t_one")
		if a.StatusCode == http.StatusTooManyRequests {
			r.Problem(a, 429, "rate_limited")
			break
		}
		if n > 3_000 {
			t.Fatal("a token may make any number of changes")
		}
	}
	r.want(200, patch("bh_t_two"))
	r.Clock.Add(time.Minute)
	r.want(200, patch("bh_t_one"))
}
