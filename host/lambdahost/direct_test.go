package lambdahost_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/host/lambdahost"
	"bellhop/internal/amazon"
	"bellhop/push"
	"bellhop/store"
)

func TestDirectCarriesABatch(t *testing.T) {
	f := newFunctions(t)
	d := &lambdahost.Direct{Step: f.step, PushStep: f.push, Queue: f.queue}
	payload := batch(t, sqsRecord("a", message(t, event(1, order(1))), 1, ""),
		sqsRecord("b", message(t, event(2, order(2))), 1, ""))
	for range 2 { // a message that comes again changes nothing
		answer, err := d.Invoke(t.Context(), payload)
		if err != nil || string(answer) != `{"batchItemFailures":[]}` {
			t.Fatalf("%s, %v", answer, err)
		}
	}
	if got := f.outcomes(t); got[bellhop.OutcomeRecorded] != 2 || len(f.phones.pushed) != 2 || f.opened != 1 {
		t.Errorf("%v, %d pushes, %d times opened", got, len(f.phones.pushed), f.opened)
	}
}

func TestDirectTellsEachMessageApart(t *testing.T) {
	f := newFunctions(t)
	f.store.record = func(_ context.Context, facts []bellhop.Fact) error {
		for _, fact := range facts {
			if fact.OrderID == 3 {
				return errors.New("the database refuses order 3")
			}
		}
		return nil
	}
	d := &lambdahost.Direct{Step: f.step, PushStep: f.push, Queue: f.queue}
	foreign := amazon.Message{Body: "{}"}
	answer, err := d.Invoke(t.Context(), batch(t,
		sqsRecord("good", message(t, event(1, order(1))), 1, ""),
		sqsRecord("poison", message(t, event(2, `{`)), 2, ""),
		sqsRecord("refused", message(t, event(3, order(3))), 1, ""),
		sqsRecord("refused for the last time", message(t, event(4, order(3))), 3, ""),
		sqsRecord("foreign", foreign, 1, ""),
		sqsRecord("also good", message(t, event(5, order(5))), 1, "")))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"refused", "refused for the last time", "foreign"}, failures(t, answer)); diff != "" {
		t.Errorf("handed back: %s", diff)
	}
	if got := f.outcomes(t); got[bellhop.OutcomeRecorded] != 2 || got[bellhop.OutcomeDead] != 2 {
		t.Errorf("in the ledger: %v", got)
	}
	if len(f.dead.events) != 1 || f.dead.events[0].id != event(2, "").ID || f.dead.events[0].attempts != 2 ||
		f.dead.events[0].reason == "" {
		t.Errorf("dead: %+v; the queue itself makes dead letters of what was tried for the last time", f.dead.events)
	}
}

// TestDirectKeepsWhatItCannotGiveUp makes recording a dead letter, or adding it to the
// queue's, fail: the message stays.
func TestDirectKeepsWhatItCannotGiveUp(t *testing.T) {
	for name, set := range map[string]func(*functions){
		"the ledger":       func(f *functions) { f.store.dead = errors.New("away") },
		"the dead letters": func(f *functions) { f.dead.err = errors.New("away") },
	} {
		f := newFunctions(t)
		set(f)
		answer, err := (&lambdahost.Direct{Step: f.step, PushStep: f.push, Queue: f.queue}).Invoke(t.Context(),
			batch(t, sqsRecord("poison", message(t, event(1, `{`)), 1, "")))
		if err != nil || cmp.Diff([]string{"poison"}, failures(t, answer)) != "" {
			t.Errorf("without %s: %s, %v", name, answer, err)
		}
	}
}

func TestDirectKeepsTheOrderOfGroups(t *testing.T) {
	f := newFunctions(t)
	f.store.record = func(_ context.Context, facts []bellhop.Fact) error {
		for _, fact := range facts {
			if fact.OrderID == 2 {
				return errors.New("refused")
			}
		}
		return nil
	}
	answer, err := (&lambdahost.Direct{Step: f.step, PushStep: f.push, Queue: f.queue}).Invoke(t.Context(), batch(t,
		sqsRecord("a1", message(t, event(1, order(1))), 1, "a"),
		sqsRecord("a2 fails", message(t, event(2, order(2))), 1, "a"),
		sqsRecord("b1", message(t, event(3, order(3))), 1, "b"),
		sqsRecord("a3 poison", message(t, event(4, `{`)), 1, "a"),
		sqsRecord("a4", message(t, event(5, order(5))), 1, "a")))
	if err != nil || cmp.Diff([]string{"a2 fails", "a3 poison", "a4"}, failures(t, answer)) != "" {
		t.Errorf("%s, %v", answer, err)
	}
	if len(f.dead.events) != 0 {
		t.Error("poison became a dead letter that comes again")
	}
}

