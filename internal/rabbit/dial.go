package rabbit

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop/internal/wait"
)

// Dial connects. name is the connection's name at the broker. Its errors are one line that says
// what is wrong and how to fix it.
func (t Target) Dial(ctx context.Context, name string) (*amqp.Connection, error) {
	c, _, err := t.dial(ctx, name)
	return c, err
}

func (t Target) dial(ctx context.Context, name string) (*amqp.Connection, *conn, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", t.Addr)
	if err != nil {
		return nil, nil, t.diagnose(ctx, err, nil)
	}
	wire := &conn{Conn: raw, wake: make(chan struct{}, 1), gone: make(chan struct{})}
	if t.TLS != nil {
		secured := tls.Client(raw, t.TLS.Clone())
		if err := secured.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, nil, t.diagnose(ctx, err, nil)
		}
		wire.Conn = secured
	}
	wire.flushed.Go(wire.flush)
	defer context.AfterFunc(ctx, func() { wire.Conn.Close() })() // the handshake knows no context
	c, err := amqp.Open(wire, t.config(name))
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		wire.Close()
		return nil, nil, t.diagnose(ctx, err, wire)
	}
	return c, wire, nil
}

func (t Target) config(name string) amqp.Config {
	auth := amqp.Authentication(&amqp.PlainAuth{Username: t.User, Password: t.password})
	if t.external {
		auth = &amqp.ExternalAuth{}
	}
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName(name)
	return amqp.Config{SASL: []amqp.Authentication{auth}, Vhost: t.VHost, Heartbeat: t.heartbeat, Locale: "en_US",
		FrameSize: 128 << 10, Properties: properties}
}

// conn gathers writes and sends them from a goroutine of its own: a message costs no system call of
// its own, and no writer waits for the network. The writers bound how much can gather.
type conn struct {
	net.Conn
	wake    chan struct{}
	gone    chan struct{}
	once    sync.Once
	flushed sync.WaitGroup

	mu      sync.Mutex
	buf     []byte
	err     error
	readErr error
	first   byte // that was read
	began   bool
}

func (c *conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	c.buf = append(c.buf, b...)
	wait.Nudge(c.wake)
	return len(b), nil
}

// keep is how large a buffer may be to be used again.
const keep = 1 << 20

func (c *conn) flush() {
	var spare []byte
	for {
		select {
		case <-c.wake:
		case <-c.gone:
			return
		}
		c.mu.Lock()
		out := c.buf
		c.buf = spare[:0]
		c.mu.Unlock()
		if _, err := c.Conn.Write(out); err != nil {
			c.mu.Lock()
			c.err = err
			c.mu.Unlock()
			c.Conn.Close() // wakes the reader, which tells the rest
			return
		}
		if spare = out; cap(spare) > keep {
			spare = nil
		}
	}
}

// Read notes how the other side began and ended, which says more than the
// library's error.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > 0 && !c.began {
		c.first, c.began = b[0], true
	}
	if err != nil && c.readErr == nil {
		c.readErr = err
	}
	return n, err
}

// said returns the first byte that came, if any, and how reading ended.
func (c *conn) said() (first byte, began bool, ended error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.first, c.began, c.readErr
}

// Close breaks the connection off.
func (c *conn) Close() error {
	c.once.Do(func() { close(c.gone) })
	err := c.Conn.Close()
	c.flushed.Wait()
	return err
}

// Hangup closes a connection, and gives the broker a moment to take the last
// words in.
func Hangup(c *amqp.Connection) {
	c.CloseDeadline(time.Now().Add(2 * time.Second)) // fails if it is gone; so it is closed
}

// Drop breaks a connection off.
func Drop(c *amqp.Connection) { c.CloseDeadline(time.Now()) }
