package lambdahost_test

import (
	"cmp"
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
		"x-shopify-triggered-at": sentAt.Format(time.RFC3339),
		"x-shopify-hmac-sha256":  shopify.Sign(signedWith, []byte(body))}}
}

func openForeign(h http.Header, body []byte, sent time.Time) (*bellhop.Event, error) {
	return shopify.Open(h, body, cmp.Or(sent, time.Now()))
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

// TestTimelessIsTheSameEvent: a message without a time of its own has that of its arrival, also on its way through a
// state machine.
func TestTimelessIsTheSameEvent(t *testing.T) {
	f := newFunctions(t)
	f.step.Codec.Open = openForeign
	d := &lambdahost.Direct{Step: f.step, PushStep: f.push, Queue: f.queue}
	m := foreign(1, signing)
	m.Body = `{"id":1}`
	delete(m.Attributes, "x-shopify-triggered-at")
	for range 2 {
		if _, err := d.Invoke(t.Context(), batch(t, sqsRecord("timeless", m, 1, ""))); err != nil {
			t.Fatal(err)
		}
	}
	if dead := f.dead.events; len(dead) != 2 || dead[0].id != dead[1].id {
		t.Errorf("dead: %+v", dead)
	}
	s, machine := newStart(false)
	s.Codec.Open = openForeign
	if _, err := s.Invoke(t.Context(), batch(t, sqsRecord("timeless", m, 1, ""))); err != nil {
		t.Fatal(err)
	}
	if in := machine.inputs[machine.order[0]]; !strings.Contains(in, `"sent":"`+sentAt.UTC().Format(time.RFC3339Nano)) {
		t.Errorf("the input is %s", in)
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