// TestDirectHandsBackInTime makes the database hang: the function hands the batch back, and
// has the queue hide it for a while, before its time is up.
func TestDirectHandsBackInTime(t *testing.T) {
	for name, hang := range map[string]func(*functions){
		"recording": func(f *functions) {
			f.store.record = func(ctx context.Context, _ []bellhop.Fact) error { <-ctx.Done(); return ctx.Err() }
		},
		"opening": func(f *functions) {
			f.step.Database.Open = func(ctx context.Context) (store.Store, error) { <-ctx.Done(); return nil, ctx.Err() }
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFunctions(t)
			hang(f)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			answer, err := (&lambdahost.Direct{Step: f.step, PushStep: f.push, Queue: f.queue}).Invoke(ctx,
				batch(t, sqsRecord("slow", message(t, event(1, order(1))), 1, "")))
			if err != nil || cmp.Diff([]string{"slow"}, failures(t, answer)) != "" || ctx.Err() != nil {
				t.Errorf("%s: %s, %v; the time is up: %v", name, answer, err, ctx.Err())
			}
			if wait := f.queue.waits["handle-slow"]; wait != lambdahost.WaitAfter(1) {
				t.Errorf("%s: the message is hidden for %v", name, wait)
			}
		})
	}
}

// TestDirectSettlesItsClaims makes the push service hang: the function settles its claims
// before its time is up, and the message is done.
func TestDirectSettlesItsClaims(t *testing.T) { synctest.Test(t, testDirectSettlesItsClaims) }

func testDirectSettlesItsClaims(t *testing.T) {
	f := newFunctions(t)
	f.phones.send = func(ctx context.Context) error {
		<-ctx.Done()
		return &push.Error{Reason: push.ReasonUnknown, Cause: ctx.Err()}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	answer, err := (&lambdahost.Direct{Step: f.step, PushStep: f.push, Queue: f.queue}).Invoke(ctx,
		batch(t, sqsRecord("a", message(t, event(1, order(1))), 1, "")))
	if err != nil || len(failures(t, answer)) != 0 || ctx.Err() != nil {
		t.Errorf("%s, %v; the time is up: %v", answer, err, ctx.Err())
	}
	counts, err := f.store.PushCounts(t.Context())
	if err != nil || counts[bellhop.PushUnknown] != 1 {
		t.Errorf("pushes: %v, %v", counts, err)
	}
}

// TestBatchesThatAreNone are errors: an answer would acknowledge them.
func TestBatchesThatAreNone(t *testing.T) {
	f := newFunctions(t)
	d := &lambdahost.Direct{Step: f.step, PushStep: f.push, Queue: f.queue}
	other := sqsRecord("a", message(t, event(1, order(1))), 1, "")
	other["eventSource"] = "aws:kinesis"
	for name, payload := range map[string][]byte{
		"nothing":     []byte(`{}`),
		"null":        []byte(`null`),
		"no JSON":     []byte(`{`),
		"a list":      []byte(`[]`),
		"no records":  []byte(`{"Records":[]}`),
		"records of":  []byte(`{"Records":"a"}`),
		"of kinesis":  batch(t, other),
		"without ids": batch(t, sqsRecord("", message(t, event(1, order(1))), 1, "")),
		"a schedule":  []byte(`{"source":"aws.events","detail-type":"Scheduled Event"}`),
	} {
		answer, err := d.Invoke(t.Context(), payload)
		if kind(err) != lambdahost.TypeNotOurs || answer != nil {
			t.Errorf("%s: %s, %v", name, answer, err)
		}
	}
	if f.opened != 0 {
		t.Error("the database was opened for them")
	}
}

// errLogin is a database's error for a wrong login.
var errLogin = errors.New("the password is wrong")

func TestARefusedLoginIsReadAnew(t *testing.T) {
	for refusal, opened := range map[error]int{errLogin: 2, errors.New("it is there already"): 1} {
		f := newFunctions(t)
		f.store.record = func(context.Context, []bellhop.Fact) error {
			if f.opened == 1 {
				return fmt.Errorf("record: %w", refusal)
			}
			return nil
		}
		answer, err := (&lambdahost.Direct{Step: f.step, PushStep: f.push, Queue: f.queue}).Invoke(t.Context(),
			batch(t, sqsRecord("a", message(t, event(1, order(1))), 1, "")))
		if err != nil || f.opened != opened || len(failures(t, answer)) != 2-opened || f.store.closed != (opened == 2) {
			t.Errorf("%s: opened %d times, closed %v: %s, %v", refusal, f.opened, f.store.closed, answer, err)
		}
	}
}

func TestAPanicIsNoAnswer(t *testing.T) {
	f := newFunctions(t)
	f.store.record = func(context.Context, []bellhop.Fact) error { panic("a step fell over") }
	defer func() {
		if recover() == nil {
			t.Error("the panic was taken for an answer")
		}
	}()
	(&lambdahost.Direct{Step: f.step, PushStep: f.push, Queue: f.queue}).Invoke(t.Context(),
		batch(t, sqsRecord("a", message(t, event(1, order(1))), 1, "")))
}
