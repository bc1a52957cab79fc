package sqsqueue

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"bellhop"
	"bellhop/internal/amazon"
)

// Redrive implements [queue.DeadLetters]. All of them are moved by SQS itself,
// where it can; those that are named, one by one. An event may come twice if
// this process dies meanwhile.
func (q *Queue) Redrive(ctx context.Context, ids ...bellhop.EventID) (int, error) {
	if len(ids) > 0 {
		return q.redriveNamed(ctx, ids)
	}
	n, err := q.moveTask(ctx)
	if err == errNoMoveTasks {
		return q.redriveAll(ctx)
	}
	return n, err
}

// Drop implements [queue.DeadLetters]. A body in a bucket is left to the bucket's own
// rule.
func (q *Queue) Drop(ctx context.Context, ids ...bellhop.EventID) (int, error) {
	return q.named(ctx, ids, q.bin)
}

func (q *Queue) redriveNamed(ctx context.Context, ids []bellhop.EventID) (int, error) {
	return q.named(ctx, ids, q.resurrect)
}

// named has fn do something with the dead letters with these ids, and returns how
// many fn is done with.
func (q *Queue) named(ctx context.Context, ids []bellhop.EventID, fn func(context.Context, []corpse) (map[string]bool, error)) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	wanted := make(map[bellhop.EventID]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	moved := 0
	var failed error
	err := q.scan(ctx, searchLimit, func(corpses []corpse) (map[string]bool, bool) {
		var chosen []corpse
		for _, c := range corpses {
			if wanted[c.letter.Event.ID] {
				chosen = append(chosen, c)
			}
		}
		done, err := fn(ctx, chosen)
		for _, c := range chosen {
			if done[c.id] {
				delete(wanted, c.letter.Event.ID)
				moved++
			}
		}
		failed = err
		return done, len(wanted) == 0 || failed != nil
	})
	switch {
	case failed != nil:
		return moved, failed
	case err != nil:
		return moved, err
	case len(wanted) > 0:
		for id := range wanted {
			return moved, noLetter(id)
		}
	}
	return moved, nil
}

// redriveAll moves what is dead when it starts; what dies again meanwhile stays.
func (q *Queue) redriveAll(ctx context.Context) (moved int, err error) {
	start := q.opts.Now()
	var failed error
	err = q.scan(ctx, searchLimit, func(corpses []corpse) (map[string]bool, bool) {
		var old []corpse
		for _, c := range corpses {
			if !c.letter.DiedAt.After(start) {
				old = append(old, c)
			}
		}
		done, err := q.resurrect(ctx, old)
		moved, failed = moved+len(done), err
		return done, failed != nil
	})
	if failed != nil {
		err = failed
	}
	return moved, err
}

// resurrect sends dead letters to the queue, then deletes them, and returns the
// messages that are gone.
func (q *Queue) resurrect(ctx context.Context, corpses []corpse) (done map[string]bool, err error) {
	entries := make([]*entry, len(corpses))
	for i, c := range corpses {
		msg := amazon.Message{Body: c.msg.Body, Attributes: maps.Clone(c.msg.Attributes)}
		for _, name := range []string{attrReason, attrAttempts, attrDiedAt} {
			delete(msg.Attributes, name)
		}
		entries[i] = &entry{msg: msg}
		// The webhook's id would make a FIFO queue drop what came first within
		// five minutes.
		entries[i].group, entries[i].dedup = q.marks(c.letter.Event, c.id)
	}
	q.postAll(ctx, q.main, entries)
	var sent []corpse
	for i, e := range entries {
		if e.err != nil {
			err = e.err
			continue
		}
		sent = append(sent, corpses[i])
	}
	done, removal := q.bin(ctx, sent)
	if removal != nil {
		err = fmt.Errorf("a dead letter is in the queue again: %w", removal)
	}
	return done, err
}

// bin deletes dead letters and returns the messages that are gone.
func (q *Queue) bin(ctx context.Context, corpses []corpse) (done map[string]bool, err error) {
	handles := make([]string, len(corpses))
	for i, c := range corpses {
		handles[i] = c.handle
	}
	done = map[string]bool{}
	for i, removal := range q.deleteFrom(ctx, q.dead, handles) {
		if removal != nil {
			err = fmt.Errorf("a dead letter could not be removed: %w", removal)
			continue
		}
		done[corpses[i].id] = true
	}
	return done, err
}

// errNoMoveTasks says that the service knows no task that moves dead letters, or
// that one came to nothing.
var errNoMoveTasks = fmt.Errorf("there are no tasks that move messages")

// moveTick is how often SQS is asked how far it has got.
const moveTick = time.Second

// moveTask has SQS move all dead letters and waits for the end. One that is
// under way already is waited for.
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
		// Named, since SQS finds no way back for what it did not move there itself.
		_, err := q.client.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &k.deadARN, DestinationArn: &k.mainARN})
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
			q.opts.Log.Warn("SQS could not move the dead letters: they are moved one by one", "moved", n, "reason", aws.ToString(t.FailureReason))
			rest, err := q.redriveAll(ctx)
			return n + rest, err
		case "CANCELLED", "CANCELLING":
			return n, bellhop.Errorf(bellhop.Conflict, "redrive_cancelled", "somebody cancelled the redrive after %d dead letters", n)
		}
		if !pause(ctx, moveTick) {
			return n, ctx.Err() // SQS goes on with it
		}
	}
}

// task returns the newest task; a zero one if there was none.
func (q *Queue) task(ctx context.Context, deadARN string) (t types.ListMessageMoveTasksResultEntry, err error) {
	out, err := q.client.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &deadARN, MaxResults: aws.Int32(1)})
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
