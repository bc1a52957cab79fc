package lambdahost

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/lambda/messages"
)

// The types of the functions' errors, by which a state machine retries and
// catches.
const (
	// TypeUnavailable: another try may succeed.
	TypeUnavailable = "bellhop.Unavailable"
	// TypeDead: none will; the event is a recorded dead letter.
	TypeDead = "bellhop.Dead"
	// TypeNotOurs: the input is no event of bellhop's; the function did nothing.
	TypeNotOurs = "bellhop.NotOurs"
)

// failed returns an error of a type, as Lambda shows it.
func failed(kind string, err error) error {
	return messages.InvokeResponse_Error{Type: kind, Message: err.Error()}
}

func notOurs(format string, args ...any) error {
	return failed(TypeNotOurs, fmt.Errorf(format, args...))
}

// read decodes a function's input. The error does not quote it.
func read(payload []byte, what string, into any) error {
	if err := json.Unmarshal(payload, into); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return notOurs("this is not %s: the field %s is of another kind", what, wrong.Field)
		}
		return notOurs("this is not %s", what)
	}
	return nil
}

// write encodes JSON without the escapes that only browsers need.
func write(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
