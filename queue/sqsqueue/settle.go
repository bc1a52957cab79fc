package sqsqueue

import (
	"context"
	"errors"
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

// Settle implements [queue.Consumer]. SQS itself takes verdicts on leases that
// have run out, so that this process refuses them by its own clock.
//
// The last attempt's Retry, and each Bury, sends the event to the dead letters
// and then deletes it: a crash in between leaves it in both.
func (q *Queue) Settle(ctx context.Context, verdicts ...queue.Settlement) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	k, err := q.fresh(ctx)
	if err != nil {
		return err
	}
	var s settling
	for _, v := range verdicts {
		l := q.inbox.take(v.Receipt)
		switch {
		case l == nil:
			s.stale = append(s.stale, v.Receipt)
		case v.Verdict == queue.Ack:
			s.gone = append(s.gone, l)
		case v.Verdict == queue.DeadLetter || l.Attempt >= k.attrs.MaxAttempts:
			s.dead = append(s.dead, burial{l, v.Reason})
		default:
			s.again = append(s.again, change{l, v.Delay})
		}
	}
	for i, err := range q.bury(ctx, s.dead) {
		s.note(q, s.dead[i].lease, err)
	}
	for i, err := range q.remove(ctx, s.gone) {
		s.note(q, s.gone[i], err)
	}
	for i, err := range q.change(ctx, s.again) {
		s.note(q, s.again[i].lease, err)
	}
	return s.result()
}

// settling sorts verdicts, and gathers what became of them.
type settling struct {
	gone  []*lease
	dead  []burial
	again []change
	stale []queue.Receipt
	err   error
}

// burial is a lease on an event that becomes a dead letter.
type burial struct {
	*lease
	reason string
}

// change is a lease that is to end a time from now.
type change struct {
	*lease
	after time.Duration
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

func (s *settling) result() error {
	if s.err != nil {
		return s.err
	}
	if len(s.stale) > 0 {
		return &queue.StaleError{Receipts: s.stale}
	}
	return nil
}

// Extend implements [queue.Consumer].
func (q *Queue) Extend(ctx context.Context, d time.Duration, receipts ...queue.Receipt) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var s settling
	for _, r := range receipts {
		if l := q.inbox.look(r); l != nil {
			s.again = append(s.again, change{l, d})
		} else {
			s.stale = append(s.stale, r)
		}
	}
	now := q.opts.Now()
	for i, err := range q.change(ctx, s.again) {
		l := s.again[i].lease
		switch {
		case err == nil:
			d := q.allowed(s.again[i])
			q.inbox.extend(l, now.Add(d-margin(d)))
		case errors.Is(err, errStale):
			q.inbox.take(l.Receipt)
			s.stale = append(s.stale, l.Receipt)
		default:
			s.err = err
		}
	}
	return s.result()
}

// allowed returns how long a lease may go on from now, in whole seconds.
func (q *Queue) allowed(c change) time.Duration {
	left := longestLease - q.opts.Now().Sub(c.taken) - 2*time.Second // SQS's clock started before
	return time.Duration(wholeSeconds(max(0, min(c.after, left)))) * time.Second
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

// remove deletes events.
func (q *Queue) remove(ctx context.Context, leases []*lease) []error {
	handles := make([]string, len(leases))
	for i, l := range leases {
		handles[i] = string(l.Receipt)
	}
	return q.deleteFrom(ctx, q.main, handles)
}

func (q *Queue) deleteFrom(ctx context.Context, url string, handles []string) []error {
	return inTens(handles, func(ten []string) []error {
		if len(ten) == 1 {
			_, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: &ten[0]})
			return []error{q.settled(ctx, err)}
		}
		in := &sqs.DeleteMessageBatchInput{QueueUrl: &url}
		for i := range ten {
			in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &ten[i]})
		}
		out, err := q.client.DeleteMessageBatch(ctx, in)
		if err != nil {
			return all(len(ten), q.settled(ctx, err))
		}
		return q.partly(len(ten), out.Failed)
	})
}

// change moves the ends of leases.
func (q *Queue) change(ctx context.Context, changes []change) []error {
	return q.changeIn(ctx, q.main, changes)
}

func (q *Queue) changeIn(ctx context.Context, url string, changes []change) []error {
	return inTens(changes, func(ten []change) []error {
		in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &url}
		for i, c := range ten {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)),
				ReceiptHandle: aws.String(string(c.Receipt)), VisibilityTimeout: wholeSeconds(q.allowed(c))})
		}
		out, err := q.client.ChangeMessageVisibilityBatch(ctx, in)
		if err != nil {
			return all(len(ten), q.settled(ctx, err))
		}
		return q.partly(len(ten), out.Failed)
	})
}

// giveBack ends leases, so that the events are handed out at once.
func (q *Queue) giveBack(ctx context.Context, leases []*lease) error {
	changes := make([]change, len(leases))
	for i, l := range leases {
		changes[i].lease = l
	}
	for _, err := range q.change(ctx, changes) {
		if err != nil && !errors.Is(err, errStale) {
			return err
		}
	}
	return nil
}

func all(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
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

// expired reports whether SQS refuses a receipt. A FIFO queue does by the code of
// any wrong parameter.
func expired(code, message string) bool {
	return strings.Contains(code, "ReceiptHandleIsInvalid") || strings.Contains(code, "MessageNotInflight") ||
		strings.Contains(code, "InvalidParameterValue") && strings.Contains(message, "eceipt")
}

// partly sorts out which of n entries failed.
func (q *Queue) partly(n int, failed []types.BatchResultErrorEntry) []error {
	errs := make([]error, n)
	for _, f := range failed {
		code, message := aws.ToString(f.Code), aws.ToString(f.Message)
		err := error(bellhop.Errorf(bellhop.Unavailable, "sqs_unavailable", "settle with the queue %s: %s: %s", q.name, code, message))
		if expired(code, message) {
			err = errStale
		}
		errs[index(f.Id, n)] = err
	}
	return errs
}
