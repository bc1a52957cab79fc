package admin

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"bellhop"
)

// queryAge is how far the time of a signed query may lie from ours.
const queryAge = 90 * time.Second

// maxQuery bounds the bytes of a query that is hashed. Shopify's have some hundred.
const maxQuery = 8 << 10

// once are the parameters that somebody reads: given twice, one reader could see another value than
// the next.
var once = []string{"hmac", "shop", "timestamp", "code", "state", "host"}

// VerifyQuery returns the shop of a query that Shopify signed not long ago, as it does when it opens
// the app and when it answers [App.AuthorizeURL]. A failure doesn't say which part is wrong, but for
// the code query_expired: a page that lay open for too long.
func (a *App) VerifyQuery(q url.Values) (shop string, err error) {
	if !a.signed(q) {
		return "", bellhop.Errorf(bellhop.Unauthenticated, "query_signature",
			"Shopify did not sign this address: open the app from the shop's admin")
	}
	at, err := strconv.ParseInt(q.Get("timestamp"), 10, 64)
	if now := a.now().Unix(); err != nil || at < now-int64(queryAge.Seconds()) || at > now+int64(queryAge.Seconds()) {
		return "", bellhop.Errorf(bellhop.Unauthenticated, "query_expired",
			"this address from Shopify is not valid any more: open the app from the shop's admin again")
	}
	return bellhop.ParseShopDomain(q.Get("shop"))
}

func (a *App) signed(q url.Values) bool {
	size := 0
	for k, values := range q {
		for _, v := range values {
			size += len(k) + len(v) + 2
		}
		if len(values) > 1 && slices.Contains(once, k) {
			return false
		}
	}
	got := q.Get("hmac")
	if size > maxQuery || len(got) != hex.EncodedLen(sha256.Size) {
		return false
	}
	for _, text := range []string{signable(q, percentEncoded), signable(q, escaped)} {
		for _, secret := range a.secrets() {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(text))
			if hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(got)) {
				return true
			}
		}
	}
	return false
}

// signable is what Shopify signs of a query.
func signable(q url.Values, encode func(string) string) string {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(q)) {
		if k != "hmac" && k != "signature" {
			key := strings.ReplaceAll(encode(k), "=", "%3D")
			pairs = append(pairs, key+"="+encode(strings.Join(q[k], ",")))
		}
	}
	return strings.Join(pairs, "&")
}

func percentEncoded(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// escaped is the older form, in which values are as they are. What could pass for another parameter
// is encoded there, too: a state such as "1&shop=other.myshopify.com" must not name the shop.
func escaped(s string) string { return older.Replace(s) }

var older = strings.NewReplacer("%", "%25", "&", "%26")

// AuthorizeURL is the page at which a shop's owner agrees to the scopes. Shopify leads the owner from
// there to redirect, with a code and the state; "" if shop is none.
func (a *App) AuthorizeURL(shop, redirect, state string, scopes []string) string {
	// An empty grant_options[] asks for a token that outlives the owner's visit.
	return a.authorize(shop, redirect, state, scopes, "")
}

// VisitURL is the page at which Shopify makes sure who is signed in to a shop's admin. It asks nobody who agreed to
// the scopes before.
func (a *App) VisitURL(shop, redirect, state string, scopes []string) string {
	return a.authorize(shop, redirect, state, scopes, "per-user")
}

func (a *App) authorize(shop, redirect, state string, scopes []string, options string) string {
	at, err := a.address(shop, "/admin/oauth/authorize")
	if err != nil {
		return ""
	}
	return at + "?" + url.Values{"client_id": {a.ClientID}, "scope": {strings.Join(scopes, ",")},
		"redirect_uri": {redirect}, "state": {state}, "grant_options[]": {options}}.Encode()
}

// ShopOfHost returns the shop that a host parameter names: base64 of admin.shopify.com/store/NAME or
// NAME.myshopify.com/admin, and nothing else. Nobody signed it where it comes alone.
func ShopOfHost(host string) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(toURL.Replace(strings.TrimRight(host, "=")))
	if err != nil || len(host) > 512 {
		return "", bellhop.Invalidf("host", "the host parameter is not one of Shopify's")
	}
	text := string(raw)
	name, isStore := strings.CutPrefix(text, "admin.shopify.com/store/")
	domain, isAdmin := strings.CutSuffix(text, "/admin")
	switch {
	case isStore && !strings.Contains(name, "."):
		domain = name + ".myshopify.com"
	case isStore || !isAdmin:
		domain = ""
	}
	shop, err := bellhop.ParseShopDomain(domain)
	if err != nil {
		return "", bellhop.Invalidf("host", "the host parameter is not one of Shopify's")
	}
	return shop, nil
}

var toURL = strings.NewReplacer("+", "-", "/", "_")

// WantedScopes are what bellhop asks a shop for, sorted. Without read_orders it is of no use; without
// read_customers orders come without their customers' names; Shopify subscribes nobody without
// read_fulfillments to fulfillments/create and fulfillments/update.
var WantedScopes = []string{"read_customers", "read_fulfillments", "read_orders"}

// NeededScopes are those of [WantedScopes] that bellhop can't do without.
var NeededScopes = []string{"read_orders"}

// MissingScopes returns which of the wanted scopes were not granted. One that may write may read.
func MissingScopes(granted, wanted []string) (missing []string) {
	for _, scope := range wanted {
		what, _ := strings.CutPrefix(scope, "read_")
		if !slices.Contains(granted, scope) && !slices.Contains(granted, "write_"+what) {
			missing = append(missing, scope)
		}
	}
	return missing
}

// parseScopes reads a list as Shopify writes it, with commas.
func parseScopes(text string) []string {
	all := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	slices.SortFunc(all, cmp.Compare)
	return slices.Compact(all)
}
