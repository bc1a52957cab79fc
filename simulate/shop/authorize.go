package shop

import (
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"bellhop/shopify"
)

var scopeForm = regexp.MustCompile(`^(unauthenticated_)?(read|write)_[a-z_]+$`)

// ParseScopes reads a list such as "read_orders,read_customers", and returns it sorted.
func ParseScopes(text string) (scopes []string, ok bool) {
	for s := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		if !scopeForm.MatchString(s) {
			return nil, false
		}
		scopes = append(scopes, s)
	}
	slices.Sort(scopes)
	return slices.Compact(scopes), len(scopes) > 0
}

// authorization is what an app asks the merchant for.
type authorization struct {
	redirect, state string
	scopes          []string
	perUser         bool // it asks who is signed in, for a token of their visit
}

// readAuthorization checks a request to /admin/oauth/authorize. wrong says what Shopify's error page does.
func (s *shop) readAuthorization(q url.Values) (a authorization, wrong string) {
	options := q.Get("grant_options[]")
	a = authorization{redirect: q.Get("redirect_uri"), state: q.Get("state"), perUser: options == "per-user"}
	scopes, ok := ParseScopes(q.Get("scope"))
	a.scopes = scopes
	switch {
	case q.Get("client_id") != s.opt.ClientID:
		return a, "Oauth error invalid_request: Could not find Shopify API application with api_key " +
			shorten(q.Get("client_id"))
	case a.redirect != s.opt.App+shopify.CallbackPath:
		return a, "Oauth error invalid_request: The redirect_uri is not whitelisted"
	case !ok:
		return a, "Oauth error invalid_scope: The access scope is invalid: " + shorten(q.Get("scope"))
	case options != "" && !a.perUser:
		return a, "Oauth error invalid_request: The grant option is not known: " + shorten(options)
	case len(a.state) > maxText:
		return a, "Oauth error invalid_request: The state is too long"
	}
	return a, ""
}

func shorten(s string) string { return s[:min(len(s), 100)] }

// authorize is GET /admin/oauth/authorize: the page on which the merchant agrees. Who has agreed already is sent
// back at once.
func (t *Twin) authorize(w http.ResponseWriter, r *http.Request, s *shop) {
	a, wrong := s.readAuthorization(r.URL.Query())
	if wrong != "" {
		t.showError(w, http.StatusBadRequest, wrong)
		return
	}
	t.mu.Lock()
	agreed := s.installed && slices.Equal(a.scopes, s.scopes)
	t.mu.Unlock()
	if agreed {
		t.sendBack(w, r, s, a)
		return
	}
	show(w, http.StatusOK, "consent", map[string]any{"Shop": s.domain, "Scopes": a.scopes,
		"Again": template.URL("?" + r.URL.RawQuery)})
}

// consented is the button on that page.
func (t *Twin) consented(w http.ResponseWriter, r *http.Request, s *shop) {
	a, wrong := s.readAuthorization(r.URL.Query())
	if wrong != "" {
		t.showError(w, http.StatusBadRequest, wrong)
		return
	}
	t.mu.Lock()
	t.setScopes(s, a.scopes)
	t.mu.Unlock()
	t.sendBack(w, r, s, a)
}

// sendBack sends the browser to the app with a code.
func (t *Twin) sendBack(w http.ResponseWriter, r *http.Request, s *shop, a authorization) {
	now := t.opt.Now()
	text := secret("")
	t.mu.Lock()
	maps.DeleteFunc(s.codes, func(_ string, c code) bool { return !now.Before(c.until) })
	c := code{until: now.Add(codeLife)}
	if a.perUser {
		visitor := s.visitor
		c.user = &visitor
	}
	s.codes[text] = c
	t.mu.Unlock()
	q := url.Values{"code": {text}}
	if a.state != "" {
		q.Set("state", a.state)
	}
	http.Redirect(w, r, s.signed(a.redirect, q, now), http.StatusFound)
}

// InstallURL returns the address of the app that Shopify sends a merchant to who installs or opens it.
func (t *Twin) InstallURL(domain string) (string, error) {
	s, err := t.shop(domain)
	if err != nil {
		return "", err
	}
	return s.signed(t.opt.App+shopify.InstallPath, url.Values{}, t.opt.Now()), nil
}

// openApp is the link in the admin.
func (t *Twin) openApp(w http.ResponseWriter, r *http.Request, s *shop) {
	http.Redirect(w, r, s.signed(t.opt.App+shopify.InstallPath, url.Values{}, t.opt.Now()), http.StatusFound)
}
