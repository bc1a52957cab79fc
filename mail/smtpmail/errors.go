package smtpmail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"bellhop/mail"
)

// unsent classifies an error before the first command of a message. A server's own words stay out of it: they may hold
// an address.
func unsent(ctx context.Context, err error) error {
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		return answered(answer.Code, fmt.Errorf("the mail server answers %d before it takes a message", answer.Code))
	}
	if ctx.Err() != nil {
		return &mail.Error{Reason: mail.ReasonUnavailable, Cause: fmt.Errorf("reach the mail server: %w", context.Cause(ctx))}
	}
	reason := mail.ReasonNotAllowed // its certificate, or it lacks what we insist on
	if away(err) {
		reason = mail.ReasonUnavailable
	}
	return &mail.Error{Reason: reason, Cause: fmt.Errorf("reach the mail server: %w", err)}
}

// answered classifies an answer to something else than a recipient or a message.
func answered(code int, cause error) error {
	if code >= 500 {
		return &mail.Error{Reason: mail.ReasonNotAllowed, Cause: cause}
	}
	return &mail.Error{Reason: mail.ReasonUnavailable, Cause: cause}
}

// away reports whether a connection failed, rather than what came through it.
func away(err error) bool {
	_, ofNet := errors.AsType[*net.OpError](err)
	_, ofNames := errors.AsType[*net.DNSError](err)
	return ofNet || ofNames || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed)
}

// failed classifies an error in the middle of a message.
func failed(ctx context.Context, err error) error {
	e, ok := errors.AsType[*gomail.SendError](err)
	if !ok {
		return unsent(ctx, err)
	}
	code := e.ErrorCode()
	cause := errors.New(strings.TrimSpace(fmt.Sprintf("%s: the mail server answers %d %s", e.Reason, code,
		e.EnhancedStatusCode())))
	if code == 0 {
		cause = fmt.Errorf("%s: the mail server does not answer", e.Reason)
		if ctx.Err() != nil {
			cause = fmt.Errorf("%s: %w", e.Reason, context.Cause(ctx))
		}
	}
	switch {
	case code == 0 && e.Reason == gomail.ErrSMTPDataClose:
		return &mail.Error{Reason: mail.ReasonUnknown, Cause: cause}
	case code < 500:
		return &mail.Error{Reason: mail.ReasonUnavailable, Cause: cause}
	case e.Reason == gomail.ErrSMTPRcptTo && !strings.HasPrefix(e.EnhancedStatusCode(), "5.7."): // which is a policy
		return &mail.Error{Reason: mail.ReasonRecipient, Cause: cause}
	case e.Reason == gomail.ErrSMTPData, e.Reason == gomail.ErrSMTPDataClose:
		return &mail.Error{Reason: mail.ReasonRefused, Cause: cause}
	}
	return answered(code, cause)
}
