package sqsqueue_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/queue/sqsqueue"
)

func event(n int) *bellhop.Event {
	return &bellhop.Event{ID: bellhop.EventID{1, 14: byte(n >> 8), 15: byte(n)}, Shop: "demo.myshopify.com",
		Topic:      "orders/create",
		APIVersion: "2026-10", WebhookID: fmt.Sprintf("webhook-%d", n),
		AcceptedAt: time.UnixMicro(1_790_000_000_000_000).UTC(),
		SignedBy:   bellhop.SignerApp, Body: fmt.Appendf(nil, `{"id":%d}`, n)}
}

func events(n int) []*bellhop.Event {
	out := make([]*bellhop.Event, n)
	for i := range out {
		out[i] = event(i)
	}
	return out
}

// TestLoneSend checks one event's whole message.
func TestLoneSend(t *testing.T) {
	r := newRecorded(t)
	r.on("SendMessage", sent)
	q := r.open(t, "orders", func(o *sqsqueue.Options) {
		o.TraceHeader = func(context.Context) string { return "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1" }
	})
	if err := q.Send(t.Context(), event(1)); err != nil {
		t.Fatal(err)
	}
	got := r.asked("SendMessage")[0]
	for path, want := range map[string]string{
		got.text("QueueUrl"):                                 mainURL,
		got.text("MessageBody"):                              `{"id":1}`,
		got.text("MessageGroupId"):                           "demo.myshopify.com",
		got.text("MessageDeduplicationId"):                   "",
		got.text("MessageAttributes", "coding"):              "",
		got.text("MessageAttributes", "bellhop", "DataType"): "String",
		got.text("MessageSystemAttributes", "AWSTraceHeader",
			"StringValue"): "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
	} {
		if path != want {
			t.Errorf("sent %q, want %q", path, want)
		}
	}
	meta := got.text("MessageAttributes", "bellhop", "StringValue")
	if want := `{"v":1,"id":"01000000-0000-0000-0000-000000000001","shop":"demo.myshopify.com","topic":"orders/create",` +
		`"api_version":"2026-10",` +
		`"webhook_id":"webhook-1","accepted_at":"2026-09-21T14:13:20Z","signed_by":"app"}`; meta != want {
		t.Errorf("metadata:\n%s\nwant\n%s", meta, want)
	}
}

