package sqsqueue

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/queue"
)

// The attributes that bellhop adds to a dead letter. A message that the redrive
// policy moved lacks them.
const (
	attrReason   = "reason"
	attrAttempts = "attempts"
	attrDiedAt   = "died_at"
)

// attrUndelivered is the attribute that a rule of EventBridge adds to what it could not deliver
// (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html).
const attrUndelivered = "ERROR_CODE"

// legal replaces the characters that SQS refuses in attributes.
func legal(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !amazon.Legal([]byte(string(r))) {
			return ' '
		}
		return r
	}, text)
}

// AddDead sends an event to the dead letters, for a host that acknowledges it by
// other means. It is in there when AddDead returns nil.
func (q *Queue) AddDead(ctx context.Context, e *bellhop.Event, attempts int, reason string) error {
	msg, err := q.codec.Encode(ctx, e)
	if err != nil {
		return err
	}
	en := q.deadEntry(e, msg, attempts, reason)
	q.post(ctx, q.dead, []*entry{en})
	return en.err
}

// deadEntry makes the message of a dead letter. In a FIFO queue each death is a
// message of its own, since an event may die again within five minutes, and in a
// group of its own, so that looking at one does not hide those behind it.
func (q *Queue) deadEntry(e *bellhop.Event, msg amazon.Message, attempts int, reason string) *entry {
	diedAt := q.opts.Now().UTC().Format(time.RFC3339Nano)
	attrs := map[string]string{}
	maps.Copy(attrs, msg.Attributes)
	attrs[attrReason], attrs[attrAttempts] = queue.CleanReason(legal(reason)), strconv.Itoa(attempts)
	attrs[attrDiedAt] = diedAt
	en := &entry{msg: amazon.Message{Body: msg.Body, Attributes: attrs}}
	en.group, en.dedup = q.marks(e, e.ID.String()+"-"+diedAt)
	if q.fifo {
		en.group = e.ID.String()
	}
	return en
}

// giveUp makes dead letters of leased events. One that can't be written anew holds up no other.
func (q *Queue) giveUp(ctx context.Context, dead []verdict) []error {
	errs := make([]error, len(dead))
	var fit []verdict
	var entries []*entry
	var at []int // fit[n] is dead[at[n]]
	for i, d := range dead {
		msg := d.msg
		if !msg.Ours() { // it may have no room for more attributes
			if msg, errs[i] = q.codec.Encode(ctx, d.Event); errs[i] != nil {
				continue
			}
		}
		fit, at, entries = append(fit, d), append(at, i), append(entries, q.deadEntry(d.Event, msg, d.Attempt, d.reason))
	}
	for n, err := range q.move(ctx, q.main, q.dead, leasesOf(fit), entries) {
		errs[at[n]] = err
	}
	return errs
}

// deadMessage is one message of the dead-letter queue.
type deadMessage struct {
	*lease
	dead queue.DeadEvent // without its body if that is in a bucket
	gone bool            // from the dead-letter queue
}

const (
	// scanVisibility keeps a message from others, and from coming twice, during one
	// scan of the dead letters.
	scanVisibility = time.Minute
	// listLimit and searchLimit bound how many messages a scan reads: to list some,
	// and to list more or find one.
	listLimit   = 1000
	searchLimit = 20000
)

// scan reads the dead letters. SQS hands them out in no order and hides each for a
// while, so that only one scan at a time sees all. fn marks those that it has moved
// or removed as gone; scan gives back the others at the end, and all messages that
// are not bellhop's.
func (q *Queue) scan(ctx context.Context, limit int, fn func([]*deadMessage) (enough bool, err error)) error {
	if err := q.scanning.Acquire(ctx, 1); err != nil {
		return err
	}
	defer q.scanning.Release(1)
	attrs, err := q.attributes(ctx, q.dead)
	if err != nil {
		return err
	}
	there := number(attrs, "")
	var keep []*lease
	defer func() { q.giveBackDead(ctx, keep) }()
	seen := map[string]bool{}
	for len(seen) < limit {
		page, err := q.receiveDead(ctx)
		if err != nil {
			return err
		}
		fresh := slices.DeleteFunc(slices.Clone(page), func(d *deadMessage) bool { return seen[d.id] || d.dead.Event == nil })
		n := len(fresh)
		enough, err := fn(fresh)
		for _, d := range page {
			if !d.gone {
				keep = append(keep, d.lease)
			}
			seen[d.id] = true
		}
		if err != nil || enough || len(page) == 0 || n == 0 && len(seen) >= there {
			return err
		}
		if len(seen) >= there && len(page) < batchSize {
			return nil // one request more would only wait
		}
	}
	return nil
}

