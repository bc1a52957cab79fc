package pipeline_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/shopify"
)

// kept is a queue that keeps the events sent to it.
type kept struct {
	events []*bellhop.Event
	err    error
}

func (k *kept) Send(_ context.Context, events ...*bellhop.Event) error {
	if k.err == nil {
		k.events = append(k.events, events...)
	}
	return k.err
}

// shops are the shops that a keyring knows.
type shops struct {
	noShops
	list []bellhop.Shop
	err  error
}

// noShops are the methods that a keyring doesn't call.
type noShops = interface {
	AddShop(context.Context, bellhop.Shop) error
	Shop(context.Context, string) (bellhop.Shop, error)
	UpdateShop(context.Context, string, func(*bellhop.Shop)) error
}

func (s *shops) Shops(context.Context) ([]bellhop.Shop, error) { return s.list, s.err }

const (
	domain  = "demo.myshopify.com"
	app     = "the app's secret"
	oldApp  = "the app's old secret"
	own     = "the shop's own secret"
	ownOnly = "own-only.myshopify.com"
)

func newAcceptor(t *testing.T) (*pipeline.Acceptor, *kept) {
	t.Helper()
	list := []bellhop.Shop{{Domain: "own.myshopify.com", Secret: own, PreviousSecret: "the one before"},
		{Domain: ownOnly, Secret: own, OwnSecretOnly: true}}
	keys := pipeline.NewKeyring(&shops{list: list}, app, oldApp)
	if err := keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	q := &kept{}
	now := func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 123456789, time.UTC) }
	return &pipeline.Acceptor{Keys: keys, Queue: q, Now: now}, q
}

func headers(shop, secret string, body []byte) http.Header {
	h := http.Header{}
	h.Set(shopify.HeaderTopic, "orders/create")
	h.Set(shopify.HeaderShop, shop)
	h.Set(shopify.HeaderAPIVersion, "2026-10")
	h.Set(shopify.HeaderWebhookID, "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043")
	h.Set(shopify.HeaderEventID, "98880550-7158-44d4-b7cd-2c97c8a091b5")
	h.Set(shopify.HeaderTriggeredAt, "2026-11-22T08:59:59.5Z")
	h.Set(shopify.HeaderHMAC, shopify.Sign(secret, body))
	return h
}

func TestAcceptKeepsWhatCame(t *testing.T) {
	a, q := newAcceptor(t)
	body := []byte("{\"note\":\"\\/ as Shopify writes it\"}\xff")
	if err := a.Accept(t.Context(), headers("Demo.MyShopify.com", app, body), body); err != nil {
		t.Fatal(err)
	}
	e := q.events[0]
	if e.Shop != domain || e.Topic != "orders/create" || e.APIVersion != "2026-10" || string(e.Body) != string(body) ||
		e.WebhookID != "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043" ||
		e.ShopifyEventID != "98880550-7158-44d4-b7cd-2c97c8a091b5" ||
		e.SignedBy != bellhop.SignerApp || e.ID == (bellhop.EventID{}) {
		t.Errorf("kept %+v", e)
	}
	if want := time.Date(2026, 11, 22, 8, 59, 59, 500_000_000, time.UTC); !e.TriggeredAt.Equal(want) {
		t.Errorf("triggered at %v, want %v", e.TriggeredAt, want)
	}
	if want := time.Date(2026, 11, 22, 9, 0, 0, 123456000, time.UTC); !e.AcceptedAt.Equal(want) {
		t.Errorf("accepted at %v, want %v in microseconds", e.AcceptedAt, want)
	}
}

// asEvent renames a webhook's headers to those of an Event about an order.
func asEvent(h http.Header, action string) http.Header {
	event := http.Header{"Shopify-Action": {action}, "Shopify-Handle": {"bellhop"}}
	for name, values := range h {
		event[strings.TrimPrefix(name, "X-")] = values
	}
	event.Set("Shopify-Topic", "Order")
	return event
}

