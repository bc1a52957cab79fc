// Package push is the port to the services that show pushes on an owner's phone. A driver makes one attempt
// to hand over one message and reports the result; [bellhop/pipeline] decides when to try again.
// Drivers are in the subfolders and pass [bellhop/push/pushtest].
package push

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"bellhop"
)

// Message is one device's notification. Form, platform and address are in Device.
type Message struct {
	Device bellhop.Device
	// Tag names the slot in the phone's drawer: a later message with the same
	// tag replaces the earlier one. At most 64 bytes.
	Tag   string
	Title string
	Body  string
	Data  map[string]string // for the app; FCM refuses keys that it reserves
	TTL   time.Duration     // the service drops it after this; 0 means the driver's default
	Level Level
	// Category names the actions that the device offers with it, as its app declared them; "" for none.
	Category string
}

// Level is how much a message may disturb.
type Level string

// The levels.
const (
	Normal Level = ""
	Urgent Level = "urgent" // somebody has to act: it may come through where the owner lets it
	Silent Level = "silent" // it only replaces what is there
)

// The keys of Data by which a device that shows messages itself learns of these.
const (
	KeyLevel    = "level"
	KeyCategory = "category"
)

// WithKeys returns the message's data with its level and category.
func (m *Message) WithKeys() map[string]string {
	data := maps.Clone(m.Data)
	for key, value := range map[string]string{KeyLevel: string(m.Level), KeyCategory: m.Category} {
		if value == "" {
			continue
		}
		if data == nil {
			data = map[string]string{}
		}
		data[key] = value
	}
	return data
}

// Sender makes attempts.
type Sender interface {
	// Send makes one attempt and returns the service's name for the message.
	// It shortens a message that is too long, never refuses it. Any error is a
	// [*Error]. Send may be called from many goroutines at once; it returns
	// soon after ctx is done, and then the outcome is unknown unless it is
	// certain that nothing was sent.
	Send(ctx context.Context, m Message) (name string, err error)

	// Takes reports whether the driver sends to addresses of a kind.
	Takes(k bellhop.AddressKind) bool

	// Service names the service that a device's messages share and fail with: an FCM project or a
	// browser maker's host, as "fcm:" or "webpush:" and its name.
	Service(d bellhop.Device) string

	// Check reaches the service without sending anything, for doctor. Where the
	// service can say so, Check asks whether it would take a message to one of the
	// devices: a yes shows that the credentials are right. The error says what to mend.
	Check(ctx context.Context, devices ...bellhop.Device) error

	// Close releases the sender's resources. Attempts under way end by themselves.
	Close() error
}

// Reason says why an attempt failed.
type Reason string

// The reasons.
const (
	// ReasonUnregistered: the device is gone; retire it. Final.
	ReasonUnregistered Reason = "unregistered"
	// ReasonBadAddress: the address is not one the service knows the form of;
	// retire it. Final.
	ReasonBadAddress Reason = "bad_address"
	// ReasonRefused: the service refuses this message for any device. Final.
	ReasonRefused Reason = "refused"
	// ReasonNotAllowed: the service does not let us; the credentials, the project
	// or this machine's clock are wrong. Somebody mends that: try again.
	ReasonNotAllowed Reason = "not_allowed"
	// ReasonUnproven: the service says that the device is gone or malformed, which
	// it says of every device when the credentials are of another project, and
	// it has not taken anything with them yet: keep the device, and try again.
	ReasonUnproven Reason = "unproven"
	// ReasonQuota: too many; try again after RetryAfter.
	ReasonQuota Reason = "quota"
	// ReasonUnavailable: the service is in trouble, and says that it did not
	// take the message; try again.
	ReasonUnavailable Reason = "unavailable"
	// ReasonUnknown: no answer came, so that the message may have been taken
	// or not; try again with the same tag.
	ReasonUnknown Reason = "unknown"
)

// Error is a failed attempt.
type Error struct {
	Reason     Reason
	RetryAfter time.Duration // as the service asked; 0 if it did not
	// Own says that only the device fails, if the service takes messages to others.
	Own   bool
	Cause error // holds no address and no secret
}

func (e *Error) Error() string {
	if e.Cause == nil {
		return string(e.Reason)
	}
	return fmt.Sprintf("%s: %v", e.Reason, e.Cause)
}

func (e *Error) Unwrap() error { return e.Cause }

// Final reports whether a retry is useless.
func (r Reason) Final() bool {
	switch r {
	case ReasonNotAllowed, ReasonUnproven, ReasonQuota, ReasonUnavailable, ReasonUnknown:
		return false
	}
	return true
}

// Retire reports whether the device should get no further pushes.
func (r Reason) Retire() bool { return r == ReasonUnregistered || r == ReasonBadAddress }

// OfService reports whether the service or our credentials fail, and other messages would too.
func (r Reason) OfService() bool {
	switch r {
	case ReasonNotAllowed, ReasonUnproven, ReasonUnavailable, ReasonUnknown:
		return true
	}
	return false
}

// AsError returns err as an [*Error]. One that no driver classified is
// [ReasonUnknown], since nothing says that the message was not taken.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Reason: ReasonUnknown, Cause: err}
}
