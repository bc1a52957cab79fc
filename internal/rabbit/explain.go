package rabbit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
)

// Codes of errors that this package makes.
const (
	codeURL         = "rabbitmq_url"
	codeUnavailable = "rabbitmq_unavailable"
)

// diagnose says in one line why bellhop can't connect, and how to fix it. wire is nil until a TCP
// connection, and TLS, was established.
func (t Target) diagnose(ctx context.Context, err error, wire *conn) error {
	if wire == nil {
		return t.unreached(ctx, err)
	}
	first, began, ended := wire.said()
	e, _ := errors.AsType[*amqp.Error](err)
	switch {
	case began && first == 0x15 && t.TLS == nil:
		return wrong("RabbitMQ at %s requires TLS: write amqps: in its URL", t.Addr)
	case ctx.Err() != nil:
		return t.silent(ctx)
	case e != nil && e.Server:
		return t.refusal(e)
	case errors.Is(err, amqp.ErrCredentials) && (errors.Is(ended, io.EOF) || errors.Is(ended, syscall.ECONNRESET)):
		// The broker closes without a word, and unread data resets the connection.
		return t.badCredentials()
	case errors.Is(err, amqp.ErrSASL):
		return wrong("RabbitMQ at %s offers no way to sign in that the URL allows: see its auth_mechanisms", t.Addr)
	case began && first != 1:
		return wrong("the server at %s is not RabbitMQ: correct host and port in its URL", t.Addr)
	}
	return unavailable("RabbitMQ at %s broke the connection off: see its log, and whether host, port and TLS in its URL "+
		"are right", t.Addr)
}

func (t Target) badCredentials() error {
	if t.external {
		return wrong("RabbitMQ at %s lets nobody sign in with this certificate: correct certfile in its URL, or see "+
			"its plugin rabbitmq_auth_mechanism_ssl", t.Addr)
	}
	return wrong("RabbitMQ at %s refuses user %s with this password: correct them in its URL", t.Addr, t.User)
}

// unreached explains failures before the first AMQP frame.
func (t Target) unreached(ctx context.Context, err error) error {
	host, _, _ := net.SplitHostPort(t.Addr)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return unavailable("nothing answers at %s: start RabbitMQ, or correct host and port in its URL", t.Addr)
	case is[*net.DNSError](err):
		return unavailable("there is no host %s: correct it in RabbitMQ's URL", clip(host))
	case is[tls.RecordHeaderError](err):
		return wrong("RabbitMQ at %s does not support TLS there: give its TLS port, or write amqp: in its URL if the "+
			"network is safe", t.Addr)
	case is[x509.UnknownAuthorityError](err), is[x509.HostnameError](err), is[*tls.CertificateVerificationError](err):
		return wrong("the certificate of RabbitMQ at %s can't be trusted: give its authority with cacertfile=FILE in "+
			"the URL, and the host by the name in the certificate", t.Addr)
	case ctx.Err() != nil, isTimeout(err):
		return t.silent(ctx)
	case strings.Contains(err.Error(), "remote error: tls:"):
		return wrong("RabbitMQ at %s refuses bellhop's certificate (%v): give a certificate that it trusts with "+
			"certfile and keyfile in its URL", t.Addr, lastPart(err))
	}
	return unavailable("the connection to RabbitMQ at %s broke: see its log, and whether host, port and TLS in its URL "+
		"are right", t.Addr)
}

