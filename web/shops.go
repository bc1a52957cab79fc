package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/shopify/admin"
	"bellhop/store"
)

// MaxSecret is the length in bytes that a shop's signing secret may have.
const MaxSecret = 1024

// ErrRefusesAll refuses to leave a shop without any signature that could be right.
var ErrRefusesAll = bellhop.Invalidf("own_secret_only",
	"own_secret_only needs a secret of the shop's own: without one every webhook of the shop would be refused")

// AddShop adds a shop, with its domain as Shopify writes it. A shop that is there already is no reason to change it.
func AddShop(ctx context.Context, to store.Shops, s bellhop.Shop) (bellhop.Shop, error) {
	domain, err := bellhop.ParseShopDomain(s.Domain)
	if err != nil {
		return s, err
	}
	s.Domain = domain
	if s.Secret != "" {
		if err := checkSecret(s.Secret); err != nil {
			return s, err
		}
	}
	if s.RefusesAll() {
		return s, ErrRefusesAll
	}
	return s, to.AddShop(ctx, s)
}

// checkSecret refuses what is no signing secret. The error quotes none of it.
func checkSecret(secret string) error {
	if secret == "" || len(secret) > MaxSecret || strings.ContainsAny(secret, "\r\n\x00") {
		return bellhop.Invalidf("secret", "a signing secret is one line of up to %d bytes", MaxSecret)
	}
	return nil
}

// RotateSecret gives a shop a new signing secret, and reports whether it is another one than before.
func RotateSecret(ctx context.Context, to store.Shops, shop, secret string) (changed bool, err error) {
	if err := checkSecret(secret); err != nil {
		return false, err
	}
	err = to.UpdateShop(ctx, shop, func(s *bellhop.Shop) { changed = s.Rotate(secret) })
	return changed, err
}

// FinishRotation forgets the shop's secret before.
func FinishRotation(ctx context.Context, to store.Shops, shop string) error {
	return to.UpdateShop(ctx, shop, (*bellhop.Shop).FinishRotation)
}

// ChangeShop makes all of a change, or none of it.
func ChangeShop(ctx context.Context, to store.Shops, shop string, change func(*bellhop.Shop)) error {
	refused := false
	err := to.UpdateShop(ctx, shop, func(s *bellhop.Shop) {
		now := *s
		change(&now)
		if refused = now.RefusesAll() && !s.RefusesAll(); !refused {
			*s = now
		}
	})
	if err == nil && refused {
		return ErrRefusesAll
	}
	return err
}

// Connect connects a shop by tokens that somebody handed over, or by client credentials for nil.
func (c *Care) Connect(ctx context.Context, shop string, given *admin.Tokens) (connect.Connected, error) {
	ctx, done, err := c.Begin(ctx, shop)
	if err != nil {
		return connect.Connected{}, err
	}
	defer done()
	if given == nil {
		return c.Connector.ClientCredentials(ctx, shop)
	}
	return c.Connector.Token(ctx, shop, *given)
}

// Check looks after a shop's connection at once.
func (c *Care) Check(ctx context.Context, shop string) (bellhop.Connection, error) {
	ctx, done, err := c.Begin(ctx, shop)
	if err != nil {
		return bellhop.Connection{}, err
	}
	defer done()
	return c.Connector.Check(ctx, shop)
}

// MaxTokens bounds what [ParseTokens] takes.
const MaxTokens = 16 << 10

var errNoToken = bellhop.Invalidf("token",
	"this is no token: give it alone on one line, or JSON with access_token, refresh_token and expires_in")

// ParseTokens reads a token by itself, or the answer of Shopify's token endpoint. No error quotes any of it.
func ParseTokens(text []byte, now time.Time) (t admin.Tokens, err error) {
	text = bytes.TrimSpace(text)
	if len(text) > MaxTokens {
		return t, errNoToken
	}
	if !bytes.HasPrefix(text, []byte("{")) {
		t.Token = string(text)
	} else if t, err = tokensIn(text, now); err != nil {
		return t, errNoToken
	}
	if !admin.IsToken(t.Token) || t.RefreshToken != "" && !admin.IsToken(t.RefreshToken) {
		return admin.Tokens{}, errNoToken
	}
	return t, nil
}

func tokensIn(text []byte, now time.Time) (t admin.Tokens, err error) {
	var answer struct {
		Token            string `json:"access_token"`
		ExpiresIn        int64  `json:"expires_in"`
		RefreshToken     string `json:"refresh_token"`
		RefreshExpiresIn int64  `json:"refresh_token_expires_in"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return t, err
	}
	const longest = 366 * 24 * 60 * 60
	if min(answer.ExpiresIn, answer.RefreshExpiresIn) < 0 || max(answer.ExpiresIn, answer.RefreshExpiresIn) > longest {
		return t, errors.New("out of range")
	}
	t = admin.Tokens{Token: answer.Token, RefreshToken: answer.RefreshToken}
	if answer.ExpiresIn > 0 {
		t.ExpiresAt = now.Add(time.Duration(answer.ExpiresIn) * time.Second)
	}
	if t.RefreshToken != "" && answer.RefreshExpiresIn > 0 {
		t.RefreshExpiresAt = now.Add(time.Duration(answer.RefreshExpiresIn) * time.Second)
	}
	return t, nil
}
