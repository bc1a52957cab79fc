package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/queue"
)

// longestLease is what SQS allows between handing an event out and its end.
const longestLease = 12 * time.Hour

// errStale stands for a lease that SQS no longer knows.
var errStale = errors.New("the lease has run out")

// verdict is a verdict on one lease.
type verdict struct {
	*lease
	reason string        // why it becomes a dead letter
	after  time.Duration // from now until the lease ends
}

// Settle implements [queue.Consumer]. SQS accepts verdicts on leases that have run
// out; so this process refuses them by its own clock.
//
// The last attempt's Retry, and each DeadLetter, sends the event to the dead
// letters and then deletes it: a crash in between leaves it in both.
func (q *Queue) Settle(ctx context.Context, verdicts ...queue.Settlement) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	k, err := q.fresh(ctx)
	if err != nil {
		return err
	}
	var s settling
	var done, dead, again []verdict
	for _, v := range verdicts {
		l := q.inbox.take(v.Receipt)
		switch {
		case l == nil:
			s.stale = append(s.stale, v.Receipt)
		case v.Verdict == queue.Ack:
			done = append(done, verdict{lease: l})
		case v.Verdict == queue.DeadLetter || l.Attempt >= k.attrs.MaxAttempts:
			dead = append(dead, verdict{lease: l, reason: v.Reason})
		default:
			again = append(again, verdict{lease: l, after: v.Delay})
		}
	}
	for i, err := range q.giveUp(ctx, dead) {
		s.note(q, dead[i].lease, err)
	}
	for i, err := range q.remove(ctx, q.main, leasesOf(done)) {
		s.note(q, done[i].lease, err)
	}
	for i, err := range q.change(ctx, q.main, again) {
		s.note(q, again[i].lease, err)
	}
	return queue.StaleOr(s.err, s.stale)
}

// leasesOf returns the leases in verdicts or dead letters.
func leasesOf[T interface{ leased() *lease }](all []T) []*lease {
	leases := make([]*lease, len(all))
	for i, t := range all {
		leases[i] = t.leased()
	}
	return leases
}

// settling gathers the outcomes of verdicts.
type settling struct {
	stale []queue.Receipt
	err   error
}

func (s *settling) note(q *Queue, l *lease, err error) {
	switch {
	case err == nil:
	case errors.Is(err, errStale):
		s.stale = append(s.stale, l.Receipt)
	default:
		s.err = err
		q.inbox.putBack(l)
	}
}

// Extend implements [queue.Consumer].
func (q *Queue) Extend(ctx context.Context, d time.Duration, receipts ...queue.Receipt) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var s settling
	var held []verdict
	for _, r := range receipts {
		if l := q.inbox.look(r); l != nil {
			held = append(held, verdict{lease: l, after: d})
		} else {
			s.stale = append(s.stale, r)
		}
	}
	now := q.opts.Now()
	for i, err := range q.change(ctx, q.main, held) {
		l := held[i].lease
		switch {
		case err == nil:
			d := q.allowed(held[i])
			q.inbox.extend(l, now.Add(d-margin(d)))
		case errors.Is(err, errStale):
			q.inbox.take(l.Receipt)
			s.stale = append(s.stale, l.Receipt)
		default:
			s.err = err
		}
	}
	return queue.StaleOr(s.err, s.stale)
}

// allowed returns how long a lease may go on from now, in whole seconds.
func (q *Queue) allowed(v verdict) time.Duration {
	left := longestLease - q.opts.Now().Sub(v.taken) - 2*time.Second // SQS's clock started before
	return time.Duration(wholeSeconds(max(0, min(v.after, left)))) * time.Second
}

// inTens calls fn for each ten of items, several tens at once, and returns the
// error of each item.
func inTens[T any](items []T, fn func([]T) []error) []error {
	errs := make([]error, len(items))
	var g errgroup.Group
	g.SetLimit(fanOut)
	for at := 0; at < len(items); at += batchSize {
		end := min(at+batchSize, len(items))
		g.Go(func() error {
			copy(errs[at:end], fn(items[at:end]))
			return nil
		})
	}
	g.Wait()
	return errs
}

