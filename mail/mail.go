// Package mail is the port to the service that delivers e-mail. A driver makes one attempt to hand over one message
// and reports the result; whoever sends decides whether to try again. Drivers are in the subfolders and pass
// [bellhop/mail/mailtest].
package mail

import (
	"context"
	"errors"
	"fmt"
)

// Message is a mail to one address, in whichever language its texts are.
type Message struct {
	To      string // a plain address, as bellhop.ParseEmail takes it
	Subject string // one line; a driver puts spaces for line breaks
	Text    string // plain text; lines end in \n
}

// Sender makes attempts.
type Sender interface {
	// Send makes one attempt. Any error is an [*Error]. Send may be called from many goroutines at once. It takes half
	// a minute at most, and returns soon after ctx is done.
	Send(ctx context.Context, m Message) error
	// Check reaches the service and signs in without sending anything, for doctor. It returns as Send does.
	Check(ctx context.Context) error
}

// Reason says why an attempt failed.
type Reason string

// The reasons.
const (
	// ReasonRecipient: the service refuses the address. Final.
	ReasonRecipient Reason = "recipient"
	// ReasonRefused: the service refuses this message. Final.
	ReasonRefused Reason = "refused"
	// ReasonNotAllowed: the service does not let us; the login, the sender or its certificate is wrong. Somebody
	// mends that: try again.
	ReasonNotAllowed Reason = "not_allowed"
	// ReasonUnavailable: the service is in trouble and did not take the message; try again.
	ReasonUnavailable Reason = "unavailable"
	// ReasonUnknown: no answer came to the whole message, which may have been taken or not.
	ReasonUnknown Reason = "unknown"
)

// Error is a failed attempt.
type Error struct {
	Reason Reason
	Cause  error // holds no recipient and no secret
}

func (e *Error) Error() string {
	if e.Cause == nil {
		return string(e.Reason)
	}
	return fmt.Sprintf("%s: %v", e.Reason, e.Cause)
}

func (e *Error) Unwrap() error { return e.Cause }

// AsError returns err as an [*Error]. One that no driver classified is [ReasonUnknown].
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Reason: ReasonUnknown, Cause: err}
}
