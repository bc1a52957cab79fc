package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/pipeline"
	"bellhop/shopify"
	"bellhop/store"
)

const (
	appSecret = "the app's secret"
	ownShop   = "own.myshopify.com" // takes nothing but what its own secret signed
)

// sent is a message of a server of one's own.
type sent struct {
	h    http.Header
	body []byte
}

// delivery is one that is right in every way: a webhook, or an Event.
func delivery(n int, event bool) sent {
	body := fmt.Appendf(nil, `{"id":%d,"note":"\u00e9 ","total_price":"1.00"}`, n)
	h := http.Header{}
	names, prefix := map[string]string{"Topic": "orders/create"}, "X-Shopify-"
	if event {
		names, prefix = map[string]string{"Topic": "Order", "Action": "update"}, "Shopify-"
	}
	names["Shop-Domain"], names["Api-Version"], names["Webhook-Id"] = domain, "2026-10", fmt.Sprint("w", n)
	names["Triggered-At"], names["Hmac-Sha256"] = noon.Format(time.RFC3339), shopify.Sign(appSecret, body)
	for name, value := range names {
		h.Set(prefix+name, value)
	}
	return sent{h, body}
}

// of returns the name of a header as the message writes it.
func (s *sent) of(name string) string {
	if s.h.Get("X-Shopify-Shop-Domain") != "" {
		return "X-Shopify-" + name
	}
	return "Shopify-" + name
}

// other is of for the other kind of deliveries.
func (s *sent) other(name string) string {
	if s.of(name) == "Shopify-"+name {
		return "X-Shopify-" + name
	}
	return "Shopify-" + name
}

func (s *sent) get(name string) string { return s.h.Get(s.of(name)) }

func (s *sent) sign() { s.h.Set(s.of("Hmac-Sha256"), shopify.Sign(appSecret, s.body)) }

var required = []string{"Topic", "Shop-Domain", "Api-Version", "Webhook-Id"}

// spoils are the ways to forge a delivery, or to get it wrong, with the code of the reason.
var spoils = []struct {
	code  string
	spoil func(*sent, *rand.Rand)
}{
	{"signature", func(s *sent, r *rand.Rand) { // of somebody else
		s.h.Set(s.of("Hmac-Sha256"), shopify.Sign(fmt.Sprint("guess ", r.Uint64()), s.body))
	}},
	{"signature", func(s *sent, r *rand.Rand) { s.body[r.IntN(len(s.body))] ^= 1 << r.IntN(7) }},
	{"signature", func(s *sent, r *rand.Rand) { s.body = append(s.body, " \n\x00"[r.IntN(3)]) }},
	{"signature", func(s *sent, _ *rand.Rand) { s.body = bytes.ReplaceAll(s.body, []byte(`\u00e9`), []byte("é")) }},
	{"signature", func(s *sent, r *rand.Rand) { // as long as a right one, or not
		s.h.Set(s.of("Hmac-Sha256"), strings.Repeat("A", r.IntN(100)))
	}},
	{"signature", func(s *sent, _ *rand.Rand) { s.h.Del(s.of("Hmac-Sha256")) }},
	{"signature", func(s *sent, _ *rand.Rand) { s.h.Add(s.of("Hmac-Sha256"), s.get("Hmac-Sha256")) }},
	{"signature", func(s *sent, _ *rand.Rand) { s.h.Set(s.of("Shop-Domain"), ownShop) }},
	{"headers_mixed", func(s *sent, _ *rand.Rand) { s.h.Set(s.other("Hmac-Sha256"), s.get("Hmac-Sha256")) }},
	{"headers_mixed", func(s *sent, r *rand.Rand) {
		name := required[r.IntN(len(required))]
		s.h.Set(s.other(name), s.get(name))
	}},
	{"header_missing", func(s *sent, r *rand.Rand) { s.h.Del(s.of(required[r.IntN(len(required))])) }},
	{"header_missing", func(s *sent, r *rand.Rand) { s.h.Set(s.of(required[r.IntN(len(required))]), "") }},
	{"header_repeated", func(s *sent, r *rand.Rand) { s.h.Add(s.of(required[r.IntN(len(required))]), "x") }},
	{"own_topic", func(s *sent, _ *rand.Rand) { s.h.Set(s.of("Topic"), "bellhop/reconcile") }},
	{"own_topic", func(s *sent, _ *rand.Rand) { s.h.Set(s.of("Topic"), bellhop.TopicPushesOwed) }},
	{"shop", func(s *sent, r *rand.Rand) {
		s.h.Set(s.of("Shop-Domain"), []string{"evil.example", "..", "a b.myshopify.com", strings.Repeat("a", 300)}[r.IntN(4)])
	}},
	{"empty_body", func(s *sent, _ *rand.Rand) { s.body = nil; s.sign() }},
	{"triggered_at", func(s *sent, r *rand.Rand) {
		s.h.Set(s.of("Triggered-At"), noon.Add(time.Duration(2+r.IntN(1e6))*time.Minute).Format(time.RFC3339))
	}},
	{"triggered_at", func(s *sent, r *rand.Rand) {
		s.h.Set(s.of("Triggered-At"), []string{"", "x", "2026-13-01T00:00:00Z"}[r.IntN(3)])
	}},
	{"foreign_message", func(s *sent, _ *rand.Rand) { clear(s.h) }},
}

