// Package smtpmail sends mail through an SMTP server that the team has, with STARTTLS or TLS from the first byte on.
// Each message has a connection of its own.
package smtpmail

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"bellhop/mail"
)

const (
	// patience is how long one attempt may take.
	patience = 30 * time.Second
	// farewell is how long a server may take to answer the QUIT after it took a message.
	farewell = time.Second
	// maxAnswers bounds what a server says in one connection, its certificate included.
	maxAnswers = 256 << 10
)

// Options are what a sender needs beside its settings. The zero value serves.
type Options struct {
	Now func() time.Time
	TLS *tls.Config // for servers of tests; nil: the machine's certificates count
	// Dial connects to the server; nil connects as Go does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Sender is the driver. It is safe for use from many goroutines at once.
type Sender struct {
	settings Settings
	tls      *tls.Config
	now      func() time.Time
	dial     gomail.DialContextFunc
}

var _ mail.Sender = (*Sender)(nil)

// New makes a sender. It reaches nothing yet.
func New(s Settings, o Options) *Sender {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	t := cmp.Or(o.TLS, &tls.Config{}).Clone()
	t.ServerName, t.MinVersion = s.Host, tls.VersionTLS12
	return &Sender{settings: s, tls: t, now: o.Now, dial: o.Dial}
}

// Send makes one attempt.
func (s *Sender) Send(ctx context.Context, m mail.Message) error {
	message, err := s.compose(m)
	if err != nil {
		return &mail.Error{Reason: mail.ReasonRefused, Cause: err}
	}
	return s.with(ctx, func(client *gomail.Client, c *smtp.Client) error {
		err := client.SendWithSMTPClient(c, message)
		if message.IsDelivered() {
			return nil // whatever the server said to the farewell
		}
		return err
	})
}

// Check signs in.
func (s *Sender) Check(ctx context.Context) error {
	return s.with(ctx, func(*gomail.Client, *smtp.Client) error { return nil })
}

func (s *Sender) compose(m mail.Message) (*gomail.Msg, error) {
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	message.FromMailAddress(&s.settings.From)
	if err := message.To(m.To); err != nil {
		return nil, errors.New("the recipient is no e-mail address")
	}
	message.Subject(strings.Join(strings.FieldsFunc(m.Subject, func(r rune) bool { return r < ' ' }), " "))
	message.SetMessageIDWithValue(rand.Text() + "@" + s.settings.domain())
	message.SetDateWithValue(s.now())
	message.SetGenHeader("Auto-Submitted", "auto-generated") // so that nobody's holiday answers
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	return message, nil
}

// with calls fn with a connection on which the server took the login. The end of ctx closes the connection, whatever
// goes on there.
func (s *Sender) with(ctx context.Context, fn func(*gomail.Client, *smtp.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var conn net.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	client, err := gomail.NewClient(s.settings.Host, s.options(func(_ context.Context, network, address string) (
		net.Conn, error) {
		var err error
		if conn, err = s.dial(ctx, network, address); err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { conn.Close() })
		return s.encrypted(ctx, &bounded{conn, maxAnswers})
	})...)
	if err != nil {
		return &mail.Error{Reason: mail.ReasonNotAllowed, Cause: err}
	}
	c, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return unsent(ctx, err)
	}
	if err := fn(client, c); err != nil {
		return failed(ctx, err)
	}
	if c.UpdateDeadline(farewell) == nil {
		_ = c.Quit() // what it was for is done
	}
	return nil
}

// options make a client that takes no connection that others could read.
func (s *Sender) options(dial gomail.DialContextFunc) []gomail.Option {
	policy := gomail.TLSMandatory
	if s.settings.loopback() {
		policy = gomail.NoTLS
	}
	all := []gomail.Option{gomail.WithPort(s.settings.Port), gomail.WithTimeout(patience),
		gomail.WithHELO(s.settings.domain()), gomail.WithTLSPolicy(policy), gomail.WithTLSConfig(s.tls),
		gomail.WithDialContextFunc(dial), gomail.WithoutNoop()}
	if s.settings.ImplicitTLS {
		all = append(all, gomail.WithSSL())
	}
	if s.settings.User != "" {
		all = append(all, gomail.WithSMTPAuthCustom(&login{settings: &s.settings}))
	}
	return all
}

// encrypted begins TLS where that comes first.
func (s *Sender) encrypted(ctx context.Context, conn net.Conn) (net.Conn, error) {
	if !s.settings.ImplicitTLS {
		return conn, nil
	}
	t := tls.Client(conn, s.tls)
	return t, t.HandshakeContext(ctx)
}

// login signs in by the mechanism that the server has. Both send the password only through TLS, or to this machine.
type login struct {
	settings *Settings
	smtp.Auth
}

func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	s := l.settings
	if slices.Contains(server.Auth, "PLAIN") {
		l.Auth = smtp.PlainAuth("", s.User, s.Password, s.Host, false)
	} else {
		l.Auth = smtp.LoginAuth(s.User, s.Password, s.Host, false)
	}
	return l.Auth.Start(server)
}

// bounded is a connection that brings so many bytes at most.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (n int, err error) {
	if b.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err = b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
