package admin_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bellhop"
	"bellhop/shopify/admin"
)

const info = `{"data":{"shop":{"myshopifyDomain":"demo.myshopify.com","name":"Demo","email":"o@example.com",` +
	`"currencyCode":"KRW","ianaTimezone":"Asia/Seoul","plan":{"publicDisplayName":"Basic"}}}}`

// price is an answer's word on what it cost.
func price(requested, available float64) string {
	return fmt.Sprintf(`"extensions":{"cost":{"requestedQueryCost":%v,"actualQueryCost":null,`+
		`"throttleStatus":{"maximumAvailable":1000.0,"currentlyAvailable":%v,"restoreRate":50.0}}}`, requested, available)
}

func throttledAt(requested, available float64) string {
	return `{"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}],` + price(requested, available) + `}`
}

func TestInfo(t *testing.T) {
	f := newFake(t, says(200, info))
	got, err := f.app.Shop(domain, token).Info(t.Context())
	want := admin.Info{Domain: domain, Name: "Demo", Email: "o@example.com", Currency: "KRW", Timezone: "Asia/Seoul",
		Plan: "Basic"}
	if err != nil || got != want {
		t.Errorf("got %+v: %v", got, err)
	}
	asked := f.requests[0]
	if asked.path != "/demo.myshopify.com/admin/api/2026-10/graphql.json" || asked.token != token {
		t.Errorf("it asked %s", asked.path)
	}
	f = newFake(t, says(200, `{"data":{"shop":{"myshopifyDomain":"demo.myshopify.com","email":null,"plan":null}}}`))
	if got, err := f.app.Shop(domain, token).Info(t.Context()); err != nil || got != (admin.Info{Domain: domain}) {
		t.Errorf("of nulls: %+v, %v", got, err)
	}
	// A database takes neither NUL nor half a character.
	f = newFake(t, says(200, `{"data":{"shop":{"myshopifyDomain":"demo.myshopify.com","name":"a`+
		strings.Repeat("가", 100)+`","email":"o\u0000@example.com"}}}`))
	if got, err := f.app.Shop(domain, token).Info(t.Context()); err != nil || got.Name != "a"+strings.Repeat("가", 84) ||
		got.Email != "o\uFFFD@example.com" {
		t.Errorf("of a long name: %+v, %v", got, err)
	}
}

func TestScopes(t *testing.T) {
	f := newFake(t, says(200, `{"data":{"currentAppInstallation":{"accessScopes":[{"handle":"read_orders"},
		{"handle":"read_customers"},{"handle":"read_orders"}]}}}`))
	got, err := f.app.Shop(domain, token).Scopes(t.Context())
	if err != nil || !slices.Equal(got, []string{"read_customers", "read_orders"}) {
		t.Errorf("got %v: %v", got, err)
	}
}

// denied is an error of a query for what the app may not see.
func denied(message, access string) string {
	return fmt.Sprintf(`"errors":[{"message":%q,"path":["shop"],"extensions":{"code":"ACCESS_DENIED"%s}}]`, message,
		access)
}

