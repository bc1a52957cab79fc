package lambdahost_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/go-cmp/cmp"

	"bellhop/host/lambdahost"
	"bellhop/internal/amazon"
	"bellhop/queue"
)

func TestWaitAfter(t *testing.T) {
	for attempt, want := range map[int]time.Duration{1: 30 * time.Second, 2: time.Minute, 3: 2 * time.Minute,
		4: 4 * time.Minute, 5: 5 * time.Minute, 51: 5 * time.Minute, 1000: 5 * time.Minute} {
		if got := lambdahost.WaitAfter(attempt); got != want {
			t.Errorf("after attempt %d: %v, want %v", attempt, got, want)
		}
	}
}

// TestMessagesHandedBackComeAgainSoon hands back the unreadable ones of a batch.
func TestMessagesHandedBackComeAgainSoon(t *testing.T) {
	foreign := amazon.Message{Body: "{}"}
	payload := batch(t, sqsRecord("good", message(t, event(1, order(1))), 9, ""),
		sqsRecord("once", foreign, 1, ""), sqsRecord("thrice", foreign, 3, ""), sqsRecord("often", foreign, 40, ""))
	f := newFunctions(t)
	start, _ := newStart(false)
	start.Queue = f.queue
	want := map[queue.Receipt]time.Duration{"handle-once": 30 * time.Second, "handle-thrice": 2 * time.Minute,
		"handle-often": 5 * time.Minute}
	for name, invoke := range map[string]lambda.Handler{"start": start,
		"direct": &lambdahost.Direct{Step: f.step, PushStep: f.push, Queue: f.queue}} {
		f.queue.waits, f.queue.err = nil, nil
		out, err := invoke.Invoke(t.Context(), payload)
		if err != nil || cmp.Diff([]string{"once", "thrice", "often"}, failures(t, out)) != "" ||
			cmp.Diff(want, f.queue.waits) != "" {
			t.Errorf("%s: %s, %v; hidden %v", name, out, err, f.queue.waits)
		}
		f.queue.err = errors.New("SQS is away")
		again, err := invoke.Invoke(t.Context(), payload)
		if err != nil || string(again) != string(out) {
			t.Errorf("%s without SQS: %s, %v", name, again, err)
		}
	}
}

// TestAGroupWaitsTogether keeps a FIFO queue's order: what follows a failure in its
// group becomes visible no sooner.
func TestAGroupWaitsTogether(t *testing.T) {
	f := newFunctions(t)
	foreign := amazon.Message{Body: "{}"}
	_, err := (&lambdahost.Direct{Step: f.step, PushStep: f.push, Queue: f.queue}).Invoke(t.Context(), batch(t,
		sqsRecord("a1", foreign, 3, "a"), sqsRecord("a2", message(t, event(1, order(1))), 1, "a"),
		sqsRecord("b1", message(t, event(2, order(2))), 7, "b"), sqsRecord("b2", foreign, 1, "b")))
	want := map[queue.Receipt]time.Duration{"handle-a1": 2 * time.Minute, "handle-a2": 2 * time.Minute,
		"handle-b2": 30 * time.Second}
	if diff := cmp.Diff(want, f.queue.waits); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
}
