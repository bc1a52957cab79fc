package shopify_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/shopify"
)

// opened are the headers of a webhook as a server of one's own passes them on, and the time at which it comes.
func opened() (http.Header, time.Time) {
	h := http.Header{}
	for name, value := range map[string]string{
		"x-shopify-topic": "orders/create", "x-shopify-shop-domain": "Demo.myshopify.com",
		"x-shopify-api-version": "2026-10", "x-shopify-webhook-id": "w1", "x-shopify-hmac-sha256": "sum",
		"x-shopify-triggered-at": "2026-11-30T12:00:00.123456789Z",
	} {
		h.Set(name, value)
	}
	return h, time.Date(2026, 11, 30, 12, 0, 5, 0, time.UTC)
}

// TestOpenIsTheSameEvent: what comes again is the same event, whenever and however its headers are written.
func TestOpenIsTheSameEvent(t *testing.T) {
	h, now := opened()
	first, err := shopify.Open(h, []byte(`{"id":1}`), now)
	if err != nil {
		t.Fatal(err)
	}
	if sum, unchecked := first.SignedBy.Unchecked(); !unchecked || sum != "sum" || first.Shop != "demo.myshopify.com" ||
		first.ID != bellhop.EventIDOf(first.TriggeredAt, first.Shop, "w1") || !first.AcceptedAt.Equal(now) {
		t.Errorf("got %+v", first)
	}
	again, err := shopify.Open(h, []byte(`{"id":1}`), now.Add(4*time.Hour))
	if err != nil || again.ID != first.ID {
		t.Errorf("four hours later: %v, %v, want %v", again.ID, err, first.ID)
	}
	h.Set("X-Shopify-Webhook-Id", "w2")
	if other, err := shopify.Open(h, []byte(`{"id":1}`), now); err != nil || other.ID == first.ID {
		t.Errorf("another webhook: %v, %v", other.ID, err)
	}
}

// TestOpenTakesTheBodysTime: without the header an id's time is the body's, which the signature covers.
func TestOpenTakesTheBodysTime(t *testing.T) {
	triggered := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for body, want := range map[string]time.Time{
		`{"updated_at":"2026-11-30T21:00:00+09:00","created_at":"2020-01-01T00:00:00Z"}`: triggered,
		`{"updated_at":null,"created_at":"2026-11-30T12:00:00Z"}`:                        triggered,
	} {
		h, now := opened()
		h.Del("X-Shopify-Triggered-At")
		e, err := shopify.Open(h, []byte(body), now)
		if err != nil || e.ID != bellhop.EventIDOf(want, e.Shop, "w1") || !e.TriggeredAt.IsZero() {
			t.Errorf("%s: %+v, %v", body, e, err)
		}
	}
}

// TestOpenRefuses: each refusal names its reason, and the event beside it is never a signed one.
func TestOpenRefuses(t *testing.T) {
	for code, c := range map[string]struct {
		spoil func(http.Header)
		body  string
		event bool
	}{
		"header_missing":  {func(h http.Header) { h.Del("X-Shopify-Topic") }, "{}", true},
		"header_repeated": {func(h http.Header) { h.Add("x-shopify-topic", "orders/paid") }, "{}", true},
		"headers_mixed":   {func(h http.Header) { h.Set("Shopify-Topic", "Order") }, "{}", true},
		"own_topic":       {func(h http.Header) { h.Set("X-Shopify-Topic", bellhop.TopicReconcile) }, "{}", true},
		"shop":            {func(h http.Header) { h.Set("X-Shopify-Shop-Domain", "evil.example") }, "{}", false},
		"empty_body":      {func(http.Header) {}, "", true},
		"body_size":       {func(http.Header) {}, strings.Repeat(" ", bellhop.DefaultMaxBody+1), true},
		"foreign_message": {func(h http.Header) { clear(h) }, "{}", false},
		"triggered_at":    {func(h http.Header) { h.Del("X-Shopify-Triggered-At") }, `{"id":1}`, true},
	} {
		h, now := opened()
		c.spoil(h)
		e, err := shopify.Open(h, []byte(c.body), now)
		if bellhop.CodeOf(err) != code || !bellhop.IsPermanent(err) || (e != nil) != c.event {
			t.Errorf("%s: %+v, %v", code, e, err)
		}
		if e != nil && (e.SignedBy != bellhop.Unchecked("") || e.Topic != "" || e.ID == bellhop.EventID{}) {
			t.Errorf("%s: %+v", code, e)
		}
	}
}

// TestOpenRefusesTheFuture: no signature covers the header, which would decide the hour of the ledger's line.
func TestOpenRefusesTheFuture(t *testing.T) {
	h, now := opened()
	h.Set("X-Shopify-Triggered-At", now.Add(time.Minute+time.Second).Format(time.RFC3339))
	e, err := shopify.Open(h, []byte("{}"), now)
	if bellhop.CodeOf(err) != "triggered_at" || e == nil {
		t.Fatalf("got %+v, %v", e, err)
	}
	if later, err := shopify.Open(h, []byte("{}"), now.Add(time.Second)); err != nil || later.ID == e.ID {
		t.Errorf("a second later: %v, %v", later.ID, err)
	}
}

// TestOpenMakesNoIDOfTheFuture: what is refused has an id of the time at which it came, also in an envelope.
func TestOpenMakesNoIDOfTheFuture(t *testing.T) {
	h, now := opened()
	for _, spoil := range []func(){func() {}, func() { h.Del("X-Shopify-Topic") }} {
		spoil()
		h.Set("X-Shopify-Triggered-At", "2999-01-01T00:00:00Z")
		e, err := shopify.Open(h, []byte("{}"), now)
		if !bellhop.IsPermanent(err) || e == nil || !isOf(e.ID, now) {
			t.Errorf("got %+v, %v", e, err)
		}
	}
	for _, id := range []string{"1", ""} {
		text := fmt.Sprintf(`{"id":%q,"time":"2999-01-01T00:00:00Z","source":"aws.partner/shopify.com/1/x",
			"detail-type":"shopifyWebhook","detail":{"payload":{},"metadata":{"X-Shopify-Shop-Domain":
			"demo.myshopify.com"}}}`, id)
		e, err := shopify.OpenEnvelope([]byte(text), "", now)
		if !bellhop.IsPermanent(err) || e == nil || !isOf(e.ID, now) {
			t.Errorf("envelope %q: %+v, %v", id, e, err)
		}
	}
}

// isOf reports whether an id begins with a time.
func isOf(id bellhop.EventID, at time.Time) bool {
	return bytes.Equal(id[:6], binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli()))[2:])
}

// TestOpenNamesWhatItRefuses: a message that can't be read is the same dead letter at each look, and another is not.
func TestOpenNamesWhatItRefuses(t *testing.T) {
	h, now := opened()
	h.Del("X-Shopify-Topic")
	id := func(body string, now time.Time) bellhop.EventID {
		e, err := shopify.Open(h, []byte(body), now)
		if e == nil || !bellhop.IsPermanent(err) {
			t.Fatalf("got %+v, %v", e, err)
		}
		return e.ID
	}
	if first := id("{}", now); id("{}", now.Add(time.Hour)) != first || id("{ }", now) == first {
		t.Error("its id is not made of what it carries")
	}
	h.Del("X-Shopify-Triggered-At")
	const dated = `{"created_at":"2026-11-30T12:00:00Z"}`
	if first := id(dated, now); id(dated, now.Add(time.Hour)) != first {
		t.Error("its id is not made of its body's time")
	}
}
