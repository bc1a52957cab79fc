package rabbit

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
)

// window is how many messages may be on their way in one connection.
const window = 512

// stall is how long nothing may be confirmed, although something is due, before
// a connection counts as dead.
const stall = 2 * time.Second

// refusing is how long the broker may refuse everything on one channel before the publisher opens
// another: a channel that used a quorum queue just after its leader's node died may refuse for ever
// (RabbitMQ 3.10).
const refusing = time.Second

// link is one connection that publishes, with one channel.
type link struct {
	p     *Publisher
	conn  *amqp.Connection
	wire  *conn
	ch    *amqp.Channel
	slots chan struct{} // each message on its way holds one
	gone  chan struct{} // closed when the channel is, with why set
	why   error

	due atomic.Int64 // messages on their way
	// when the last confirmation came, or the first message since all were confirmed left; in nanoseconds
	confirmed atomic.Int64
	blocked   atomic.Pointer[string]

	mu       sync.Mutex
	returns  chan amqp.Return
	returned map[string]string // by MessageId
	refused  map[way]time.Time // since when nothing but refusals came of it
}

// way is where a message goes.
type way struct{ exchange, key string }

func (p *Publisher) dial() (*link, error) {
	c, wire, err := p.target.dial(p.life, p.opts.Name)
	if err != nil {
		return nil, err
	}
	l := &link{p: p, conn: c, wire: wire, slots: make(chan struct{}, window), gone: make(chan struct{}),
		returned: map[string]string{}, refused: map[way]time.Time{}}
	defer context.AfterFunc(p.life, func() { wire.Close() })()
	slow := time.AfterFunc(p.target.timeout, func() { wire.Close() })
	defer slow.Stop()
	if l.ch, err = c.Channel(); err == nil {
		err = l.ch.Confirm(false)
	}
	if err != nil {
		wire.Close()
		return nil, p.target.Explain("open a channel", err)
	}
	// The broker returns a message before it confirms it, and no more are on
	// their way than there is room for.
	l.returns = l.ch.NotifyReturn(make(chan amqp.Return, window))
	return l, nil
}

// watch returns why the link ended, once it has.
func (l *link) watch(ctx context.Context) error {
	closed := l.ch.NotifyClose(make(chan *amqp.Error, 1))
	blocked := l.conn.NotifyBlocked(make(chan amqp.Blocking, 8))
	tick := time.NewTicker(stall / 8)
	defer tick.Stop()
	for l.why == nil {
		select {
		case e, ok := <-closed:
			l.ended(e, ok)
		case b, ok := <-blocked:
			l.block(b, ok)
			if !ok {
				blocked = nil
			}
		case <-tick.C:
			if l.stalled(time.Now()) {
				l.why = unavailable("RabbitMQ at %s has confirmed nothing for %v: see that it runs and that no firewall is "+
					"between", l.p.target.Addr, stall)
			}
			if key, ok := l.refuses(time.Now()); ok {
				l.why = unavailable("RabbitMQ at %s refuses messages to %s: see whether the queue has a leader and "+
					"no limit of length", l.p.target.Addr, key)
			}
		case <-ctx.Done():
			l.why = context.Cause(ctx)
		}
	}
	close(l.gone)
	if ctx.Err() != nil {
		Hangup(l.conn)
	}
	l.wire.Close()
	return l.why
}

// drain waits until each message under way has freed its slot. A caller may hold several
// while it sends the first of them again over the next link.
func (l *link) drain() {
	for range cap(l.slots) {
		l.slots <- struct{}{}
	}
}

var tooLarge = regexp.MustCompile(`message size (\d+) is larger than (?:configured )?max size (\d+)`)

func (l *link) ended(e *amqp.Error, ok bool) {
	if !ok || e == nil {
		l.why = amqp.ErrClosed
		return
	}
	l.why = e
	if m := tooLarge.FindStringSubmatch(e.Reason); m != nil {
		if limit, err := strconv.ParseInt(m[2], 10, 64); err == nil {
			l.p.limit.Store(limit)
		}
	}
}

func (l *link) block(b amqp.Blocking, ok bool) {
	if !ok || !b.Active {
		l.blocked.Store(nil)
		l.confirmed.Store(time.Now().UnixNano())
		return
	}
	l.p.opts.Log.Warn("RabbitMQ accepts no messages just now", "addr", l.p.target.Addr, "reason", b.Reason)
	l.blocked.Store(&b.Reason)
}

