package sqsqueue

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/internal/wait"
	"bellhop/queue"
)

const (
	longPoll  = 20 * time.Second // SQS's longest: an idle receiver asks three times a minute
	pollSlack = 3 * time.Second  // for the answer to arrive
	// fanOut bounds the requests that one call has under way at once.
	fanOut = 16
	// overLimitPause is how long a receiver rests when more events are leased than
	// SQS allows (about 120,000).
	overLimitPause = 5 * time.Second
)

// lease is one message that SQS handed to this process.
type lease struct {
	queue.Delivery
	msg   amazon.Message
	id    string    // SQS's
	taken time.Time // SQS lets a lease be extended to 12 hours from here
}

func (l *lease) leased() *lease { return l }

// handle is the receipt as SQS takes it.
func (l *lease) handle() *string { return aws.String(string(l.Receipt)) }

// Receive implements [queue.Consumer]. One request waits for the first event; only
// if it comes back full, more requests follow, which don't wait. When ctx is done
// the request goes on in the background, since SQS would lease its events to
// nobody: the next Receive gets them, or Close gives them back.
func (q *Queue) Receive(ctx context.Context, max int) ([]queue.Delivery, error) {
	if max < 1 {
		return nil, bellhop.Invalidf("max", "receive at least one event at a time")
	}
	for {
		leases, err := q.await(ctx, max)
		if err != nil {
			return nil, err
		}
		fit := fitting(leases)
		q.inbox.keep(leases[fit:])
		if out := q.inbox.handOut(q.open(leases[:fit])); len(out) > 0 {
			return out, nil
		}
	}
}

// await gets up to max events, without decoding them.
func (q *Queue) await(ctx context.Context, max int) ([]*lease, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	w := &waiter{max: max, wait: waitFor(ctx), got: make(chan received, 1)}
	q.inbox.join(w)
	select {
	case h := <-w.got:
		if h.err == nil && h.full && max > len(h.leases) && fitting(h.leases) == len(h.leases) {
			h.leases = q.more(ctx, max, h.leases)
		}
		return h.leases, h.err
	case <-ctx.Done():
		q.inbox.leave(w)
		return nil, ctx.Err()
	case <-q.life.Done():
		return nil, queue.ErrClosed
	}
}

// fitting returns how many of the first make up a batch by their bytes.
func fitting(leases []*lease) int {
	sum := 0
	for i, l := range leases {
		if sum += l.msg.BodySize(); i > 0 && sum > queue.BatchBytes {
			return i
		}
	}
	return len(leases)
}

// waitFor returns how long a request may wait for a receiver: no longer than the
// receiver.
func waitFor(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return longPoll
	}
	return min(longPoll, max(time.Second, time.Until(deadline).Truncate(time.Second)))
}

// longPoll makes a request that waits.
func (q *Queue) longPoll(max int, wait time.Duration) received {
	leases, err := q.poll(q.life, min(max, batchSize), wholeSeconds(wait))
	return received{leases: leases, err: err, full: len(leases) == batchSize}
}

// more adds the events that are there now, up to max. SQS hands out ten at a time;
// each round asks for more at once, until one request comes back with less.
func (q *Queue) more(ctx context.Context, max int, first []*lease) []*lease {
	got := make(chan []*lease, 1)
	q.inbox.polling.Go(func() { got <- q.rounds(ctx, max, first) })
	select {
	case leases := <-got:
		return leases
	case <-ctx.Done():
		q.inbox.polling.Go(func() { q.inbox.arrive(received{leases: (<-got)[len(first):]}) })
		return first
	}
}

func (q *Queue) rounds(ctx context.Context, max int, first []*lease) []*lease {
	wait := int32(0)
	if q.cached().waits {
		wait = 1 // 0 can't be said, and means the queue's own
	}
	all := slices.Clip(first)
	for width := 2; ctx.Err() == nil; width = min(2*width, fanOut) {
		n := min(max-len(all), roomFor(all))
		if n <= 0 {
			break
		}
		var mu sync.Mutex
		var g sync.WaitGroup
		short := false
		for range width {
			ask := min(n, batchSize)
			if ask == 0 {
				break
			}
			n -= ask
			g.Go(func() {
				leases, err := q.poll(q.life, ask, wait)
				mu.Lock()
				defer mu.Unlock()
				all = append(all, leases...)
				short = short || err != nil || len(leases) < ask // the next that waits reports the error
			})
		}
		g.Wait()
		if short {
			break
		}
	}
	return all
}