// receiveDead receives up to ten dead letters.
func (q *Queue) receiveDead(ctx context.Context) ([]*deadMessage, error) {
	out, err := q.poller.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.dead, MaxNumberOfMessages: batchSize,
		WaitTimeSeconds:   1, // not 0: that asks only some of SQS's servers
		VisibilityTimeout: wholeSeconds(scanVisibility), MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}})
	if err != nil {
		return nil, q.explain(ctx, "receive from the queue "+nameIn(q.dead), err)
	}
	page := make([]*deadMessage, len(out.Messages))
	for i, l := range q.read(out.Messages, q.opts.Now(), scanVisibility) {
		page[i] = &deadMessage{lease: l, dead: q.deadEvent(l.msg, out.Messages[i].Attributes)}
		if page[i].dead.Event == nil {
			q.opts.Log.Warn("a message among the dead letters is not bellhop's", "queue", nameIn(q.dead), "message", l.id)
		}
	}
	return page, nil
}

// deadEvent reads a dead letter. A message that the redrive policy moved says neither
// when nor why: it says when SQS first handed it out.
func (q *Queue) deadEvent(m amazon.Message, system map[string]string) queue.DeadEvent {
	e, err := q.codec.Read(m)
	if e == nil {
		return queue.DeadEvent{}
	}
	d := queue.DeadEvent{Event: e, Reason: m.Attributes[attrReason]}
	byPolicy := system[string(types.MessageSystemAttributeNameDeadLetterQueueSourceArn)] != "" || d.Reason == ""
	if !byPolicy {
		d.Attempts, _ = strconv.Atoi(m.Attributes[attrAttempts]) // 0 if it is unknown
		d.DiedAt, err = time.Parse(time.RFC3339Nano, m.Attributes[attrDiedAt])
	}
	if byPolicy || err != nil && d.DiedAt.IsZero() {
		first := system[string(types.MessageSystemAttributeNameApproximateFirstReceiveTimestamp)]
		ms, _ := strconv.ParseInt(first, 10, 64)
		d.DiedAt = time.UnixMilli(ms).UTC()
	}
	if code, ok := m.Attributes[attrUndelivered]; byPolicy && ok {
		d.Reason = fmt.Sprintf("EventBridge could not deliver it to the queue: %s", bellhop.Clip(code, 60))
	} else if byPolicy {
		d.Attempts = q.cached().attrs.MaxAttempts
		d.Reason = fmt.Sprintf("it was handed out %d times, and nobody said what became of it", d.Attempts)
	}
	return d
}

// giveBackDead gives messages back to the dead-letter queue, also when ctx is done.
func (q *Queue) giveBackDead(ctx context.Context, keep []*lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closePatience)
	defer cancel()
	if err := q.giveBack(ctx, q.dead, keep); err != nil {
		q.opts.Log.Warn("give back dead letters after reading them: they are hidden for a while", "for", scanVisibility,
			"err", err)
	}
}

// DeadLetters implements [queue.DeadLetters]. It sorts the up to 1,000 messages that
// SQS hands out, or 20,000 with a larger limit. They need not be the newest of more,
// and those that another process reads now are not among them.
func (q *Queue) DeadLetters(ctx context.Context, after queue.Cursor, limit int) ([]queue.DeadEvent, error) {
	var dead []queue.DeadEvent
	through := listLimit
	if limit > listLimit {
		through = searchLimit
	}
	err := q.scan(ctx, through, func(page []*deadMessage) (bool, error) {
		for _, d := range page {
			d.dead.Event.Body = nil
			dead = append(dead, d.dead)
		}
		return false, nil
	})
	return queue.PageOf(dead, after, limit), err
}

// DeadLetter implements [queue.DeadLetters]. It leaves out a body that the bucket has
// lost.
func (q *Queue) DeadLetter(ctx context.Context, id bellhop.EventID) (d queue.DeadEvent, err error) {
	var found *deadMessage
	err = q.scan(ctx, searchLimit, func(page []*deadMessage) (bool, error) {
		if i := slices.IndexFunc(page, func(d *deadMessage) bool { return d.dead.Event.ID == id }); i >= 0 {
			found = page[i]
		}
		return found != nil, nil
	})
	if err != nil {
		return d, err
	}
	if found == nil {
		return d, noDeadLetter(id)
	}
	return q.withBody(ctx, found)
}

func (q *Queue) withBody(ctx context.Context, found *deadMessage) (d queue.DeadEvent, err error) {
	d = found.dead
	if d.Event, err = q.codec.Decode(ctx, found.msg); bellhop.IsPermanent(err) && d.Event != nil {
		err = nil
	}
	return d, err
}

func noDeadLetter(id bellhop.EventID) error {
	return bellhop.Errorf(bellhop.NotFound, "dead_letter_not_found", "SQS hands out no dead letter %s now", id)
}
