package identity_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/identity"
)

func TestSettings(t *testing.T) {
	got, err := identity.ParseSettings("https://tenant.auth0.com/?audience=one&audience=https://api.example.com&" +
		"shops_claim=https://example.com/shops&role_claim=https://example.com/role, " +
		"http://127.0.0.1:9099?audience=demo&email_claim=upn&unverified_email=accept," +
		"https://securetoken.google.com/demo?audience=demo&operators=accept")
	if err != nil {
		t.Fatal(err)
	}
	want := []identity.Setting{
		{Issuer: "https://tenant.auth0.com/", Audiences: []string{"one", "https://api.example.com"}, EmailClaim: "email",
			ShopsClaim: "https://example.com/shops", RoleClaim: "https://example.com/role"},
		{Issuer: "http://127.0.0.1:9099", Audiences: []string{"demo"}, EmailClaim: "upn", UnverifiedEmail: true},
		{Issuer: "https://securetoken.google.com/demo", Audiences: []string{"demo"}, EmailClaim: "email", Operators: true},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestWrongSettings(t *testing.T) {
	for setting, want := range map[string]string{
		"":                                 "no issuer's URL",
		"issuer.example.com?audience=a":    "no issuer's URL",
		"https://?audience=a":              "no issuer's URL",
		"https://u:p@i.example?audience=a": "no issuer's URL",
		"http://issuer.example?audience=a": "is not https",
		"ftp://issuer.example?audience=a":  "is not https",
		"https://i.example":                "has no audience=",
		"https://i.example?audience=":      "audience= of https://i.example is empty",
		"https://i.example?audience=%zz":   "can't be read",
		"https://i.example?aud=a":          `no parameter "aud"`,
		"https://i.example?audience=a&shops_claim=s&shops_claim=t":              "gives shops_claim= twice",
		"https://i.example?audience=a&role_claim=r":                             "no shops_claim beside it",
		"https://i.example?audience=a&operators=yes":                            "operators=yes means nothing; give operators=accept",
		"https://i.example?audience=a&unverified_email=1":                       "unverified_email=1 means nothing",
		"https://i.example?audience=a&operators=accept&unverified_email=accept": "then anybody is an operator",
		"https://i.example?audience=a,https://i.example?audience=b":             "names https://i.example twice",
		"https://i.example?audience=a,":                                         "no issuer's URL",
	} {
		_, err := identity.ParseSettings(setting)
		if bellhop.KindOf(err) != bellhop.Invalid || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: %v, want %s", setting, err, want)
		}
	}
}