// TestRefusedCalls has each answer of the Admin API's that is none, and what it means.
func TestRefusedCalls(t *testing.T) {
	notApproved := denied("This app is not approved to access the Order object. See https://shopify.dev/…", "")
	noScope := denied("Access denied for orders field.", `,"requiredAccess":"`+"`read_orders` access scope."+`"`)
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   admin.Refusal // "": a fault of ours
		tries  int
	}{
		{"revoked", 401, `{"errors":"[API] Invalid API key or access token (unrecognized login or wrong password)"}`,
			admin.AccessRevoked, 1},
		{"must expire", 403, `{"errors":"Non-expiring access tokens are no longer accepted for the Admin API."}`,
			admin.TokenMustExpire, 1},
		{"the allowlist", 403, `{"errors":"Forbidden"}`, admin.AddressNotAllowed, 1},
		{"unpaid", 402, `{"errors":"Unavailable Shop"}`, admin.ShopUnavailable, 1},
		{"not found", 404, `{"errors":"Not Found"}`, admin.ShopUnavailable, 1},
		{"locked", 423, `{"errors":"Unavailable Shop"}`, admin.ShopUnavailable, 1},
		{"500", 500, `{"errors":"Internal"}`, admin.Unavailable, 3},
		{"520", 520, `<html>`, admin.Unavailable, 3},
		{"503", 503, ``, admin.Unavailable, 3},
		{"no JSON", 200, `<html>`, admin.Unavailable, 3},
		{"half of it", 200, info[:40], admin.Unavailable, 3},
		{"null", 200, `null`, admin.Unavailable, 3},
		{"a list", 200, `[{}]`, admin.Unavailable, 3},
		{"no data", 200, `{}`, admin.Unavailable, 3},
		{"null for data", 200, `{"data":null}`, admin.Unavailable, 3},
		{"data of another form", 200, `{"data":{"shop":[]}}`, admin.Unavailable, 3},
		{"a shop of no domain", 200, `{"data":{"shop":{"myshopifyDomain":"example.com"}}}`, admin.Unavailable, 1},
		{"an internal error", 200, `{"errors":[{"message":"Internal error.","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}`, admin.Unavailable, 3},
		{"inactive", 200, `{"errors":[{"message":"m","extensions":{"code":"SHOP_INACTIVE"}}]}`, admin.ShopUnavailable, 1},
		{"not approved, data null", 200, `{"data":null,` + notApproved + `}`, admin.ProtectedData, 1},
		{"not approved, data absent", 200, `{` + notApproved + `}`, admin.ProtectedData, 1},
		{"not approved, a field null", 200, `{"data":{"shop":null},` + notApproved + `}`, admin.ProtectedData, 1},
		{"not approved, a field absent", 200, `{"data":{},` + notApproved + `}`, admin.ProtectedData, 1},
		{"no scope", 200, `{"data":null,` + noScope + `}`, admin.ScopeMissing, 1},
		{"too often", 429, `{"errors":"Exceeded"}`, admin.Throttled, 5},
		{"a security rejection", 430, ``, admin.Throttled, 5},
		{"throttled", 200, throttledAt(100, 0), admin.Throttled, 5},
		{"throttled without a status", 200, `{"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}]}`,
			admin.Throttled, 5},
		{"never affordable", 200, throttledAt(1001, 1000), "", 1},
		{"too dear", 200, `{"errors":[{"message":"m","extensions":{"code":"MAX_COST_EXCEEDED","cost":1200,"maxCost":1000}}]}`, "", 1},
		{"not in the schema", 200, `{"errors":[{"message":"Field 'x' doesn't exist","extensions":{"code":"undefinedField"}}]}`, "", 1},
		{"a text for errors", 200, `{"errors":"Required parameter missing"}`, "", 1},
		{"400", 400, `{"errors":{"query":"Required parameter missing or invalid"}}`, "", 1},
		{"an ignored filter", 200, `{"data":{"shop":{"myshopifyDomain":"demo.myshopify.com"}},"extensions":{"search":[
			{"path":["orders"],"query":"created_ats:1","warnings":[{"field":"created_ats","message":"Invalid search field for this query.","code":"invalid_field"}]}]}}`, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, says(c.status, c.body))
			got, err := f.app.Shop(domain, token).Info(t.Context())
			if admin.RefusalOf(err) != c.want || len(f.requests) != c.tries || got != (admin.Info{}) {
				t.Errorf("after %d requests: %+v, %v", len(f.requests), got, err)
			}
			if c.want == "" && bellhop.KindOf(err) != bellhop.Internal {
				t.Errorf("a fault of ours is %v", err)
			}
			hush(t, err)
		})
	}
}

// TestTheMissingScopeIsNamed for who has to add it.
func TestTheMissingScopeIsNamed(t *testing.T) {
	f := newFake(t, says(200, `{`+denied("Access denied",
		`,"requiredAccess":"`+"`read_orders` access scope. Also: `canary`"+`"`)+`}`))
	_, err := f.app.Shop(domain, token).Info(t.Context())
	if !strings.Contains(err.Error(), "read_orders") {
		t.Errorf("got %v", err)
	}
}

