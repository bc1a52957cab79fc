package shop

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Info is what a shop says of itself.
type Info struct {
	Name     string
	Email    string // the owner's
	Currency string
	Timezone string // IANA
	Plan     string
}

// shop is one shop, with what the app has of it. Twin.mu guards it.
type shop struct {
	domain string
	place  int // in the list of shops
	id     int64
	opt    *Options
	info   Info
	faults Faults

	installed   bool
	installedAt time.Time
	scopes      scopes          // granted, sorted
	codes       map[string]code // authorization codes
	visitor     user            // who is signed in to the admin
	tokens      tokens
	subs        []*subscription
	nextSub     int64
	orders      orders
	bulks       []*bulk // newest last
	bucket      bucket
}

// code is an authorization code.
type code struct {
	until time.Time
	user  *user // for a token of whose visit; nil for one that outlives it
}

// codeLife is how long an authorization code is good, once.
const codeLife = time.Minute

// infos are what shops say of themselves at first, by their place in the list of shops, as the orders' currencies.
var infos = []Info{
	{Currency: "USD", Timezone: "America/New_York", Plan: "Basic"},
	{Currency: "JPY", Timezone: "Asia/Tokyo", Plan: "Shopify"},
	{Currency: "EUR", Timezone: "Europe/Berlin", Plan: "Advanced"},
	{Currency: "KWD", Timezone: "Asia/Kuwait", Plan: "Basic"},
	{Currency: "KRW", Timezone: "Asia/Seoul", Plan: "Shopify Plus"},
	{Currency: "GBP", Timezone: "Europe/London", Plan: "Basic"},
}

func newShop(i int, domain string, o *Options) *shop {
	name := strings.TrimSuffix(domain, ".myshopify.com")
	s := &shop{domain: domain, place: i, id: 548_380_009 + int64(i), opt: o, info: infos[i%len(infos)],
		codes: map[string]code{}, visitor: users["owner"],
		nextSub: 1_400_000_000_000 + int64(i)*1_000_000, bucket: bucket{capacity: bucketSize, left: bucketSize}}
	s.info.Name = strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "-", " ")
	s.info.Email = fmt.Sprintf("owner@%s.example", name)
	s.orders.init(o.Keep)
	return s
}

// handle is the shop's name in the address of Shopify's admin.
func (s *shop) handle() string { return strings.TrimSuffix(s.domain, ".myshopify.com") }

func (s *shop) has(scope string) bool { return s.scopes.has(scope) }

// scopes are those of an app, sorted.
type scopes []string

// has reports whether a scope is among them. A right to write includes the one to read.
func (s scopes) has(scope string) bool {
	return slices.Contains(s, scope) || slices.Contains(s, strings.Replace(scope, "read_", "write_", 1))
}

// install gives the app its scopes.
func (s *shop) install(scopes []string, now time.Time) {
	if !s.installed {
		s.installed, s.installedAt = true, now
	}
	s.scopes = scopes
}