// checking is a recorder that goes by secrets. It counts the facts that reach the store.
func checking(t *testing.T, app string) (*pipeline.Recorder, *[]bellhop.Fact) {
	var facts []bellhop.Fact
	b := &books{record: func(f []bellhop.Fact) ([]bellhop.Result, error) {
		facts = append(facts, f...)
		return make([]bellhop.Result, len(f)), nil
	}}
	keys := pipeline.NewKeyring(nil, app, "")
	keys.Set([]bellhop.Shop{{Domain: domain}, {Domain: ownShop, Secret: "its own", OwnSecretOnly: true}})
	return &pipeline.Recorder{Store: b, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler),
		Keys: func(context.Context, time.Time) (*pipeline.Keyring, error) { return keys, nil }}, &facts
}

func open(s sent) (*bellhop.Event, error) { return shopify.Open(s.h, s.body, noon) }

// TestForeignIsChecked records what a server of one's own sent, once its signature is checked.
func TestForeignIsChecked(t *testing.T) {
	r, facts := checking(t, appSecret)
	for n, event := range []bool{false, true} {
		s := delivery(n, event)
		s.h.Set(s.of("Topic"), "themes/publish") // it has no content to decode
		e, err := open(s)
		if err != nil {
			t.Fatal(err)
		}
		if done := r.Record(t.Context(), []*bellhop.Event{e}); done[0].Err != nil {
			t.Fatal(done[0].Err)
		}
		if got := (*facts)[n].Event; got.SignedBy != bellhop.SignerApp || !bytes.Equal(got.Body, s.body) {
			t.Errorf("recorded %+v", got)
		}
	}
}

// TestForeignWaitsForSecrets: where nobody has given a secret, nothing is lost.
func TestForeignWaitsForSecrets(t *testing.T) {
	r, facts := checking(t, "")
	e, err := open(delivery(1, false))
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range []pipeline.KeysSince{r.Keys, nil,
		func(context.Context, time.Time) (*pipeline.Keyring, error) { return nil, fmt.Errorf("no key") }} {
		r.Keys = keys
		err := r.Record(t.Context(), []*bellhop.Event{e})[0].Err
		if bellhop.CodeOf(err) != "no_secret" || bellhop.IsPermanent(err) || len(*facts) != 0 {
			t.Errorf("got %v", err)
		}
	}
}

// TestForeignOfNobodyWithoutSecrets: a shop that nobody added has no secret to wait for.
func TestForeignOfNobodyWithoutSecrets(t *testing.T) {
	r, facts := checking(t, "")
	s := delivery(1, false)
	s.h.Set(s.of("Shop-Domain"), "made-up.myshopify.com")
	e, err := open(s)
	if err != nil {
		t.Fatal(err)
	}
	err = r.Record(t.Context(), []*bellhop.Event{e})[0].Err
	if bellhop.CodeOf(err) != "no_secret" || !bellhop.IsPermanent(err) || len(*facts) != 0 {
		t.Errorf("got %v", err)
	}
}