func (l *link) stalled(now time.Time) bool {
	return l.blocked.Load() == nil && l.due.Load() > 0 && now.Sub(time.Unix(0, l.confirmed.Load())) > stall
}

// publish sends a message and waits for the confirmation. answer means that err is the broker's
// verdict on this message, so that a retry is useless.
func (l *link) publish(ctx context.Context, m *Message, mandatory bool) (answer bool, err error) {
	f, answer, err := l.begin(ctx, m, mandatory)
	if err != nil {
		return answer, err
	}
	return f.land(ctx)
}

// flight is a message on its way.
type flight struct {
	*link
	m            *Message
	confirmation *amqp.DeferredConfirmation
}

// begin sends a message as soon as there is room for it. It has to land.
func (l *link) begin(ctx context.Context, m *Message, mandatory bool) (f *flight, answer bool, err error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.gone:
		answer, err = l.blames(m)
		return nil, answer, err
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	if l.due.Add(1) == 1 {
		l.confirmed.Store(time.Now().UnixNano())
	}
	confirmation, err := l.ch.PublishWithDeferredConfirm(m.Exchange, m.Key, mandatory, false, m.Publishing)
	if err != nil {
		l.done()
		answer, err = l.lost(ctx, m, err)
		return nil, answer, err
	}
	return &flight{l, m, confirmation}, false, nil
}

// land waits for the confirmation.
func (f *flight) land(ctx context.Context) (answer bool, err error) {
	select {
	case <-f.confirmation.Done():
		return f.settle(ctx, f.m, f.confirmation)
	case <-ctx.Done():
		// Its place is free only once it is confirmed, or the link gone.
		go func() {
			defer f.done()
			<-f.confirmation.Done()
			if f.confirmation.Acked() {
				f.taken(f.m)
			} else {
				f.noteRefusal(f.m)
			}
		}()
		return false, ctx.Err()
	}
}

func (l *link) done() {
	l.due.Add(-1)
	<-l.slots
}

func (l *link) settle(ctx context.Context, m *Message, confirmation *amqp.DeferredConfirmation) (answer bool,
	err error) {
	l.done()
	if !confirmation.Acked() {
		l.noteRefusal(m)
		return l.lost(ctx, m, errors.New("RabbitMQ refused it"))
	}
	l.confirmed.Store(time.Now().UnixNano())
	if why, ok := l.taken(m); ok {
		return true, bellhop.Errorf(bellhop.NotFound, "rabbitmq_unroutable",
			"RabbitMQ knows no queue %s (%s): create it with bellhop queue create", m.Key, why)
	}
	return false, nil
}

func (l *link) noteRefusal(m *Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w := (way{m.Exchange, m.Key}); l.refused[w].IsZero() {
		l.refused[w] = time.Now()
	}
}

// refuses returns where nothing gets through although others may.
func (l *link) refuses(now time.Time) (where string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for w, since := range l.refused {
		if now.Sub(since) > refusing {
			return (&Message{Exchange: w.exchange, Key: w.key}).where(), true
		}
	}
	return "", false
}

// taken notes that a message was confirmed, and reports whether it was returned
// before. It takes in all that were.
func (l *link) taken(m *Message) (why string, returned bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.refused, way{m.Exchange, m.Key})
	for len(l.returns) > 0 {
		r, open := <-l.returns
		if !open {
			break
		}
		l.returned[r.MessageId] = fmt.Sprint(r.ReplyCode, " ", r.ReplyText)
	}
	why, returned = l.returned[m.MessageId]
	delete(l.returned, m.MessageId)
	return why, returned
}

// lost handles a message without a confirmation: the link is gone, which shows a
// moment later, or the queue can't take the message now.
func (l *link) lost(ctx context.Context, m *Message, err error) (answer bool, _ error) {
	select {
	case <-l.gone:
		return l.blames(m)
	case <-time.After(10 * time.Millisecond):
		return false, err
	case <-ctx.Done():
		return false, err
	}
}

// blames reports whether this message ended the link: its exchange is missing, or bellhop may not
// publish to it.
func (l *link) blames(m *Message) (answer bool, err error) {
	e, ok := errors.AsType[*amqp.Error](l.why)
	name := m.Exchange
	if name == "" {
		name = "amq.default"
	}
	if ok && (e.Code == amqp.NotFound || e.Code == amqp.AccessRefused) &&
		strings.Contains(e.Reason, "exchange '"+name+"'") {
		return true, e
	}
	return false, l.why
}
