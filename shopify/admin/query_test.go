package admin_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/shopify/admin"
)

// The vector of Shopify's own documentation.
const (
	vector = "code=0907a61c0c8d55e99db179b68161bc00&shop=some-shop.myshopify.com" +
		"&state=0.6784241404160823&timestamp=1337178173"
	vectorHMAC = "700e2dadb827fcc8609e9d5ce208b2e9cdaab9df07390d2cbca10d7c328fc4bf"
)

func parse(t testing.TB, query string) url.Values {
	t.Helper()
	q, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// sign is written apart from the code that it tests: text is what is signed.
func sign(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// callback is one as Shopify signs it now.
func callback(t testing.TB, key string) url.Values {
	text := "code=canary-code&host=YWRtaW4&shop=demo.myshopify.com&state=s&timestamp=" + strconv.FormatInt(noon.Unix(), 10)
	return parse(t, text+"&hmac="+sign(key, text))
}

func app() *admin.App {
	return &admin.App{ClientID: clientID, Secret: secret, PreviousSecret: previous, Now: func() time.Time { return noon }}
}

func TestVerifyQueryVector(t *testing.T) {
	at := time.Unix(1337178173, 0)
	a := &admin.App{Secret: "hush", Now: func() time.Time { return at }}
	q := parse(t, vector+"&signature=not-signed&hmac="+vectorHMAC)
	if shop, err := a.VerifyQuery(q); err != nil || shop != "some-shop.myshopify.com" {
		t.Errorf("%q: %v", shop, err)
	}
	a = &admin.App{Secret: "other", PreviousSecret: "hush", Now: a.Now}
	if _, err := a.VerifyQuery(q); err != nil {
		t.Errorf("with the previous secret: %v", err)
	}
	for d, want := range map[time.Duration]bool{90 * time.Second: true, -90 * time.Second: true,
		91 * time.Second: false, -91 * time.Second: false} {
		a.Now = func() time.Time { return at.Add(d) }
		_, err := a.VerifyQuery(q)
		if e, ok := err.(*bellhop.Error); want != (err == nil) || !want && (!ok || e.Code != "query_expired") {
			t.Errorf("%v later: %v", d, err)
		}
	}
}

// TestVerifyQueryForms signs one text, and presents the query that it stands for.
func TestVerifyQueryForms(t *testing.T) {
	at := "&timestamp=" + strconv.FormatInt(noon.Unix(), 10)
	for name, c := range map[string]struct {
		signed string
		query  url.Values
		good   bool
	}{
		"percent-encoded": {"host=YQ%3D%3D&shop=demo.myshopify.com&state=a%20b%2Fc" + at,
			url.Values{"host": {"YQ=="}, "state": {"a b/c"}}, true},
		"as they are":              {"shop=demo.myshopify.com&state=a b/c" + at, url.Values{"state": {"a b/c"}}, true},
		"padded, as it is":         {"host=YQ==&shop=demo.myshopify.com" + at, url.Values{"host": {"YQ=="}}, true},
		"a key with a value in it": {"a=b=c&shop=demo.myshopify.com" + at, url.Values{"a=b": {"c"}}, false},
		"repeated":                 {"ids[]=1,2&shop=demo.myshopify.com" + at, url.Values{"ids[]": {"1", "2"}}, true},
		"repeated, percent-encoded": {"ids%5B%5D=1%2C2&shop=demo.myshopify.com" + at,
			url.Values{"ids[]": {"1", "2"}}, true},
		"plus for a space": {"shop=demo.myshopify.com&state=a+b" + at, url.Values{"state": {"a b"}}, false},
		"a state that would be a shop": {"code=c&shop=other.myshopify.com&state=1&shop=demo.myshopify.com" + at,
			url.Values{"code": {"c&shop=other.myshopify.com&state=1"}}, false},
		"the state twice": {"shop=demo.myshopify.com&state=1,2" + at, url.Values{"state": {"1", "2"}}, false},
		"the shop twice": {"shop=demo.myshopify.com,x.myshopify.com" + at, url.Values{"shop": {domain,
			"x.myshopify.com"}}, false},
		"no shop's domain": {"shop=demo.example.com" + at, url.Values{"shop": {"demo.example.com"}}, false},
		"no time":          {"shop=demo.myshopify.com&timestamp=soon", url.Values{"timestamp": {"soon"}}, false},
		"a large one": {"a=" + strings.Repeat("a", 9000) + "&shop=demo.myshopify.com" + at,
			url.Values{"a": {strings.Repeat("a", 9000)}}, false},
	} {
		q := url.Values{"shop": {domain}, "timestamp": {strconv.FormatInt(noon.Unix(), 10)}, "hmac": {sign(secret, c.signed)}}
		maps.Copy(q, c.query)
		if shop, err := app().VerifyQuery(q); c.good != (err == nil) || c.good != (shop == domain) {
			t.Errorf("%s: %q, %v", name, shop, err)
		}
	}
	for _, name := range []string{"hmac", "timestamp", "shop"} {
		q := callback(t, secret)
		q.Del(name)
		if shop, err := app().VerifyQuery(q); err == nil {
			t.Errorf("without %s it is of %s", name, shop)
		}
	}
	q := callback(t, secret)
	q.Set("hmac", strings.ToUpper(q.Get("hmac")))
	if _, err := app().VerifyQuery(q); err == nil {
		t.Error("an HMAC in capitals passes")
	}
	if _, err := (&admin.App{Now: app().Now}).VerifyQuery(callback(t, "")); err == nil {
		t.Error("without a secret everything passes")
	}
}

// TestForgedCallbacks changes one thing of a callback that Shopify signed, ten thousand times.
func TestForgedCallbacks(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 1))
	good := callback(t, secret)
	if _, err := app().VerifyQuery(good); err != nil {
		t.Fatal(err)
	}
	keys := slices.Sorted(maps.Keys(good))
	for i := range 10_000 {
		q := maps.Clone(good)
		key := keys[r.IntN(len(keys))]
		value := []byte(q.Get(key))
		at := r.IntN(len(value))
		switch r.IntN(6) {
		case 0:
			value[at] ^= 1 << r.IntN(7)
			q[key] = []string{string(value)}
		case 1:
			q[key] = []string{string(value[:at])}
		case 2:
			q[key] = []string{string(value), string(value)}
		case 3:
			q["x"+strconv.Itoa(i)] = []string{"1"}
		case 4:
			delete(q, key)
		case 5:
			q.Set("shop", "other"+strconv.Itoa(i)+".myshopify.com")
			if r.IntN(2) == 0 {
				q.Set("hmac", sign("guess"+strconv.Itoa(i), "shop="+q.Get("shop")))
			}
		}
		if shop, err := app().VerifyQuery(q); err == nil {
			t.Fatalf("forgery %d passes for %s: %v", i, shop, q)
		}
	}
}

