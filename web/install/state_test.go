package install

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop/shopify"
)

const shop = "demo.myshopify.com"

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func statesOf(t *testing.T, secrets ...string) *states {
	t.Helper()
	s, err := newStates(true, secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func coming(c *http.Cookie) *http.Request {
	r, _ := http.NewRequest("GET", CallbackPath, nil)
	r.AddCookie(c)
	return r
}

func TestStateWhileTheSecretIsRotated(t *testing.T) {
	before := statesOf(t, "old", "")
	state, cookie := before.begin("", shop, now)
	if err := statesOf(t, "new", "old").use(coming(cookie), shop, state, now); err != nil {
		t.Errorf("a state from before the rotation: %v", err)
	}
	if err := statesOf(t, "new", "").use(coming(cookie), shop, state, now); err == nil {
		t.Error("a state of a secret that is gone passes")
	}
	if _, err := newStates(true, "", ""); err == nil {
		t.Error("states without a secret")
	}
}

func TestStateIsForOneMinuteOnceAndOneShop(t *testing.T) {
	s := statesOf(t, "secret")
	state, cookie := s.begin("", shop, now)
	if s.use(coming(cookie), "other.myshopify.com", state, now) == nil {
		t.Error("it passes for another shop")
	}
	if s.use(coming(cookie), shop, state, now.Add(61*time.Second)) == nil {
		t.Error("it passes after a minute")
	}
	if err := s.use(coming(cookie), shop, state, now.Add(59*time.Second)); err != nil {
		t.Error(err)
	}
	if s.use(coming(cookie), shop, state, now.Add(60*time.Second)) == nil {
		t.Error("it passes twice")
	}
	if second, _ := s.begin("", shop, now); second == state || len(second) != 43 {
		t.Errorf("two states: %s and %s", state, second)
	}
}

// Somebody who sees the cookie has no signature of a webhook's in it.
func TestCookieSignsNoWebhook(t *testing.T) {
	const secret = "secret"
	state, cookie := statesOf(t, secret).begin("", shop, now)
	parts := strings.Split(cookie.Value, ".")
	if len(parts) != 3 || parts[1] != state {
		t.Fatalf("%s", cookie.Value)
	}
	bodies := []string{state, cookie.Value, parts[0] + "." + state, shop + "\n" + parts[0] + "\n" + state, "", shop}
	for _, body := range bodies {
		signature := shopify.Sign(secret, []byte(body))
		raw, err := base64.StdEncoding.DecodeString(signature)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(parts, base64.RawURLEncoding.EncodeToString(raw)) {
			t.Errorf("a part of the cookie signs the webhook %q", body)
		}
	}
}
