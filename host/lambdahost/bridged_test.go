package lambdahost_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/host/lambdahost"
	"bellhop/internal/amazon"
	"bellhop/shopify"
)

// bridged is a message that a rule of EventBridge sent.
func bridged(id int, source, body string) amazon.Message {
	return amazon.Message{Body: fmt.Sprintf(`{"id":"e%d","time":%q,"detail-type":"shopifyWebhook","source":%q,
		"detail":{"payload":%s,"metadata":{"X-Shopify-Topic":"orders/create","X-Shopify-Shop-Domain":%q,
		"X-Shopify-API-Version":"2026-10","X-Shopify-Webhook-Id":"w%[1]d"}}}`, id, placed, source, body, shop)}
}

func takesEnvelopes() amazon.Codec {
	return amazon.Codec{Open: func(_ http.Header, body []byte, _ time.Time) (*bellhop.Event, error) {
		return shopify.OpenEnvelope(body, shopify.PartnerSource+"47/orders", time.Now())
	}}
}

// TestEnvelopes records the orders in envelopes once, by both ways that messages reach the functions. One of another
// source becomes a dead letter with its line in the ledger, and nobody's message comes again.
func TestEnvelopes(t *testing.T) {
	f := newFunctions(t)
	f.step.Codec = takesEnvelopes()
	source := shopify.PartnerSource + "47/orders"
	d := &lambdahost.Direct{Step: f.step, PushStep: f.push, Queue: f.queue}
	payload := batch(t, sqsRecord("a", bridged(1, source, order(1)), 1, ""),
		sqsRecord("again", bridged(1, source, order(1)), 1, ""),
		sqsRecord("other", bridged(2, shopify.PartnerSource+"48/orders", order(2)), 1, ""),
		sqsRecord("nobody's", amazon.Message{Body: `{"detail-type":"x"}`}, 1, ""))
	answer, err := d.Invoke(t.Context(), payload)
	if err != nil || cmp.Diff([]string{"nobody's"}, failures(t, answer)) != "" {
		t.Fatalf("%s, %v", answer, err)
	}
	if got := f.outcomes(t); got[bellhop.OutcomeRecorded] != 1 || got[bellhop.OutcomeDead] != 1 ||
		len(f.phones.pushed) != 1 {
		t.Errorf("%v, %d pushes", got, len(f.phones.pushed))
	}
	if len(f.dead.events) != 1 || !strings.Contains(f.dead.events[0].reason, "48/orders") {
		t.Errorf("dead: %+v", f.dead.events)
	}

	start, machine := newStart(false)
	start.Codec = takesEnvelopes()
	if _, err := start.Invoke(t.Context(), batch(t, sqsRecord("c", bridged(3, source, order(3)), 1, ""))); err != nil {
		t.Fatal(err)
	}
	record := &lambdahost.Record{Step: f.step}
	for range 2 { // an execution that starts anew
		if _, err := record.Invoke(t.Context(), []byte(machine.inputs[machine.order[0]])); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.outcomes(t); got[bellhop.OutcomeRecorded] != 2 {
		t.Errorf("after the execution %v", got)
	}
}
