package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Tokens are what Shopify gave for one shop. The texts are secrets.
type Tokens struct {
	Token            string
	Scopes           []string // sorted
	ExpiresAt        time.Time
	RefreshToken     string // "" from client credentials, which are asked again
	RefreshExpiresAt time.Time
}

// User is who has the app open in the shop's admin.
type User struct {
	Email                  string
	Verified, AccountOwner bool
}

const (
	tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	ofIDToken     = "urn:ietf:params:oauth:token-type:id_token"
	offline       = "urn:shopify:params:oauth:token-type:offline-access-token"
	online        = "urn:shopify:params:oauth:token-type:online-access-token"

	// What Shopify gives today, for an answer that doesn't say.
	tokenLasts        = time.Hour
	refreshTokenLasts = 90 * 24 * time.Hour
	// No answer is believed to be good for longer.
	maxLasts = 366 * 24 * time.Hour

	maxTokenAnswer = 1 << 20
	maxToken       = 4 << 10
)

// fields are the parameters of a request for a token.
type fields map[string]string

// ClientCredentials gets a token for a shop of the app's own organisation. Ask again before it runs out.
func (a *App) ClientCredentials(ctx context.Context, shop string) (Tokens, error) {
	return a.tokens(ctx, shop, fields{"grant_type": "client_credentials"}, false)
}

// ExchangeCode gets the tokens for the code that came back from [App.AuthorizeURL]. For one that came back from
// [App.VisitURL] it says who came, and drops the token. Shopify's answer tells which it was: people can change the
// address that asks.
func (a *App) ExchangeCode(ctx context.Context, shop, code string) (Tokens, *User, error) {
	asked := a.now()
	got, err := a.grant(ctx, shop, fields{"code": code, "expiring": "1"})
	if err != nil {
		return Tokens{}, nil, err
	}
	if got.User != nil {
		u, err := got.user(shop)
		return Tokens{}, &u, err
	}
	t, err := got.tokens(shop, asked, true)
	return t, nil, err
}

// ExchangeIDToken gets the shop's tokens for an ID token. shop is the one of [App.ParseIDToken].
func (a *App) ExchangeIDToken(ctx context.Context, shop, idToken string) (Tokens, error) {
	return a.tokens(ctx, shop, exchange(idToken, ofIDToken, offline), true)
}

// Migrate exchanges a token that doesn't expire for a pair that does. Shopify revokes the old one.
func (a *App) Migrate(ctx context.Context, shop, token string) (Tokens, error) {
	return a.tokens(ctx, shop, exchange(token, offline, offline), true)
}

// Refresh gets the next pair. The refresh token may be tried again until somebody uses what it gave:
// store the new pair before its first use. One process at a time refreshes a shop.
func (a *App) Refresh(ctx context.Context, shop, refreshToken string) (Tokens, error) {
	return a.tokens(ctx, shop, fields{"grant_type": "refresh_token", "refresh_token": refreshToken}, true)
}

// OnlineUser says who an ID token is of. It drops the token that Shopify gives along.
func (a *App) OnlineUser(ctx context.Context, shop, idToken string) (User, error) {
	f := exchange(idToken, ofIDToken, online)
	delete(f, "expiring") // a token of a visit always does
	got, err := a.grant(ctx, shop, f)
	if err != nil {
		return User{}, err
	}
	return got.user(shop)
}

func exchange(token, from, to string) fields {
	return fields{"grant_type": tokenExchange, "subject_token": token, "subject_token_type": from,
		"requested_token_type": to, "expiring": "1"}
}

// tokens asks for tokens.
func (a *App) tokens(ctx context.Context, shop string, f fields, renewable bool) (Tokens, error) {
	asked := a.now()
	got, err := a.grant(ctx, shop, f)
	if err != nil {
		return Tokens{}, err
	}
	return got.tokens(shop, asked, renewable)
}

// user returns the user whom an answer names.
func (got *granted) user(shop string) (User, error) {
	u := got.User
	if u == nil || u.Email == "" || len(u.Email) > 254 {
		return User{}, refuse(Refused, shop, "the answer names no user")
	}
	return User{u.Email, u.Verified, u.AccountOwner}, nil
}

