package lambdahost_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop/host/lambdahost"
	"bellhop/internal/amazon"
)

// machine is a state machine that follows the message's body.
type machine struct {
	mu     sync.Mutex
	inputs map[string]string // by name
	order  []string          // names, as they were started
	run    func(ctx context.Context, name string) (string, error)
}

func (m *machine) RunNow(ctx context.Context, name, input string) (string, error) {
	m.mu.Lock()
	m.inputs[name] = input
	m.order = append(m.order, name)
	m.mu.Unlock()
	if m.run == nil {
		return "", nil
	}
	return m.run(ctx, name)
}

func (m *machine) Start(ctx context.Context, name, input string) error {
	_, err := m.RunNow(ctx, name, input)
	return err
}

func newStart(standard bool) (*lambdahost.Start, *machine) {
	m := &machine{inputs: map[string]string{}}
	return &lambdahost.Start{Executions: m, Standard: standard, Queue: &hidden{},
		Log: slog.New(slog.DiscardHandler), Now: time.Now}, m
}

func TestStartHandsMessagesOn(t *testing.T) {
	for _, standard := range []bool{false, true} {
		s, m := newStart(standard)
		e := event(1, order(1))
		out, err := s.Invoke(t.Context(), batch(t, sqsRecord("a", message(t, e), 4, "")))
		if err != nil || string(out) != `{"batchItemFailures":[]}` {
			t.Fatalf("%s, %v", out, err)
		}
		var in struct {
			Message      amazon.Message
			Attempt      int
			Acknowledged bool
		}
		if err := json.Unmarshal([]byte(m.inputs[e.ID.String()+"-a"]), &in); err != nil {
			t.Fatalf("%v: %v", m.inputs, err)
		}
		back, err := amazon.Decode(in.Message)
		if err != nil || cmp.Diff(e, back) != "" || in.Attempt != 4 || in.Acknowledged != standard {
			t.Errorf("%+v, %v\n%s", in, err, cmp.Diff(e, back))
		}
	}
}

func TestStartHandsBackWhatFailed(t *testing.T) {
	s, m := newStart(false)
	m.run = func(_ context.Context, name string) (string, error) {
		switch {
		case strings.HasSuffix(name, "-dead"):
			return lambdahost.TypeDead, nil
		case strings.HasSuffix(name, "-away"):
			return lambdahost.TypeUnavailable, nil
		case strings.HasSuffix(name, "-late"):
			return "States.Timeout", nil
		case strings.HasSuffix(name, "-not run"):
			return "", errors.New("away")
		}
		return "", nil
	}
	out, err := s.Invoke(t.Context(), batch(t,
		sqsRecord("dead", message(t, event(1, `{`)), 1, ""), sqsRecord("away", message(t, event(2, order(2))), 1, ""),
		sqsRecord("late", message(t, event(3, order(3))), 1, ""), sqsRecord("not run", message(t, event(4, order(4))), 1, ""),
		sqsRecord("foreign", amazon.Message{Body: "{}"}, 1, ""), sqsRecord("good", message(t, event(5, order(5))), 1, "")))
	if err != nil || cmp.Diff([]string{"away", "late", "not run", "foreign"}, failures(t, out)) != "" {
		t.Errorf("%s, %v", out, err)
	}
}

// TestStartAcknowledgesNothingUnreadable starts a Standard execution, which would hold
// the last copy.
func TestStartAcknowledgesNothingUnreadable(t *testing.T) {
	s, m := newStart(true)
	later := message(t, event(1, order(1)))
	later.Attributes[amazon.AttrEvent] = strings.Replace(later.Attributes[amazon.AttrEvent], `"v":1`, `"v":9`, 1)
	out, err := s.Invoke(t.Context(), batch(t, sqsRecord("foreign", amazon.Message{Body: "{}"}, 1, ""),
		sqsRecord("later", later, 1, "")))
	if err != nil || cmp.Diff([]string{"foreign", "later"}, failures(t, out)) != "" || len(m.inputs) != 0 {
		t.Errorf("%s, %v; started %v", out, err, m.inputs)
	}
}