func (t Target) silent(ctx context.Context) error {
	e := bellhop.Errorf(bellhop.Unavailable, codeUnavailable,
		"RabbitMQ at %s did not answer in time: see that it runs and that no firewall is between", t.Addr)
	e.Cause = context.Cause(ctx)
	return e
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

// lastPart is the end of a chain of wrapped errors.
func lastPart(err error) string { return err.Error()[strings.LastIndex(err.Error(), ": ")+2:] }

// refusal explains RabbitMQ's answer to a new connection.
func (t Target) refusal(e *amqp.Error) error {
	says := t.says(e)
	switch {
	case e.Code == amqp.AccessRefused && strings.Contains(says, "Login was refused"), e.Code == amqp.AccessRefused &&
		strings.Contains(says, "PLAIN login"):
		return t.badCredentials()
	case e.Code == amqp.NotAllowed && strings.Contains(says, "not found"):
		return wrong("there is no virtual host %s at %s: create it with rabbitmqctl add_vhost, or correct the path in "+
			"RabbitMQ's URL", t.VHost, t.Addr)
	case e.Code == amqp.NotAllowed && strings.Contains(says, "access to vhost"):
		return wrong("RabbitMQ at %s does not let user %s into virtual host %s: allow it with rabbitmqctl "+
			"set_permissions -p %s %s '.*' '.*' '.*'", t.Addr, t.User, t.VHost, t.VHost, t.User)
	}
	return unavailable("RabbitMQ at %s says %q: see its log", t.Addr, shorten(says))
}

// says is the broker's own text, without the password if it should ever repeat
// it.
func (t Target) says(e *amqp.Error) string {
	if t.password == "" {
		return e.Reason
	}
	return strings.ReplaceAll(e.Reason, t.password, "***")
}

func shorten(s string) string { return bellhop.Clip(s, 300) }

// Explain turns a broker's trouble into bellhop.Unavailable, a missing queue or
// exchange into bellhop.NotFound, one that differs into bellhop.Conflict, and a
// missing permission into bellhop.Invalid, each a line that says what to do. doing
// names the attempt, such as "declare the queue orders.0".
func (t Target) Explain(doing string, err error) error {
	if _, ours := errors.AsType[*bellhop.Error](err); err == nil || ours || errors.Is(err, context.Canceled) {
		return err
	}
	e, ok := errors.AsType[*amqp.Error](err)
	if !ok && errors.Is(err, context.DeadlineExceeded) {
		return &bellhop.Error{Kind: bellhop.Unavailable, Code: codeUnavailable, Cause: err,
			Message: fmt.Sprintf("%s: RabbitMQ takes too long: try again later", doing)}
	}
	if !ok {
		return fmt.Errorf("%s: %w", doing, err)
	}
	says := t.says(e)
	switch {
	case e.Code == amqp.NotFound && strings.Contains(says, "down or inaccessible"), e.Code == amqp.NotFound &&
		strings.Contains(says, "timed out"):
		return t.busy(doing, says)
	case e.Code == amqp.NotFound:
		return bellhop.Errorf(bellhop.NotFound, "rabbitmq_not_found", "%s: RabbitMQ says %q", doing, shorten(says))
	case e.Code == amqp.AccessRefused:
		return wrong("%s: RabbitMQ does not let user %s do that (%s): allow it with rabbitmqctl set_permissions -p %s "+
			"%s '.*' '.*' '.*'", doing, t.User, shorten(says), t.VHost, t.User)
	case e.Code == amqp.PreconditionFailed && strings.Contains(says, "inequivalent arg"):
		return bellhop.Errorf(bellhop.Conflict, "rabbitmq_differs",
			"%s: it exists with other properties (%s): remove it, or give another name", doing, inequivalent(says))
	case e.Code == amqp.ResourceLocked:
		return bellhop.Errorf(bellhop.Conflict, "rabbitmq_in_use",
			"%s: another connection has exclusive use of it (%s)", doing, shorten(says))
	case e.Code == amqp.PreconditionFailed:
		return bellhop.Errorf(bellhop.Conflict, "rabbitmq_refuses", "%s: RabbitMQ says %q", doing, shorten(says))
	}
	return t.busy(doing, says)
}

func (t Target) busy(doing, says string) error {
	return &bellhop.Error{Kind: bellhop.Unavailable, Code: codeUnavailable, Cause: errors.New(shorten(says)),
		Message: fmt.Sprintf("%s: RabbitMQ at %s is not available: try again later", doing, t.Addr)}
}

// inequivalent leaves of RabbitMQ's text the argument and both values.
func inequivalent(says string) string {
	_, says, _ = strings.Cut(says, "inequivalent arg ")
	return shorten(says)
}

func wrong(format string, args ...any) error {
	return bellhop.Errorf(bellhop.Invalid, codeURL, format, args...)
}

func unavailable(format string, args ...any) error {
	return bellhop.Errorf(bellhop.Unavailable, codeUnavailable, format, args...)
}
