package sqsqueue

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/queue"
)

const (
	longPoll  = 20 * time.Second // SQS's longest: an idle receiver asks three times a minute
	pollSlack = 3 * time.Second  // for the answer to arrive
	// fanOut bounds the requests that one call has under way at once.
	fanOut = 16
	// overLimitPause is how long a receiver rests when more is leased than SQS
	// allows (about 120,000).
	overLimitPause = 5 * time.Second
)

// lease is one message that SQS handed to this process.
type lease struct {
	queue.Delivery
	msg   amazon.Message
	taken time.Time // SQS lets a lease be extended to 12 hours from here
}

// Receive implements [queue.Consumer]. One request waits for the first event;
// only if it comes back full are more sent, which don't wait. When ctx is done
// the request goes on in the background, since SQS would lease what it finds to
// nobody: the next Receive gets that, or Close gives it back.
func (q *Queue) Receive(ctx context.Context, max int) ([]queue.Delivery, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if max < 1 {
		return nil, bellhop.Invalidf("max", "receive at least one event at a time")
	}
	w := &waiter{max: max, wait: waitFor(ctx), got: make(chan haul, 1)}
	q.inbox.join(w)
	select {
	case h := <-w.got:
		if h.err != nil {
			return nil, h.err
		}
		if h.full && max > len(h.leases) {
			h.leases = append(h.leases, q.more(ctx, max-len(h.leases))...)
		}
		return q.inbox.handOut(h.leases), nil
	case <-ctx.Done():
		q.inbox.leave(w)
		return nil, ctx.Err()
	case <-q.life.Done():
		return nil, errClosed
	}
}

var errClosed = errors.New("the queue is closed")

// waitFor returns how long a request is to wait for a receiver: no longer than
// that will.
func waitFor(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return longPoll
	}
	return min(longPoll, max(time.Second, time.Until(deadline).Truncate(time.Second)))
}

// longPoll makes a request that waits.
func (q *Queue) longPoll(max int, wait time.Duration) haul {
	leases, err := q.poll(q.life, min(max, batchSize), wholeSeconds(wait))
	return haul{leases: leases, err: err, full: len(leases) == batchSize}
}

// more gets up to n events that are there now. SQS hands out ten at a time; each
// round asks more at once, until one request comes back with less.
func (q *Queue) more(ctx context.Context, n int) []*lease {
	got := make(chan []*lease, 1)
	q.inbox.polling.Go(func() { got <- q.rounds(ctx, n) })
	select {
	case leases := <-got:
		return leases
	case <-ctx.Done():
		q.inbox.polling.Go(func() { q.inbox.arrive(haul{leases: <-got}) })
		return nil
	}
}

func (q *Queue) rounds(ctx context.Context, n int) (all []*lease) {
	wait := int32(0)
	if q.cached().waits {
		wait = 1 // 0 can't be said, and means the queue's own
	}
	for width := 2; n > 0 && ctx.Err() == nil; width = min(2*width, fanOut) {
		var mu sync.Mutex
		var g errgroup.Group
		short := false
		for range width {
			ask := min(n, batchSize)
			if ask == 0 {
				break
			}
			n -= ask
			g.Go(func() error {
				leases, err := q.poll(q.life, ask, wait)
				mu.Lock()
				defer mu.Unlock()
				all = append(all, leases...)
				short = short || err != nil || len(leases) < ask
				return nil // what is wrong shows in the next request that waits
			})
		}
		g.Wait()
		if short {
			break
		}
	}
	return all
}

// poll makes one request and returns what bellhop can use of the answer.
func (q *Queue) poll(ctx context.Context, max int, wait int32) ([]*lease, error) {
	k, err := q.fresh(ctx)
	if err != nil {
		return nil, err
	}
	out, err := q.poller.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.main, MaxNumberOfMessages: int32(max), WaitTimeSeconds: wait,
		VisibilityTimeout: wholeSeconds(k.attrs.Visibility), MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount}})
	now := q.opts.Now()
	if _, over := errors.AsType[*types.OverLimit](err); over {
		q.opts.Log.Warn("more events are leased than SQS allows: receiving rests", "queue", q.name, "for", overLimitPause)
		pause(ctx, overLimitPause)
		return nil, nil
	}
	if missing(err) {
		return nil, q.notFound(q.name)
	}
	if err != nil {
		return nil, amazon.Explain(ctx, "receive from the queue "+q.name, err)
	}
	return q.read(ctx, out.Messages, now, k.attrs.Visibility), nil
}

// read turns messages into leases. It leaves out those that bellhop can't
// process.
func (q *Queue) read(ctx context.Context, messages []types.Message, now time.Time, visibility time.Duration) []*lease {
	leases := make([]*lease, len(messages))
	var g errgroup.Group
	for i, m := range messages {
		l := &lease{msg: message(m), taken: now}
		l.Receipt, l.Attempt, l.Expires = queue.Receipt(aws.ToString(m.ReceiptHandle)), receiveCount(m), now.Add(visibility-margin(visibility))
		g.Go(func() (err error) {
			if l.Event, err = q.codec.Decode(ctx, l.msg); err != nil {
				q.unreadable(ctx, l, aws.ToString(m.MessageId), err)
				return nil
			}
			leases[i] = l
			return nil
		})
	}
	g.Wait()
	out := leases[:0]
	for _, l := range leases {
		if l != nil {
			out = append(out, l)
		}
	}
	return out
}

// margin is how much earlier a lease ends for this process than for SQS, whose
// clock started before the answer arrived.
func margin(visibility time.Duration) time.Duration { return min(visibility/20, time.Second) }

func message(m types.Message) amazon.Message {
	out := amazon.Message{Body: aws.ToString(m.Body), Attributes: make(map[string]string, len(m.MessageAttributes))}
	for name, value := range m.MessageAttributes {
		out.Attributes[name] = aws.ToString(value.StringValue)
	}
	return out
}

func receiveCount(m types.Message) int {
	n, err := strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
	if err != nil {
		return 1
	}
	return n
}

// unreadable deals with a message that has no event, or none yet. An event whose
// body is lost is a dead letter. What is none of bellhop's is left alone: it
// comes again until the redrive policy moves it to the dead letters.
func (q *Queue) unreadable(ctx context.Context, l *lease, id string, err error) {
	log := q.opts.Log.With("queue", q.name, "message", id, "attempt", l.Attempt, "err", err)
	switch {
	case bellhop.IsPermanent(err) && l.Event != nil:
		log.Error("an event's body is lost: it becomes a dead letter", "event", l.Event.ID)
		if err := q.bury(ctx, []burial{{l, err.Error()}})[0]; err != nil {
			q.opts.Log.Warn("bury an event", "event", l.Event.ID, "err", err)
		}
	case bellhop.IsPermanent(err):
		log.Error("a message is none of bellhop's, and left to the redrive policy")
	default:
		log.Warn("a message can't be read now, and comes again")
	}
}
