// Package sqsqueue keeps queues in Amazon SQS. The dead letters of a queue NAME are in
// another queue, NAME-dead.
//
// SQS promises less than the port, and so does this driver:
//
//   - Counts are approximate and may lag by a minute. SQS does not say how old the
//     oldest event is. An event that waits for its retry counts as leased.
//   - A list of dead letters shows those that SQS hands out when asked.
//   - SQS may take several events of one Send in part; the error then says so.
//   - Purging drops leased events, too.
//   - An event that SQS handed out to a process that was killed has lost an
//     attempt, even if nobody had read it.
//
// Fair queues keep shops apart: each event carries its shop as the message group.
//
// A FIFO queue (its name ends with .fifo) hands out a shop's events one batch at a
// time, and drops events that Shopify sends again within five minutes. A retry
// there holds up the shop. Bellhop needs neither.
//
// Close gives back this process's leases. A process that is killed gives back
// nothing: its leases run out. The same may happen to one batch that SQS was about
// to hand out when Close ended a waiting receive.
package sqsqueue

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"golang.org/x/sync/semaphore"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/queue"
)

// Queue is one queue of SQS.
type Queue struct {
	*Broker
	name      string
	main      string // URLs
	dead      string
	fifo      bool
	codec     amazon.Codec
	life      context.Context // ends with Close
	end       context.CancelFunc
	scanning  *semaphore.Weighted // of one: one scan of the dead letters at a time
	outbox    outbox
	inbox     inbox
	closeOnce sync.Once

	known atomic.Pointer[known]
}

var _ queue.Queue = (*Queue)(nil)

// known is the last answer of SQS about a queue.
type known struct {
	attrs queue.Attributes
	// waits says that the queue makes a receive wait that names no time.
	waits            bool
	mainARN, deadARN string
	at               time.Time
}

// knownFor bounds the age of that answer: another process may change the queue.
const knownFor = time.Minute

func (b *Broker) queue(name, main, dead string) *Queue {
	q := &Queue{Broker: b, name: name, main: main, dead: dead, fifo: isFIFO(name), codec: b.codec,
		scanning: semaphore.NewWeighted(1)}
	q.life, q.end = context.WithCancel(context.Background())
	q.known.Store(&known{})
	q.outbox.send = func(batch []*entry) { // each caller has a limit of its own
		ctx, cancel := context.WithTimeout(q.life, sendPatience)
		defer cancel()
		q.post(ctx, q.main, batch)
	}
	q.inbox.now, q.inbox.poll, q.inbox.leases = b.opts.Now, q.longPoll, map[queue.Receipt]*lease{}
	return q
}

func (b *Broker) open(ctx context.Context, name string) (*Queue, error) {
	if nameForm.FindString(name) == "" {
		return nil, b.notFound(name)
	}
	main, err := b.find(ctx, name, "")
	if err != nil {
		return nil, err
	}
	q := b.queue(name, main, "")
	attrs, err := q.learn(ctx)
	if err != nil {
		return nil, err
	}
	if err := q.check(attrs); err != nil {
		return nil, err
	}
	dlq, err := arn.Parse(q.cached().deadARN)
	if err != nil {
		return nil, refused(name, fmt.Sprintf("names its dead-letter queue as %q", clip(q.cached().deadARN)),
			"correct its redrive policy")
	}
	if q.dead, err = b.find(ctx, dlq.Resource, dlq.AccountID); err != nil {
		if bellhop.KindOf(err) == bellhop.NotFound {
			err = refused(name, fmt.Sprintf("has lost its dead-letter queue %s", dlq.Resource),
				"make that queue again, or correct the redrive policy")
		}
		return nil, err
	}
	deadAttrs, err := b.attributes(ctx, q.dead)
	if err != nil {
		return nil, err
	}
	if err := checkEncrypted(dlq.Resource, deadAttrs); err != nil {
		return nil, err
	}
	q.codec.Limit, err = limitOf(name, attrs, deadAttrs)
	return q, err
}

// refused is the error of a queue that can't be used.
func refused(name, what, fix string) error {
	return bellhop.Invalidf("queue_unfit", "the queue %s %s: %s", name, what, fix)
}

// check refuses a queue that can't work. It takes an attribute that a stand-in
// leaves out as right.
func (q *Queue) check(attrs map[string]string) error {
	a := q.cached().attrs
	switch fifo := attrs["FifoQueue"] == "true"; {
	case fifo != q.fifo:
		return refused(q.name, "is not of the type that its name says",
			"name FIFO queues with .fifo at the end, and no others")
	case attrs["RedrivePolicy"] == "":
		return refused(q.name, "has no dead-letter queue, so a bad event would come again until it expires",
			"make another with bellhop queue create, or give this one a redrive policy")
	}
	if err := a.Validate(); err != nil {
		return refused(q.name, "can't be worked with: "+err.Error(), "change it with bellhop queue set")
	}
	return checkEncrypted(q.name, attrs)
}

func checkEncrypted(name string, attrs map[string]string) error {
	if attrs["SqsManagedSseEnabled"] == "false" && attrs["KmsMasterKeyId"] == "" {
		return refused(name, "is not encrypted, and orders name people", "set its attribute SqsManagedSseEnabled to true")
	}
	return nil
}

// leastLimit is the smallest limit on messages with which compressing bodies is of
// use.
const leastLimit = 64 << 10

// limitOf returns the size of a message that all these queues take.
func limitOf(name string, queues ...map[string]string) (int, error) {
	limit := amazon.MaxMessage
	for _, attrs := range queues {
		if n, err := strconv.Atoi(attrs["MaximumMessageSize"]); err == nil {
			limit = min(limit, n)
		}
	}
	if limit < leastLimit {
		return 0, refused(name, fmt.Sprintf("takes messages of only %d bytes, or its dead-letter queue does", limit),
			"set MaximumMessageSize of both to 1048576")
	}
	return limit, nil
}

