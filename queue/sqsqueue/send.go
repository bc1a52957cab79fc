package sqsqueue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"bellhop"
	"bellhop/internal/amazon"
)

// SQS's bounds of a batch, and how many batches are under way at once. Up to
// eagerFlights start at once with whatever there is; beyond that only full ones
// do, and what is not full waits for one to come back. Each request costs the
// same however much it carries.
const (
	batchSize    = 10
	eagerFlights = 4
	maxFlights   = 32
)

// sendPatience bounds a send, together with eventPatience for each event.
// Shopify waits 5 s for an answer.
const (
	sendPatience  = 4 * time.Second
	eventPatience = 5 * time.Millisecond
)

// entry is one message on its way to SQS.
type entry struct {
	msg          amazon.Message
	group, dedup string
	trace        string
	call         *call // of [Queue.Send]; nil for others
	err          error // once it was dispatched
}

// call is one Send that waits.
type call struct {
	ctx    context.Context
	left   atomic.Int64
	landed chan struct{} // closed when none is left
}

func (c *call) done() {
	if c.left.Add(-1) == 0 {
		close(c.landed)
	}
}

// Send implements [queue.Producer]. Each event is durable or not by itself: when
// several are sent and an error returns, it says how many were taken. Nothing is
// sent if one of them never could be.
func (q *Queue) Send(ctx context.Context, events ...*bellhop.Event) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	patience, cancel := context.WithTimeout(ctx, sendPatience+time.Duration(len(events))*eventPatience)
	defer cancel()
	entries := make([]*entry, len(events))
	c := &call{ctx: patience, landed: make(chan struct{})}
	trace := ""
	if q.opts.TraceHeader != nil {
		trace = q.opts.TraceHeader(ctx)
	}
	for i, e := range events {
		msg, err := q.codec.Encode(patience, e)
		if err != nil {
			return q.reject(ctx, e, err)
		}
		entries[i] = &entry{msg: msg, call: c, trace: trace}
		entries[i].group, entries[i].dedup = q.marks(e, e.WebhookID)
	}
	if len(entries) == 0 {
		return nil
	}
	c.left.Store(int64(len(entries)))
	q.outbox.add(entries)
	select {
	case <-c.landed:
		return tally(entries)
	case <-patience.Done():
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return bellhop.Errorf(bellhop.Unavailable, "sqs_slow", "send to the queue %s: SQS has not answered within %v", q.name, sendPatience)
}

// reject tells of an event that can't be carried.
func (q *Queue) reject(ctx context.Context, e *bellhop.Event, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case bellhop.KindOf(err) == bellhop.TooLarge:
		q.opts.Log.Error("an event is too large for the queue, and refused", "event", e.ID, "shop", e.Shop, "topic", e.Topic, "err", err)
		if q.opts.Rejected != nil {
			q.opts.Rejected()
		}
	}
	return err
}

// tally makes one error of all.
func tally(entries []*entry) error {
	var first error
	lost := 0
	for _, e := range entries {
		if e.err != nil {
			lost++
			if first == nil {
				first = e.err
			}
		}
	}
	if first == nil || len(entries) == 1 {
		return first
	}
	return fmt.Errorf("%d of %d events were not taken: %w", lost, len(entries), first)
}

// marks returns what SQS groups and, in a FIFO queue, tells repeats by.
func (q *Queue) marks(e *bellhop.Event, once string) (group, dedup string) {
	group = mark(e.Shop)
	if q.fifo {
		if once == "" {
			once = e.ID.String()
		}
		dedup = mark(once)
	}
	return group, dedup
}

