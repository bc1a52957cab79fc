package fcmpush

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// request is the body of FCM's one call
// (https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send), as
// far as bellhop fills it. Google's client in Go links gRPC for it.
type request struct {
	Message      *message `json:"message"`
	ValidateOnly bool     `json:"validateOnly,omitempty"`
}

type message struct {
	Token        string            `json:"token,omitempty"`
	Fid          string            `json:"fid,omitempty"`
	Notification *notification     `json:"notification,omitempty"`
	Data         map[string]string `json:"data,omitempty"`
	Android      *android          `json:"android,omitempty"`
	Apns         *apns             `json:"apns,omitempty"`
	Webpush      *webpush          `json:"webpush,omitempty"`
}

type notification struct {
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
}

type android struct {
	Priority     string               `json:"priority,omitempty"`
	TTL          string               `json:"ttl,omitempty"`
	Notification *androidNotification `json:"notification,omitempty"`
}

type androidNotification struct {
	Tag        string `json:"tag,omitempty"`
	Visibility string `json:"visibility,omitempty"`
	ChannelID  string `json:"channelId,omitempty"`
}

type apns struct {
	Headers map[string]string `json:"headers,omitempty"`
	Payload json.RawMessage   `json:"payload,omitempty"`
}

type webpush struct {
	Headers      map[string]string `json:"headers,omitempty"`
	Notification json.RawMessage   `json:"notification,omitempty"`
}

// refusal is an answer that is not 2xx.
type refusal struct {
	status int
	header http.Header
	body   []byte
}

func (r *refusal) Error() string { return fmt.Sprintf("FCM answered %d", r.status) }

// call makes the one request and returns the name that FCM gave the message.
func (a *account) call(ctx context.Context, token string, r *request) (name string, err error) {
	body, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	h, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	h.Header = http.Header{"Content-Type": {"application/json"}, "User-Agent": {"bellhop"},
		"Authorization": {"Bearer " + token}}
	answer, err := a.http.Do(h)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if answer.StatusCode/100 != 2 {
		return "", &refusal{answer.StatusCode, answer.Header, text}
	}
	var taken struct{ Name string }
	if err == nil {
		err = json.Unmarshal(text, &taken)
	}
	return taken.Name, err
}