// learn asks SQS for the queue's attributes.
func (q *Queue) learn(ctx context.Context) (map[string]string, error) {
	attrs, err := q.attributes(ctx, q.main)
	if err != nil {
		return nil, err
	}
	k := known{mainARN: attrs["QueueArn"], at: q.opts.Now(), waits: attrs["ReceiveMessageWaitTimeSeconds"] != "0"}
	if n, err := strconv.Atoi(attrs["VisibilityTimeout"]); err == nil {
		k.attrs.Visibility = time.Duration(n) * time.Second
	}
	if text := attrs["RedrivePolicy"]; text != "" {
		var policy struct {
			Target string      `json:"deadLetterTargetArn"`
			Max    json.Number `json:"maxReceiveCount"` // SQS takes and returns it with and without quotes
		}
		if err := json.Unmarshal([]byte(text), &policy); err != nil {
			return nil, fmt.Errorf("read the redrive policy of the queue %s: %w", q.name, err)
		}
		n, _ := strconv.Atoi(policy.Max.String()) // Validate refuses 0
		k.attrs.MaxAttempts, k.deadARN = n, policy.Target
	}
	q.known.Store(&k)
	return attrs, nil
}

func redrivePolicy(deadARN string, maxAttempts int) string {
	return fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, deadARN, maxAttempts)
}

func (q *Queue) cached() known { return *q.known.Load() }

// fresh returns the last answer, and asks again when that is old. While SQS does
// not answer, the old one serves.
func (q *Queue) fresh(ctx context.Context) (known, error) {
	k := q.cached()
	if !k.at.IsZero() && q.opts.Now().Sub(k.at) < knownFor {
		return k, nil
	}
	if _, err := q.learn(ctx); err != nil && k.at.IsZero() {
		return k, err
	}
	return q.cached(), nil
}

// Attributes implements [queue.Admin].
func (q *Queue) Attributes(ctx context.Context) (queue.Attributes, error) {
	_, err := q.learn(ctx)
	return q.cached().attrs, err
}

// SetAttributes implements [queue.Admin]. SQS keeps whole seconds; a part of one
// counts as one.
func (q *Queue) SetAttributes(ctx context.Context, a queue.Attributes) error {
	if err := a.Validate(); err != nil {
		return err
	}
	k, err := q.fresh(ctx)
	if err != nil {
		return err
	}
	_, err = q.client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &q.main,
		Attributes: map[string]string{
			"VisibilityTimeout": seconds(a.Visibility), "RedrivePolicy": redrivePolicy(k.deadARN, a.MaxAttempts)}})
	if err != nil {
		return q.explain(ctx, "set attributes of the queue "+q.name, err)
	}
	k.attrs = whole(a)
	q.known.Store(&k)
	return nil
}

// Depth implements [queue.Admin]. SQS counts approximately, and does not say how
// old the oldest event is (its metric ApproximateAgeOfOldestMessage does):
// Oldest is 0.
func (q *Queue) Depth(ctx context.Context) (queue.Depth, error) {
	attrs, err := q.attributes(ctx, q.main)
	if err != nil {
		return queue.Depth{}, err
	}
	dead, err := q.attributes(ctx, q.dead)
	if err != nil {
		return queue.Depth{}, err
	}
	return queue.Depth{
		Waiting: number(attrs, "", "Delayed"),
		Leased:  number(attrs, "NotVisible"),
		Dead:    number(dead, "", "Delayed", "NotVisible"),
	}, nil
}

// Retention implements [queue.Retainer].
func (q *Queue) Retention(ctx context.Context) (longest time.Duration, err error) {
	for _, url := range []string{q.main, q.dead} {
		attrs, err := q.attributes(ctx, url)
		if err != nil {
			return 0, err
		}
		seconds, _ := strconv.Atoi(attrs["MessageRetentionPeriod"]) // SQS always says it
		longest = max(longest, time.Duration(seconds)*time.Second)
	}
	return longest, nil
}

// number adds up counts of messages.
func number(attrs map[string]string, kinds ...string) (sum int) {
	for _, kind := range kinds {
		n, _ := strconv.Atoi(attrs["ApproximateNumberOfMessages"+kind]) // a missing count is 0
		sum += n
	}
	return sum
}

// Purge implements [queue.Admin] with these limits: SQS drops leased events, too.
// It takes up to a minute, and may drop events that come meanwhile. Purge returns
// the count from before.
func (q *Queue) Purge(ctx context.Context) (int, error) {
	attrs, err := q.attributes(ctx, q.main)
	if err != nil {
		return 0, err
	}
	_, err = q.client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &q.main})
	if amazon.Code(err) == "PurgeQueueInProgress" {
		return 0, bellhop.Errorf(bellhop.Unavailable, "purge_in_progress",
			"the queue %s was purged within the last minute: SQS wants a minute in between", q.name)
	}
	if err != nil {
		return 0, q.explain(ctx, "purge the queue "+q.name, err)
	}
	return number(attrs, "", "Delayed", "NotVisible"), nil
}

// closePatience bounds how long Close tries to give back leases.
const closePatience = 5 * time.Second

// Close implements [queue.Queue].
func (q *Queue) Close() (err error) {
	q.closeOnce.Do(func() {
		q.outbox.wait()
		q.inbox.close(q.end)
		ctx, cancel := context.WithTimeout(context.Background(), closePatience)
		defer cancel()
		err = q.giveBack(ctx, q.main, q.inbox.drain())
	})
	return err
}
