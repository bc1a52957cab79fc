package shop

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"
)

// The names of the grants: https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens.
const (
	grantCredentials = "client_credentials"
	grantRefresh     = "refresh_token"
	grantExchange    = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeIDToken      = "urn:ietf:params:oauth:token-type:id_token"
	typeOffline      = "urn:shopify:params:oauth:token-type:offline-access-token"
	typeOnline       = "urn:shopify:params:oauth:token-type:online-access-token"
)

// oauthError is a refusal of the token endpoint.
type oauthError struct {
	Status      int    `json:"-"`
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func refused(status int, code, description string) *oauthError {
	return &oauthError{status, code, description}
}

// grant is the endpoint's answer.
type grant struct {
	Token        string `json:"access_token"`
	Scope        string `json:"scope"`
	ExpiresIn    int    `json:"expires_in,omitempty"`
	Refresh      string `json:"refresh_token,omitempty"`
	RefreshUntil int    `json:"refresh_token_expires_in,omitempty"`

	UserScope string    `json:"associated_user_scope,omitempty"`
	User      *userJSON `json:"associated_user,omitempty"`
}

type userJSON struct {
	ID           json.Number `json:"id"`
	FirstName    string      `json:"first_name"`
	LastName     string      `json:"last_name"`
	Email        string      `json:"email"`
	Verified     bool        `json:"email_verified"`
	Owner        bool        `json:"account_owner"`
	Locale       string      `json:"locale"`
	Collaborator bool        `json:"collaborator"`
}

// serveTokens is POST /admin/oauth/access_token.
func (t *Twin) serveTokens(w http.ResponseWriter, r *http.Request, s *shop) {
	p, err := readParams(r)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, refused(0, "invalid_request", err.Error()))
		return
	}
	t.mu.Lock()
	g, e, fault := s.grant(p, t.opt.Now())
	t.mu.Unlock()
	switch {
	case fault == faultCut:
		panic(http.ErrAbortHandler) // closes the connection without an answer
	case fault == faultAway:
		writeJSON(w, http.StatusNotFound, map[string]string{"errors": "Not Found"})
	case fault != "":
		writeHTML(w, statusUnknown, unknownError)
	case e != nil:
		writeJSON(w, e.Status, e)
	default:
		writeJSON(w, http.StatusOK, g)
	}
}

// readParams reads a form or JSON; numbers and true count as their text.
func readParams(r *http.Request) (map[string]string, error) {
	p := map[string]string{}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		var in map[string]any
		d := json.NewDecoder(r.Body)
		d.UseNumber()
		if err := d.Decode(&in); err != nil {
			return nil, fmt.Errorf("the body is not JSON")
		}
		for k, v := range in {
			p[k] = fmt.Sprint(v)
		}
		return p, nil
	}
	if err := r.ParseForm(); err != nil {
		return nil, fmt.Errorf("the body is not a form")
	}
	for k := range r.PostForm {
		p[k] = r.PostForm.Get(k)
	}
	return p, nil
}

// grant decides what the token endpoint answers.
func (s *shop) grant(p map[string]string, now time.Time) (*grant, *oauthError, fault) {
	f := &s.faults
	switch refresh := p["grant_type"] == grantRefresh; {
	case f.Away == http.StatusNotFound:
		return nil, nil, faultAway
	case refresh && f.RefreshUnknown > 0:
		f.RefreshUnknown--
		return nil, nil, faultUnknown
	case refresh && f.RefreshCut > 0:
		f.RefreshCut--
		s.granted(p, now) // it happens, and nobody hears of it
		return nil, nil, faultCut
	}
	g, e := s.granted(p, now)
	return g, e, ""
}

func (s *shop) granted(p map[string]string, now time.Time) (*grant, *oauthError) {
	if p["client_id"] != s.opt.ClientID ||
		subtle.ConstantTimeCompare([]byte(p["client_secret"]), []byte(s.opt.Secret)) == 0 {
		return nil, refused(http.StatusUnauthorized, "invalid_client",
			"Client authentication failed due to unknown client, or invalid client credentials.")
	}
	switch p["grant_type"] {
	case grantCredentials:
		return s.byCredentials(now)
	case grantRefresh:
		return s.byRefresh(p["refresh_token"], now)
	case grantExchange:
		return s.byExchange(p, now)
	case "", "authorization_code":
		return s.byCode(p, now)
	}
	return nil, refused(http.StatusBadRequest, "unsupported_grant_type", "The grant type is not supported.")
}

