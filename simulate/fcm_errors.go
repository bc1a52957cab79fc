package simulate

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// fcmError is an answer that is not 200, in FCM's own form
// (https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode).
type fcmError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Status  string `json:"status"`
	Details []any  `json:"details,omitempty"`

	retryAfter time.Duration
	html       bool
}

// The three sorts of detail.

func fcmCode(code string) any {
	return map[string]string{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}
}

func fields(field, description string) any {
	violation := map[string]string{"description": description}
	if field != "" {
		violation["field"] = field
	}
	return map[string]any{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": []any{violation}}
}

func info(reason string) any {
	return map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason,
		"domain": "googleapis.com", "metadata": map[string]string{"service": "fcm.googleapis.com",
			"method": "google.firebase.fcm.v1.FcmService.SendMessage"}}
}

// badJSON is the answer of Google's API front end before FCM sees the message: field violations,
// without FCM's code.
func badJSON(field, format string, args ...any) *fcmError {
	text := fmt.Sprintf(format, args...)
	return &fcmError{Code: 400, Message: text, Status: "INVALID_ARGUMENT", Details: []any{fields(field, text)}}
}

// badArgument is FCM's own answer to a message that it refuses.
func badArgument(field, message string) *fcmError {
	return &fcmError{
		Code: 400, Message: message, Status: "INVALID_ARGUMENT",
		Details: []any{fcmCode("INVALID_ARGUMENT"), fields(field, message)},
	}
}

// tooBig comes without details, which makes it the one 400 that a client can
// only tell by its text.
func tooBig(what string) *fcmError {
	return &fcmError{Code: 400, Message: what + " message is too big", Status: "INVALID_ARGUMENT"}
}

// refusal is an answer with one code of FCM's own.
func refusal(status int, name, code, message string) *fcmError {
	return &fcmError{Code: status, Message: message, Status: name, Details: []any{fcmCode(code)}}
}

func unregistered() *fcmError {
	return refusal(404, "NOT_FOUND", "UNREGISTERED", "Requested entity was not found.")
}

func senderMismatch() *fcmError {
	return refusal(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", "SenderId mismatch")
}

func overQuota(message string, retryAfter time.Duration) *fcmError {
	e := refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", message)
	e.retryAfter = retryAfter
	return e
}

func unavailable() *fcmError {
	return refusal(503, "UNAVAILABLE", "UNAVAILABLE", "The service is currently unavailable.")
}

func unauthenticated(missing bool) *fcmError {
	e := &fcmError{
		Code: 401, Status: "UNAUTHENTICATED", Details: []any{info("ACCESS_TOKEN_EXPIRED")},
		Message: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or " +
			"other valid authentication credential. See " +
			"https://developers.google.com/identity/sign-in/web/devconsole-project.",
	}
	if missing {
		e.Message = "Request is missing required authentication credential. Expected OAuth 2 access token, login " +
			"cookie or other valid authentication credential. See " +
			"https://developers.google.com/identity/sign-in/web/devconsole-project."
		e.Details = []any{info("CREDENTIALS_MISSING")}
	}
	return e
}

// otherProject is the answer to a service account without rights in the project that it names.
func otherProject() *fcmError {
	return &fcmError{
		Code: 403, Status: "PERMISSION_DENIED", Details: []any{info("IAM_PERMISSION_DENIED")},
		Message: "Permission 'cloudmessaging.messages.create' denied on resource (or it may not exist).",
	}
}

// write sends the error.
func (e *fcmError) write(w http.ResponseWriter) {
	if e.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(e.retryAfter/time.Second)))
	}
	if e.html {
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.WriteHeader(e.Code)
		io.WriteString(w, "<!DOCTYPE html>\n<html lang=en>\n<title>Error 502 (Server "+
			"Error)!!1</title>\n<p><b>502.</b> <ins>That’s an error.</ins>\n<p>The server encountered a temporary "+
			"error and could not complete your request.<p>Please try again in 30 seconds.\n")
		return
	}
	if e.Code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/"`)
	}
	writeJSON(w, e.Code, map[string]*fcmError{"error": e})
}

// writeJSON indents, as Google's answers are.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	enc.Encode(v) // the client may be gone; there is nobody to tell
}