func FuzzVerifyQuery(f *testing.F) {
	f.Add(vector + "&hmac=" + vectorHMAC)
	f.Add(callback(f, secret).Encode())
	f.Add("ids[]=1&ids[]=2&hmac=x&shop=%00")
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		if shop, err := app().VerifyQuery(q); err == nil && (shop != domain ||
			q.Get("hmac") != callback(t, secret).Get("hmac")) {
			t.Errorf("%q passes for %s", query, shop)
		}
	})
}

func TestAuthorizeURL(t *testing.T) {
	a := app()
	u, err := url.Parse(a.AuthorizeURL(domain, "https://b.example.com/shopify/callback", "st&te", admin.WantedScopes))
	if err != nil {
		t.Fatal(err)
	}
	if got := u.Scheme + "://" + u.Host + u.Path; got != "https://demo.myshopify.com/admin/oauth/authorize" {
		t.Errorf("the owner goes to %s", got)
	}
	want := url.Values{"client_id": {clientID}, "scope": {"read_customers,read_fulfillments,read_orders"},
		"state": {"st&te"}, "redirect_uri": {"https://b.example.com/shopify/callback"}, "grant_options[]": {""}}
	if !maps.EqualFunc(u.Query(), want, slices.Equal[[]string]) {
		t.Errorf("with %v", u.Query())
	}
	if u, err = url.Parse(a.VisitURL(domain, "r", "s", admin.WantedScopes)); err != nil ||
		u.Query().Get("grant_options[]") != "per-user" {
		t.Errorf("a visit begins at %s: %v", u, err)
	}
	a.Endpoint = "http://127.0.0.1:9092/{shop}"
	if got := a.AuthorizeURL("DEMO.myshopify.com", "r", "s", nil); !strings.HasPrefix(got,
		"http://127.0.0.1:9092/demo.myshopify.com/admin/oauth/authorize?") {
		t.Errorf("at a twin the owner goes to %s", got)
	}
}

func TestShopOfHost(t *testing.T) {
	for text, want := range map[string]string{
		"admin.shopify.com/store/demo":          domain,
		"admin.shopify.com/store/Demo":          domain,
		"demo.myshopify.com/admin":              domain,
		"admin.shopify.com/store/demo/":         "",
		"admin.shopify.com/store/":              "",
		"admin.shopify.com/store/demo/apps":     "",
		"admin.shopify.com/store/a.example.com": "",
		"admin.shopify.com":                     "",
		"demo.myshopify.com":                    "",
		"demo.myshopify.com/admin/":             "",
		"demo.myshopify.com.example.com/admin":  "",
		"example.com/store/demo":                "",
		"demo.myshopify.com@example.com/admin":  "",
		"https://demo.myshopify.com/admin":      "",
		"example.com/demo.myshopify.com/admin":  "",
		"":                                      "",
	} {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
			if shop, err := admin.ShopOfHost(encoding.EncodeToString([]byte(text))); shop != want ||
				(err == nil) != (want != "") {
				t.Errorf("%s: %q, %v", text, shop, err)
			}
		}
	}
	for _, host := range []string{"admin.shopify.com/store/demo", "%%%", strings.Repeat("YWRt", 200)} {
		if shop, err := admin.ShopOfHost(host); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%q: %q, %v", host, shop, err)
		}
	}
}

func TestMissingScopes(t *testing.T) {
	for _, c := range []struct{ granted, missing []string }{
		{nil, admin.WantedScopes},
		{[]string{"read_orders"}, []string{"read_customers", "read_fulfillments"}},
		{[]string{"write_orders", "read_customers", "read_fulfillments"}, nil},
	} {
		if got := admin.MissingScopes(c.granted, admin.WantedScopes); !slices.Equal(got, c.missing) {
			t.Errorf("with %v, %v are missing", c.granted, got)
		}
	}
}