func TestStartKeepsTheOrderOfGroups(t *testing.T) {
	s, m := newStart(false)
	m.run = func(_ context.Context, name string) (string, error) {
		if strings.HasSuffix(name, "-a2") {
			return lambdahost.TypeUnavailable, nil
		}
		return "", nil
	}
	out, err := s.Invoke(t.Context(), batch(t,
		sqsRecord("a1", message(t, event(1, order(1))), 1, "a"), sqsRecord("a2", message(t, event(2, order(2))), 1, "a"),
		sqsRecord("b1", message(t, event(3, order(3))), 1, "b"), sqsRecord("a3", message(t, event(4, order(4))), 1, "a")))
	if err != nil || cmp.Diff([]string{"a2", "a3"}, failures(t, out)) != "" {
		t.Errorf("%s, %v", out, err)
	}
	if len(m.order) != 3 {
		t.Errorf("started %v: what follows a failure in its group has to wait", m.order)
	}
}

func TestStartHandsBackInTime(t *testing.T) { synctest.Test(t, testStartHandsBackInTime) }

func testStartHandsBackInTime(t *testing.T) {
	s, m := newStart(false)
	m.run = func(ctx context.Context, _ string) (string, error) { <-ctx.Done(); return "", ctx.Err() }
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var records []map[string]any
	for n := range 17 { // one more than it starts at once
		records = append(records, sqsRecord(fmt.Sprint(n), message(t, event(n, order(n))), 1, ""))
	}
	out, err := s.Invoke(ctx, batch(t, records...))
	if err != nil || len(failures(t, out)) != 17 || ctx.Err() != nil || len(m.order) != 16 {
		t.Errorf("%s, %v; the time is up: %v; started %v", out, err, ctx.Err(), m.order)
	}
}

// TestStartNamesExecutionsByMessage: Step Functions takes a name once in 90 days, and a
// dead letter may be replayed on any of them.
func TestStartNamesExecutionsByMessage(t *testing.T) {
	s, m := newStart(true)
	e := event(1, order(1))
	id, replayed := "059f36b4-87a3-44ab-83d2-661975830a7d", "2e1424d4-f796-459a-8184-9c92662be6da"
	for _, name := range []string{id, id, replayed, strings.Repeat("m", 99) + "1", strings.Repeat("m", 99) + "2"} {
		out, err := s.Invoke(t.Context(), batch(t, sqsRecord(name, message(t, e), 1, "")))
		if err != nil || len(failures(t, out)) != 0 {
			t.Fatalf("%s, %v", out, err)
		}
	}
	if len(m.order) != 5 || len(m.inputs) != 4 || m.order[0] != e.ID.String()+"-"+id {
		t.Errorf("5 deliveries of 4 messages: %v", m.order)
	}
	for _, name := range m.order {
		if !strings.HasPrefix(name, e.ID.String()+"-") || len(name) > 80 {
			t.Errorf("%s has %d characters", name, len(name))
		}
	}
}

// TestStartFitsLargeOrders sends an order whose input is too large for an execution.
func TestStartFitsLargeOrders(t *testing.T) {
	s, m := newStart(false)
	e := event(1, `{"note":"`+strings.Repeat(`a long note with \"quotes\" `, 10_000)+`"}`)
	out, err := s.Invoke(t.Context(), batch(t, sqsRecord("large", message(t, e), 1, "")))
	if err != nil || len(failures(t, out)) != 0 {
		t.Fatalf("%.200s, %v", out, err)
	}
	var in struct{ Message amazon.Message }
	input := m.inputs[e.ID.String()+"-large"]
	if err := json.Unmarshal([]byte(input), &in); err != nil || len(input) > 262_144 {
		t.Fatalf("an input of %d bytes: %v", len(input), err)
	}
	if back, err := amazon.Decode(in.Message); err != nil || cmp.Diff(e, back) != "" {
		t.Errorf("%v", err)
	}
}

func TestAPanicInALaneIsNoAnswer(t *testing.T) {
	s, m := newStart(false)
	m.run = func(context.Context, string) (string, error) { panic("it fell over") }
	defer func() {
		if p := recover(); p != "it fell over" {
			t.Errorf("it ended with %v", p)
		}
	}()
	s.Invoke(t.Context(), batch(t, sqsRecord("a", message(t, event(1, order(1))), 1, "")))
}
