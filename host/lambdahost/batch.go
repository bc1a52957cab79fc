package lambdahost

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"bellhop/internal/amazon"
	"bellhop/queue"
)

// item is one message of a batch.
type item struct {
	id      string // SQS's own
	receipt queue.Receipt
	group   string    // of a FIFO queue; "" in others
	attempt int       // 1 the first time
	sentAt  time.Time // to the queue; zero if unknown
	message amazon.Message
}

// readBatch returns the messages of an event of SQS. Anything else is an error:
// an answer would acknowledge it.
func readBatch(payload []byte) ([]item, error) {
	var event events.SQSEvent
	if err := read(payload, "an event of SQS", &event); err != nil {
		return nil, err
	}
	if len(event.Records) == 0 {
		return nil, notOurs("this is not an event of SQS: it has no Records; let an event source mapping of SQS call this " +
			"function")
	}
	items := make([]item, len(event.Records))
	for i, r := range event.Records {
		if r.EventSource != "aws:sqs" || r.MessageId == "" {
			return nil, notOurs("this is not an event of SQS: its records come from %.40q", r.EventSource)
		}
		items[i] = item{id: r.MessageId, receipt: queue.Receipt(r.ReceiptHandle), attempt: 1, message: messageOf(r)}
		if n, err := strconv.Atoi(r.Attributes["ApproximateReceiveCount"]); err == nil && n > 0 {
			items[i].attempt = n
		}
		if ms, err := strconv.ParseInt(r.Attributes["SentTimestamp"], 10, 64); err == nil {
			items[i].sentAt = time.UnixMilli(ms)
		}
		if strings.HasSuffix(r.EventSourceARN, ".fifo") {
			items[i].group = r.Attributes["MessageGroupId"]
		}
	}
	return items, nil
}

// returned returns the age of the oldest message that came before; 0 if all are new.
func returned(items []item, now time.Time) (age time.Duration) {
	for _, it := range items {
		if it.attempt > 1 && !it.sentAt.IsZero() {
			age = max(age, now.Sub(it.sentAt))
		}
	}
	return age
}

// messageOf leaves out attributes of other types: bellhop sends none.
func messageOf(r events.SQSMessage) amazon.Message {
	m := amazon.Message{Body: r.Body, Attributes: make(map[string]string, len(r.MessageAttributes))}
	for name, a := range r.MessageAttributes {
		if a.StringValue != nil {
			m.Attributes[name] = *a.StringValue
		}
	}
	return m.SentAt(r.Attributes["SentTimestamp"])
}

// Visibility is the part of the queue that hides messages.
type Visibility interface {
	// Hide sets how long messages stay hidden from now on, by their receipts.
	Hide(ctx context.Context, waits map[queue.Receipt]time.Duration) error
}

// firstWait and longestWait are how long a message that is handed back stays hidden. The
// queue's own timeout is six times that of the function, for messages of invocations that
// end without a word; after a minute without a database it would be much too long.
const (
	firstWait   = 30 * time.Second
	longestWait = 5 * time.Minute
)

// WaitAfter returns how long a message stays hidden after a failed attempt; 1 is the first.
func WaitAfter(attempt int) time.Duration {
	return min(firstWait<<min(attempt-1, 10), longestWait)
}

// handBack returns the answer to a batch: the messages that are not done, which it hides
// for a while, and in a FIFO queue those behind one in its group. These wait as long as
// that one: SQS holds back a group only behind a hidden message.
func handBack(ctx context.Context, t timetable, q Visibility, log *slog.Logger, items []item,
	done []bool) events.SQSEventResponse {
	// The mapping takes a missing list or null as an empty one: all are done.
	a := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	waits := map[queue.Receipt]time.Duration{}
	held := map[string]time.Duration{}
	for i, it := range items {
		wait := held[it.group]
		if done[i] && wait == 0 {
			continue
		}
		if wait == 0 {
			wait = WaitAfter(it.attempt)
		}
		if it.group != "" {
			held[it.group] = wait
		}
		waits[it.receipt] = wait
		a.BatchItemFailures = append(a.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: it.id})
	}
	if len(waits) == 0 {
		return a
	}
	ctx, cancel := t.until(ctx, lastHide)
	defer cancel()
	if err := q.Hide(ctx, waits); err != nil {
		log.Warn("messages come again only after the queue's visibility timeout", "messages", len(waits), "err", err)
	}
	return a
}
