package sqsqueue

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bellhop"
	"bellhop/internal/amazon"
)

// SQS bounds a batch; bellhop bounds the batches under way. Up to eagerBatches start at
// once with any number of entries. Beyond that only full ones do: a partial one waits for
// another to come back. Each request costs the same however much it carries.
const (
	batchSize    = 10
	eagerBatches = 4
	maxBatches   = 32
)

// sendPatience bounds a send, together with eventPatience for each event. Shopify
// waits 5 s for an answer.
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

// call is one waiting Send.
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
// several are sent, an error says how many SQS took. Nothing is sent if one of them
// never could be.
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
	return bellhop.Errorf(bellhop.Unavailable, "sqs_slow", "send to the queue %s: SQS has not answered within %v",
		q.name, sendPatience)
}

// reject counts an event that fits into no message. The caller logs the error.
func (q *Queue) reject(ctx context.Context, e *bellhop.Event, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if bellhop.KindOf(err) == bellhop.TooLarge && q.opts.Rejected != nil {
		q.opts.Rejected()
	}
	return fmt.Errorf("send event %s (%s) of %s: %w", e.ID, e.Topic, e.Shop, err)
}

// tally makes one error of all entries' errors.
func tally(entries []*entry) error {
	var errs []error
	for _, e := range entries {
		if e.err != nil {
			errs = append(errs, e.err)
		}
	}
	if len(errs) == 0 || len(entries) == 1 {
		return errors.Join(errs...)
	}
	return fmt.Errorf("%d of %d events were not taken: %w", len(errs), len(entries), errs[0])
}

// marks returns the message group and, in a FIFO queue, the deduplication id.
func (q *Queue) marks(e *bellhop.Event, once string) (group, dedup string) {
	if q.fifo {
		dedup = mark(cmp.Or(once, e.ID.String()))
	}
	return mark(e.Shop), dedup
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

// outbox gathers the entries of concurrent callers.
type outbox struct {
	send func(batch []*entry) // sets each entry's error

	mu       sync.Mutex
	waiting  []*entry
	inFlight int
	sending  sync.WaitGroup
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
		o.inFlight++
		o.sending.Go(func() { o.sendAll(batch) })
	}
}

// take removes one batch if it may go out now; with the lock. While eagerBatches are out,
// one of them comes back for the rest.
func (o *outbox) take() []*entry {
	if o.inFlight >= maxBatches || o.inFlight >= eagerBatches && len(o.waiting) < batchSize {
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

// sendAll sends a batch, then the entries that gathered meanwhile.
func (o *outbox) sendAll(batch []*entry) {
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
		o.inFlight--
		if batch = o.take(); len(batch) > 0 {
			o.inFlight++
		}
		o.mu.Unlock()
	}
}

// wait returns once no batch is under way.
func (o *outbox) wait() { o.sending.Wait() }
