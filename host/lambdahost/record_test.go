package lambdahost_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/host/lambdahost"
	"bellhop/internal/amazon"
)

type answer struct {
	Event   string `json:"event"`
	Shop    string `json:"shop"`
	OrderID string `json:"order_id"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
	Pushes  int    `json:"pushes"`
}

func execution(t *testing.T, m amazon.Message, attempt int, acknowledged bool, more map[string]any) []byte {
	t.Helper()
	in := map[string]any{"message": map[string]any{"body": m.Body, "attributes": m.Attributes}, "attempt": attempt,
		"acknowledged": acknowledged}
	for name, value := range more {
		in[name] = value
	}
	return encode(t, in)
}

func TestRecordAnswers(t *testing.T) {
	f := newFunctions(t)
	r := &lambdahost.Record{Step: f.step}
	e := event(1, order(7))
	elsewhere := event(2, order(8))
	elsewhere.Shop = "unknown.myshopify.com"
	for _, test := range []struct {
		event *bellhop.Event
		want  answer
	}{
		{e, answer{e.ID.String(), shop, "7", "recorded", "", 1}},
		{e, answer{e.ID.String(), shop, "7", "duplicate", "redelivered", 0}},
		{elsewhere, answer{elsewhere.ID.String(), elsewhere.Shop, "8", "skipped", bellhop.ReasonUnknownShop, 0}},
	} {
		out, err := r.Invoke(t.Context(), execution(t, message(t, test.event), 1, false, nil))
		var got answer
		if err != nil || json.Unmarshal(out, &got) != nil {
			t.Fatalf("%s, %v", out, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestRecordFailsByType(t *testing.T) {
	away := bellhop.Errorf(bellhop.Unavailable, "away", "the database is away")
	for _, test := range []struct {
		name                string
		body                string
		attempt             int
		acknowledged        bool
		record, deadLetters error
		kind                string
		dead, added         int
	}{
		{"poison", `{`, 1, false, nil, nil, lambdahost.TypeDead, 1, 1},
		{"the last copy of poison", `{`, 1, true, nil, nil, lambdahost.TypeDead, 1, 1},
		{"away", order(1), 1, false, away, nil, lambdahost.TypeUnavailable, 0, 0},
		{"away at the last attempt", order(1), 3, false, away, nil, lambdahost.TypeUnavailable, 1, 0},
		{"away with the last copy", order(1), 3, true, away, nil, lambdahost.TypeUnavailable, 0, 0},
		{"the dead letters are away", `{`, 1, false, nil, errors.New("away"), lambdahost.TypeUnavailable, 1, 0},
	} {
		f := newFunctions(t)
		f.store.record = func(context.Context, []bellhop.Fact) error { return test.record }
		f.dead.err = test.deadLetters
		out, err := (&lambdahost.Record{Step: f.step}).Invoke(t.Context(), execution(t, message(t, event(1, test.body)),
			test.attempt, test.acknowledged, nil))
		if kind(err) != test.kind || out != nil {
			t.Errorf("%s: %s, %v", test.name, out, err)
		}
		if got := f.outcomes(t); got[bellhop.OutcomeDead] != int64(test.dead) || len(f.dead.events) != test.added {
			t.Errorf("%s: %v, %d added", test.name, got, len(f.dead.events))
		}
	}
}

func TestRecordMakesDeadLetters(t *testing.T) {
	for _, ledger := range []error{nil, errors.New("away")} {
		f := newFunctions(t)
		f.store.dead = ledger
		e := event(1, order(1))
		out, err := (&lambdahost.Record{Step: f.step}).Invoke(t.Context(),
			encode(t, map[string]any{"message": map[string]any{"body": message(t, e).Body,
				"attributes": message(t, e).Attributes}, "bury": map[string]any{"reason": "given up"}}))
		var got answer
		if err != nil || json.Unmarshal(out, &got) != nil || got.Outcome != "dead" || got.Event != e.ID.String() {
			t.Errorf("%s, %v", out, err)
		}
		if len(f.dead.events) != 1 || f.dead.events[0].reason != "given up" {
			t.Errorf("dead: %+v", f.dead.events)
		}
		if n := f.outcomes(t)[bellhop.OutcomeDead]; (n == 1) != (ledger == nil) {
			t.Errorf("%d dead in the ledger", n)
		}
	}
}

func TestRecordRefusesWhatIsNoEvent(t *testing.T) {
	f := newFunctions(t)
	r := &lambdahost.Record{Step: f.step}
	for name, payload := range map[string][]byte{
		"nothing":    []byte(`{}`),
		"no JSON":    []byte(`x`),
		"a batch":    batch(t, sqsRecord("a", message(t, event(1, order(1))), 1, "")),
		"no message": []byte(`{"message":null}`),
		"foreign":    execution(t, amazon.Message{Body: "{}"}, 1, true, nil),
		"foreign to be given up": execution(t, amazon.Message{Body: "{}"}, 1, true,
			map[string]any{"bury": map[string]any{"reason": "x"}}),
	} {
		if out, err := r.Invoke(t.Context(), payload); kind(err) != lambdahost.TypeNotOurs || out != nil {
			t.Errorf("%s: %s, %v", name, out, err)
		}
	}
	if len(f.dead.events) > 0 {
		t.Errorf("dead: %+v", f.dead.events)
	}
}
