package lambdahost_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/host/lambdahost"
	"bellhop/internal/amazon"
	"bellhop/pipeline"
	"bellhop/shopify"
)

const signing = "the app's secret"

// foreign is a message of a server of one's own.
func foreign(id int, signedWith string) amazon.Message {
	body := order(id)
	return amazon.Message{Body: body, Attributes: map[string]string{"x-shopify-topic": "orders/create",
		"x-shopify-shop-domain": shop, "x-shopify-api-version": "2026-10", "x-shopify-webhook-id": "w",
		"x-shopify-triggered-at": placed, "x-shopify-hmac-sha256": shopify.Sign(signedWith, []byte(body))}}
}

func openForeign(h http.Header, body []byte) (*bellhop.Event, error) {
	return shopify.Open(h, body, time.Now())
}

// TestDirectChecksForeign records what a server of one's own put into the queue, once; a forged message and one without
// a topic are dead letters with their reasons.
func TestDirectChecksForeign(t *testing.T) {
	f := newFunctions(t)
	f.step.Codec.Open = openForeign
	f.step.Keys = func(context.Context, time.Time) (*pipeline.Keyring, error) {
		return pipeline.NewKeyring(nil, signing, ""), nil
	}
	d := &lambdahost.Direct{Step: f.step, PushStep: f.push, Queue: f.queue}
	forged, spoilt := foreign(2, "a guess"), foreign(3, signing)
	forged.Attributes["x-shopify-webhook-id"] = "w2"
	delete(spoilt.Attributes, "x-shopify-topic")
	for range 2 {
		answer, err := d.Invoke(t.Context(), batch(t, sqsRecord("good", foreign(1, signing), 1, ""),
			sqsRecord("forged", forged, 1, ""), sqsRecord("spoilt", spoilt, 1, "")))
		if err != nil || len(failures(t, answer)) != 0 {
			t.Fatalf("%s, %v", answer, err)
		}
	}
	if got := f.outcomes(t); got[bellhop.OutcomeRecorded] != 1 || got[bellhop.OutcomeDuplicate] != 0 {
		t.Errorf("in the ledger: %v", got)
	}
	for i, want := range []string{"signature is missing or wrong", "X-Shopify-Topic is missing"} {
		if len(f.dead.events) != 4 || !strings.Contains(f.dead.events[i].reason, want) {
			t.Errorf("dead: %+v, want %s", f.dead.events, want)
		}
	}
}

// TestDirectWithoutSecrets hands back what it can't check.
func TestDirectWithoutSecrets(t *testing.T) {
	f := newFunctions(t)
	f.step.Codec.Open = openForeign
	d := &lambdahost.Direct{Step: f.step, PushStep: f.push, Queue: f.queue}
	answer, err := d.Invoke(t.Context(), batch(t, sqsRecord("good", foreign(1, signing), 1, "")))
	if err != nil || len(failures(t, answer)) != 1 || len(f.dead.events) != 0 {
		t.Errorf("%s, %v, dead: %v", answer, err, f.dead.events)
	}
}

// TestStartHandsForeignOn hands the message on as it is: the function record checks it.
func TestStartHandsForeignOn(t *testing.T) {
	s, m := newStart(false)
	s.Codec.Open = openForeign
	out, err := s.Invoke(t.Context(), batch(t, sqsRecord("a", foreign(1, signing), 1, "")))
	if err != nil || string(out) != `{"batchItemFailures":[]}` || len(m.order) != 1 {
		t.Fatalf("%s, %v, %v", out, err, m.order)
	}
	if !strings.Contains(m.inputs[m.order[0]], `"x-shopify-hmac-sha256"`) {
		t.Errorf("the input is %s", m.inputs[m.order[0]])
	}
}
