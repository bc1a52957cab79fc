package shopify_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"sync"
	"testing"

	"bellhop"
	"bellhop/shopify"
)

var body = []byte(`{"id":1,"url":"https:\/\/shop.example\/1"}`)

func keys(shop, shopPrevious, app, appPrevious string) shopify.Keys {
	return shopify.Keys{
		Shop:         shopify.NewSecret(shop),
		ShopPrevious: shopify.NewSecret(shopPrevious),
		App:          shopify.NewSecret(app),
		AppPrevious:  shopify.NewSecret(appPrevious),
	}
}

// The value was computed with: openssl dgst -sha256 -hmac hush -binary | base64
func TestSignAgreesWithOpenSSL(t *testing.T) {
	const want = "c6VyugWUIwxI3XRbHiHLkLf9difd1xxz8sW9srkUEzA="
	if got := shopify.Sign("hush", body); got != want {
		t.Errorf("Sign = %q, want %q", got, want)
	}
}

func TestVerifyFindsTheSecret(t *testing.T) {
	own := keys("s1", "s0", "a1", "a0")
	own.OwnOnly = true
	for _, tt := range []struct {
		name   string
		keys   shopify.Keys
		secret string
		want   bellhop.Signer
	}{
		{"shop", keys("s1", "s0", "a1", "a0"), "s1", bellhop.SignerShop},
		{"shop while rotating", keys("s1", "s0", "a1", "a0"), "s0", bellhop.SignerShopPrevious},
		{"app", keys("s1", "s0", "a1", "a0"), "a1", bellhop.SignerApp},
		{"app while rotating", keys("s1", "s0", "a1", "a0"), "a0", bellhop.SignerAppPrevious},
		{"app alone", keys("", "", "a1", ""), "a1", bellhop.SignerApp},
		{"the same secret twice", keys("x", "", "x", ""), "x", bellhop.SignerShop},
		{"own only, own", own, "s1", bellhop.SignerShop},
		{"own only, own while rotating", own, "s0", bellhop.SignerShopPrevious},
		{"own only, app", own, "a1", ""},
		{"own only, app while rotating", own, "a0", ""},
		{"unknown secret", keys("s1", "s0", "a1", "a0"), "x", ""},
		{"no secrets", keys("", "", "", ""), "a1", ""},
		{"no secrets, not signed", keys("", "", "", ""), "", ""},
		{"no secrets, signed with what equals none", keys("", "", "", ""), "\x00", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := tt.keys.Verify(body, shopify.Sign(tt.secret, body))
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("Verify = %q, %v, want %q", got, ok, tt.want)
			}
			got, ok, err := tt.keys.VerifyReader(bytes.NewReader(body), shopify.Sign(tt.secret, body))
			if got != tt.want || ok != (tt.want != "") || err != nil {
				t.Errorf("VerifyReader = %q, %v, %v, want %q", got, ok, err, tt.want)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	k := keys("", "", "hush", "")
	good := shopify.Sign("hush", body)
	sum, err := base64.StdEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.StdEncoding.EncodeToString
	for name, signature := range map[string]string{
		"missing":            "",
		"wrong":              shopify.Sign("other", body),
		"of another body":    shopify.Sign("hush", []byte("{}")),
		"truncated":          good[:43],
		"no padding":         strings.TrimRight(good, "="),
		"doubled":            good + good,
		"doubled, comma":     good + ", " + good,
		"31 bytes":           encode(sum[:31]),
		"33 bytes":           encode(append(sum[:32:32], 0)),
		"not base64":         strings.Repeat("!", 44),
		"hex":                strings.Repeat("ab", 32),
		"space before":       " " + good,
		"line break within":  good[:20] + "\n" + good[20:],
		"break, same length": good[:20] + "\r\n" + good[22:],
		"URL alphabet":       strings.Repeat("-_", 21) + "-=",
		"zero sum":           encode(make([]byte, 32)),
		"loose last bits":    looseBits(good),
	} {
		t.Run(name, func(t *testing.T) {
			if signer, ok := k.Verify(body, signature); ok || signer != "" {
				t.Errorf("Verify(%q) = %q, %v", signature, signer, ok)
			}
			if signer, ok, err := k.VerifyReader(bytes.NewReader(body), signature); ok || signer != "" || err != nil {
				t.Errorf("VerifyReader(%q) = %q, %v, %v", signature, signer, ok, err)
			}
		})
	}
	if _, ok := k.Verify(body, good); !ok {
		t.Error("Verify refuses a good signature")
	}
}

// looseBits changes the bits of the last character that belong to no byte.
func looseBits(signature string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	last := strings.IndexByte(alphabet, signature[42])
	return signature[:42] + string(alphabet[last|1]) + "="
}

func TestVerifyFromManyGoroutines(t *testing.T) {
	k := keys("s1", "s0", "a1", "")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			b := []byte(strings.Repeat("x", 100*i+1))
			signature := shopify.Sign("a1", b)
			for range 500 {
				if s, ok := k.Verify(b, signature); !ok || s != bellhop.SignerApp {
					t.Errorf("Verify = %q, %v", s, ok)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestVerifyDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector a pool forgets on purpose")
	}
	k := keys("s1", "s0", "a1", "a0")
	signature := shopify.Sign("a0", body)
	if n := testing.AllocsPerRun(100, func() { k.Verify(body, signature) }); n >= 1 {
		t.Errorf("Verify allocates %v times", n)
	}
}

// FuzzVerify holds Verify to the few lines that say what a signature is.
func FuzzVerify(f *testing.F) {
	good := shopify.Sign("hush", body)
	f.Add(body, good, "hush")
	f.Add(body, good[:43], "hush")
	f.Add(body, good+good, "hush")
	f.Add(body, good, "")
	f.Add([]byte{}, "", "x")
	f.Add(body, good[:20]+"\r\n"+good[22:], "hush")
	f.Fuzz(func(t *testing.T, body []byte, signature, secret string) {
		k := keys("", "", secret, "")
		signer, ok := k.Verify(body, signature)
		if ok != (signer == bellhop.SignerApp) || !ok && signer != "" {
			t.Fatalf("Verify = %q, %v", signer, ok)
		}
		h := hmac.New(sha256.New, []byte(secret))
		h.Write(body)
		want := secret != "" && signature == base64.StdEncoding.EncodeToString(h.Sum(nil))
		if ok != want {
			t.Fatalf("Verify(%q, %q) = %v, want %v", body, signature, ok, want)
		}
		if _, ok := k.Verify(body, shopify.Sign(secret, body)); ok != (secret != "") {
			t.Fatalf("Verify says %v of what Sign wrote", ok)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	payload := []byte(strings.Repeat("0123456789abcdef", 5<<10/16))
	for name, k := range map[string]shopify.Keys{
		"app alone":         keys("", "", "a1", ""),
		"fourth of four":    keys("s1", "s0", "a2", "a1"),
		"wrong, of the app": keys("", "", "a2", ""),
	} {
		signature := shopify.Sign("a1", payload)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					k.Verify(payload, signature)
				}
			})
		})
	}
}
