package bellhop

import (
	"errors"
	"fmt"
)

// Kind classifies an error. The web maps it to a status, a host to an acknowledgement.
type Kind uint8

// The kinds. An error without one is [Internal].
const (
	Internal        Kind = iota // ours; try again later
	Invalid                     // the input can never be accepted
	Unauthenticated             // the caller is unknown
	Forbidden                   // the caller is known, and may not
	NotFound                    // it does not exist, or not for this caller
	Conflict                    // it contradicts the present state
	Outdated                    // the present state is not the one that the caller asks for
	TooLarge                    // it is above a limit
	RateLimited                 // too often
	Unavailable                 // something it needs is away; try again later
)

// Error is an error with a message that is safe to show to the client. The cause is for the log.
type Error struct {
	Kind    Kind
	Code    string // stable, snake_case; for programs
	Setting string // that is wrong, as an operator wrote it; "" for none
	Message string // for people: plain, without secrets or customer data
	Cause   error
}

func (e *Error) Error() string {
	text := e.Message
	if e.Setting != "" {
		text = e.Setting + ": " + text
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an [*Error] without a cause.
func Errorf(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Invalidf is Errorf([Invalid], …).
func Invalidf(code, format string, args ...any) *Error {
	return Errorf(Invalid, code, format, args...)
}

// KindOf returns the kind of the outermost [*Error] in err's chain.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// CodeOf returns the code of the outermost [*Error] in err's chain; "" without one.
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// IsPermanent reports whether err can never turn into success with the same event, so that a retry
// is useless.
func IsPermanent(err error) bool { return KindOf(err) == Invalid }
