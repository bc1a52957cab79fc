package sqsqueue

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/internal/wait"
	"bellhop/queue"
)

// Redrive implements [queue.DeadLetters]. SQS itself moves all of them where it can;
// this process moves those with an id one by one. An event may come twice if this
// process dies meanwhile.
func (q *Queue) Redrive(ctx context.Context, ids ...bellhop.EventID) (int, error) {
	if len(ids) > 0 {
		return q.choose(ctx, ids, q.requeue)
	}
	n, err := q.moveTask(ctx)
	if err == errNoMoveTasks {
		return q.redriveAll(ctx)
	}
	return n, err
}

// Drop implements [queue.DeadLetters].
func (q *Queue) Drop(ctx context.Context, ids ...bellhop.EventID) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	return q.choose(ctx, ids, q.discard)
}

// DropFunc implements [queue.DeadLetters]. It returns an error if there are more dead letters than it reads, or
// if another process reads some of them now.
func (q *Queue) DropFunc(ctx context.Context, shop string, del func(queue.DeadEvent) (bool, error)) (int, error) {
	attrs, err := q.attributes(ctx, q.dead)
	if err != nil {
		return 0, err
	}
	seen, gone := 0, 0
	err = q.scan(ctx, searchLimit, func(page []*deadMessage) (bool, error) {
		seen += len(page)
		chosen, err := q.chooseFunc(ctx, page, shop, del)
		err = cmp.Or(q.discard(ctx, chosen), err)
		for _, d := range chosen {
			if d.gone {
				gone++
			}
		}
		return false, err
	})
	switch {
	case err != nil:
		return gone, err
	case seen >= searchLimit:
		return gone, queue.TooManyDead(searchLimit)
	case number(attrs, "NotVisible") > 0:
		return gone, bellhop.Errorf(bellhop.Unavailable, "dead_letters_hidden",
			"somebody else reads dead letters of the queue %s now: try again in %v", q.name, scanVisibility)
	}
	return gone, nil
}

func (q *Queue) chooseFunc(ctx context.Context, page []*deadMessage, shop string,
	del func(queue.DeadEvent) (bool, error)) (chosen []*deadMessage, err error) {
	for _, m := range page {
		if m.dead.Event.Shop != shop {
			continue
		}
		d, err := q.withBody(ctx, m)
		if err != nil {
			return chosen, err
		}
		ok, err := del(d)
		if err != nil {
			return chosen, err
		}
		if ok {
			chosen = append(chosen, m)
		}
	}
	return chosen, nil
}

// discard removes dead letters with their bodies. A body in the bucket that bellhop may not delete stays until the
// bucket's own rule deletes it.
func (q *Queue) discard(ctx context.Context, dead []*deadMessage) error {
	err := noteGone(dead, q.remove(ctx, q.dead, leasesOf(dead)))
	for _, d := range dead {
		if d.gone {
			if e := q.codec.Discard(ctx, d.msg); e != nil {
				q.opts.Log.Warn("delete the body of a dropped dead letter: the bucket's rule will", "event", d.dead.Event.ID,
					"err", e)
			}
		}
	}
	return err
}

