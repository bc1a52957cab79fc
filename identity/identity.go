// Package identity verifies tokens of the team's own identity provider: JWTs of an issuer with
// OpenID Connect discovery, such as Firebase Auth or Auth0. It is the only folder that knows
// the library for them.
package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"bellhop"
)

// MaxToken is the most bytes of a token. Larger ones would not pass as a header.
const MaxToken = 8 << 10

// Verifier verifies the tokens of some issuers. Many goroutines may use it at once.
type Verifier struct {
	issuers map[string]*issuer
	now     func() time.Time
}

// Options are the surroundings of a verifier. The zero value serves.
type Options struct {
	HTTP http.RoundTripper // default: as Go does
	Now  func() time.Time  // default: time.Now
}

// New makes a verifier. It asks an issuer for its keys when the first token comes, or [Verifier.Ready]
// is called: an issuer that is away must not keep bellhop from starting.
func New(settings []Setting, o Options) *Verifier {
	if o.HTTP == nil {
		o.HTTP = http.DefaultTransport
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	v := &Verifier{issuers: map[string]*issuer{}, now: o.Now}
	for _, s := range settings {
		v.issuers[s.Issuer] = newIssuer(s, o)
	}
	return v
}

// Ready returns nil if each issuer answered when it was asked last. It asks those that were never
// reached, or are away.
func (v *Verifier) Ready(ctx context.Context) error {
	var all []error
	for _, i := range v.issuers {
		all = append(all, i.ready(ctx))
	}
	return errors.Join(all...)
}

// Verify returns what a valid token says. The error is bellhop.Unauthenticated for any other, and
// bellhop.Unavailable where only an issuer that is away could tell.
func (v *Verifier) Verify(ctx context.Context, token string) (bellhop.Identity, error) {
	i := v.issuers[issuerOf(token)]
	if i == nil {
		return bellhop.Identity{}, errToken
	}
	c := claims{Setting: i.Setting}
	if err := i.verify(ctx, token, &c.all); err != nil {
		return bellhop.Identity{}, err
	}
	return c.identity(v.now())
}

// issuerOf returns the issuer that a token names; nothing proves it yet.
func issuerOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > MaxToken {
		return ""
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claimed struct {
		Issuer string `json:"iss"`
	}
	if err != nil || json.Unmarshal(body, &claimed) != nil {
		return ""
	}
	return claimed.Issuer
}

var (
	// No answer says what is wrong with a token: only a forger could use that.
	errToken = bellhop.Errorf(bellhop.Unauthenticated, "unauthenticated",
		"sign in, or send a token that is valid: Authorization: Bearer TOKEN")
	errExpired = bellhop.Errorf(bellhop.Unauthenticated, "token_expired",
		"the token is not valid at this time: get a new one from its issuer")
)

// away is the error while an issuer can't be asked.
func away(cause error) error {
	return &bellhop.Error{Kind: bellhop.Unavailable, Code: "issuer_away",
		Message: "the issuer of this token does not answer; try again in a moment", Cause: cause}
}