// TestARefusedFieldLeavesTheRest: an order comes without its customer.
func TestARefusedFieldLeavesTheRest(t *testing.T) {
	f := newFake(t, says(200, `{"data":{"shop":{"id":"1","owner":null}},`+denied("Access denied for owner field.",
		"")+`}`))
	var data struct{ Shop struct{ ID string } }
	err := admin.Ask(t.Context(), f.app.Shop(domain, token), "Q", &data)
	if admin.RefusalOf(err) != admin.ScopeMissing || data.Shop.ID != "1" {
		t.Errorf("got %+v: %v", data, err)
	}
}

// TestCallsAreTriedAgain where Shopify did not answer: each may be made twice.
func TestCallsAreTriedAgain(t *testing.T) {
	for name, first := range map[string]http.HandlerFunc{"cut off": cut, "502": says(502, "")} {
		f := newFake(t, first, first, says(200, info))
		if got, err := f.app.Shop(domain, token).Info(t.Context()); err != nil || got.Domain != domain ||
			len(f.requests) != 3 {
			t.Errorf("%s: %+v after %d requests: %v", name, got, len(f.requests), err)
		}
	}
}

// TestThrottled waits for as long as the points take that are lacking.
func TestThrottled(t *testing.T) {
	f := newFake(t, says(200, throttledAt(300, 50)), says(200, info))
	if _, err := f.app.Shop(domain, token).Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []time.Duration{5 * time.Second}; !slices.Equal(f.waits, want) {
		t.Errorf("it waited %v, want %v", f.waits, want)
	}

	f = newFake(t, says(200, `{"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}]}`), says(200, info))
	if _, err := f.app.Shop(domain, token).Info(t.Context()); err != nil ||
		!slices.Equal(f.waits, []time.Duration{time.Second}) {
		t.Errorf("without a status it waited %v: %v", f.waits, err)
	}

	f = newFake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "2.0")
		w.WriteHeader(429)
	}, says(200, info))
	if _, err := f.app.Shop(domain, token).Info(t.Context()); err != nil ||
		!slices.Equal(f.waits, []time.Duration{2 * time.Second}) {
		t.Errorf("asked to wait 2 s it waited %v: %v", f.waits, err)
	}
}

// TestBudget waits before a call that Shopify would refuse, and leaves others their share.
func TestBudget(t *testing.T) {
	rich, poor := strings.TrimSuffix(info, "}")+","+price(100, 950)+"}", strings.TrimSuffix(info, "}")+","+price(100,
		60)+"}"
	for _, c := range []struct {
		name    string
		first   string
		reserve float64
		want    time.Duration
	}{
		{"enough", rich, 0, 0},
		{"40 points lack", poor, 0, 800 * time.Millisecond},
		{"enough beside half for others", rich, 0.5, 0},
		{"540 lack beside half for others", poor, 0.5, 10800 * time.Millisecond},
		{"all for others: until it is full", poor, 1, 18800 * time.Millisecond},
		{"nothing is known", info, 0.5, 0},
	} {
		f := newFake(t, says(200, c.first))
		s := f.app.Shop(domain, token)
		s.Reserve = c.reserve
		for range 2 {
			if _, err := s.Info(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var waited time.Duration
		for _, d := range f.waits {
			waited += d
		}
		if waited != c.want {
			t.Errorf("%s: it waited %v, want %v", c.name, f.waits, c.want)
		}
		if _, err := f.app.Shop("other.myshopify.com", token).Info(t.Context()); err != nil || len(f.waits) > 1 {
			t.Errorf("%s: another shop waits, too: %v, %v", c.name, f.waits, err)
		}
	}
}

// TestBudgetIsShared: calls at once wait for each other's points, and time brings them back.
func TestBudgetIsShared(t *testing.T) {
	poor := strings.TrimSuffix(info, "}") + "," + price(100, 150) + "}"
	f := newFake(t, says(200, poor), cut)
	if _, err := f.app.Shop(domain, token).Info(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.app.Wait = func(ctx context.Context, d time.Duration) error { // its clock stands
		f.waits = append(f.waits, d)
		return context.DeadlineExceeded
	}
	for range 3 {
		_, _ = f.app.Shop(domain, token).Info(t.Context())
	}
	// The first has its points, and fails; its second try is for 0.5 s from now.
	if want := []time.Duration{500 * time.Millisecond, time.Second, 3 * time.Second}; !slices.Equal(f.waits, want) {
		t.Errorf("they wait %v, want %v", f.waits, want)
	}
	f.now = f.now.Add(time.Minute)
	f.waits = nil
	if _, err := f.app.Shop(domain, token).Info(t.Context()); err == nil || len(f.waits) != 1 ||
		f.waits[0] != 500*time.Millisecond {
		t.Errorf("a minute later it waits %v: %v", f.waits, err)
	}
}

// TestAWaitEndsWithItsCaller.
func TestAWaitEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		app := &admin.App{HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			asked++
			return answerOf(throttledAt(1000, 0)), nil
		})}}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		_, err := app.Shop(domain, token).Info(ctx)
		if took := time.Since(began); admin.RefusalOf(err) != admin.Throttled || took != 5*time.Second || asked != 1 {
			t.Errorf("after %v and %d requests: %v", took, asked, err)
		}
	})
}

