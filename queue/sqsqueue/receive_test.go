package sqsqueue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/queue"
	"bellhop/queue/sqsqueue"
)

// messages makes the answer to ReceiveMessage.
func messages(t *testing.T, count string, es ...*bellhop.Event) any {
	t.Helper()
	var list []map[string]any
	for _, e := range es {
		m, err := amazon.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		attrs := map[string]any{}
		for name, value := range m.Attributes {
			attrs[name] = map[string]string{"DataType": "String", "StringValue": value}
		}
		list = append(list, map[string]any{"MessageId": "id-" + e.ID.String(), "ReceiptHandle": "handle-" +
			e.ID.String(), "Body": m.Body,
			"Attributes": map[string]string{"ApproximateReceiveCount": count}, "MessageAttributes": attrs})
	}
	return map[string]any{"Messages": list}
}

// once answers the first request, and later ones with nothing.
func once(answer any) func(request) any {
	var mu sync.Mutex
	given := false
	return func(request) any {
		mu.Lock()
		defer mu.Unlock()
		if given {
			return map[string]any{}
		}
		given = true
		return answer
	}
}

func TestReceiveAsksAsItShould(t *testing.T) {
	r := newRecorded(t)
	r.on("ReceiveMessage", once(messages(t, "2", event(1))))
	q := r.open(t, "orders")
	ds, err := q.Receive(t.Context(), 256)
	if err != nil || len(ds) != 1 || ds[0].Attempt != 2 || ds[0].Receipt == "" {
		t.Fatalf("%+v, %v", ds, err)
	}
	got := r.asked("ReceiveMessage")
	if len(got) != 1 || got[0].text("MaxNumberOfMessages") != "10" || got[0].text("WaitTimeSeconds") != "20" ||
		got[0].text("VisibilityTimeout") != "30" || got[0].text("MessageAttributeNames", 0) != "All" {
		t.Errorf("asked %v", got)
	}
}

// soonOver is over soon by what it says, and not before its parent.
type soonOver struct{ context.Context }

func (soonOver) Deadline() (time.Time, bool) { return time.Now().Add(time.Second / 2), true }

