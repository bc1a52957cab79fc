package admin

import (
	"errors"
	"net/url"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"bellhop"
)

// maxIDToken bounds the bytes of an ID token. Shopify's have less than a thousand.
const maxIDToken = 8 << 10

// leeway is how far Shopify's clock and ours may differ.
const leeway = 10 * time.Second

// IDToken is what Shopify says of somebody who has the app open in the shop's admin.
type IDToken struct {
	Shop      string
	Subject   string // the user's id; "" where Shopify doesn't say
	ID        string // jti
	ExpiresAt time.Time
}

type claims struct {
	jwt.RegisteredClaims
	Destination string `json:"dest"`
}

// ParseIDToken checks an ID token, which Shopify signs with the app's secret for one minute. The shop
// is the token's own: never take it from a parameter beside it.
func (a *App) ParseIDToken(token string) (IDToken, error) {
	var c claims
	shop, err := a.parseIDToken(token, &c)
	if err != nil {
		message := "the ID token is not one of Shopify's for this app"
		if errors.Is(err, jwt.ErrTokenExpired) {
			message = "the ID token ran out: get a new one"
		}
		return IDToken{}, bellhop.Errorf(bellhop.Unauthenticated, string(InvalidToken), "%s", message)
	}
	return IDToken{Shop: shop, Subject: c.Subject, ID: c.ID, ExpiresAt: c.ExpiresAt.Time}, nil
}

var errNoIDToken = errors.New("it can't be an ID token")

func (a *App) parseIDToken(token string, c *claims) (shop string, err error) {
	if a.ClientID == "" || len(a.secrets()) == 0 || len(token) > maxIDToken {
		return "", errNoIDToken
	}
	_, err = jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithStrictDecoding(),
		jwt.WithAudience(a.ClientID), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(a.now)).ParseWithClaims(token, c, a.keys)
	if err != nil {
		return "", err
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return "", err
	}
	dest, err := url.Parse(c.Destination)
	if err != nil {
		return "", err
	}
	if issuer.Scheme != "https" || dest.Scheme != "https" || issuer.Host != dest.Host {
		return "", errNoIDToken
	}
	return bellhop.ParseShopDomain(dest.Host)
}

func (a *App) keys(*jwt.Token) (any, error) {
	var set jwt.VerificationKeySet
	for _, s := range a.secrets() {
		set.Keys = append(set.Keys, []byte(s))
	}
	return set, nil
}
