package lambdahost_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"bellhop"
	"bellhop/host/lambdahost"
	"bellhop/push"
)

func (f *functions) owe(t *testing.T, orders int) {
	t.Helper()
	r := &lambdahost.Record{Step: f.step}
	for i := range orders {
		if _, err := r.Invoke(t.Context(), execution(t, message(t, event(i+1, order(i+1))), 1, false, nil)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNotifyRingsForAllThatIsDue(t *testing.T) {
	f := newFunctions(t)
	f.owe(t, 3)
	n := &lambdahost.Notify{PushStep: f.push}
	in := encode(t, answer{Event: event(1, "").ID.String(), Outcome: "recorded"})
	for _, want := range []string{`{"sent":3,"failed":0,"left":0}`, `{"sent":0,"failed":0,"left":0}`} {
		if out, err := n.Invoke(t.Context(), in); err != nil || string(out) != want {
			t.Errorf("%s, %v; want %s", out, err, want)
		}
	}
}

func TestNotifyCountsWhatCameOfIt(t *testing.T) {
	f := newFunctions(t)
	f.owe(t, 1)
	f.phones.send = func(context.Context) error { return &push.Error{Reason: push.ReasonUnavailable} }
	in := encode(t, answer{Event: event(1, "").ID.String()})
	n := &lambdahost.Notify{PushStep: f.push}
	if out, err := n.Invoke(t.Context(), in); err != nil || string(out) != `{"sent":0,"failed":0,"left":1}` {
		t.Errorf("%s, %v", out, err)
	}
	f = newFunctions(t)
	f.owe(t, 1)
	f.phones.send = func(context.Context) error { return &push.Error{Reason: push.ReasonRefused} }
	n.PushStep = f.push
	if out, err := n.Invoke(t.Context(), in); err != nil || string(out) != `{"sent":0,"failed":1,"left":0}` {
		t.Errorf("%s, %v", out, err)
	}
}

func TestNotifyFailsOnlyWithoutTheStore(t *testing.T) {
	f := newFunctions(t)
	f.store.push = errors.New("away")
	n := &lambdahost.Notify{PushStep: f.push}
	if out, err := n.Invoke(t.Context(), encode(t, answer{Event: event(1, "").ID.String()})); kind(
		err) != lambdahost.TypeUnavailable {
		t.Errorf("%s, %v", out, err)
	}
	for _, payload := range []string{`{}`, `{"event":"x"}`, `[]`, `{"Records":[]}`} {
		if _, err := n.Invoke(t.Context(), []byte(payload)); kind(err) != lambdahost.TypeNotOurs {
			t.Errorf("%s: %v", payload, err)
		}
	}
}

func TestSweepRingsAndDropsOldBodies(t *testing.T) {
	f := newFunctions(t)
	f.owe(t, 2)
	later := func() time.Time { return time.Now().Add(2 * time.Hour) }
	f.push.Now = later
	s := &lambdahost.Sweep{PushStep: f.push, KeepBodies: time.Hour}
	out, err := s.Invoke(t.Context(), []byte(`{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}`))
	if err != nil || string(out) != `{"sent":2,"failed":0,"left":0,"dropped":2}` {
		t.Errorf("%s, %v", out, err)
	}
	for _, payload := range [][]byte{[]byte(`[]`), batch(t, sqsRecord("a", message(t, event(1, order(1))), 1, ""))} {
		if _, err := s.Invoke(t.Context(), payload); kind(err) != lambdahost.TypeNotOurs {
			t.Errorf("%s: %v", payload, err)
		}
	}
}

func TestMigrateAddsShops(t *testing.T) {
	f := newFunctions(t)
	analyzed := 0
	m := &lambdahost.Migrate{Run: func(context.Context) (int, error) { return 3, nil }, Database: f.step.Database,
		Analyze: func(context.Context) error { analyzed++; return nil }, Log: f.step.Log, Now: time.Now}
	out, err := m.Invoke(t.Context(), []byte(`{"shops":["New.myshopify.com","`+shop+`"]}`))
	if err != nil || string(out) != `{"migrations":3,"shops_added":["new.myshopify.com"]}` {
		t.Errorf("%s, %v", out, err)
	}
	if _, err := m.Invoke(t.Context(), []byte(`{"analyze":true}`)); err != nil || analyzed != 1 {
		t.Errorf("analyzed %d times, %v", analyzed, err)
	}
	if _, err := m.Invoke(t.Context(), []byte(`{"shops":["example.org"]}`)); kind(err) != lambdahost.TypeNotOurs {
		t.Errorf("a shop that is none: %v", err)
	}
	m.Run = func(context.Context) (int, error) { return 0, bellhop.Errorf(bellhop.Unavailable, "away", "away") }
	if _, err := m.Invoke(t.Context(), []byte(`{}`)); kind(err) != lambdahost.TypeUnavailable {
		t.Errorf("%v", err)
	}
}
