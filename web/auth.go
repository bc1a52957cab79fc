package web

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"bellhop"
)

// principal is who asks, and the one shop that the request is about.
type principal struct {
	credential credential
	person     bellhop.Person // zero for an API token
	shop       string         // "" only for an operator who named none
}

// credential is what a request proved itself with.
type credential struct {
	hash    [32]byte
	session bool // otherwise an API token
}

// key names who asks, whichever session they have: a person, or an API token.
func (p principal) key() string {
	if p.credential.session {
		return "person " + id(p.person.ID)
	}
	return string(p.credential.hash[:])
}

var (
	errSignIn = bellhop.Errorf(bellhop.Unauthenticated, "unauthenticated",
		"sign in, or send a token that is valid: Authorization: Bearer TOKEN")
	errShopRequired = bellhop.Invalidf("shop_required",
		"an operator sees every shop: name one with ?shop=NAME.myshopify.com")
	errNoShop = bellhop.Errorf(bellhop.NotFound, "shop_not_found", "there is no such shop")
)

// credentialOf finds what a request brings. A bearer token goes before the
// cookie, which browsers send without being asked.
func credentialOf(r *http.Request) (credential, error) {
	secret := ""
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return credential{}, errSignIn
		}
		secret = strings.TrimSpace(token)
	} else if c, err := r.Cookie(cookieName); err == nil {
		if secret = c.Value; !strings.HasPrefix(secret, sessionPrefix) {
			return credential{}, errSignIn
		}
	}
	switch {
	case strings.HasPrefix(secret, sessionPrefix):
		return credential{hash: HashToken(secret), session: true}, nil
	case strings.HasPrefix(secret, tokenPrefix):
		return credential{hash: HashToken(secret)}, nil
	}
	return credential{}, errSignIn
}

// identify returns whose credential it is, as of now.
func (a *auth) identify(ctx context.Context, c credential) (principal, error) {
	p := principal{credential: c}
	var err error
	if c.session {
		_, p.person, err = a.store.Session(ctx, c.hash, a.now())
		p.shop = p.person.Shop
	} else {
		var t bellhop.Token
		t, err = a.store.Token(ctx, c.hash, a.now())
		p.shop = t.Shop
	}
	if bellhop.KindOf(err) == bellhop.NotFound {
		err = errSignIn
	}
	return p, err
}

// What changes something a shop may ask for at 100 a second, and for 2,000 at once: more than
// a flash sale's receipts, less than what would hold up what other shops write.
const (
	writeBurst = 2_000
	writeEvery = time.Second / 100
)

// authenticate also keeps count of what a shop's people and tokens change.
func (a *auth) authenticate(r *http.Request) (principal, error) {
	cred, err := credentialOf(r)
	if err != nil {
		return principal{}, err
	}
	p, err := a.identify(r.Context(), cred)
	if err != nil || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return p, err
	}
	if wait := a.writes.take(cmp.Or(p.shop, p.key()), a.now()); wait > 0 {
		return p, &retryError{bellhop.Errorf(bellhop.RateLimited, "rate_limited",
			"too many changes for one shop; try again in a moment"), wait}
	}
	return p, nil
}

// about settles which shop a request is about, given the one that it names.
// A shop that isn't the principal's own doesn't exist for them.
func (p principal) about(named string) (principal, error) {
	if p.person.Role != bellhop.RoleOperator {
		if named != "" && !strings.EqualFold(named, p.shop) || p.shop == "" {
			return p, errNoShop
		}
		return p, nil
	}
	if named == "" {
		return p, errShopRequired
	}
	shop, err := bellhop.ParseShopDomain(named)
	p.shop = shop
	return p, err
}

// The cookie of a browser's session.
const cookieName = "bellhop_session"

func sessionCookie(secret string, expires time.Time, secure bool) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: secret, Path: "/", Expires: expires,
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	}
}

func noCookie(secure bool) *http.Cookie {
	c := sessionCookie("", time.Time{}, secure)
	c.MaxAge = -1
	return c
}