// roomFor estimates how many more events a batch holds, by the size of the first.
func roomFor(all []*lease) int {
	sum := 1
	for _, l := range all {
		sum += l.msg.BodySize()
	}
	return (queue.BatchBytes - sum) * len(all) / sum
}

// poll makes one request and returns the leases in its answer.
func (q *Queue) poll(ctx context.Context, max int, seconds int32) ([]*lease, error) {
	k, err := q.fresh(ctx)
	if err != nil {
		return nil, err
	}
	out, err := q.poller.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.main,
		MaxNumberOfMessages: int32(max), WaitTimeSeconds: seconds,
		VisibilityTimeout: wholeSeconds(k.attrs.Visibility), MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{receiveCountName, sentName}})
	now := q.opts.Now()
	if _, over := errors.AsType[*types.OverLimit](err); over {
		q.opts.Log.Warn("more events are leased than SQS allows: receiving pauses", "queue", q.name, "for", overLimitPause)
		wait.Pause(ctx, overLimitPause)
		return nil, nil
	}
	if missing(err) {
		return nil, q.notFound(q.name)
	}
	if err != nil {
		return nil, amazon.Explain(ctx, "receive from the queue "+q.name, err)
	}
	return q.read(out.Messages, now, k.attrs.Visibility), nil
}

// read turns messages into leases, without decoding the events.
func (q *Queue) read(messages []types.Message, now time.Time, visibility time.Duration) []*lease {
	leases := make([]*lease, len(messages))
	for i, m := range messages {
		leases[i] = &lease{msg: message(m), id: aws.ToString(m.MessageId), taken: now, Delivery: queue.Delivery{
			Receipt: queue.Receipt(aws.ToString(m.ReceiptHandle)), Attempt: receiveCount(m),
			Expires: now.Add(visibility - margin(visibility))}}
	}
	return leases
}

// open decodes events, and fetches their bodies from the bucket. It leaves out
// those that bellhop can't process.
func (q *Queue) open(leases []*lease) []*lease {
	var g sync.WaitGroup
	for _, l := range leases {
		g.Go(func() {
			var err error
			if l.Event, err = q.codec.Decode(q.life, l.msg); err != nil {
				q.unreadable(q.life, l, err)
				l.Receipt = ""
			}
		})
	}
	g.Wait()
	return slices.DeleteFunc(leases, func(l *lease) bool { return l.Receipt == "" })
}

// margin is how much earlier a lease ends for this process than for SQS: SQS's
// clock started before the answer arrived.
func margin(visibility time.Duration) time.Duration { return min(visibility/20, time.Second) }

func message(m types.Message) amazon.Message {
	out := amazon.Message{Body: aws.ToString(m.Body), Attributes: make(map[string]string, len(m.MessageAttributes))}
	for name, value := range m.MessageAttributes {
		out.Attributes[name] = aws.ToString(value.StringValue)
	}
	return out.SentAt(m.Attributes[string(sentName)])
}

const (
	receiveCountName = types.MessageSystemAttributeNameApproximateReceiveCount
	sentName         = types.MessageSystemAttributeNameSentTimestamp
)

func receiveCount(m types.Message) int {
	n, _ := strconv.Atoi(m.Attributes[string(receiveCountName)])
	return max(1, n)
}

// unreadable handles a message without a readable event. An event whose body is
// lost, or whose headers are wrong, becomes a dead letter. A message that is not bellhop's comes again until the
// redrive policy moves it to the dead letters.
func (q *Queue) unreadable(ctx context.Context, l *lease, err error) {
	log := q.opts.Log.With("queue", q.name, "message", l.id, "attempt", l.Attempt, "err", err)
	switch {
	case bellhop.IsPermanent(err) && l.Event != nil:
		log.Error("an event can't be read: it becomes a dead letter", "event", l.Event.ID, "shop", l.Event.Shop)
		if err := q.giveUp(ctx, []verdict{{lease: l, reason: err.Error()}})[0]; err != nil {
			q.opts.Log.Warn("make a dead letter of an event", "event", l.Event.ID, "err", err)
		}
	case bellhop.IsPermanent(err):
		log.Error("a message is not bellhop's, and is left to the redrive policy")
	default:
		log.Warn("can't read a message now: it comes again")
	}
}
