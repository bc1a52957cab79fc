package rabbit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
	"bellhop/internal/wait"
)

// Options say how a [Publisher] works. The zero value serves.
type Options struct {
	Name        string // of its connections, at the broker
	Connections int    // at the most; 1 if 0. More are dialled only when one has much to do
	Limit       int64  // of a message's body, beside the broker's own; 0 is none
	Log         *slog.Logger
}

// Publisher publishes messages and returns once the broker has confirmed them. It connects at the
// first use and after each loss, and sends unconfirmed messages again as long as their callers
// wait. So a message can arrive more than once.
//
// Its connections are for publishing alone: an alarm of the broker blocks publishing connections,
// and consumers have to go on.
type Publisher struct {
	target Target
	opts   Options
	life   context.Context
	end    context.CancelFunc
	lines  sync.WaitGroup
	limit  atomic.Int64 // ours, and once it is known the broker's max_message_size; 0 is none

	mu      sync.Mutex
	started int
	links   []*link        // the working ones
	changed wait.Broadcast // links changed
	down    time.Time      // since when there has been no link
	why     error          // why the last dial failed
}

// NewPublisher returns a publisher. It dials nothing yet.
func NewPublisher(t Target, o Options) *Publisher {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	p := &Publisher{target: t, opts: o, down: time.Now()}
	p.limit.Store(o.Limit)
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

// Close ends its connections. Unconfirmed messages fail.
func (p *Publisher) Close() {
	p.end()
	p.lines.Wait()
}

// Message is a message to publish.
type Message struct {
	Exchange string // "" sends to the queue that Key names
	Key      string
	amqp.Publishing
}

// TooLargeError says that no message of this size is sent. The broker's max_message_size is known only
// once it has refused one.
type TooLargeError struct{ Size, Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("a message has %d bytes, and may have %d", e.Size, e.Limit)
}

// Limit is the most bytes that a message's body may have, as far as it is known; 0 is no limit.
func (p *Publisher) Limit() int64 { return p.limit.Load() }

// Publish publishes one persistent message, and waits until ctx is done for its
// confirmation. An exchange that routes it nowhere is no error.
func (p *Publisher) Publish(ctx context.Context, exchange, key string, headers map[string]any, contentType string,
	body []byte) error {
	return p.send(ctx, &Message{Exchange: exchange, Key: key, Publishing: amqp.Publishing{
		Headers: headers, ContentType: contentType, DeliveryMode: amqp.Persistent, Body: body}}, false)
}

// inFlight is how many messages of one call are on their way at once.
const inFlight = window / 4

// Send publishes messages that must each reach a queue, as persistent ones with
// a MessageId each, and returns the error of each in a slice; nil if there is
// none. They arrive in their order while nothing goes wrong. patience is how long
// it may take until one more is confirmed.
func (p *Publisher) Send(ctx context.Context, patience time.Duration, messages ...*Message) []error {
	if len(messages) == 1 {
		if err := p.sendOne(ctx, patience, messages[0]); err != nil {
			return []error{err}
		}
		return nil
	}
	errs := make([]error, len(messages))
	failed := false
	for at := 0; at < len(messages); at += inFlight {
		end := min(at+inFlight, len(messages))
		failed = p.sendSome(ctx, patience, messages[at:end], errs[at:end]) || failed
	}
	if !failed {
		return nil
	}
	return errs
}

// sendSome sends messages by one connection, and each that this was in vain for
// by itself.
func (p *Publisher) sendSome(ctx context.Context, patience time.Duration, messages []*Message,
	errs []error) (failed bool) {
	flights := make([]*flight, len(messages))
	bounded, cancel := context.WithTimeout(ctx, patience)
	if l, err := p.link(bounded); err == nil {
		for i, m := range messages {
			m.DeliveryMode = amqp.Persistent
			if p.check(m) != nil {
				continue // sendOne returns its error
			}
			if flights[i], _, err = l.begin(bounded, m, true); err != nil {
				break
			}
		}
	}
	cancel()
	for i, f := range flights {
		if f != nil {
			bounded, cancel := context.WithTimeout(ctx, patience)
			_, err := f.land(bounded)
			cancel()
			if err == nil {
				continue
			}
		}
		errs[i] = p.sendOne(ctx, patience, messages[i])
		failed = failed || errs[i] != nil
	}
	return failed
}

func (p *Publisher) sendOne(ctx context.Context, patience time.Duration, m *Message) error {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m.DeliveryMode = amqp.Persistent
	err := p.send(bounded, m, true)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// send tries until the broker has the message or ctx is done.
func (p *Publisher) send(ctx context.Context, m *Message, mandatory bool) error {
	for {
		if err := p.check(m); err != nil {
			return err
		}
		l, err := p.link(ctx)
		if err != nil {
			return err
		}
		answer, err := l.publish(ctx, m, mandatory)
		switch {
		case err == nil:
			return nil
		case answer:
			return p.target.Explain("publish to "+m.where(), err)
		case ctx.Err() != nil:
			return p.late(ctx, err)
		}
	}
}

// check refuses messages for which RabbitMQ would close the connection or the channel.
func (p *Publisher) check(m *Message) error {
	for _, text := range []string{m.Exchange, m.Key, m.ContentType, m.MessageId} {
		if len(text) > 255 {
			return bellhop.Invalidf("rabbitmq_text", "a name of %d bytes is too long for RabbitMQ, which takes 255", len(text))
		}
	}
	if limit := p.limit.Load(); limit > 0 && int64(len(m.Body)) > limit {
		return &TooLargeError{int64(len(m.Body)), limit}
	}
	return nil
}

func (m *Message) where() string {
	if m.Exchange == "" {
		return "the queue " + m.Key
	}
	return "the exchange " + m.Exchange
}

func (p *Publisher) late(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return &bellhop.Error{Kind: bellhop.Unavailable, Code: codeUnavailable, Cause: err,
		Message: "RabbitMQ at " + p.target.Addr + " has not confirmed in time: try again later"}
}

// failFast is how long publishers wait without a connection before they fail at once.
const failFast = time.Second

// link returns the connection with the least to do, and waits for one.
func (p *Publisher) link(ctx context.Context) (*link, error) {
	for {
		l, changed, err := p.pick()
		if l != nil || err != nil {
			return l, err
		}
		select {
		case <-changed:
		case <-p.life.Done():
			return nil, unavailable("this publisher is closed")
		case <-ctx.Done():
			return nil, p.unlinked(ctx)
		}
	}
}

// unlinked says why there was no connection in time.
func (p *Publisher) unlinked(ctx context.Context) error {
	p.mu.Lock()
	why := p.why
	p.mu.Unlock()
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if why == nil {
		why = unavailable("RabbitMQ at %s did not answer in time: see that it runs and that no firewall is between",
			p.target.Addr)
	}
	return why
}

// busy is how much a connection has to do when another one is worth dialling.
const busy = 32

func (p *Publisher) pick() (best *link, changed <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.links {
		if reason := l.blocked.Load(); reason != nil {
			return nil, nil, unavailable("RabbitMQ at %s accepts no messages just now (%s): free up the resource; it then "+
				"goes on by itself", p.target.Addr, *reason)
		}
		if best == nil || l.due.Load() < best.due.Load() {
			best = l
		}
	}
	if best == nil && p.why != nil && time.Since(p.down) > failFast {
		return nil, nil, p.why
	}
	if p.started == 0 || best != nil && p.started == len(p.links) && p.started < p.opts.Connections &&
		best.due.Load() > busy {
		if p.life.Err() != nil {
			return nil, nil, unavailable("this publisher is closed")
		}
		p.started++
		p.lines.Go(p.line)
	}
	return best, p.changed.Next(), nil
}

// line keeps one connection up until the publisher ends.
func (p *Publisher) line() {
	const first, most = 20 * time.Millisecond, time.Second
	for pause := first; p.life.Err() == nil; pause = min(most, 2*pause) {
		l, err := p.dial()
		if err != nil {
			p.failed(err)
		} else {
			p.join(l)
			err = l.watch(p.life)
			p.leave(l, err)
			p.lines.Go(l.drain)
			pause = first
		}
		wait.Pause(p.life, pause)
	}
}

func (p *Publisher) failed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.why = err
	p.changed.Fire()
}

func (p *Publisher) join(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why != nil {
		p.opts.Log.Info("connected to RabbitMQ again", "addr", p.target.Addr)
	}
	p.links, p.why = append(p.links, l), nil
	p.changed.Fire()
}

func (p *Publisher) leave(l *link, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.links = slices.DeleteFunc(p.links, func(other *link) bool { return other == l })
	if len(p.links) == 0 {
		p.down, p.why = time.Now(), p.target.Explain("keep connected", err)
	}
	if p.life.Err() == nil {
		p.opts.Log.Warn("lost a connection to RabbitMQ", "addr", p.target.Addr, "err", p.target.Explain("publish", err))
	}
	p.changed.Fire()
}