// tokens returns the tokens of an answer, and none that nobody could use or renew.
func (got *granted) tokens(shop string, asked time.Time, renewable bool) (Tokens, error) {
	if !IsToken(got.Token) || renewable && !IsToken(got.RefreshToken) {
		return Tokens{}, refuse(Unavailable, shop, "the answer lacks a token")
	}
	t := Tokens{Token: got.Token, Scopes: parseScopes(got.Scope), ExpiresAt: asked.Add(got.ExpiresIn.or(tokenLasts))}
	if renewable {
		t.RefreshToken = got.RefreshToken
		t.RefreshExpiresAt = asked.Add(got.RefreshExpiresIn.or(refreshTokenLasts))
	}
	return t, nil
}

// IsToken reports whether a header can carry a text.
func IsToken(s string) bool {
	return s != "" && len(s) <= maxToken && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// granted is Shopify's answer to a request for a token.
type granted struct {
	Token            string `json:"access_token"`
	Scope            string `json:"scope"`
	ExpiresIn        lasts  `json:"expires_in"`
	RefreshToken     string `json:"refresh_token"`
	RefreshExpiresIn lasts  `json:"refresh_token_expires_in"`
	User             *struct {
		Email        string `json:"email"`
		Verified     bool   `json:"email_verified"`
		AccountOwner bool   `json:"account_owner"`
	} `json:"associated_user"`
}

// lasts is a number of seconds, 0 where an answer has something else there.
type lasts time.Duration

func (l *lasts) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err == nil && n > 0 {
		*l = lasts(min(n, maxLasts.Seconds()) * float64(time.Second))
	}
	return nil
}

func (l lasts) or(usual time.Duration) time.Duration { return cmp.Or(time.Duration(l), usual) }

// grant asks for a token, again where Shopify does not answer.
func (a *App) grant(ctx context.Context, shop string, f fields) (*granted, error) {
	f["client_id"], f["client_secret"] = a.ClientID, a.Secret
	header, body, err := f.encode()
	if err != nil {
		return nil, err
	}
	var got *granted
	err = a.repeat(ctx, func() error {
		answer, err := a.post(ctx, shop, "/admin/oauth/access_token", header.Clone(), body, maxTokenAnswer)
		if err == nil {
			got, err = answer.granted(shop, f)
		}
		return err
	})
	return got, err
}

// encode writes a request as Shopify's pages show it: a form for client credentials, else JSON.
func (f fields) encode() (http.Header, []byte, error) {
	if f["grant_type"] != "client_credentials" {
		body, err := json.Marshal(f)
		return http.Header{"Content-Type": {"application/json"}}, body, err
	}
	form := url.Values{}
	for k, v := range f {
		form.Set(k, v)
	}
	return http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(form.Encode()), nil
}

func (a *answer) granted(shop string, f fields) (*granted, error) {
	if a.status != http.StatusOK {
		r, why := a.refusedGrant(f)
		return nil, refuse(r, shop, "HTTP %d %s", a.status, why)
	}
	var got *granted
	// The error of the decoder could quote a token.
	if json.Unmarshal(a.body, &got) != nil || got == nil {
		return nil, refuse(Unavailable, shop, "HTTP 200 with an answer that is not JSON")
	}
	return got, nil
}

// refusedGrant says what a refused request for a token means. What nobody knows is taken for
// trouble that may pass, since a connection that is given up can't be had back.
func (a *answer) refusedGrant(f fields) (r Refusal, why string) {
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(a.body, &body) // often it is a page
	why = code(body.Error)
	refresh := f["grant_type"] == "refresh_token"
	dead := refresh && strings.Contains(body.Description, "refresh_token") || f["code"] != ""
	switch {
	case a.status >= 500:
		return Unavailable, why
	case body.Error == "invalid_client", body.Error == "application_cannot_be_found":
		return WrongCredentials, why
	case body.Error == "invalid_request" && dead, body.Error == "invalid_grant":
		return ReconnectNeeded, why
	case body.Error == "invalid_subject_token":
		return InvalidToken, why
	case body.Error == "shop_not_permitted":
		return OtherOrganisation, why
	case body.Error == "app_not_installed":
		return AppNotInstalled, why
	case a.status == http.StatusUnauthorized:
		return WrongCredentials, why
	case a.status == http.StatusNotFound:
		return ShopGone, why
	}
	return cmp.Or(a.ofStatus(), Unavailable), why
}
