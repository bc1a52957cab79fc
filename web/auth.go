package web

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"bellhop"
)

// Principal is the client and the shop that the request is about.
type Principal struct {
	Credential credential
	Session    bellhop.Session // zero without one
	Person     bellhop.Person  // zero for a token
	Token      bellhop.Token   // zero for a person
	// Shop is "" for an operator who named none, and before [Principal.About] for a person of several shops.
	Shop string
}

// Credential proves who makes a request.
type credential struct {
	Hash    [32]byte
	Session bool
	JWT     string // of the team's own identity provider; "" for a session or an API token
}

// Operator reports whether the client sees every shop.
func (p Principal) Operator() bool {
	return p.Person.Role == bellhop.RoleOperator || p.Token.Operator
}

// Masks reports whether personal data is masked for the client: an operator is nobody's owner.
func (p Principal) Masks() bool { return p.Operator() }

// Manages reports whether the client may change the shop's people and settings: its owners, and operators.
func (p Principal) Manages() bool {
	return p.Operator() || p.Person.RoleIn(p.Shop) == bellhop.RoleOwner
}

// Shops are those that the client belongs to. An operator, who sees all, belongs to none.
func (p Principal) Shops() []bellhop.Membership {
	if p.Token.Shop != "" {
		return []bellhop.Membership{{Shop: p.Token.Shop}}
	}
	return p.Person.Shops
}

// Key names who asks, whichever session they have: a person, or an API token.
func (p Principal) Key() string {
	if p.Person.ID != 0 {
		return "person " + ID(p.Person.ID)
	}
	return string(p.Credential.Hash[:])
}

var (
	ErrSignIn = bellhop.Errorf(bellhop.Unauthenticated, "unauthenticated",
		"sign in, or send a token that is valid: Authorization: Bearer TOKEN")
	ErrShopRequired = bellhop.Invalidf("shop_required",
		"name the shop that this is about, with ?shop=NAME.myshopify.com")
	ErrNoShop     = bellhop.Errorf(bellhop.NotFound, "shop_not_found", "there is no such shop")
	ErrOwnersOnly = bellhop.Errorf(bellhop.Forbidden, "owners_only", "only an owner of the shop may do this")
)

// credentialOf finds a request's credential. A bearer token goes before the cookie, which
// browsers send by themselves.
func credentialOf(r *http.Request) (credential, error) {
	secret := ""
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return credential{}, ErrSignIn
		}
		secret = strings.TrimSpace(token)
	} else if c, err := r.Cookie(CookieName); err == nil {
		if secret = c.Value; !strings.HasPrefix(secret, sessionPrefix) {
			return credential{}, ErrSignIn
		}
	}
	switch {
	case strings.HasPrefix(secret, sessionPrefix):
		return credential{Hash: HashToken(secret), Session: true}, nil
	case strings.HasPrefix(secret, tokenPrefix):
		return credential{Hash: HashToken(secret)}, nil
	case isJWT(secret):
		return credential{JWT: secret}, nil
	}
	return credential{}, ErrSignIn
}

// Identify returns whose credential it is, as of now.
func (a *Auth) Identify(ctx context.Context, c credential) (Principal, error) {
	p := Principal{Credential: c}
	var err error
	switch {
	case c.JWT != "":
		p.Person, _, err = a.identities.person(ctx, c.JWT)
	case c.Session:
		p.Session, p.Person, err = a.store.Session(ctx, c.Hash, a.now())
	default:
		p.Token, err = a.store.Token(ctx, c.Hash, a.now())
	}
	if own := p.Shops(); len(own) == 1 {
		p.Shop = own[0].Shop
	}
	if bellhop.KindOf(err) == bellhop.NotFound {
		err = ErrSignIn
	}
	return p, err
}

// A shop may make 100 changes a second, and 2,000 at once: more than a flash sale's receipts,
// and too few to hold up other shops' changes.
const (
	writeBurst = 2_000
	writeEvery = time.Second / 100
)

// Authenticate finds out who makes a request. It limits the changes of each shop, and of those who
// may change several.
func (a *Auth) Authenticate(r *http.Request) (Principal, error) {
	cred, err := credentialOf(r)
	if err != nil {
		return Principal{}, err
	}
	p, err := a.Identify(r.Context(), cred)
	if err != nil || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return p, err
	}
	if wait := a.writes.Take(cmp.Or(p.Shop, p.Key()), a.now()); wait > 0 {
		return p, &RetryError{bellhop.Errorf(bellhop.RateLimited, "rate_limited",
			"too many changes for one shop; try again in a moment"), wait}
	}
	return p, nil
}

// About returns the principal with the shop that the request is about, given the one that it
// names. No others exist for those who belong to a shop.
func (p Principal) About(named string) (Principal, error) {
	if p.Operator() {
		if named == "" {
			return p, ErrShopRequired
		}
		shop, err := bellhop.ParseShopDomain(named)
		p.Shop = shop
		return p, err
	}
	own := p.Shops()
	if named == "" && len(own) > 1 {
		return p, ErrShopRequired
	}
	for _, m := range own {
		if named == "" || strings.EqualFold(named, m.Shop) {
			p.Shop = m.Shop
			return p, nil
		}
	}
	return p, ErrNoShop
}

// The cookies of a browser: its session, and the shop that somebody of this browser came from Shopify for.
const (
	CookieName     = "bellhop_session"
	ShopCookieName = "bellhop_shop"
)

func SessionCookie(secret string, expires time.Time, secure bool) *http.Cookie {
	return &http.Cookie{
		Name: CookieName, Value: secret, Path: "/", Expires: expires,
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode,
	}
}

// ShopCookie lets the sign-in page offer to sign in with Shopify, which needs the shop's domain. It gives no access.
func ShopCookie(shop string, secure bool) *http.Cookie {
	return &http.Cookie{Name: ShopCookieName, Value: shop, Path: "/signin", MaxAge: 365 * 24 * 60 * 60,
		HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode}
}

func NoCookie(secure bool) *http.Cookie {
	c := SessionCookie("", time.Time{}, secure)
	c.MaxAge = -1
	return c
}
