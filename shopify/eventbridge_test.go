package shopify_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/shopify"
)

// partner is the source of the app's partner bus.
const partner = shopify.PartnerSource + "4711/orders"

var bridgedAt = time.Date(2026, 11, 30, 12, 0, 5, 0, time.UTC)

// part is one of an envelope, for tests to spoil.
type part = map[string]any

// envelope is what EventBridge sends to the queue: of a webhook, or of an Event.
func envelope(n int, event bool) part {
	metadata := part{"Content-Type": "application/json", "X-Shopify-Topic": "orders/create",
		"X-Shopify-Shop-Domain": "demo.myshopify.com", "X-Shopify-Order-Id": fmt.Sprint(n),
		"X-Shopify-Hmac-SHA256": "sum", "X-Shopify-API-Version": "2026-10",
		"X-Shopify-Webhook-Id": fmt.Sprint("w", n), "X-Shopify-Event-Id": fmt.Sprint("e", n),
		"X-Shopify-Triggered-At": "2026-11-30T12:00:03.5Z"}
	if event {
		metadata = part{"content-type": "application/json", "shopify-topic": "Order", "shopify-action": "update",
			"shopify-shop-domain": "demo.myshopify.com", "shopify-hmac-sha256": "sum", "shopify-api-version": "2026-10",
			"shopify-webhook-id": fmt.Sprint("w", n), "shopify-event-id": fmt.Sprint("e", n),
			"shopify-triggered-at": "2026-11-30T12:00:03.5Z"}
	}
	return part{"version": "0", "id": fmt.Sprint("envelope-", n), "detail-type": "shopifyWebhook", "source": partner,
		"account": "123456789012", "time": "2026-11-30T12:00:04Z", "region": "eu-west-1", "resources": []any{},
		"detail": part{"payload": part{"id": n, "note": "é<&>"}, "metadata": metadata}}
}

