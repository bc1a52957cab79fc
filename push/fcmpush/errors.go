package fcmpush

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"bellhop/push"
)

// FCM's own error codes
// (https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode).
const (
	codeUnregistered     = "UNREGISTERED"
	codeInvalidArgument  = "INVALID_ARGUMENT"
	codeSenderIDMismatch = "SENDER_ID_MISMATCH"
	codeQuotaExceeded    = "QUOTA_EXCEEDED"
	codeUnavailable      = "UNAVAILABLE"
	codeInternal         = "INTERNAL"
	codeThirdPartyAuth   = "THIRD_PARTY_AUTH_ERROR"
)

const (
	typeFCMError   = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
	typeBadRequest = "type.googleapis.com/google.rpc.BadRequest"
	typeRetryInfo  = "type.googleapis.com/google.rpc.RetryInfo"

	// badTokenMessage is all that FCM says of a malformed token where it gives
	// no field violation.
	badTokenMessage = "The registration token is not a valid FCM registration token"
)

// answerBody is the body of an answer that is not 2xx.
type answerBody struct {
	Error struct {
		Status  string   `json:"status"`
		Message string   `json:"message"`
		Details []detail `json:"details"`
	} `json:"error"`
}

type detail struct {
	Type            string `json:"@type"`
	ErrorCode       string `json:"errorCode"`
	RetryDelay      string `json:"retryDelay"`
	FieldViolations []struct {
		Field string `json:"field"`
	} `json:"fieldViolations"`
}

// answerError is FCM's answer, in words that are safe to log.
type answerError struct {
	code string // FCM's own; "" when it gave none
	text string
}

func (e *answerError) Error() string { return e.text }

// unanswered is the error of an attempt without an answer. begun tells whether any of the message may
// have left.
func unanswered(err error, begun bool, m push.Message) *push.Error {
	if !begun {
		return unsent("reaching FCM", push.Quiet(err, m))
	}
	return &push.Error{Reason: push.ReasonUnknown, Cause: fmt.Errorf("waiting for FCM's answer: %w",
		push.Quiet(err, m))}
}

func (a *account) classifyAnswer(answer *refusal, m push.Message) *push.Error {
	var body answerBody
	if json.Unmarshal(answer.body, &body) != nil {
		body = answerBody{} // such as a proxy's HTML
	}
	code := body.code()
	e := &push.Error{Reason: reasonOf(answer.status, code, body.blamesAddress())}
	if e.Reason.Retire() && !a.proven.Load() {
		e.Reason = push.ReasonUnproven
	}
	if !e.Reason.Final() {
		e.RetryAfter = retryAfter(answer.header, body.Error.Details, a.now())
	}
	text := a.describe(answer.status, code, &body, m)
	if e.Reason == push.ReasonUnproven {
		text += "; FCM has taken no message with this key yet: check that project " + a.project + " is the app's"
	}
	e.Cause = &answerError{code: code, text: text}
	return e
}

// reasons are those of FCM's codes, except INVALID_ARGUMENT.
var reasons = map[string]push.Reason{
	codeUnregistered: push.ReasonUnregistered, codeSenderIDMismatch: push.ReasonBadAddress,
	codeQuotaExceeded: push.ReasonQuota, codeThirdPartyAuth: push.ReasonNotAllowed,
	codeUnavailable: push.ReasonUnavailable, codeInternal: push.ReasonUnavailable,
}

// reasonOf is the table in the package's documentation.
func reasonOf(status int, code string, blamesAddress bool) push.Reason {
	if r, ok := reasons[code]; ok {
		return r
	}
	if code == codeInvalidArgument {
		status = http.StatusBadRequest
	}
	switch {
	case status == http.StatusBadRequest && blamesAddress:
		return push.ReasonBadAddress
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return push.ReasonNotAllowed
	case status/100 < 4:
		return push.ReasonUnavailable
	}
	return push.ReasonOfStatus(status)
}

func (b *answerBody) code() string {
	for _, d := range b.Error.Details {
		if d.Type == typeFCMError && d.ErrorCode != "" {
			return d.ErrorCode
		}
	}
	return ""
}

func (b *answerBody) violations() []string {
	var fields []string
	for _, d := range b.Error.Details {
		if d.Type != typeBadRequest {
			continue
		}
		for _, v := range d.FieldViolations {
			fields = append(fields, v.Field)
		}
	}
	return fields
}

func (b *answerBody) blamesAddress() bool {
	v := b.violations()
	return slices.Contains(v, "message.token") || slices.Contains(v, "message.fid") ||
		strings.HasPrefix(b.Error.Message, badTokenMessage)
}

// describe says what FCM answered and, if known, what to do. It leaves out the message of a 400,
// which may quote any part of the push.
func (a *account) describe(status int, code string, b *answerBody, m push.Message) string {
	code = cmp.Or(code, b.Error.Status)
	text := strings.TrimSpace("FCM answered " + strconv.Itoa(status) + " " + push.Clip(code, 60))
	switch {
	case status == http.StatusBadRequest:
		if fields := b.violations(); len(fields) > 0 && !push.Quotes(strings.Join(fields, " "), m) {
			text += " for " + push.Clip(strings.Join(fields, ", "), 160)
		}
	case b.Error.Message != "" && !push.Quotes(b.Error.Message, m):
		text += ": " + push.Clip(b.Error.Message, 300)
	}
	return text + a.remedy(status, code)
}

func (a *account) remedy(status int, code string) string {
	switch {
	case code == codeUnregistered || code == codeSenderIDMismatch:
		return ""
	case code == codeThirdPartyAuth:
		return "; upload a valid APNs key for project " + a.project + " in the Firebase console"
	case status == http.StatusUnauthorized:
		return "; check that the service account's key is still valid and this machine's clock right"
	case status == http.StatusForbidden:
		return "; give the service account the role Firebase Cloud Messaging API Admin in project " + a.project +
			", and enable that API"
	case status == http.StatusNotFound:
		return "; check that project " + a.project + " is there and the Firebase Cloud Messaging API enabled"
	}
	return ""
}

// ofToken reports whether FCM refused the access token, not the message.
func (r *refusal) ofToken() bool {
	return r.status == http.StatusUnauthorized && !bytes.Contains(r.body, []byte(codeThirdPartyAuth))
}

// unsent is the error of an attempt that ended before any of the message left.
func unsent(doing string, cause error) *push.Error {
	return &push.Error{Reason: push.ReasonUnavailable, Cause: fmt.Errorf("%s: %w", doing, cause)}
}

// retryAfter reads the header, in seconds or as a date, and else RetryInfo.
func retryAfter(h http.Header, details []detail, now time.Time) time.Duration {
	wait := push.RetryAfter(h, now)
	for _, d := range details {
		if wait <= 0 && d.Type == typeRetryInfo {
			wait, _ = time.ParseDuration(d.RetryDelay)
		}
	}
	return min(max(wait, 0), push.MaxRetryAfter)
}
