package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"bellhop"
	"bellhop/internal/amazon"
	"bellhop/queue"
)

// The attributes of a dead letter that was buried by name. What the redrive
// policy moved lacks them.
const (
	attrReason   = "reason"
	attrAttempts = "attempts"
	attrDiedAt   = "died_at"
)

// longestReason is how much of a reason is kept: a message has room for it.
const longestReason = 2000

// headstone returns the message of a dead letter.
func (q *Queue) headstone(m amazon.Message, attempts int, reason string) amazon.Message {
	attrs := map[string]string{attrReason: epitaph(reason), attrAttempts: strconv.Itoa(attempts), attrDiedAt: q.opts.Now().UTC().Format(time.RFC3339Nano)}
	for name, value := range m.Attributes {
		if attrs[name] == "" {
			attrs[name] = value
		}
	}
	return amazon.Message{Body: m.Body, Attributes: attrs}
}

// epitaph makes a reason fit for an attribute.
func epitaph(reason string) string {
	reason = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !amazon.Legal([]byte(string(r))) {
			return ' '
		}
		return r
	}, reason)
	if len(reason) > longestReason {
		reason = strings.ToValidUTF8(reason[:longestReason], "") + "…"
	}
	if reason == "" {
		return "no reason was given"
	}
	return reason
}

// AddDead sends an event to the dead letters, for a host that acknowledges it by
// other means. It is in there when AddDead returns nil.
func (q *Queue) AddDead(ctx context.Context, e *bellhop.Event, attempts int, reason string) error {
	msg, err := q.codec.Encode(ctx, e)
	if err != nil {
		return err
	}
	en := q.grave(e, msg, attempts, reason)
	q.post(ctx, q.dead, []*entry{en})
	return en.err
}

// grave returns what is sent to the dead letters. In a FIFO queue each death is
// a message of its own, since an event may die again within five minutes, and in
// a group of its own, so that looking at one does not hide those behind it.
func (q *Queue) grave(e *bellhop.Event, msg amazon.Message, attempts int, reason string) *entry {
	en := &entry{msg: q.headstone(msg, attempts, reason)}
	en.group, en.dedup = q.marks(e, e.ID.String()+"-"+en.msg.Attributes[attrDiedAt])
	if q.fifo {
		en.group = e.ID.String()
	}
	return en
}

// bury makes dead letters of leased events.
func (q *Queue) bury(ctx context.Context, dead []burial) []error {
	if len(dead) == 0 {
		return nil
	}
	errs := make([]error, len(dead))
	entries := make([]*entry, len(dead))
	for i, d := range dead {
		entries[i] = q.grave(d.Event, d.msg, d.Attempt, d.reason)
	}
	q.postAll(ctx, q.dead, entries)
	var leases []*lease
	var at []int
	for i, en := range entries {
		if errs[i] = en.err; en.err == nil {
			leases, at = append(leases, dead[i].lease), append(at, i)
		}
	}
	for i, err := range q.remove(ctx, leases) {
		errs[at[i]] = err
	}
	return errs
}

// corpse is one message of the dead-letter queue.
type corpse struct {
	id, handle string
	msg        amazon.Message
	letter     queue.DeadEvent // without its body if that is in a bucket
}

const (
	// scanVisibility keeps a message from others, and from being met twice,
	// while the dead letters are gone through.
	scanVisibility = time.Minute
	// listLimit and searchLimit bound how many are gone through to list some, and to
	// list more or find one.
	listLimit   = 1000
	searchLimit = 20000
)

// scan goes through the dead letters. SQS hands them out in no order and hides
// each for a while, so that only one scan at a time sees all. fn says which it
// is done with; the others are given back at the end, and so are all that are
// none of bellhop's.
func (q *Queue) scan(ctx context.Context, limit int, fn func([]corpse) (done map[string]bool, enough bool)) error {
	select {
	case <-q.scanning:
		defer func() { q.scanning <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	attrs, err := q.attributes(ctx, q.dead)
	if err != nil {
		return err
	}
	there := number(attrs, "")
	var keep []change
	defer func() { q.putDown(ctx, keep) }()
	seen := map[string]bool{}
	for len(seen) < limit {
		corpses, err := q.exhume(ctx)
		if err != nil {
			return err
		}
		fresh := slices.DeleteFunc(slices.Clone(corpses), func(c corpse) bool { return seen[c.id] || c.letter.Event == nil })
		done, enough := fn(fresh)
		for _, c := range corpses {
			if !done[c.id] {
				keep = append(keep, change{lease: &lease{Delivery: queue.Delivery{Receipt: queue.Receipt(c.handle)}, taken: q.opts.Now()}})
			}
			seen[c.id] = true
		}
		if enough || len(corpses) == 0 || len(fresh) == 0 && len(seen) >= there {
			return nil
		}
		if len(seen) >= there && len(corpses) < batchSize {
			return nil // one request more would only wait
		}
	}
	return nil
}

// exhume receives up to ten dead letters.
func (q *Queue) exhume(ctx context.Context) ([]corpse, error) {
	out, err := q.poller.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.dead, MaxNumberOfMessages: batchSize,
		WaitTimeSeconds:   1, // not 0: that asks only some of SQS's servers
		VisibilityTimeout: wholeSeconds(scanVisibility), MessageAttributeNames: []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}})
	if err != nil {
		return nil, q.explain(ctx, "receive from the queue "+nameIn(q.dead), err)
	}
	corpses := make([]corpse, len(out.Messages))
	for i, m := range out.Messages {
		corpses[i] = corpse{id: aws.ToString(m.MessageId), handle: aws.ToString(m.ReceiptHandle), msg: message(m)}
		corpses[i].letter = q.letter(corpses[i].msg, m.Attributes)
		if corpses[i].letter.Event == nil {
			q.opts.Log.Warn("a dead letter is none of bellhop's", "queue", nameIn(q.dead), "message", corpses[i].id)
		}
	}
	return corpses, nil
}

