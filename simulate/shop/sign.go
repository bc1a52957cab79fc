package shop

import (
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
)

// signQuery returns Shopify's signature of a query: over its parameters by name, values percent-encoded.
func signQuery(q url.Values, secret string) string {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(q)) {
		value := strings.ReplaceAll(url.QueryEscape(strings.Join(q[k], ",")), "+", "%20")
		pairs = append(pairs, k+"="+value)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strings.Join(pairs, "&")))
	return hex.EncodeToString(mac.Sum(nil))
}

// signed returns an address of the app's with the parameters that Shopify adds, and their signature.
func (s *shop) signed(to string, q url.Values, now time.Time) string {
	q.Set("shop", s.domain)
	q.Set("host", base64.RawStdEncoding.EncodeToString([]byte("admin.shopify.com/store/"+s.handle())))
	q.Set("timestamp", strconv.FormatInt(now.Unix(), 10))
	q.Set("hmac", signQuery(q, s.opt.Secret))
	return to + "?" + q.Encode()
}