// byCredentials is for an app in the shop's own organisation.
func (s *shop) byCredentials(now time.Time) (*grant, *oauthError) {
	switch {
	case s.faults.Elsewhere:
		return nil, refused(http.StatusBadRequest, "shop_not_permitted",
			"Client credentials cannot be performed on this shop.")
	case !s.installed:
		return nil, refused(http.StatusBadRequest, "app_not_installed", "The app is not installed on this shop.")
	}
	return s.answer(s.tokens.issue(appTokenLife, false, now), now), nil
}

func (s *shop) byRefresh(refresh string, now time.Time) (*grant, *oauthError) {
	var t *token
	if s.installed {
		t = s.tokens.renew(refresh, now)
	}
	if t == nil {
		return nil, refused(http.StatusUnauthorized, "invalid_request",
			"This request requires an active refresh_token")
	}
	return s.answer(t, now), nil
}

func (s *shop) byCode(p map[string]string, now time.Time) (*grant, *oauthError) {
	c := s.codes[p["code"]]
	delete(s.codes, p["code"])
	if !now.Before(c.until) || !s.installed {
		return nil, refused(http.StatusBadRequest, "invalid_request",
			"The authorization code was not found or was already used")
	}
	if c.user != nil {
		return s.onlineGrant(*c.user, now), nil
	}
	return s.offline(p, now), nil
}

// byExchange takes an ID token, or a token that doesn't expire, which becomes one that does.
func (s *shop) byExchange(p map[string]string, now time.Time) (*grant, *oauthError) {
	bad := refused(http.StatusBadRequest, "invalid_subject_token", "Invalid subject token")
	subject, wanted := p["subject_token"], p["requested_token_type"]
	if wanted != typeOffline && wanted != typeOnline {
		return nil, refused(http.StatusBadRequest, "invalid_request", "The requested_token_type is not supported.")
	}
	switch kind := p["subject_token_type"]; {
	case kind == typeOffline && wanted == typeOffline && s.tokens.lasting[subject] && expiring(p):
		delete(s.tokens.lasting, subject)
		return s.offline(p, now), nil
	case kind != typeIDToken:
		return nil, bad
	}
	c, ok := s.readIDToken(subject, now)
	if !ok {
		return nil, bad
	}
	// The configuration has the scopes, so that whoever opens the app has installed it.
	if !s.installed {
		s.install(s.opt.Scopes, now)
	}
	if wanted == typeOnline {
		return s.onlineGrant(userBy(c.Subject), now), nil
	}
	return s.offline(p, now), nil
}

func expiring(p map[string]string) bool { return p["expiring"] == "1" || p["expiring"] == "true" }

// offline answers with the kind of token that was asked for.
func (s *shop) offline(p map[string]string, now time.Time) *grant {
	if expiring(p) {
		return s.answer(s.tokens.issue(accessLife, true, now), now)
	}
	return &grant{Token: s.tokens.lastingToken(), Scope: strings.Join(s.scopes, ",")}
}

func (s *shop) answer(t *token, now time.Time) *grant {
	g := &grant{Token: t.text, Scope: strings.Join(s.scopes, ","), ExpiresIn: seconds(t.expires.Sub(now))}
	if t.refresh != "" {
		g.Refresh, g.RefreshUntil = t.refresh, seconds(t.refreshUntil.Sub(now))
	}
	return g
}

func (s *shop) onlineGrant(u user, now time.Time) *grant {
	scope := strings.Join(s.scopes, ",")
	return &grant{Token: s.tokens.onlineToken(now), Scope: scope, ExpiresIn: seconds(onlineLife), UserScope: scope,
		User: &userJSON{ID: json.Number(u.id), FirstName: u.first, LastName: u.last, Email: u.email(s),
			Verified: !u.unverified, Owner: u.owner, Locale: "en"}}
}

func seconds(d time.Duration) int { return int(d / time.Second) }