// letter reads a dead letter. What the redrive policy moved tells neither when
// nor why: it says when it was first handed out.
func (q *Queue) letter(m amazon.Message, system map[string]string) queue.DeadEvent {
	e, err := amazon.Decode(m)
	if _, elsewhere := errors.AsType[*amazon.RefError](err); err != nil && !elsewhere {
		return queue.DeadEvent{}
	}
	d := queue.DeadEvent{Event: e, Reason: m.Attributes[attrReason]}
	byPolicy := system[string(types.MessageSystemAttributeNameDeadLetterQueueSourceArn)] != "" || d.Reason == ""
	if !byPolicy {
		d.Attempts, _ = strconv.Atoi(m.Attributes[attrAttempts]) // 0 if it is unknown
		d.DiedAt, err = time.Parse(time.RFC3339Nano, m.Attributes[attrDiedAt])
	}
	if byPolicy || err != nil && d.DiedAt.IsZero() {
		ms, _ := strconv.ParseInt(system[string(types.MessageSystemAttributeNameApproximateFirstReceiveTimestamp)], 10, 64)
		d.DiedAt = time.UnixMilli(ms).UTC()
	}
	if byPolicy {
		d.Attempts = q.cached().attrs.MaxAttempts
		d.Reason = fmt.Sprintf("it was handed out %d times, and nobody said what became of it", d.Attempts)
	}
	return d
}

// putDown gives messages back to the dead-letter queue, also when ctx is done.
func (q *Queue) putDown(ctx context.Context, keep []change) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closePatience)
	defer cancel()
	for _, err := range q.changeIn(ctx, q.dead, keep) {
		if err != nil && !errors.Is(err, errStale) {
			q.opts.Log.Warn("give back dead letters that were looked at: they are hidden for a while", "for", scanVisibility, "err", err)
			return
		}
	}
}

// DeadLetters implements [queue.DeadLetters]. It sorts the up to 1,000 that SQS
// hands out when asked, or 20,000 when asked for more than that, which need not be the
// newest of more, and those that another process is looking at are not among them.
func (q *Queue) DeadLetters(ctx context.Context, after queue.Cursor, limit int) ([]queue.DeadEvent, error) {
	var letters []queue.DeadEvent
	through := listLimit
	if limit > listLimit {
		through = searchLimit
	}
	err := q.scan(ctx, through, func(corpses []corpse) (map[string]bool, bool) {
		for _, c := range corpses {
			c.letter.Event.Body = nil
			letters = append(letters, c.letter)
		}
		return nil, false
	})
	return queue.PageOf(letters, after, limit), err
}

// DeadLetter implements [queue.DeadLetters]. A body that the bucket has lost is
// left out.
func (q *Queue) DeadLetter(ctx context.Context, id bellhop.EventID) (d queue.DeadEvent, err error) {
	var found *corpse
	err = q.scan(ctx, searchLimit, func(corpses []corpse) (map[string]bool, bool) {
		for i, c := range corpses {
			if c.letter.Event.ID == id {
				found = &corpses[i]
			}
		}
		return nil, found != nil
	})
	if err != nil {
		return d, err
	}
	if found == nil {
		return d, noLetter(id)
	}
	d = found.letter
	if d.Event, err = q.codec.Decode(ctx, found.msg); bellhop.IsPermanent(err) && d.Event != nil {
		err = nil
	}
	return d, err
}

func noLetter(id bellhop.EventID) error {
	return bellhop.Errorf(bellhop.NotFound, "dead_letter_not_found", "there is no dead letter %s that SQS hands out now", id)
}