// TestForeignIsRefusedByFreshSecrets: nothing reads the secrets anew as long as they fit, and a new one counts at once.
func TestForeignIsRefusedByFreshSecrets(t *testing.T) {
	r, facts := checking(t, "")
	now, secret, reads := noon, "the one before", 0
	r.Now = func() time.Time { now = now.Add(time.Second); return now }
	r.Keys = pipeline.KeepKeys(r.Now, func(context.Context) (*pipeline.Keyring, error) {
		reads++
		return pipeline.NewKeyring(nil, secret, ""), nil
	})
	record := func(signed string, reading int) error {
		t.Helper()
		s := delivery(1, false)
		s.h.Set(s.of("Topic"), "themes/publish")
		s.h.Set(s.of("Hmac-Sha256"), shopify.Sign(signed, s.body))
		e, err := open(s)
		if err != nil {
			t.Fatal(err)
		}
		before := reads
		err = r.Record(t.Context(), []*bellhop.Event{e, new(*e)})[0].Err
		if reads-before != reading {
			t.Errorf("signed with %s: it read the secrets %d times, want %d", signed, reads-before, reading)
		}
		return err
	}
	for _, reading := range []int{1, 0} {
		if err := record("the one before", reading); err != nil {
			t.Fatal(err)
		}
	}
	secret = "the new one"
	if err := record("the new one", 1); err != nil {
		t.Errorf("with a new secret: %v", err)
	}
	if err := record("a guess", 1); !bellhop.IsPermanent(err) {
		t.Errorf("forged: %v", err)
	}
	now = now.Add(time.Hour)
	if err := record("the new one", 1); err != nil || len(*facts) != 8 {
		t.Errorf("an hour later: %v, %d facts", err, len(*facts))
	}
}

// refused counts refusals.
type refused struct {
	books
	more []store.Refusal
}

func (r *refused) Dead(context.Context, *bellhop.Event, string, time.Time) error { return nil }

func (r *refused) AddRefusals(_ context.Context, more []store.Refusal, _ time.Time) error {
	r.more = append(r.more, more...)
	return nil
}

// TestDeadOfNobodyIsCounted: doctor learns of forged messages that have no line in the ledger, and of no others.
func TestDeadOfNobodyIsCounted(t *testing.T) {
	r, _ := checking(t, appSecret)
	counts := &refused{}
	r.Store = counts
	for shop, signer := range map[string]bellhop.Signer{"made-up.myshopify.com": bellhop.Unchecked("x"),
		domain: bellhop.Unchecked("x"), "gone.myshopify.com": bellhop.SignerApp} {
		if err := r.Dead(t.Context(), &bellhop.Event{Shop: shop, SignedBy: signer}, "it is wrong"); err != nil {
			t.Fatal(err)
		}
	}
	if len(counts.more) != 1 || counts.more[0] != (store.Refusal{Reason: "unauthenticated", Count: 1, At: noon}) {
		t.Errorf("counted %+v", counts.more)
	}
}

// TestForgedAndMalformed sends 10,000 messages that are wrong in one way, and half of them in a second. Each is refused
// with its reason, also after its dead letter was put back, and none is recorded.
func TestForgedAndMalformed(t *testing.T) {
	r, facts := checking(t, appSecret)
	rng := rand.New(rand.NewPCG(22, 1))
	seen := map[string]int{}
	for n := range 10_000 {
		s := delivery(n, n%2 == 0)
		want := spoils[n/2%len(spoils)]
		want.spoil(&s, rng)
		if n%4 > 1 && len(s.h) > 0 {
			spoils[rng.IntN(len(spoils))].spoil(&s, rng)
			want.code = ""
		}
		e, err := open(s)
		if err == nil {
			err = r.Record(t.Context(), []*bellhop.Event{e})[0].Err
		}
		code := bellhop.CodeOf(err)
		if !bellhop.IsPermanent(err) || err.Error() == "" || want.code != "" && code != want.code {
			t.Fatalf("message %d, %v: %v, want %s", n, s.h, err, want.code)
		}
		seen[code]++
		if e != nil && code != "triggered_at" {
			putBack(t, r, n, e)
		}
	}
	if len(*facts) != 0 {
		t.Errorf("%d were recorded, the first of %+v", len(*facts), (*facts)[0].Event)
	}
	for _, s := range spoils {
		if seen[s.code] < 100 {
			t.Errorf("only %d of %s", seen[s.code], s.code)
		}
	}
}

// putBack makes a dead letter of an event, reads it again as after a redrive, and wants it refused again.
func putBack(t *testing.T, r *pipeline.Recorder, n int, e *bellhop.Event) {
	t.Helper()
	m, err := amazon.Encode(e)
	if err != nil {
		t.Fatalf("message %d: %v", n, err)
	}
	again, err := amazon.Decode(m)
	if err != nil || again.ID != e.ID || again.SignedBy != e.SignedBy {
		t.Fatalf("message %d comes back as %+v, %v", n, again, err)
	}
	if err := r.Record(t.Context(), []*bellhop.Event{again})[0].Err; !bellhop.IsPermanent(err) {
		t.Fatalf("message %d, put back: %v", n, err)
	}
}