func TestFIFOSendIsMarked(t *testing.T) {
	r := newRecorded(t)
	r.on("SendMessage", sent)
	q := r.open(t, "orders.fifo")
	plain, odd, none := event(1), event(2), event(3)
	odd.WebhookID, none.WebhookID = "ünfit "+strings.Repeat("x", 200), ""
	for _, e := range []*bellhop.Event{plain, odd, none} {
		if err := q.Send(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	got := r.asked("SendMessage")
	if d := got[0].text("MessageDeduplicationId"); d != "webhook-1" ||
		got[0].text("MessageGroupId") != "demo.myshopify.com" {
		t.Errorf("deduplicated by %q", d)
	}
	if d := got[1].text("MessageDeduplicationId"); len(d) != 64 {
		t.Errorf("an id that SQS refuses is sent as %q", d)
	}
	if d := got[2].text("MessageDeduplicationId"); d != none.ID.String() {
		t.Errorf("without a webhook id it is deduplicated by %q", d)
	}
}

// TestBatchFailsInPart lets some entries fail: the driver sends those again, alone,
// that SQS could not take; a refusal is an error with the number of events.
func TestBatchFailsInPart(t *testing.T) {
	r := newRecorded(t)
	calls := 0
	r.on("SendMessageBatch", func(q request) any {
		if calls++; calls == 1 {
			return sentBatch(q, map[int]fault{1: {400, "InvalidParameterValue", "it is wrong"},
				2: {500, "InternalError", "later"},
				3: {400, "RequestThrottled", "slower"}, 4: {400, "InvalidMessageContents", "characters"}})
		}
		return sentBatch(q, nil)
	})
	q := r.open(t, "orders")
	err := q.Send(t.Context(), events(6)...)
	if err == nil || !strings.Contains(err.Error(), "1 of 6 events were not taken") ||
		bellhop.KindOf(err) != bellhop.Internal {
		t.Errorf("send: %v", err)
	}
	again := r.asked("SendMessageBatch")[1].entries()
	if len(again) != 3 || again[0].text("MessageBody") != `{"id":2}` ||
		again[2].text("MessageAttributes", "coding", "StringValue") != "zstd" {
		t.Errorf("sent again: %v", again)
	}
}

func TestSendErrors(t *testing.T) {
	for _, test := range []struct {
		fault fault
		says  string
	}{
		{fault{400, "RequestThrottled", "slower"}, "can't do it now"},
		{fault{503, "ServiceUnavailable", "away"}, "can't do it now"},
		{fault{403, "AccessDenied", "User: arn:aws:iam::123456789012:user/x is not authorized to perform: sqs:sendmessage"}, "sqs:sendmessage"},
		{fault{403, "ExpiredToken", "token hunter2"}, "expired: renew"},
		{fault{403, "SignatureDoesNotMatch", "the canonical request was x-amz-security-token:hunter2"}, "AWS_SECRET_ACCESS_KEY"},
		{fault{400, "KmsDisabled", "key"}, "enable it"},
	} {
		r := newRecorded(t)
		r.on("SendMessage", func(request) any { return test.fault })
		err := r.open(t, "orders").Send(t.Context(), event(1))
		if bellhop.KindOf(err) != bellhop.Unavailable || !strings.Contains(err.Error(), test.says) ||
			strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", test.fault.code, err)
		}
	}
}

// TestWholeBatchRefused lets SQS refuse a batch for its characters and its size: it
// takes the events compressed and one by one.
func TestWholeBatchRefused(t *testing.T) {
	r := newRecorded(t)
	r.on("SendMessage", sent)
	r.on("SendMessageBatch", func(q request) any {
		if q.text("Entries", 0, "MessageAttributes", "coding", "StringValue") == "" {
			return fault{400, "InvalidMessageContents", "characters"}
		}
		return fault{400, "BatchRequestTooLong", "too long"}
	})
	if err := r.open(t, "orders").Send(t.Context(), events(3)...); err != nil {
		t.Error(err)
	}
	if n := len(r.asked("SendMessage")); n != 3 {
		t.Errorf("%d were sent one by one, want 3", n)
	}
}

// TestSendsGather runs many senders while SQS is slow: the first few events go out at once
// and alone, the others in full batches.
func TestSendsGather(t *testing.T) {
	r := newRecorded(t)
	asked, answer := make(chan struct{}, 64), make(chan struct{})
	hold := func() {
		asked <- struct{}{}
		<-answer
	}
	r.on("SendMessage", func(q request) any {
		hold()
		return sent(q)
	})
	r.on("SendMessageBatch", func(q request) any {
		hold()
		return sentBatch(q, nil)
	})
	q := r.open(t, "orders")
	var senders sync.WaitGroup
	for i := range 64 {
		senders.Go(func() {
			if err := q.Send(t.Context(), event(i)); err != nil {
				t.Error(err)
			}
		})
	}
	for range 4 + 6 {
		<-asked
	}
	close(answer)
	senders.Wait()
	if lone, batches := len(r.asked("SendMessage")), len(r.asked("SendMessageBatch")); lone != 4 || batches != 6 {
		t.Errorf("64 sends took %d requests of one and %d of several, want 4 and 6", lone, batches)
	}
}

// TestBatchesKeepToTheLimit sends more than fits into one batch of SQS's size.
func TestBatchesKeepToTheLimit(t *testing.T) {
	r := newRecorded(t)
	r.on("SendMessage", sent)
	r.on("SendMessageBatch", func(q request) any { return sentBatch(q, nil) })
	es := events(5)
	for _, e := range es {
		e.Body = []byte(strings.Repeat("x", 300<<10))
	}
	if err := r.open(t, "orders").Send(t.Context(), es...); err != nil {
		t.Fatal(err)
	}
	carried := len(r.asked("SendMessage"))
	for _, b := range r.asked("SendMessageBatch") {
		size := 0
		for _, e := range b.entries() {
			size += len(e.text("MessageBody")) + len("bellhopString") +
				len(e.text("MessageAttributes", "bellhop", "StringValue"))
		}
		if carried += len(b.entries()); size > amazon.MaxMessage {
			t.Errorf("a batch has %d bytes", size)
		}
	}
	if carried != len(es) {
		t.Errorf("%d were sent, want %d", carried, len(es))
	}
}
