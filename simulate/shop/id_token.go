package shop

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"

	"bellhop"
)

// idTokenLife is how long an ID token is good, and idTokenLeeway what clocks may differ.
const (
	idTokenLife   = time.Minute
	idTokenLeeway = 10 * time.Second
)

// idClaims are an ID token's claims: https://shopify.dev/docs/apps/build/authentication-authorization/session-tokens.
type idClaims struct {
	Issuer   string `json:"iss"`
	Dest     string `json:"dest"`
	Audience string `json:"aud"`
	Subject  string `json:"sub,omitempty"`
	Expires  int64  `json:"exp"`
	Before   int64  `json:"nbf"`
	Issued   int64  `json:"iat"`
	ID       string `json:"jti"`
	Session  string `json:"sid"`
}

// IDToken returns an ID token of the shop's owner, as the app's page in the admin gets it. user is "owner",
// "staff", or "" for a token that names nobody.
func (t *Twin) IDToken(domain, user string) (string, error) {
	if _, err := t.shop(domain); err != nil {
		return "", err
	}
	now := t.opt.Now()
	c := idClaims{Issuer: "https://" + domain + "/admin", Dest: "https://" + domain, Audience: t.opt.ClientID,
		Expires: now.Add(idTokenLife).Unix(), Before: now.Unix(), Issued: now.Unix(), ID: uuid.NewString(),
		Session: uuid.NewString()}
	if u, ok := users[user]; ok {
		c.Subject = u.id
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + b64(payload)
	return text + "." + b64(signText(text, t.opt.Secret)), nil
}

// user is somebody who is signed in to a shop's admin.
type user struct {
	id, first, last string
	owner           bool
	address         string // "" for the usual one
	unverified      bool
}

// Visitor is who is signed in to a shop's admin.
type Visitor struct {
	User       string `json:"user"`  // owner or staff
	Email      string `json:"email"` // "" for the usual one
	Unverified bool   `json:"unverified"`
}

// SignIn signs somebody in to a shop's admin. At first it is the owner.
func (t *Twin) SignIn(domain string, v Visitor) error {
	u, ok := users[v.User]
	if !ok {
		return bellhop.Invalidf("user", "%q is nobody: give owner or staff", shorten(v.User))
	}
	u.address, u.unverified = v.Email, v.Unverified
	return t.change(domain, func(s *shop) error {
		s.visitor = u
		return nil
	})
}

var users = map[string]user{
	"owner": {id: "902541635", first: "Olga", last: "Owner", owner: true},
	"staff": {id: "902541636", first: "Stefan", last: "Staff"},
}

func userBy(id string) user {
	for _, u := range users {
		if u.id == id {
			return u
		}
	}
	return users["owner"] // of a token that names nobody
}

// email is usually the one in the shop's settings for the owner.
func (u user) email(s *shop) string {
	switch {
	case u.address != "":
		return u.address
	case u.owner:
		return s.info.Email
	}
	return "staff@" + s.handle() + ".example"
}

// readIDToken returns the claims of an ID token for this shop and app that is good now.
func (s *shop) readIDToken(text string, now time.Time) (c idClaims, ok bool) {
	signed, signature, _ := cutLast(text, ".")
	header, payload, _ := strings.Cut(signed, ".")
	decode := base64.RawURLEncoding.DecodeString
	mac, err1 := decode(signature)
	head, err2 := decode(header)
	body, err3 := decode(payload)
	var h struct {
		Algorithm string `json:"alg"`
	}
	if cmp.Or(err1, err2, err3) != nil || json.Unmarshal(head, &h) != nil || h.Algorithm != "HS256" ||
		!hmac.Equal(mac, signText(signed, s.opt.Secret)) || json.Unmarshal(body, &c) != nil {
		return c, false
	}
	leeway := int64(idTokenLeeway / time.Second)
	return c, c.Audience == s.opt.ClientID && c.Dest == "https://"+s.domain && c.Issuer == c.Dest+"/admin" &&
		now.Unix() < c.Expires+leeway && now.Unix() >= c.Before-leeway
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func signText(text, secret string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
