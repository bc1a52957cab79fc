package rabbit

import (
	"context"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Session is one connection for declarations and queries, one at a time. It connects at the first
// use and after each loss.
type Session struct {
	target Target
	name   string
	turn   chan struct{} // holds one token
	conn   *amqp.Connection
	wire   *conn
	ch     *amqp.Channel
}

// NewSession returns a session. name is the connection's name at the broker.
func NewSession(t Target, name string) *Session {
	s := &Session{target: t, name: name, turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

// Do calls fn with a channel of its own, and closes the channel afterwards: messages received on it
// and not acknowledged go back. When ctx is done, Do breaks the connection, and fn's calls fail.
func (s *Session) Do(ctx context.Context, fn func(*amqp.Channel) error) error {
	return s.use(ctx, func(ch *amqp.Channel) error {
		if err := fn(ch); err != nil {
			ch.Close() // fails if the error closed it
			return err
		}
		return ch.Close()
	}, false)
}

// Ask is Do for questions, with a channel that stays open for the next one: it
// saves two round trips.
func (s *Session) Ask(ctx context.Context, fn func(*amqp.Channel) error) error {
	return s.use(ctx, fn, true)
}

func (s *Session) use(ctx context.Context, fn func(*amqp.Channel) error, shared bool) (err error) {
	select {
	case <-s.turn:
		defer func() { s.turn <- struct{}{} }()
	case <-ctx.Done():
		return s.target.Explain("ask RabbitMQ", ctx.Err())
	}
	if s.conn == nil || s.conn.IsClosed() {
		if s.conn, s.wire, err = s.target.dial(ctx, s.name); err != nil {
			s.conn = nil
			return err
		}
		s.ch = nil
	}
	wire := s.wire
	stop := context.AfterFunc(ctx, func() { wire.Close() })
	defer stop()
	ch := s.ch
	if !shared || ch == nil || ch.IsClosed() {
		if ch, err = s.conn.Channel(); err != nil {
			return s.failed(ctx, err)
		}
		if shared {
			s.ch = ch
		}
	}
	return s.failed(ctx, fn(ch))
}

// failed prefers the reason for breaking the connection to the resulting error.
func (s *Session) failed(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return s.target.Explain("ask RabbitMQ", ctx.Err())
	}
	return err
}

// Close ends the connection.
func (s *Session) Close() {
	<-s.turn
	defer func() { s.turn <- struct{}{} }()
	if s.conn != nil {
		Hangup(s.conn)
		s.conn = nil
	}
}

// DeclareTopic makes a durable exchange of type topic, or finds that it is
// there.
func (s *Session) DeclareTopic(ctx context.Context, name string) error {
	return s.target.Explain("declare the exchange "+name, s.Ask(ctx, func(ch *amqp.Channel) error {
		return ch.ExchangeDeclare(name, amqp.ExchangeTopic, true, false, false, false, nil)
	}))
}
