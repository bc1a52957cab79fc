package simulate

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	tokenLife = time.Hour
)

// scopes are the OAuth scopes that may send messages.
var scopes = []string{"https://www.googleapis.com/auth/firebase.messaging",
	"https://www.googleapis.com/auth/cloud-platform"}

// accounts is the twin's OAuth2 side: one service account and its access tokens.
type accounts struct {
	project string
	now     func() time.Time
	key     func() (*rsa.PrivateKey, error) // makes it when it is first needed: that takes a while

	mu     sync.Mutex
	tokens map[string]time.Time // until when each is good
}

func newAccounts(project string, key *rsa.PrivateKey, now func() time.Time) *accounts {
	a := &accounts{project: project, now: now, tokens: map[string]time.Time{}, key: sync.OnceValues(makeKey)}
	if key != nil {
		a.use(key)
	}
	return a
}

func makeKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }

func (a *accounts) use(key *rsa.PrivateKey) {
	a.key = func() (*rsa.PrivateKey, error) { return key, nil }
}

// serviceAccount is the file that the Firebase console hands out.
type serviceAccount struct {
	Type         string `json:"type"`
	ProjectID    string `json:"project_id"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"`
	ClientEmail  string `json:"client_email"`
	ClientID     string `json:"client_id"`
	AuthURI      string `json:"auth_uri"`
	TokenURI     string `json:"token_uri"`
	Universe     string `json:"universe_domain"`
}

func (a *accounts) email() string { return "bellhop@" + a.project + ".iam.gserviceaccount.com" }

// file returns the service account with a token_uri at base.
func (a *accounts) file(base string) ([]byte, error) {
	key, err := a.key()
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the key: %w", err)
	}
	base = strings.TrimRight(base, "/")
	return json.MarshalIndent(serviceAccount{
		Type: "service_account", ProjectID: a.project, PrivateKeyID: "simulated",
		PrivateKey:  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		ClientEmail: a.email(), ClientID: "100000000000000000001",
		AuthURI: base + "/auth", TokenURI: base + "/token", Universe: "googleapis.com",
	}, "", "  ")
}

// adopt takes the key from the service account file of an earlier twin, so that programs that read
// the file can still sign in.
func (a *accounts) adopt(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the service account: %w", err)
	}
	var f serviceAccount
	if err := json.Unmarshal(b, &f); err != nil {
		return fmt.Errorf("read the service account %s: it is not JSON", path)
	}
	block, _ := pem.Decode([]byte(f.PrivateKey))
	if block == nil || f.ClientEmail != a.email() {
		return fmt.Errorf("read the service account %s: it was not written by this twin; name another file", path)
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := k.(*rsa.PrivateKey)
	if err != nil || !ok {
		return fmt.Errorf("read the service account %s: its key is not an RSA key; name another file", path)
	}
	a.use(key)
	return nil
}

// claims are an assertion's claims.
type claims struct {
	Issuer   string `json:"iss"`
	Scope    string `json:"scope"`
	Audience string `json:"aud"`
	Expires  int64  `json:"exp"`
	Issued   int64  `json:"iat"`
}

// oauthError is how Google's token endpoint refuses.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (a *accounts) serveToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if grant := r.PostFormValue("grant_type"); grant != jwtBearer {
		writeJSON(w, 400, oauthError{"unsupported_grant_type", "Invalid grant_type: " + grant})
		return
	}
	// The client signed the address that it dialled, which may differ from the twin's own.
	if e := a.checkAssertion(r.PostFormValue("assertion"), "http://"+r.Host+r.URL.Path); e != nil {
		writeJSON(w, 400, e)
		return
	}
	writeJSON(w, 200, map[string]any{"access_token": a.issue(), "expires_in": int(tokenLife/time.Second) - 1,
		"token_type": "Bearer"})
}

func (a *accounts) checkAssertion(jwt, audience string) *oauthError {
	signed, c, e := a.verify(jwt)
	now := a.now().Unix()
	switch {
	case e != nil:
		return e
	case !signed:
		return &oauthError{"invalid_grant", "Invalid JWT Signature."}
	case c.Issuer != a.email():
		return &oauthError{"invalid_grant", "Invalid grant: account not found"}
	case c.Audience != audience:
		return &oauthError{"invalid_grant", "Invalid JWT: Failed audience check."}
	case c.Expires <= now || c.Issued > now+300 || c.Expires-c.Issued > 3660:
		return &oauthError{"invalid_grant",
			"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your " +
				"iat and exp values in the JWT claim."}
	}
	for s := range strings.FieldsSeq(c.Scope) {
		if slices.Contains(scopes, s) {
			return nil
		}
	}
	return &oauthError{"invalid_scope", "Invalid OAuth scope or ID token audience provided."}
}

// verify reads a JWT and says whether the service account's key signed it.
func (a *accounts) verify(jwt string) (signed bool, c claims, e *oauthError) {
	malformed := &oauthError{"invalid_grant", "Invalid JWT: it must have three parts, be signed RS256 and hold claims."}
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return false, c, malformed
	}
	var header struct{ Alg string }
	if !decodePart(parts[0], &header) || header.Alg != "RS256" || !decodePart(parts[1], &c) {
		return false, c, malformed
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	key, keyErr := a.key()
	if cmp.Or(err, keyErr) != nil {
		return false, c, malformed
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], sig) == nil, c, nil
}

func decodePart(s string, v any) bool {
	b, err := base64.RawURLEncoding.DecodeString(s)
	return err == nil && json.Unmarshal(b, v) == nil
}

// issue makes an access token.
func (a *accounts) issue() string {
	now := a.now()
	token := "ya29.c." + rand.Text() + rand.Text()
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.tokens, func(_ string, until time.Time) bool { return until.Before(now) })
	a.tokens[token] = now.Add(tokenLife)
	return token
}

// check returns the fault of a request's credentials, or nil.
func (a *accounts) check(r *http.Request) *fcmError {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return unauthenticated(true)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if until, ok := a.tokens[token]; !ok || !a.now().Before(until) {
		return unauthenticated(false)
	}
	return nil
}

// revoke makes all access tokens useless.
func (a *accounts) revoke() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.tokens)
}