func TestServed(t *testing.T) {
	for served, want := range map[string]string{"2026-10": "", "": "", "2027-01": "2027-01"} {
		f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Shopify-API-Version", served)
			io.WriteString(w, info)
		})
		if _, err := f.app.Shop(domain, token).Info(t.Context()); err != nil || f.app.Served() != want {
			t.Errorf("served %q: %q, %v", served, f.app.Served(), err)
		}
	}
	f := newFake(t, says(200, info))
	f.app.Version = "2025-10"
	_, err := f.app.Shop(domain, token).Info(t.Context())
	if err != nil || f.app.Served() != admin.DefaultVersion || !strings.Contains(f.requests[0].path, "/2025-10/") {
		t.Errorf("of a retired version: %q from %s: %v", f.app.Served(), f.requests[0].path, err)
	}
}

// FuzzAnswer has Shopify answer anything: it is an error, or says the shop's domain.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{info, throttledAt(1, 0), `{"errors":"x"}`, `{"errors":[null]}`,
		`{"data":{"shop":null}}`, `[]`,
		`{"extensions":{"cost":{"requestedQueryCost":1e308,"throttleStatus":{"maximumAvailable":-1,"currentlyAvailable":1e308,"restoreRate":1e-300}}}}`,
		`{"access_token":"a","refresh_token":"b","expires_in":1e308}`, `{"error":"invalid_client"}`} {
		f.Add(200, body)
		f.Add(401, body)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		answers := func(*http.Request) (*http.Response, error) {
			a := answerOf(body)
			a.StatusCode = status
			return a, nil
		}
		a := app()
		a.HTTP = &http.Client{Transport: roundTrip(answers)}
		a.Wait = func(_ context.Context, d time.Duration) error {
			if d < 0 || d > time.Minute {
				t.Errorf("it waits %v", d)
			}
			return nil
		}
		s := a.Shop(domain, token)
		for range 2 {
			if info, err := s.Info(t.Context()); (err == nil) != strings.HasSuffix(info.Domain, ".myshopify.com") {
				t.Errorf("%+v, %v", info, err)
			}
		}
		_, _ = s.Scopes(t.Context())
		_, _ = s.Subscriptions(t.Context())
		_ = s.Subscribe(t.Context(), "orders/create", "https://b.example.com")
		_ = s.Unsubscribe(t.Context(), "1")
		if got, err := a.Refresh(t.Context(), domain, refresh); err == nil &&
			(got.Token == "" || got.RefreshToken == "" || !got.ExpiresAt.After(noon)) {
			t.Errorf("got %+v", got)
		}
		_, _ = a.OnlineUser(t.Context(), domain, "t")
	})
}