// TestAcceptKeepsEvents: an Event has the same headers under other names, and its action.
func TestAcceptKeepsEvents(t *testing.T) {
	a, q := newAcceptor(t)
	body := []byte(`{"topic":"Order"}`)
	h := headers(domain, app, body)
	for _, h := range []http.Header{h, asEvent(h, "update")} {
		if err := a.Accept(t.Context(), h, body); err != nil {
			t.Fatal(err)
		}
	}
	want := *q.events[0]
	want.ID, want.Topic = q.events[1].ID, "Order/update"
	if diff := cmp.Diff(&want, q.events[1]); diff != "" {
		t.Error(diff)
	}
	noAction := asEvent(h, "")
	for name, h := range map[string]http.Header{"no action": noAction, "both signatures": both(h, shopify.HeaderHMAC),
		"both shops": both(h, shopify.HeaderShop), "both topics": both(h, shopify.HeaderTopic)} {
		if err := a.Accept(t.Context(), h, body); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// both is an Event with one of a webhook's headers.
func both(webhook http.Header, name string) http.Header {
	h := asEvent(webhook, "update")
	h[name] = webhook[name]
	return h
}

func TestAcceptTriesSecretsInOrder(t *testing.T) {
	a, q := newAcceptor(t)
	body := []byte(`{}`)
	for _, test := range []struct {
		shop, secret string
		want         bellhop.Signer // "" means refused
	}{
		{domain, app, bellhop.SignerApp},
		{domain, oldApp, bellhop.SignerAppPrevious},
		{domain, own, ""},
		{"never-added.myshopify.com", app, bellhop.SignerApp},
		{"own.myshopify.com", own, bellhop.SignerShop},
		{"own.myshopify.com", "the one before", bellhop.SignerShopPrevious},
		{"own.myshopify.com", app, bellhop.SignerApp},
		{ownOnly, own, bellhop.SignerShop},
		{ownOnly, app, ""},
	} {
		q.events = nil
		err := a.Accept(t.Context(), headers(test.shop, test.secret, body), body)
		switch {
		case test.want == "" && bellhop.KindOf(err) != bellhop.Unauthenticated:
			t.Errorf("%s signed with %q: %v, want it refused", test.shop, test.secret, err)
		case test.want != "" && (err != nil || q.events[0].SignedBy != test.want):
			t.Errorf("%s signed with %q: %v; want it taken as %s", test.shop, test.secret, err, test.want)
		}
	}
}

func TestAcceptRefuses(t *testing.T) {
	body := []byte(`{"id":1}`)
	for name, test := range map[string]struct {
		change func(h http.Header) []byte // returns the body
		want   bellhop.Kind
	}{
		"empty body":             {func(http.Header) []byte { return nil }, bellhop.Invalid},
		"body too large":         {signed(bellhop.DefaultMaxBody + 1), bellhop.TooLarge},
		"too large, not signed":  {func(http.Header) []byte { return make([]byte, bellhop.DefaultMaxBody+1) }, bellhop.Unauthenticated},
		"no signature":           {del(shopify.HeaderHMAC, body), bellhop.Unauthenticated},
		"nothing but a body":     {func(h http.Header) []byte { clear(h); return body }, bellhop.Unauthenticated},
		"two signatures":         {repeat(shopify.HeaderHMAC, body), bellhop.Unauthenticated},
		"truncated signature":    {set(shopify.HeaderHMAC, shopify.Sign(app, body)[:40], body), bellhop.Unauthenticated},
		"signature of else":      {set(shopify.HeaderHMAC, shopify.Sign(app, []byte("x")), body), bellhop.Unauthenticated},
		"body changed by a byte": {func(http.Header) []byte { return []byte(`{"id":2}`) }, bellhop.Unauthenticated},
		"no topic":               {del(shopify.HeaderTopic, body), bellhop.Invalid},
		"no shop":                {del(shopify.HeaderShop, body), bellhop.Invalid},
		"no version":             {del(shopify.HeaderAPIVersion, body), bellhop.Invalid},
		"no webhook id":          {del(shopify.HeaderWebhookID, body), bellhop.Invalid},
		"empty topic":            {set(shopify.HeaderTopic, "", body), bellhop.Invalid},
		"what was fetched":       {set(shopify.HeaderTopic, bellhop.TopicReconcile, body), bellhop.Invalid},
		"a wake-up":              {set(shopify.HeaderTopic, bellhop.TopicPushesOwed, body), bellhop.Invalid},
		"two topics":             {repeat(shopify.HeaderTopic, body), bellhop.Invalid},
		"two shops":              {repeat(shopify.HeaderShop, body), bellhop.Invalid},
		"shop of another domain": {set(shopify.HeaderShop, "demo.myshopify.com.example.org", body), bellhop.Invalid},
		"shop with a path":       {set(shopify.HeaderShop, "demo/../x.myshopify.com", body), bellhop.Invalid},
	} {
		a, q := newAcceptor(t)
		h := headers(domain, app, body)
		err := a.Accept(t.Context(), h, test.change(h))
		if bellhop.KindOf(err) != test.want || err == nil || len(q.events) > 0 {
			t.Errorf("%s: %v (kind %d), %d kept; want kind %d and nothing kept", name, err, bellhop.KindOf(err),
				len(q.events), test.want)
		}
	}
}

// signed makes a body of a size, with its signature.
func signed(size int) func(http.Header) []byte {
	return func(h http.Header) []byte {
		body := make([]byte, size)
		h.Set(shopify.HeaderHMAC, shopify.Sign(app, body))
		return body
	}
}

func del(name string, body []byte) func(http.Header) []byte {
	return func(h http.Header) []byte { h.Del(name); return body }
}

func set(name, value string, body []byte) func(http.Header) []byte {
	return func(h http.Header) []byte { h.Set(name, value); return body }
}

func repeat(name string, body []byte) func(http.Header) []byte {
	return func(h http.Header) []byte { h.Add(name, h.Get(name)); return body }
}

func TestAcceptBearsOddHeaders(t *testing.T) {
	a, q := newAcceptor(t)
	body := []byte(`{}`)
	h := headers(domain, app, body)
	h.Set(shopify.HeaderTriggeredAt, "yesterday")
	h.Set(shopify.HeaderWebhookID, strings.Repeat("é", 300)+"\xff")
	h.Del(shopify.HeaderEventID)
	if err := a.Accept(t.Context(), h, body); err != nil {
		t.Fatal(err)
	}
	e := q.events[0]
	if !e.TriggeredAt.IsZero() || e.ShopifyEventID != "" || len(e.WebhookID) > 255 ||
		strings.ToValidUTF8(e.WebhookID, "?") != e.WebhookID {
		t.Errorf("kept %q, triggered %v", e.WebhookID, e.TriggeredAt)
	}
}

func TestAcceptSaysWhenTheQueueCant(t *testing.T) {
	a, q := newAcceptor(t)
	q.err = bellhop.Errorf(bellhop.Unavailable, "disk_full", "no room")
	body := []byte(`{}`)
	if err := a.Accept(t.Context(), headers(domain, app, body), body); !errors.Is(err, q.err) {
		t.Errorf("accept: %v, want the queue's error", err)
	}
}

// TestKeyringKeepsWhatItKnows lets the database fail: the secrets stay.
func TestKeyringKeepsWhatItKnows(t *testing.T) {
	s := &shops{list: []bellhop.Shop{{Domain: ownOnly, Secret: own, OwnSecretOnly: true}}}
	k := pipeline.NewKeyring(s, app, "")
	if err := k.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.err = errors.New("away")
	if err := k.Refresh(t.Context()); err == nil {
		t.Error("a refresh that failed says nothing")
	}
	body := []byte(`{}`)
	if signer, ok := k.Of(ownOnly).Verify(body, shopify.Sign(own, body)); !ok || signer != bellhop.SignerShop {
		t.Error("a failed refresh lost a shop's secret")
	}
}

// TestKeyringWithoutShops has no database to ask: the app's secrets count.
func TestKeyringWithoutShops(t *testing.T) {
	k := pipeline.NewKeyring(nil, app, oldApp)
	if err := k.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	body := []byte(`{}`)
	for secret, want := range map[string]bellhop.Signer{app: bellhop.SignerApp, oldApp: bellhop.SignerAppPrevious} {
		if signer, ok := k.Of(domain).Verify(body, shopify.Sign(secret, body)); !ok || signer != want {
			t.Errorf("signed with %q: %s, %v", secret, signer, ok)
		}
	}
}