func textOf(t testing.TB, o part) []byte {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestOpenEnvelope opens one of each kind, which is the same event whenever it comes again.
func TestOpenEnvelope(t *testing.T) {
	for _, event := range []bool{false, true} {
		e, err := shopify.OpenEnvelope(textOf(t, envelope(1, event)), partner, bridgedAt)
		if err != nil {
			t.Fatal(err)
		}
		topic := map[bool]string{false: "orders/create", true: "Order/update"}[event]
		if e.Topic != topic || e.Shop != "demo.myshopify.com" || e.SignedBy != bellhop.SignerEventBridge ||
			e.WebhookID != "w1" || e.ShopifyEventID != "e1" || e.APIVersion != "2026-10" ||
			!e.AcceptedAt.Equal(bridgedAt) || e.TriggeredAt.IsZero() || !json.Valid(e.Body) ||
			!strings.HasPrefix(string(e.Body), `{"id":1,`) {
			t.Errorf("got %+v", e)
		}
		again, err := shopify.OpenEnvelope(textOf(t, envelope(1, event)), "", bridgedAt.Add(4*time.Hour))
		if err != nil || again.ID != e.ID {
			t.Errorf("four hours later: %v, %v, want %v", again.ID, err, e.ID)
		}
		if other, err := shopify.OpenEnvelope(textOf(t, envelope(2, event)), "", bridgedAt); err != nil || other.ID == e.ID {
			t.Errorf("another envelope: %v, %v", other.ID, err)
		}
	}
}

// TestOpenEnvelopeOfAnyDetailType: Shopify documents none.
func TestOpenEnvelopeOfAnyDetailType(t *testing.T) {
	for _, kind := range []any{"shopifyWebhook", "shopifyEvent", "Shopify Event", "", 7, nil} {
		o := envelope(1, true)
		if o["detail-type"] = kind; kind == nil {
			delete(o, "detail-type")
		}
		if _, err := shopify.OpenEnvelope(textOf(t, o), partner, bridgedAt); err != nil {
			t.Errorf("%v: %v", kind, err)
		}
	}
}

// TestOpenEnvelopeAsSeen has the parts and names of an Event that a live shop sent in September 2026, as
// github.com/cameroni2003/Shopify-Order-Monitor keeps it (worker/live-payload.test.ts): no signature, and no id of the
// Event.
func TestOpenEnvelopeAsSeen(t *testing.T) {
	o := envelope(1, true)
	m := metadata(o)
	delete(m, "shopify-hmac-sha256")
	delete(m, "shopify-event-id")
	m["shopify-handle"], m["shopify-shop-id"] = "bellhop-orders", "gid://shopify/Shop/1"
	m["shopify-api-key"] = "0"
	in(o, "detail")["payload"] = part{"topic": "Order", "action": "update", "handle": "bellhop-orders",
		"data":            part{"order": nil},
		"errors":          []any{part{"message": "not approved", "path": []any{"order"}}},
		"fields_changed":  part{"added": []any{}, "updated": []any{}, "removed": []any{}},
		"query_variables": part{"orderId": "gid://shopify/Order/1"}}
	e, err := shopify.OpenEnvelope(textOf(t, o), partner, bridgedAt)
	if err != nil || e.Topic != "Order/update" || e.ShopifyEventID != "" || e.SignedBy != bellhop.SignerEventBridge {
		t.Fatalf("got %+v, %v", e, err)
	}
	f, err := shopify.Decode(e)
	if err != nil || f.OrderID != 1 || f.Order != nil || !slices.Equal(f.Lacks, []string{"errors: order"}) {
		t.Errorf("got %+v, %v", f, err)
	}
}

// in returns a part of an envelope.
func in(o part, path ...string) part {
	for _, name := range path {
		o = o[name].(part)
	}
	return o
}

func metadata(o part) part { return in(o, "detail", "metadata") }

// named returns the name of a header in the envelope's own spelling.
func named(o part, name string) string {
	for key := range metadata(o) {
		if strings.EqualFold(strings.TrimPrefix(strings.ToLower(key), "x-"), "shopify-"+name) {
			return key
		}
	}
	return "shopify-" + name
}

// notTexts are values of other types than a text.
var notTexts = []any{nil, 7, true, []any{"x"}, part{"x": "y"}, ""}

// spoils are the ways to forge an envelope, or to get it wrong, with the code of the reason.
var spoils = []struct {
	code  string
	spoil func(part, *rand.Rand)
}{
	{"envelope_source", func(o part, r *rand.Rand) {
		o["source"] = []any{"aws.partner/shopify.com/4712/orders", "aws.s3", "", "AWS.partner/shopify.com/4711/orders",
			partner + "x", partner + "\n", strings.Repeat("x", 9999), 7, nil, []any{partner}}[r.IntN(10)]
	}},
	{"envelope", func(o part, r *rand.Rand) { o["id"] = notTexts[r.IntN(len(notTexts))] }},
	{"envelope", func(o part, _ *rand.Rand) { delete(o, "id") }},
	{"envelope", func(o part, r *rand.Rand) { o["id"] = strings.Repeat("x", 256+r.IntN(9999)) }},
	{"envelope", func(o part, r *rand.Rand) {
		o["time"] = append([]any{"x", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00Z", "1764504004"}, notTexts...)[r.IntN(10)]
	}},
	{"envelope", func(o part, r *rand.Rand) {
		o["time"] = bridgedAt.Add(time.Duration(2+r.IntN(1e6)) * time.Minute).Format(time.RFC3339)
	}},
	{"envelope", func(o part, r *rand.Rand) {
		in(o, "detail")["payload"] = []any{nil, 7, "{}", []any{part{"id": 1}}, false}[r.IntN(5)]
	}},
	{"envelope", func(o part, _ *rand.Rand) { delete(in(o, "detail"), "payload") }},
	{"header_missing", func(o part, r *rand.Rand) {
		metadata(o)[named(o, []string{"topic", "webhook-id", "api-version"}[r.IntN(3)])] = notTexts[r.IntN(len(notTexts))]
	}},
	{"header_missing", func(o part, r *rand.Rand) {
		delete(metadata(o), named(o, []string{"topic", "webhook-id", "api-version"}[r.IntN(3)]))
	}},
	{"header_repeated", func(o part, r *rand.Rand) {
		name := named(o, []string{"topic", "webhook-id", "api-version"}[r.IntN(3)])
		metadata(o)[strings.ToUpper(name)] = metadata(o)[name]
	}},
	{"own_topic", func(o part, r *rand.Rand) {
		metadata(o)[named(o, "topic")] = []string{bellhop.TopicEnvelope, bellhop.TopicReconcile,
			bellhop.TopicPushesOwed}[r.IntN(3)]
	}},
	{"headers_mixed", func(o part, _ *rand.Rand) {
		m := metadata(o)
		if named(o, "topic") == "shopify-topic" {
			m["X-Shopify-Topic"] = "orders/create"
		} else {
			m["shopify-hmac-sha256"] = "sum"
		}
	}},
	{"", func(o part, r *rand.Rand) { // nobody's
		metadata(o)[named(o, "shop-domain")] = append([]any{"evil.example", "..", "a b.myshopify.com",
			strings.Repeat("a", 300), "demo.myshopify.com\x00"}, notTexts...)[r.IntN(11)]
	}},
	{"", func(o part, r *rand.Rand) { in(o, "detail")["metadata"] = notTexts[r.IntN(len(notTexts))] }},
	{"", func(o part, r *rand.Rand) { o["detail"] = append(notTexts, part{}, "{}")[r.IntN(8)] }},
	{"foreign_message", func(o part, r *rand.Rand) {
		delete(o, []string{"detail", "source"}[r.IntN(2)])
	}},
}

// TestForgedEnvelopes opens 10,000 that are wrong in one way, and half of them in a second. Each is refused with a
// reason; its event is of the shop that it names, and signed by nobody, also after its dead letter was put back, as
// each 11th is.
func TestForgedEnvelopes(t *testing.T) {
	rng := rand.New(rand.NewPCG(22, 3))
	open := func(_ http.Header, body []byte, _ time.Time) (*bellhop.Event, error) {
		return shopify.OpenEnvelope(body, partner, bridgedAt)
	}
	codec := amazon.Codec{Open: open}
	refused, kept := map[string]int{}, 0
	for n := range 10_000 {
		o := envelope(n, n%2 == 0)
		metadata(o)[named(o, "shop-domain")] = fmt.Sprintf("shop-%d.myshopify.com", n)
		how := spoils[n/2%len(spoils)]
		how.spoil(o, rng)
		if n%4 > 1 {
			spoilAgain(o, rng)
			how.code = ""
		}
		text := textOf(t, o)
		e, err := open(nil, text, time.Time{})
		code := bellhop.CodeOf(err)
		if !bellhop.IsPermanent(err) || how.code != "" && code != how.code || strings.Contains(err.Error(), "\n") ||
			len(err.Error()) > 400 {
			t.Fatalf("envelope %d: %v, want %s\n%s", n, err, how.code, text)
		}
		refused[code]++
		if e == nil {
			continue
		}
		kept++
		if e.Shop != fmt.Sprintf("shop-%d.myshopify.com", n) || e.SignedBy != bellhop.Unchecked("") ||
			e.Topic != bellhop.TopicEnvelope || string(e.Body) != string(text) {
			t.Fatalf("envelope %d: %+v", n, e)
		}
		if n%11 != 0 {
			continue
		}
		m, err := amazon.Encode(e)
		if err != nil {
			t.Fatalf("envelope %d: %v", n, err)
		}
		again, err := codec.Read(m)
		if bellhop.CodeOf(err) != code || again.ID != e.ID || again.SignedBy != e.SignedBy {
			t.Fatalf("envelope %d, put back: %+v, %v", n, again, err)
		}
	}
	for _, s := range spoils {
		if s.code != "" && refused[s.code] < 100 {
			t.Errorf("only %d of %s", refused[s.code], s.code)
		}
	}
	if kept < 5000 {
		t.Errorf("only %d name a shop", kept)
	}
}

// spoilAgain spoils in a second way, one that undoes no other.
func spoilAgain(o part, rng *rand.Rand) {
	for {
		s := spoils[rng.IntN(len(spoils))]
		if !strings.HasPrefix(s.code, "envelope") {
			continue
		}
		if _, ok := o["detail"].(part); ok {
			s.spoil(o, rng)
		}
		return
	}
}

// TestRefusedEnvelopeIsOpenedLater: a dead letter of a wrong setting is the event once the setting is right.
func TestRefusedEnvelopeIsOpenedLater(t *testing.T) {
	text := textOf(t, envelope(1, false))
	refused, err := shopify.OpenEnvelope(text, shopify.PartnerSource+"1/x", bridgedAt)
	if bellhop.CodeOf(err) != "envelope_source" {
		t.Fatal(err)
	}
	m, err := amazon.Encode(refused)
	if err != nil {
		t.Fatal(err)
	}
	right := amazon.Codec{Open: func(_ http.Header, body []byte, _ time.Time) (*bellhop.Event, error) {
		return shopify.OpenEnvelope(body, partner, bridgedAt)
	}}
	e, err := right.Read(m)
	if err != nil || e.ID != refused.ID || e.Topic != "orders/create" || e.SignedBy != bellhop.SignerEventBridge {
		t.Errorf("got %+v, %v", e, err)
	}
	if e, err := (amazon.Codec{}).Read(m); err != nil || e.SignedBy != bellhop.Unchecked("") {
		t.Errorf("where no envelope is taken: %+v, %v", e, err)
	}
}

func FuzzOpenEnvelope(f *testing.F) {
	rng := rand.New(rand.NewPCG(22, 4))
	for n, s := range spoils {
		o := envelope(n, n%2 == 0)
		f.Add(textOf(f, o))
		s.spoil(o, rng)
		f.Add(textOf(f, o))
	}
	f.Add([]byte(`{"detail-type":"","source":"","detail":` + strings.Repeat("[", 20_000)))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := shopify.OpenEnvelope(text, partner, bridgedAt)
		if e == nil && err == nil || err != nil && !bellhop.IsPermanent(err) {
			t.Fatalf("got %+v, %v", e, err)
		}
		if e == nil {
			return
		}
		if trusted := e.SignedBy == bellhop.SignerEventBridge; trusted != (err == nil) ||
			trusted == bellhop.OwnTopic(e.Topic) || e.ID == (bellhop.EventID{}) {
			t.Fatalf("got %+v, %v", e, err)
		}
		if shop, bad := bellhop.ParseShopDomain(e.Shop); bad != nil || shop != e.Shop {
			t.Fatalf("of the shop %q, %v", e.Shop, bad)
		}
		if err == nil {
			_, _ = shopify.Decode(e)
		}
	})
}