// mark returns s in a form that SQS takes for ids: 1 to 128 letters, digits and
// punctuation marks of ASCII.
func mark(s string) string {
	odd := func(r rune) bool { return r <= ' ' || r >= 0x7F }
	if len(s) > 0 && len(s) <= 128 && !strings.ContainsFunc(s, odd) {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// outbox gathers what concurrent callers send.
type outbox struct {
	send func(batch []*entry) // sets each entry's error

	mu      sync.Mutex
	waiting []*entry
	flights int
	flying  sync.WaitGroup
}

func (o *outbox) add(entries []*entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, entries...)
	for {
		batch := o.take()
		if len(batch) == 0 {
			return
		}
		o.flights++
		o.flying.Go(func() { o.fly(batch) })
	}
}

// take removes one batch if it is to go out now; with the lock. While there are
// eagerFlights, one of them comes back for what is left.
func (o *outbox) take() []*entry {
	if o.flights >= maxFlights || o.flights >= eagerFlights && len(o.waiting) < batchSize {
		return nil
	}
	n := fits(o.waiting)
	batch := o.waiting[:n:n]
	o.waiting = o.waiting[n:]
	return batch
}

// fits returns how many of the first entries fit into one batch: one at least.
func fits(entries []*entry) int {
	size := 0
	for i, e := range entries {
		if size += e.msg.Size(); i == batchSize || i > 0 && size > amazon.MaxMessage {
			return i
		}
	}
	return len(entries)
}

// fly sends a batch, then whatever has gathered meanwhile.
func (o *outbox) fly(batch []*entry) {
	for len(batch) > 0 {
		live := batch[:0]
		for _, e := range batch {
			if e.err = e.call.ctx.Err(); e.err == nil { // nobody waits for it otherwise
				live = append(live, e)
			} else {
				e.call.done()
			}
		}
		if len(live) > 0 {
			o.send(live)
		}
		for _, e := range live {
			e.call.done()
		}
		o.mu.Lock()
		o.flights--
		if batch = o.take(); len(batch) > 0 {
			o.flights++
		}
		o.mu.Unlock()
	}
}

// wait returns once nothing is under way.
func (o *outbox) wait() { o.flying.Wait() }

// dispatch sends one batch to a queue for a caller that has a limit of its own.
func (q *Queue) dispatch(url string, batch []*entry) {
	ctx, cancel := context.WithTimeout(q.life, sendPatience)
	defer cancel()
	q.post(ctx, url, batch)
}

// postAll sends any number of entries to a queue, a few batches at a time.
func (q *Queue) postAll(ctx context.Context, url string, entries []*entry) {
	var g errgroup.Group
	g.SetLimit(fanOut)
	for len(entries) > 0 {
		n := fits(entries)
		batch := entries[:n:n]
		entries = entries[n:]
		g.Go(func() error {
			q.post(ctx, url, batch)
			return nil
		})
	}
	g.Wait() // each entry has its own error
}

// postAttempts is how often an event is sent that SQS could not take just then;
// requests that fail as a whole are repeated by the SDK already.
const postAttempts = 4

// post sends one batch and sets each entry's error. What SQS could not take at
// the moment is sent again.
func (q *Queue) post(ctx context.Context, url string, batch []*entry) {
	backoff := retry.NewExponentialJitterBackoff(time.Second)
	for attempt := 1; ; attempt++ {
		var again []*entry
		if len(batch) == 1 {
			again = q.postOne(ctx, url, batch[0])
		} else {
			again = q.postBatch(ctx, url, batch)
		}
		if len(again) == 0 || attempt == postAttempts {
			return
		}
		delay, err := backoff.BackoffDelay(attempt-1, nil)
		if err != nil || !pause(ctx, delay) {
			return
		}
		batch = again
	}
}

// pause waits; false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (e *entry) attributes() map[string]types.MessageAttributeValue {
	out := make(map[string]types.MessageAttributeValue, len(e.msg.Attributes))
	for name, value := range e.msg.Attributes {
		out[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	return out
}

func (e *entry) system() map[string]types.MessageSystemAttributeValue {
	if e.trace == "" {
		return nil
	}
	return map[string]types.MessageSystemAttributeValue{string(types.MessageSystemAttributeNameForSendsAWSTraceHeader): {
		DataType: aws.String("String"), StringValue: &e.trace}}
}

// some returns nil for what is not to be sent at all.
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (q *Queue) postOne(ctx context.Context, url string, e *entry) (again []*entry) {
	_, err := q.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &e.msg.Body,
		MessageAttributes: e.attributes(), MessageSystemAttributes: e.system(), MessageGroupId: some(e.group), MessageDeduplicationId: some(e.dedup)})
	return q.failed(ctx, url, []*entry{e}, err)
}

func (q *Queue) postBatch(ctx context.Context, url string, batch []*entry) (again []*entry) {
	in := &sqs.SendMessageBatchInput{QueueUrl: &url}
	for i, e := range batch {
		e.err = nil
		in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: &e.msg.Body,
			MessageAttributes: e.attributes(), MessageSystemAttributes: e.system(), MessageGroupId: some(e.group), MessageDeduplicationId: some(e.dedup)})
	}
	out, err := q.client.SendMessageBatch(ctx, in)
	if err != nil {
		return q.failed(ctx, url, batch, err)
	}
	answered := make([]bool, len(batch))
	for _, ok := range out.Successful {
		answered[index(ok.Id, len(batch))] = true
	}
	for _, f := range out.Failed {
		i := index(f.Id, len(batch))
		answered[i] = true
		again = append(again, q.refused(batch[i], f)...)
	}
	for i, ok := range answered {
		if !ok {
			batch[i].err = unavailable(q.name, "SQS did not say what became of an event")
			again = append(again, batch[i])
		}
	}
	return again
}

// index reads the id of an entry, which is its number.
func index(id *string, n int) int {
	i, err := strconv.Atoi(aws.ToString(id))
	if err != nil || i < 0 || i >= n {
		return 0 // whoever answers so can't be believed at all
	}
	return i
}

func unavailable(name, what string) error {
	return bellhop.Errorf(bellhop.Unavailable, "sqs_unavailable", "send to the queue %s: %s", name, what)
}

// failed deals with a request that failed as a whole.
func (q *Queue) failed(ctx context.Context, url string, batch []*entry, err error) (again []*entry) {
	code := amazon.Code(err)
	for _, e := range batch {
		e.err = amazon.Explain(ctx, "send to the queue "+q.name, err)
		if errors.Is(e.err, context.DeadlineExceeded) {
			e.err = unavailable(q.name, "SQS does not answer")
		}
		if code == "InvalidMessageContents" && e.compress() {
			again = append(again, e)
		}
	}
	if code == "BatchRequestTooLong" && len(batch) > 1 {
		for _, e := range batch {
			again = append(again, q.postOne(ctx, url, e)...)
		}
	}
	return again
}

// compress makes of an event what any queue takes; false if it is that already.
func (e *entry) compress() (ok bool) {
	e.msg, ok = e.msg.Compressed()
	return ok
}

// refused deals with one entry that SQS did not take.
func (q *Queue) refused(e *entry, f types.BatchResultErrorEntry) (again []*entry) {
	code := aws.ToString(f.Code)
	switch {
	case strings.Contains(code, "InvalidMessageContents") && e.compress():
		e.err = unavailable(q.name, code)
		return []*entry{e}
	case !f.SenderFault || strings.Contains(code, "Throttl"):
		e.err = unavailable(q.name, "SQS can't take it now: "+code)
		return []*entry{e}
	}
	e.err = bellhop.Errorf(bellhop.Internal, "sqs_refused", "send to the queue %s: SQS refuses an event: %s: %s", q.name, code, aws.ToString(f.Message))
	return nil
}