// remove deletes leased messages from a queue.
func (q *Queue) remove(ctx context.Context, url string, leases []*lease) []error {
	return inTens(leases, func(ten []*lease) []error {
		if len(ten) == 1 {
			_, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: ten[0].handle()})
			return []error{q.settled(ctx, err)}
		}
		in := &sqs.DeleteMessageBatchInput{QueueUrl: &url}
		for i, l := range ten {
			in.Entries = append(in.Entries,
				types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: l.handle()})
		}
		out, err := q.client.DeleteMessageBatch(ctx, in)
		if err != nil {
			return slices.Repeat([]error{q.settled(ctx, err)}, len(ten))
		}
		return q.partly(len(ten), out.Failed)
	})
}

// change moves the ends of leases on messages of a queue.
func (q *Queue) change(ctx context.Context, url string, changes []verdict) []error {
	return inTens(changes, func(ten []verdict) []error {
		in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &url}
		for i, c := range ten {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: c.handle(),
				VisibilityTimeout: wholeSeconds(q.allowed(c))})
		}
		out, err := q.client.ChangeMessageVisibilityBatch(ctx, in)
		if err != nil {
			return slices.Repeat([]error{q.settled(ctx, err)}, len(ten))
		}
		return q.partly(len(ten), out.Failed)
	})
}

// Hide sets how long messages stay hidden from now on, by their receipts, for a host whose
// messages somebody else receives.
func (q *Queue) Hide(ctx context.Context, waits map[queue.Receipt]time.Duration) error {
	now := q.opts.Now()
	changes := make([]verdict, 0, len(waits))
	for r, d := range waits {
		changes = append(changes, verdict{lease: &lease{Delivery: queue.Delivery{Receipt: r}, taken: now}, after: d})
	}
	return errors.Join(q.change(ctx, q.main, changes)...)
}

// giveBack ends leases, so that SQS hands the messages out at once.
func (q *Queue) giveBack(ctx context.Context, url string, leases []*lease) error {
	changes := make([]verdict, len(leases))
	for i, l := range leases {
		changes[i].lease = l
	}
	for _, err := range q.change(ctx, url, changes) {
		if err != nil && !errors.Is(err, errStale) {
			return err
		}
	}
	return nil
}

// move sends entries to one queue, then deletes from another the leased messages
// that they were made of. It returns the error of each.
func (q *Queue) move(ctx context.Context, from, to string, leases []*lease, entries []*entry) []error {
	q.postAll(ctx, to, entries)
	errs := make([]error, len(entries))
	var sent []*lease
	var at []int
	for i, e := range entries {
		if errs[i] = e.err; e.err == nil {
			sent, at = append(sent, leases[i]), append(at, i)
		}
	}
	for i, err := range q.remove(ctx, from, sent) {
		if err != nil {
			errs[at[i]] = fmt.Errorf("it is in the queue %s already: %w", nameIn(to), err)
		}
	}
	return errs
}

// settled says what an error of a verdict means.
func (q *Queue) settled(ctx context.Context, err error) error {
	if err != nil && expired(amazon.Code(err), err.Error()) {
		return errStale
	}
	return amazon.Explain(ctx, "settle with the queue "+q.name, err)
}

// expired reports whether SQS refuses a receipt. A FIFO queue answers with the code
// of any wrong parameter.
func expired(code, message string) bool {
	return strings.Contains(code, "ReceiptHandleIsInvalid") || strings.Contains(code, "MessageNotInflight") ||
		strings.Contains(code, "InvalidParameterValue") && strings.Contains(message, "eceipt")
}

// partly sorts out which of n entries failed.
func (q *Queue) partly(n int, failed []types.BatchResultErrorEntry) []error {
	errs := make([]error, n)
	for _, f := range failed {
		code, message := aws.ToString(f.Code), aws.ToString(f.Message)
		if expired(code, message) {
			errs[index(f.Id, n)] = errStale
			continue
		}
		errs[index(f.Id, n)] = bellhop.Errorf(bellhop.Unavailable, "sqs_unavailable",
			"settle with the queue %s: %s: %s", q.name, code, message)
	}
	return errs
}