// TestShortReceiveAsksShortly receives for half a second, as a command does: the
// request ends by itself, and takes no event with it.
func TestShortReceiveAsksShortly(t *testing.T) {
	r := newRecorded(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	r.on("ReceiveMessage", func(request) any {
		close(asked)
		<-answer
		return messages(t, "1", event(1))
	})
	r.on("ChangeMessageVisibilityBatch", allDone)
	q := r.open(t, "orders")
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := q.Receive(soonOver{ctx}, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("receive: %v", err)
	}
	if wait := r.asked("ReceiveMessage")[0].text("WaitTimeSeconds"); wait != "1" {
		t.Errorf("the request waits for %ss", wait)
	}
	closed := make(chan error)
	go func() { closed <- q.Close() }()
	close(answer)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if back := r.asked("ChangeMessageVisibilityBatch"); len(back) != 1 ||
		back[0].text("Entries", 0, "VisibilityTimeout") != "0" {
		t.Errorf("given back by %v", back)
	}
}

// TestHide hides messages that this process did not receive: of one the receipt has run out.
func TestHide(t *testing.T) {
	r := newRecorded(t)
	r.on("ChangeMessageVisibilityBatch", func(q request) any {
		var failed []any
		for _, e := range q.entries() {
			if e.text("ReceiptHandle") == "late" {
				failed = append(failed, map[string]any{"Id": e.text("Id"), "Code": "MessageNotInflight", "SenderFault": true})
			}
		}
		return map[string]any{"Successful": []any{}, "Failed": failed}
	})
	q := r.open(t, "orders")
	if err := q.(*sqsqueue.Queue).Hide(t.Context(), map[queue.Receipt]time.Duration{"a": time.Minute}); err != nil {
		t.Error(err)
	}
	if err := q.(*sqsqueue.Queue).Hide(t.Context(), map[queue.Receipt]time.Duration{"late": time.Minute}); err == nil {
		t.Error("nobody learns that a message was not hidden")
	}
	asked := r.asked("ChangeMessageVisibilityBatch")
	if len(asked) != 2 || asked[0].text("QueueUrl") != mainURL || asked[0].text("Entries", 0, "ReceiptHandle") != "a" ||
		asked[0].text("Entries", 0, "VisibilityTimeout") != "60" {
		t.Errorf("asked %v", asked)
	}
}

// TestReceiveFansOut receives from a backlog: more requests follow, and never more
// events than wanted.
func TestReceiveFansOut(t *testing.T) {
	r := newRecorded(t)
	n := 0
	var mu sync.Mutex
	r.on("ReceiveMessage", func(q request) any {
		mu.Lock()
		defer mu.Unlock()
		var max int
		fmt.Sscan(q.text("MaxNumberOfMessages"), &max)
		var es []*bellhop.Event
		for range max {
			n++
			es = append(es, event(n))
		}
		return messages(t, "1", es...)
	})
	q := r.open(t, "orders")
	ds, err := q.Receive(t.Context(), 256)
	if err != nil || len(ds) != 256 {
		t.Fatalf("%d, %v", len(ds), err)
	}
	long := 0
	for _, a := range r.asked("ReceiveMessage") {
		if a.text("WaitTimeSeconds") == "20" {
			long++
		}
	}
	if all := len(r.asked("ReceiveMessage")); long != 1 || all != 26 {
		t.Errorf("%d requests, %d of them wait; want 26 and 1", all, long)
	}
}

// TestCancelledReceiveLosesNothing cancels while SQS is about to answer: the
// next receiver gets it, or Close gives it back.
func TestCancelledReceiveLosesNothing(t *testing.T) {
	for _, next := range []bool{true, false} {
		r := newRecorded(t)
		asked, answer := make(chan struct{}), make(chan struct{})
		r.on("ReceiveMessage", func(request) any {
			close(asked)
			<-answer
			return messages(t, "1", event(1))
		})
		r.on("ChangeMessageVisibilityBatch", allDone)
		q := r.open(t, "orders")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := q.Receive(ctx, 10)
			done <- err
		}()
		<-asked
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled receive returned %v", err)
		}
		if next {
			close(answer)
			if ds, err := q.Receive(t.Context(), 10); err != nil || len(ds) != 1 {
				t.Errorf("the next receive: %d, %v", len(ds), err)
			}
			if n := len(r.asked("ReceiveMessage")); n != 1 {
				t.Errorf("%d requests, want the first one's answer", n)
			}
			if err := q.Close(); err != nil {
				t.Error(err)
			}
			back := r.asked("ChangeMessageVisibilityBatch")
			if len(back) != 1 || back[0].text("Entries", 0, "VisibilityTimeout") != "0" {
				t.Errorf("given back by %v", back)
			}
		} else {
			close(answer)
			q.Close() // ends the request, or gives back what it brought
		}
	}
}

// TestOverLimitRests leases more events than SQS allows: receiving pauses and goes on.
func TestOverLimitRests(t *testing.T) {
	r := newRecorded(t)
	r.on("ReceiveMessage", func(request) any { return fault{403, "OverLimit", "too many in flight"} })
	q := r.open(t, "orders")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := q.Receive(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("receive: %v", err)
	}
	if n := len(r.asked("ReceiveMessage")); n > 1 { // a slow machine may not come to the first
		t.Errorf("%d requests in 200ms, want it to rest", n)
	}
}

// TestForeignMessagesAreLeft puts a foreign message before one of bellhop's.
func TestForeignMessagesAreLeft(t *testing.T) {
	r := newRecorded(t)
	both := messages(t, "1", event(1), event(2)).(map[string]any)
	delete(both["Messages"].([]map[string]any)[0], "MessageAttributes")
	r.on("ReceiveMessage", once(both))
	q := r.open(t, "orders")
	ds, err := q.Receive(t.Context(), 10)
	if err != nil || len(ds) != 1 || ds[0].Event.ID != event(2).ID {
		t.Errorf("%+v, %v", ds, err)
	}
	if len(r.asked("DeleteMessage"))+len(r.asked("DeleteMessageBatch")) != 0 {
		t.Error("a foreign message was deleted")
	}
}

