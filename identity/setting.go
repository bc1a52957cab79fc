package identity

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"bellhop"
)

// Setting says which issuer's tokens sign people in, and what of them counts.
type Setting struct {
	Issuer    string   // as the tokens name it, to the letter
	Audiences []string // one of them must be the token's
	// The names of claims. Without ShopsClaim a person sees the shops of their account here.
	EmailClaim, ShopsClaim, RoleClaim string
	// UnverifiedEmail takes an address that the issuer did not verify: anybody may be behind it.
	UnverifiedEmail bool
	// Operators lets a token act as the operator who has its address.
	Operators bool
}

// The parameters of an issuer's URL.
const (
	paramAudience   = "audience"
	paramEmail      = "email_claim"
	paramShops      = "shops_claim"
	paramRole       = "role_claim"
	paramUnverified = "unverified_email"
	paramOperators  = "operators"

	accept = "accept"
)

// Accepted says what ParseSettings takes.
const Accepted = "give https://ISSUER?audience=AUDIENCE, several separated by commas; docs/sign-in.md has the rest"

// ParseSettings reads issuers' URLs, separated by commas. The part before the question mark is the
// issuer, to the letter: some end in a slash.
func ParseSettings(s string) (all []Setting, err error) {
	for one := range strings.SplitSeq(s, ",") {
		setting, err := parseSetting(strings.TrimSpace(one))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(other Setting) bool { return other.Issuer == setting.Issuer }) {
			return nil, wrong("it names %s twice; give each issuer once, with several audience= if it has them",
				setting.Issuer)
		}
		all = append(all, setting)
	}
	return all, nil
}

func parseSetting(s string) (Setting, error) {
	issuer, params, _ := strings.Cut(s, "?")
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return Setting{}, wrong("%q is no issuer's URL; %s", bellhop.Clip(issuer, 80), Accepted)
	}
	if !secure(u) {
		return Setting{}, wrong("%s is not https; plain http is for loopback alone", issuer)
	}
	q, err := url.ParseQuery(params)
	if err != nil {
		return Setting{}, wrong("the parameters of %s can't be read; %s", issuer, Accepted)
	}
	setting := Setting{Issuer: issuer, EmailClaim: "email"}
	for name, values := range q {
		if err := setting.set(name, values); err != nil {
			return Setting{}, err
		}
	}
	return setting, setting.check()
}

func (s *Setting) set(name string, values []string) error {
	if slices.Contains(values, "") {
		return wrong("%s= of %s is empty", name, s.Issuer)
	}
	if name == paramAudience {
		s.Audiences = values
		return nil
	}
	if len(values) > 1 {
		return wrong("%s gives %s= twice", s.Issuer, name)
	}
	switch value := values[0]; name {
	case paramEmail:
		s.EmailClaim = value
	case paramShops:
		s.ShopsClaim = value
	case paramRole:
		s.RoleClaim = value
	case paramUnverified:
		s.UnverifiedEmail = value == accept
		return onlyAccept(name, value)
	case paramOperators:
		s.Operators = value == accept
		return onlyAccept(name, value)
	default:
		return wrong("there is no parameter %q; give audience, email_claim, shops_claim, role_claim, "+
			"unverified_email or operators", bellhop.Clip(name, 40))
	}
	return nil
}

func onlyAccept(name, value string) error {
	if value != accept {
		return wrong("%s=%s means nothing; give %[1]s=accept, or leave it out", name, bellhop.Clip(value, 40))
	}
	return nil
}

func (s *Setting) check() error {
	switch {
	case len(s.Audiences) == 0:
		return wrong("%s has no audience=: without it tokens for other services would sign people in", s.Issuer)
	case s.RoleClaim != "" && s.ShopsClaim == "":
		return wrong("role_claim of %s has no shops_claim beside it: a role is one in shops", s.Issuer)
	case s.Operators && s.UnverifiedEmail:
		return wrong("%s has operators=accept and unverified_email=accept: then anybody is an operator; give one of them",
			s.Issuer)
	}
	return nil
}

func wrong(format string, args ...any) error { return bellhop.Invalidf("setting", format, args...) }

// secure reports whether nobody on the way can change what a URL answers.
func secure(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && ip.IsLoopback())
}
