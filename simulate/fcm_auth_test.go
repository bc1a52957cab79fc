package simulate_test

import (
	"bytes"
	crand "crypto/rand"
	"crypto/rsa"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2/jwt"

	"bellhop/simulate"
)

func TestAccessTokens(t *testing.T) {
	w := startFCM(t, simulate.FCMOptions{})
	post := func(auth string) (int, string) {
		req, _ := http.NewRequest("POST", w.srv.URL+"/v1/projects/"+simulate.DefaultProject+"/messages:send",
			strings.NewReader(`{}`))
		if auth != "" {
			req.Header.Set("Authorization", auth)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	for auth, has := range map[string]string{"": "CREDENTIALS_MISSING", "Basic x": "CREDENTIALS_MISSING",
		"Bearer x": "invalid authentication credentials"} {
		if s, b := post(auth); s != 401 || !strings.Contains(b, has) || !strings.Contains(b, `"UNAUTHENTICATED"`) ||
			!strings.Contains(b, "google.rpc.ErrorInfo") {
			t.Errorf("%q: %d %s", auth, s, b)
		}
	}
	if s, _, _ := w.message(`"data":{}`); s != 200 {
		t.Fatal(s)
	}
	w.clock.add(time.Hour)
	if s, _, _ := w.message(`"data":{}`); s != 401 {
		t.Errorf("with an access token of an hour ago: %d", s)
	}
	w.clock.add(-time.Hour)
	w.signIn()
	w.message(`"data":{}`)
	w.RevokeTokens()
	if s, _, _ := w.message(`"data":{}`); s != 401 {
		t.Errorf("with a revoked access token: %d", s)
	}
	w.signIn()
	resp, err := w.client.Post(w.srv.URL+"/v1/projects/other/messages:send", "application/json",
		strings.NewReader(`{}`))
	if err != nil || resp.StatusCode != 403 {
		t.Errorf("another project: %v %v", resp.StatusCode, err)
	}
	resp.Body.Close()
}

func TestTokenEndpointRefuses(t *testing.T) {
	w := startFCM(t, simulate.FCMOptions{})
	stranger, err := rsa.GenerateKey(crand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other := startFCM(t, simulate.FCMOptions{Key: stranger})
	for want, change := range map[string]func(*jwt.Config){
		"Invalid JWT Signature":       func(c *jwt.Config) { c.PrivateKey = other.config.PrivateKey },
		"account not found":           func(c *jwt.Config) { c.Email = "somebody@example.com" },
		"invalid_scope":               func(c *jwt.Config) { c.Scopes = []string{"https://www.googleapis.com/auth/drive"} },
		"audience check":              func(c *jwt.Config) { c.Audience = "https://oauth2.googleapis.com/token" },
		"must be a short-lived token": func(c *jwt.Config) { c.Expires = 2 * time.Hour },
	} {
		c := *w.config
		change(&c)
		if _, err := c.TokenSource(t.Context()).Token(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	w.clock.add(2 * time.Hour)
	if _, err := w.config.TokenSource(t.Context()).Token(); err == nil ||
		!strings.Contains(err.Error(), "short-lived") {
		t.Errorf("an assertion that has expired: %v", err)
	}
	for _, form := range []url.Values{
		{"grant_type": {"password"}},
		{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}},
		{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {"a.b.c"}},
	} {
		resp, err := http.PostForm(w.srv.URL+"/token", form)
		if err != nil || resp.StatusCode != 400 {
			t.Errorf("%v: %v %v", form, resp.StatusCode, err)
		}
		resp.Body.Close()
	}
}

func TestWriteServiceAccountKeepsTheKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sa.json")
	write := func(key *rsa.PrivateKey) []byte {
		base := "http://127.0.0.1:9090"
		if err := simulate.NewFCM(simulate.FCMOptions{Key: key}).WriteServiceAccount(path, base); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if a, b := write(key()), write(nil); !bytes.Equal(a, b) {
		t.Error("the second twin wrote another key")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	os.WriteFile(path, []byte(`{"client_email":"mine@example.com"}`), 0o600)
	if err := simulate.NewFCM(simulate.FCMOptions{}).WriteServiceAccount(path, "http://127.0.0.1:9090"); err == nil {
		t.Error("a real service account was written over")
	}
}