// TestSettleInPart lets SQS refuse some verdicts.
func TestSettleInPart(t *testing.T) {
	r := newRecorded(t)
	r.on("ReceiveMessage", once(messages(t, "1", events(4)...)))
	r.on("DeleteMessageBatch", func(q request) any {
		out := allDone(q).(map[string]any)
		out["Successful"] = out["Successful"].([]map[string]any)[:2]
		out["Failed"] = []map[string]any{
			{"Id": "2", "Code": "InvalidParameterValue", "Message": "Value handle for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.", "SenderFault": true},
			{"Id": "3", "Code": "ReceiptHandleIsInvalid", "SenderFault": true}}
		return out
	})
	q := r.open(t, "orders")
	ds, err := q.Receive(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	var s []queue.Settlement
	for _, d := range ds {
		s = append(s, queue.Settlement{Receipt: d.Receipt})
	}
	err = q.Settle(t.Context(), s...)
	if stale, ok := errors.AsType[*queue.StaleError](err); !ok || len(stale.Receipts) != 2 ||
		stale.Receipts[0] != ds[2].Receipt {
		t.Errorf("stale: %v", err)
	}
}

// TestSettleCanBeRepeated settles while SQS is away: the leases still hold.
func TestSettleCanBeRepeated(t *testing.T) {
	r := newRecorded(t)
	r.on("ReceiveMessage", once(messages(t, "1", event(1))))
	r.on("DeleteMessage", func(request) any { return fault{403, "AccessDenied", "sqs:deletemessage"} })
	q := r.open(t, "orders")
	ds, err := q.Receive(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	ack := queue.Settlement{Receipt: ds[0].Receipt}
	if err := q.Settle(t.Context(), ack); bellhop.KindOf(err) != bellhop.Unavailable {
		t.Errorf("settle: %v", err)
	}
	r.on("DeleteMessage", func(request) any { return map[string]any{} })
	if err := q.Settle(t.Context(), ack); err != nil {
		t.Errorf("settle again: %v", err)
	}
}

// TestLastAttemptBecomesADeadLetter checks the message to the dead-letter queue,
// before the event is deleted.
func TestLastAttemptBecomesADeadLetter(t *testing.T) {
	r := newRecorded(t)
	r.on("ReceiveMessage", once(messages(t, "3", event(1))))
	r.on("SendMessage", sent)
	r.on("DeleteMessage", func(request) any { return map[string]any{} })
	q := r.open(t, "orders")
	ds, err := q.Receive(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	err = q.Settle(t.Context(), queue.Settlement{Receipt: ds[0].Receipt, Verdict: queue.Retry, Delay: time.Hour,
		Reason: "no\x00\xff reason" + strings.Repeat("!", 5000)})
	if err != nil {
		t.Fatal(err)
	}
	got := r.asked("SendMessage")[0]
	if got.text("QueueUrl") != mainURL+"-dead" || got.text("MessageBody") != `{"id":1}` ||
		got.text("MessageAttributes", "attempts", "StringValue") != "3" ||
		!strings.HasPrefix(got.text("MessageAttributes", "reason", "StringValue"), "no   reason!!!") ||
		got.text("MessageAttributes", "died_at", "StringValue") == "" {
		t.Errorf("dead letter: %v", got)
	}
	if n := len(got.text("MessageAttributes", "reason", "StringValue")); n > 2100 {
		t.Errorf("the reason has %d bytes", n)
	}
	if len(r.asked("DeleteMessage")) != 1 || len(r.asked("ChangeMessageVisibilityBatch")) != 0 {
		t.Error("the event stays in the queue")
	}
}

// TestLeasesEndAfterTwelveHours asks for more than SQS gives.
func TestLeasesEndAfterTwelveHours(t *testing.T) {
	r := newRecorded(t)
	r.on("ReceiveMessage", once(messages(t, "1", event(1), event(2))))
	r.on("ChangeMessageVisibilityBatch", allDone)
	q := r.open(t, "orders")
	ds, err := q.Receive(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Extend(t.Context(), 13*time.Hour, ds[0].Receipt); err != nil {
		t.Error(err)
	}
	if err := q.Settle(t.Context(), queue.Settlement{Receipt: ds[1].Receipt, Verdict: queue.Retry,
		Delay: 1500 * time.Millisecond}); err != nil {
		t.Error(err)
	}
	got := r.asked("ChangeMessageVisibilityBatch")
	if v := got[0].text("Entries", 0, "VisibilityTimeout"); v != "43198" {
		t.Errorf("extended to %ss, want just under 12h", v)
	}
	if v := got[1].text("Entries", 0, "VisibilityTimeout"); v != "2" {
		t.Errorf("to be tried again after %ss, want 1.5s rounded up", v)
	}
}
