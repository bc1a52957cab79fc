package sqsqueue_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/queue"
	"bellhop/queue/sqsqueue"
)

// TestOpenRefuses opens queues that would lose events or store them unencrypted.
func TestOpenRefuses(t *testing.T) {
	for what, test := range map[string]struct {
		queue, attribute, value string
		says                    string
	}{
		"no dead letters":      {"orders", "RedrivePolicy", "", "has no dead-letter queue"},
		"not encrypted":        {"orders", "SqsManagedSseEnabled", "false", "is not encrypted"},
		"dead in the clear":    {"orders-dead", "SqsManagedSseEnabled", "false", "orders-dead is not encrypted"},
		"no visibility":        {"orders", "VisibilityTimeout", "0", "give 1s to 12h"},
		"another type":         {"orders", "FifoQueue", "true", "not of the type"},
		"small messages":       {"orders", "MaximumMessageSize", "1024", "only 1024 bytes"},
		"small dead letters":   {"orders-dead", "MaximumMessageSize", "2048", "only 2048 bytes"},
		"a made-up dead queue": {"orders", "RedrivePolicy", `{"deadLetterTargetArn":"x","maxReceiveCount":3}`, "names its dead-letter queue"},
	} {
		r := newRecorded(t)
		r.on("GetQueueAttributes", func(q request) any {
			a := attributesOf(q.text("QueueUrl"))
			if strings.HasSuffix(q.text("QueueUrl"), "/"+test.queue) {
				a[test.attribute] = test.value
			}
			return map[string]any{"Attributes": a}
		})
		_, err := r.broker(t).Open(t.Context(), "orders")
		if bellhop.KindOf(err) != bellhop.Invalid || !strings.Contains(err.Error(), test.says) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	for what, test := range map[string]struct {
		operation, queue string
		fault            fault
		kind             bellhop.Kind
		says             string
	}{
		"no queue":        {"GetQueueUrl", "orders", fault{400, "QueueDoesNotExist", "no"}, bellhop.NotFound, "us-east-1"},
		"no dead letters": {"GetQueueUrl", "orders-dead", fault{400, "QueueDoesNotExist", "no"}, bellhop.Invalid, "lost its dead-letter queue"},
		"no permission":   {"GetQueueAttributes", "orders", fault{403, "AccessDenied", "sqs:getqueueattributes"}, bellhop.Invalid, "give the role or user"},
		"wrong key":       {"GetQueueUrl", "orders", fault{403, "InvalidClientTokenId", "no"}, bellhop.Invalid, "AWS_ACCESS_KEY_ID"},
		"SQS is away":     {"GetQueueUrl", "orders", fault{503, "ServiceUnavailable", "no"}, bellhop.Unavailable, "can't do it now"},
	} {
		r := newRecorded(t)
		good := r.answers[test.operation]
		r.on(test.operation, func(q request) any {
			if strings.HasSuffix("/"+q.text("QueueName")+q.text("QueueUrl"), "/"+test.queue) {
				return test.fault
			}
			return good(q)
		})
		_, err := r.broker(t).Open(t.Context(), "orders")
		if bellhop.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: kind %d, %v", what, bellhop.KindOf(err), err)
		}
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, err := sqsqueue.NewBroker(t.Context(), sqsqueue.Options{})
	if bellhop.KindOf(err) != bellhop.Invalid || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Errorf("no region: %v", err)
	}
	t.Setenv("AWS_REGION", "us-east-1")
	_, err = sqsqueue.NewBroker(t.Context(), sqsqueue.Options{})
	if bellhop.KindOf(err) != bellhop.Invalid || !strings.Contains(err.Error(), "no AWS credentials") {
		t.Errorf("no credentials: %v", err)
	}
}