// choose calls fn with the dead letters with these ids, and returns how many are gone
// after that.
func (q *Queue) choose(ctx context.Context, ids []bellhop.EventID,
	fn func(context.Context, []*deadMessage) error) (gone int, err error) {
	wanted := make(map[bellhop.EventID]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	err = q.scan(ctx, searchLimit, func(page []*deadMessage) (bool, error) {
		chosen := slices.DeleteFunc(page, func(d *deadMessage) bool { return !wanted[d.dead.Event.ID] })
		err := fn(ctx, chosen)
		for _, d := range chosen {
			if d.gone {
				delete(wanted, d.dead.Event.ID)
				gone++
			}
		}
		return len(wanted) == 0, err
	})
	if err != nil {
		return gone, err
	}
	for id := range wanted {
		return gone, noDeadLetter(id)
	}
	return gone, nil
}

// redriveAll moves the dead letters that are there when it starts. Those that die
// again meanwhile stay.
func (q *Queue) redriveAll(ctx context.Context) (moved int, err error) {
	start := q.opts.Now()
	err = q.scan(ctx, searchLimit, func(page []*deadMessage) (bool, error) {
		old := slices.DeleteFunc(page, func(d *deadMessage) bool { return d.dead.DiedAt.After(start) })
		err := q.requeue(ctx, old)
		for _, d := range old {
			if d.gone {
				moved++
			}
		}
		return false, err
	})
	return moved, err
}

// requeue sends dead letters to the queue, then deletes them.
func (q *Queue) requeue(ctx context.Context, dead []*deadMessage) error {
	entries := make([]*entry, len(dead))
	for i, d := range dead {
		msg := amazon.Message{Body: d.msg.Body, Attributes: maps.Clone(d.msg.Attributes)}
		for _, name := range []string{attrReason, attrAttempts, attrDiedAt, attrUndelivered} {
			delete(msg.Attributes, name)
		}
		entries[i] = &entry{msg: msg}
		// By the webhook's id a FIFO queue would drop an event that it took within
		// five minutes.
		entries[i].group, entries[i].dedup = q.marks(d.dead.Event, d.id)
	}
	return noteGone(dead, q.move(ctx, q.dead, q.main, leasesOf(dead), entries))
}

// noteGone marks the messages without an error as gone, and returns the last error.
func noteGone(dead []*deadMessage, errs []error) (last error) {
	for i, err := range errs {
		if dead[i].gone = err == nil; err != nil {
			last = err
		}
	}
	return last
}

// errNoMoveTasks says that the service has no task that moves dead letters, or that
// one came to nothing.
var errNoMoveTasks = fmt.Errorf("there are no tasks that move messages")

// moveTick is how often moveTask asks SQS for its progress.
const moveTick = time.Second

// moveTask makes SQS move all dead letters and waits for the end. If SQS does so
// already, it only waits.
func (q *Queue) moveTask(ctx context.Context) (int, error) {
	k, err := q.fresh(ctx)
	if err != nil {
		return 0, err
	}
	before, err := q.task(ctx, k.deadARN)
	if err != nil {
		return 0, err
	}
	if aws.ToString(before.Status) != "RUNNING" {
		// With a destination, since SQS knows none for messages that it did not
		// move there itself.
		_, err := q.client.StartMessageMoveTask(ctx,
			&sqs.StartMessageMoveTaskInput{SourceArn: &k.deadARN, DestinationArn: &k.mainARN})
		if err != nil {
			return 0, q.noTask(ctx, err)
		}
	}
	for {
		t, err := q.task(ctx, k.deadARN)
		if err != nil {
			return 0, err
		}
		n := int(t.ApproximateNumberOfMessagesMoved)
		switch aws.ToString(t.Status) {
		case "COMPLETED":
			return n, nil
		case "FAILED":
			q.opts.Log.Warn("SQS could not move the dead letters: moving them one by one", "moved", n, "reason",
				aws.ToString(t.FailureReason))
			rest, err := q.redriveAll(ctx)
			return n + rest, err
		case "CANCELLED", "CANCELLING":
			return n, bellhop.Errorf(bellhop.Conflict, "redrive_cancelled",
				"somebody cancelled the redrive after %d dead letters", n)
		}
		if !wait.Pause(ctx, moveTick) {
			return n, ctx.Err() // SQS goes on with it
		}
	}
}

// task returns the newest task; a zero one if there was none.
func (q *Queue) task(ctx context.Context, deadARN string) (t types.ListMessageMoveTasksResultEntry, err error) {
	out, err := q.client.ListMessageMoveTasks(ctx,
		&sqs.ListMessageMoveTasksInput{SourceArn: &deadARN, MaxResults: aws.Int32(1)})
	if err != nil {
		return t, q.noTask(ctx, err)
	}
	if len(out.Results) > 0 {
		t = out.Results[0]
	}
	return t, nil
}

func (q *Queue) noTask(ctx context.Context, err error) error {
	for _, code := range []string{"UnsupportedOperation", "InvalidAction", "UnknownOperation"} {
		if strings.Contains(amazon.Code(err), code) {
			return errNoMoveTasks
		}
	}
	return q.explain(ctx, "redrive the dead letters of the queue "+q.name, err)
}
