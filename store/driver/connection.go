package driver

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"bellhop"
)

// The bounds of a connection. Shopify's tokens have 40 characters or so, and an app has a few dozen scopes
// and topics.
const (
	maxSecret        = 4096 // of a token as it is kept, sealed
	maxScopes        = 500
	maxScope         = 100
	maxSubscriptions = 200
	maxReason        = 100
)

var (
	grants = []bellhop.Grant{bellhop.GrantClientCredentials, bellhop.GrantAuthorizationCode,
		bellhop.GrantTokenExchange, bellhop.GrantToken}
	accesses = []bellhop.AccessState{bellhop.AccessGood, bellhop.AccessRefused, bellhop.AccessLost,
		bellhop.AccessUninstalled}
)

// CheckConnection refuses a connection that can't be kept.
func CheckConnection(c *bellhop.Connection) error {
	switch {
	case !slices.Contains(grants, c.Grant):
		return bellhop.Invalidf("grant", "there is no grant %q", bellhop.Clip(string(c.Grant), 40))
	case !slices.Contains(accesses, c.Access):
		return bellhop.Invalidf("access", "a connection's access is not %q", bellhop.Clip(string(c.Access), 40))
	case len(c.Scopes) > maxScopes || slices.ContainsFunc(c.Scopes, badScope):
		return bellhop.Invalidf("scopes", "these are no scopes: at most %d, without commas", maxScopes)
	case len(c.Subscriptions) > maxSubscriptions:
		return bellhop.Invalidf("subscriptions", "%d subscriptions: %d at most", len(c.Subscriptions), maxSubscriptions)
	}
	for what, text := range map[string]string{"token": c.Token, "refresh_token": c.RefreshToken} {
		if err := checkLength(what, text, maxSecret); err != nil {
			return err
		}
	}
	return checkLength("reason", c.Reason, maxReason)
}

func badScope(s string) bool { return s == "" || len(s) > maxScope || strings.Contains(s, ",") }

// WriteScopes returns a connection's scopes in their stored form.
func WriteScopes(c *bellhop.Connection) string { return strings.Join(c.Scopes, ",") }

// ReadScopes reads the result of [WriteScopes].
func ReadScopes(kept string) []string {
	if kept == "" {
		return nil
	}
	return strings.Split(kept, ",")
}

// WriteSubscriptions returns a connection's subscriptions in their stored form.
func WriteSubscriptions(c *bellhop.Connection) string {
	if len(c.Subscriptions) == 0 {
		return ""
	}
	b, _ := json.Marshal(c.Subscriptions) // plain fields
	return string(b)
}

// ReadSubscriptions reads the result of [WriteSubscriptions].
func ReadSubscriptions(kept string) (all []bellhop.Subscription, err error) {
	if kept == "" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(kept), &all); err != nil {
		return nil, fmt.Errorf("read a connection's subscriptions: %w", err)
	}
	return all, nil
}