// TestCreateOnTheWire checks the attributes of a new queue.
func TestCreateOnTheWire(t *testing.T) {
	r := newRecorded(t)
	there := map[string]bool{}
	r.on("GetQueueUrl", func(q request) any {
		if !there[q.text("QueueName")] {
			return fault{400, "QueueDoesNotExist", "no"}
		}
		return map[string]any{"QueueUrl": strings.TrimSuffix(mainURL, "orders") + q.text("QueueName")}
	})
	r.on("CreateQueue", func(q request) any {
		there[q.text("QueueName")] = true
		return map[string]any{"QueueUrl": strings.TrimSuffix(mainURL, "orders") + q.text("QueueName")}
	})
	r.on("SetQueueAttributes", func(request) any { return map[string]any{} })
	b := r.broker(t, func(o *sqsqueue.Options) { o.KMSKey = "alias/orders" })
	if err := b.Create(t.Context(), "orders.fifo",
		queue.Attributes{Visibility: 90 * time.Second, MaxAttempts: 5}); err != nil {
		t.Fatal(err)
	}
	got := r.asked("CreateQueue")
	if len(got) != 2 || got[0].text("QueueName") != "orders-dead.fifo" || got[1].text("QueueName") != "orders.fifo" {
		t.Fatalf("made %v", got)
	}
	for _, want := range []struct {
		q           request
		name, value string
	}{
		{got[0], "MessageRetentionPeriod", "1209600"}, {got[0], "KmsMasterKeyId", "alias/orders"}, {got[0], "FifoQueue", "true"},
		{got[1], "MessageRetentionPeriod", "345600"}, {got[1], "KmsMasterKeyId", "alias/orders"}, {got[1], "VisibilityTimeout", "90"},
		{got[1], "RedrivePolicy", `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:orders-dead.fifo","maxReceiveCount":5}`},
		{got[1], "MaximumMessageSize", "1048576"}, {got[1], "DeduplicationScope", "messageGroup"},
	} {
		if v := want.q.text("Attributes", want.name); v != want.value {
			t.Errorf("%s of %s is %q, want %q", want.name, want.q.text("QueueName"), v, want.value)
		}
	}
	allow := r.asked("SetQueueAttributes")[0].text("Attributes", "RedriveAllowPolicy")
	if allow != `{"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sqs:us-east-1:123456789012:orders.fifo"]}` {
		t.Errorf("redrive is allowed by %s", allow)
	}
	if err := b.Create(t.Context(), "orders-dead", queue.DefaultAttributes()); bellhop.KindOf(err) != bellhop.Invalid {
		t.Errorf("a queue with the name of dead letters: %v", err)
	}
	r.on("CreateQueue", func(request) any { return fault{400, "QueueDeletedRecently", "wait"} })
	if err := b.Create(t.Context(), "returns", queue.DefaultAttributes()); bellhop.KindOf(err) != bellhop.Unavailable {
		t.Errorf("a queue that was deleted just now: %v", err)
	}
}

// TestNamesReadsAllPages lists more queues than fit into an answer, with some
// foreign ones among them.
func TestNamesReadsAllPages(t *testing.T) {
	r := newRecorded(t)
	r.on("ListQueues", func(q request) any {
		if q.text("NextToken") == "" {
			return map[string]any{"NextToken": "more",
				"QueueUrls": []string{mainURL, mainURL + "-dead", "https://host/1/somebody-elses"}}
		}
		return map[string]any{"QueueUrls": []string{"https://host/1/b.fifo", "https://host/1/b-dead.fifo"}}
	})
	if names, err := r.broker(t).Names(t.Context()); err != nil || !slices.Equal(names, []string{"b.fifo", "orders"}) {
		t.Errorf("%v, %v", names, err)
	}
}

func TestURLIsWhatParseURLTakes(t *testing.T) {
	b := fresh(t)
	if err := b.Create(t.Context(), "orders", queue.DefaultAttributes()); err != nil {
		t.Fatal(err)
	}
	u, err := b.URL(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	o, name, err := sqsqueue.ParseURL(u)
	if want := b.options; err != nil || name != "orders" || !cmp.Equal(o.Settings, want.Settings) ||
		o.Account != want.Account || o.Bucket != want.Bucket {
		t.Errorf("%s is read as %+v, %q, %v", u, o, name, err)
	}
}

func TestPurge(t *testing.T) {
	b := fresh(t)
	if err := b.Create(t.Context(), "orders", queue.DefaultAttributes()); err != nil {
		t.Fatal(err)
	}
	q, err := b.Open(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if err := q.Send(t.Context(), events(12)...); err != nil {
		t.Fatal(err)
	}
	if n, err := q.Purge(t.Context()); n != 12 || err != nil {
		t.Errorf("purge: %d, %v", n, err)
	}
	if d, err := q.Depth(t.Context()); d != (queue.Depth{}) || err != nil {
		t.Errorf("then there are %+v, %v", d, err)
	}
	r := newRecorded(t)
	r.on("PurgeQueue", func(request) any { return fault{403, "PurgeQueueInProgress", "wait"} })
	if _, err := r.open(t, "orders").Purge(t.Context()); bellhop.KindOf(err) != bellhop.Unavailable ||
		!strings.Contains(err.Error(), "minute") {
		t.Errorf("a second purge: %v", err)
	}
}

// TestUncheckedAsksNothing sends from a process that may only send.
func TestUncheckedAsksNothing(t *testing.T) {
	r := newRecorded(t)
	r.on("SendMessage", sent)
	q, err := r.broker(t).Unchecked("orders")
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if err := errors.Join(q.Send(t.Context(), event(1)), q.AddDead(t.Context(), event(2), 7, "poison")); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(r.got)); !slices.Equal(got, []string{"SendMessage"}) {
		t.Errorf("asked for %v", got)
	}
	dead := r.asked("SendMessage")[1]
	if !strings.HasSuffix(dead.text("QueueUrl"), "/123456789012/orders-dead") ||
		dead.text("MessageAttributes", "attempts", "StringValue") != "7" {
		t.Errorf("made a dead letter by %v", dead)
	}
	aws, err := sqsqueue.NewBroker(t.Context(),
		sqsqueue.Options{Account: "123456789012", Settings: sqsqueue.Options{}.Settings})
	if err == nil {
		t.Error("a broker without a region", aws)
	}
}

// TestRedriveByTask lets SQS move the dead letters.
func TestRedriveByTask(t *testing.T) {
	r := newRecorded(t)
	tasks := []string{"", "RUNNING", "COMPLETED"}
	r.on("ListMessageMoveTasks", func(q request) any {
		status := tasks[0]
		tasks = tasks[1:]
		if status == "" {
			return map[string]any{"Results": []any{}}
		}
		return map[string]any{"Results": []any{map[string]any{"Status": status, "SourceArn": q.text("SourceArn"),
			"ApproximateNumberOfMessagesMoved": 7}}}
	})
	r.on("StartMessageMoveTask", func(request) any { return map[string]any{"TaskHandle": "handle"} })
	if n, err := r.open(t, "orders").Redrive(t.Context()); n != 7 || err != nil {
		t.Errorf("redrive: %d, %v", n, err)
	}
	got := r.asked("StartMessageMoveTask")
	if len(got) != 1 || got[0].text("SourceArn") != mainARN+"-dead" || got[0].text("DestinationArn") != mainARN {
		t.Errorf("started %v", got)
	}
}

// TestRedriveJoinsATask finds a task under way.
func TestRedriveJoinsATask(t *testing.T) {
	for status, want := range map[string]bellhop.Kind{"CANCELLED": bellhop.Conflict, "COMPLETED": bellhop.Internal} {
		r := newRecorded(t)
		first := true
		r.on("ListMessageMoveTasks", func(request) any {
			s := status
			if first {
				first, s = false, "RUNNING"
			}
			return map[string]any{"Results": []any{map[string]any{"Status": s, "ApproximateNumberOfMessagesMoved": 3}}}
		})
		n, err := r.open(t, "orders").Redrive(t.Context())
		if n != 3 || bellhop.KindOf(err) != want || (err == nil) != (status == "COMPLETED") {
			t.Errorf("%s: %d, %v", status, n, err)
		}
		if len(r.asked("StartMessageMoveTask")) != 0 {
			t.Error("a second task was started")
		}
	}
}

// TestRedriveByHandWhereTasksFail moves dead letters that a task could not move,
// without their reason and time.
func TestRedriveByHandWhereTasksFail(t *testing.T) {
	r := newRecorded(t)
	status := ""
	r.on("ListMessageMoveTasks", func(request) any {
		return map[string]any{"Results": []any{map[string]any{"Status": status,
			"FailureReason": "CouldNotDetermineMessageSource"}}}
	})
	r.on("StartMessageMoveTask", func(request) any {
		status = "FAILED"
		return map[string]any{"TaskHandle": "handle"}
	})
	dead := messages(t, "4", event(1)).(map[string]any)
	m := dead["Messages"].([]map[string]any)[0]
	for name, value := range map[string]string{"reason": "poison", "attempts": "2", "died_at": "2026-11-22T09:00:00Z"} {
		m["MessageAttributes"].(map[string]any)[name] = map[string]string{"DataType": "String", "StringValue": value}
	}
	r.on("ReceiveMessage", once(dead))
	r.on("SendMessage", sent)
	r.on("DeleteMessage", func(request) any { return map[string]any{} })
	if n, err := r.open(t, "orders").Redrive(t.Context()); n != 1 || err != nil {
		t.Errorf("redrive: %d, %v", n, err)
	}
	back := r.asked("SendMessage")
	if len(back) != 1 || back[0].text("QueueUrl") != mainURL || back[0].text("MessageAttributes", "reason") != "" {
		t.Errorf("sent %v", back)
	}
	if gone := r.asked("DeleteMessage"); len(gone) != 1 || gone[0].text("QueueUrl") != mainURL+"-dead" {
		t.Errorf("deleted %v", gone)
	}
}

// TestDeadByPolicy lists a dead letter that SQS moved itself, with the attributes
// of an earlier death.
func TestDeadByPolicy(t *testing.T) {
	r := newRecorded(t)
	dead := messages(t, "4", event(1)).(map[string]any)
	m := dead["Messages"].([]map[string]any)[0]
	m["MessageAttributes"].(map[string]any)["reason"] = map[string]string{"DataType": "String",
		"StringValue": "an older one"}
	m["Attributes"] = map[string]string{"ApproximateReceiveCount": "4", "DeadLetterQueueSourceArn": mainARN,
		"ApproximateFirstReceiveTimestamp": "1790000000000"}
	r.on("ReceiveMessage", once(dead))
	r.on("ChangeMessageVisibilityBatch", allDone)
	all, err := r.open(t, "orders").DeadLetters(t.Context(), queue.Cursor{}, 10)
	if err != nil || len(all) != 1 || all[0].Attempts != 3 || !strings.Contains(all[0].Reason, "3 times") ||
		all[0].DiedAt.UnixMilli() != 1790000000000 {
		t.Errorf("%+v, %v", all, err)
	}
	if back := r.asked("ChangeMessageVisibilityBatch"); len(back) != 1 || back[0].text("QueueUrl") != mainURL+"-dead" ||
		back[0].text("Entries", 0, "VisibilityTimeout") != "0" {
		t.Errorf("given back by %v", back)
	}
}

// TestFIFO takes a FIFO queue through a life: order and repeats, and a dead
// letter that comes back within the five minutes in which SQS drops repeats.
func TestFIFO(t *testing.T) {
	b := fresh(t)
	if err := b.Create(t.Context(), "orders.fifo",
		queue.Attributes{Visibility: time.Minute, MaxAttempts: 3}); err != nil {
		t.Fatal(err)
	}
	q, err := b.Open(t.Context(), "orders.fifo")
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	for _, n := range []int{1, 2, 1, 2, 3} {
		if err := q.Send(t.Context(), event(n)); err != nil {
			t.Fatal(err)
		}
	}
	for n := 1; n <= 3; n++ { // the stand-in hands out one of a shop at a time
		ds, err := q.Receive(t.Context(), 10)
		if err != nil || len(ds) != 1 || ds[0].Event.ID != event(n).ID {
			t.Fatalf("event %d: %+v, %v", n, ds, err)
		}
		if err := q.Settle(t.Context(), queue.Settlement{Receipt: ds[0].Receipt, Verdict: queue.DeadLetter,
			Reason: fmt.Sprint(n)}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // twice within the five minutes
		if n, err := q.Redrive(t.Context(), event(1).ID); n != 1 || err != nil {
			t.Fatalf("redrive: %d, %v", n, err)
		}
		ds, err := q.Receive(t.Context(), 10)
		if err != nil || len(ds) != 1 || ds[0].Event.ID != event(1).ID || ds[0].Attempt != 1 {
			t.Fatalf("redriven: %+v, %v", ds, err)
		}
		if err := q.Settle(t.Context(), queue.Settlement{Receipt: ds[0].Receipt, Verdict: queue.DeadLetter,
			Reason: "again"}); err != nil {
			t.Fatal(err)
		}
	}
}
