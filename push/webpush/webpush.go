// Package webpush sends pushes to browsers by Web Push (RFC 8030), with messages that only
// the browser can read (RFC 8291) and a key that identifies bellhop to push services
// (VAPID, RFC 8292). Each browser maker runs a service; a device's address names it.
//
//	answer                  means
//	201, other 2xx          taken
//	404, 410                unregistered: the browser gave the subscription up
//	401, 403                not_allowed: it is of another key, or ours is refused
//	400 that names the key  not_allowed: Apple's and Google's word for the same
//	429, 406                quota: 406 is Microsoft's
//	408, 5xx but 504        unavailable
//	504, no answer          unknown
//	any other               refused
//
// Signed-in people supply the addresses. So the sender uses only HTTPS and only public
// addresses of the Internet. A name that resolves to a private network is unavailable:
// a hotel's name server, for example, may lie about every name for a while.
package webpush

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/SherClockHolmes/webpush-go"

	"bellhop"
	"bellhop/push"
)

// Options are what [New] needs. Zero fields of the rest mean the default.
type Options struct {
	Keys    Keys
	Subject string // whom push services may ask about us: mailto:… or https://…

	// Private allows services in private networks and without TLS: for tests, and for teams that
	// run one.
	Private bool
	Now     func() time.Time
}

const (
	timeout    = 10 * time.Second // for one attempt
	defaultTTL = 24 * time.Hour   // of messages that say none
)

// Sender sends to browsers.
type Sender struct {
	options Options
	client  *http.Client
}

var _ push.Sender = (*Sender)(nil)

// New returns a sender. It fails if the keys or the subject are unusable.
func New(o Options) (*Sender, error) {
	if err := o.Keys.check(); err != nil {
		return nil, err
	}
	if err := checkSubject(o.Subject); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Sender{options: o, client: newClient(o.Private)}, nil
}

// maxPayload fits into a record of 4,096 bytes, which every service takes, with its header, padding
// mark and cipher tag.
const maxPayload = 3900

// Message is the JSON for the page's service worker.
type Message struct {
	Title string            `json:"title"`
	Body  string            `json:"body"`
	Tag   string            `json:"tag"`
	Data  map[string]string `json:"data"`
}

// Send implements [push.Sender]. The name is the address of the message at the
// service.
func (s *Sender) Send(ctx context.Context, m push.Message) (string, error) {
	to, err := s.subscription(m.Device)
	if err != nil {
		return "", err
	}
	text := push.Shorten(push.Text{Title: m.Title, Body: m.Body, Data: m.WithKeys()}, maxPayload-push.JSONLen(m.Tag)-60)
	payload, err := json.Marshal(Message{text.Title, text.Body, m.Tag, text.Data})
	if err != nil {
		return "", &push.Error{Reason: push.ReasonRefused, Cause: errors.New("the message can't be written as JSON")}
	}
	ctx, begun := push.TraceBegun(ctx)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := webpush.SendNotificationWithContext(ctx, payload, to, s.sendOptions(m))
	if err != nil {
		return "", failed(err, begun.Load(), m)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(answer.Body, push.MaxAnswer)) // all, so that the connection can be used again
	if answer.StatusCode/100 == 2 {
		return name(answer), nil
	}
	return "", s.refused(answer, body)
}

func name(answer *http.Response) string {
	if at := answer.Header.Get("Location"); at != "" {
		return push.Clip(at, 200)
	}
	return answer.Status
}

func (s *Sender) sendOptions(m push.Message) *webpush.Options {
	return &webpush.Options{
		// The library puts mailto: before everything except https addresses.
		HTTPClient: s.client, Subscriber: strings.TrimPrefix(s.options.Subject, "mailto:"), Topic: topic(m.Tag),
		Urgency: urgency(m.Level),
		TTL:     int(max(0, cmp.Or(m.TTL, defaultTTL)) / time.Second), VAPIDPublicKey: s.options.Keys.Public,
		VAPIDPrivateKey: s.options.Keys.Private,
		VapidExpiration: s.options.Now().Add(12 * time.Hour),
	}
}

func urgency(l push.Level) webpush.Urgency {
	if l == push.Silent {
		return webpush.UrgencyLow
	}
	return webpush.UrgencyHigh
}

// failed is the error of an attempt without an answer.
func failed(err error, begun bool, m push.Message) *push.Error {
	switch {
	case errors.Is(err, errPrivate):
		return &push.Error{Reason: push.ReasonUnavailable, Cause: errPrivate}
	case !begun:
		// No more: it names the host, which is the device's address.
		return &push.Error{Reason: push.ReasonUnavailable,
			Cause: fmt.Errorf("the browser's push service can't be reached%s", why(err))}
	}
	return &push.Error{Reason: push.ReasonUnknown, Cause: fmt.Errorf("waiting for the push service's answer: %w",
		push.Quiet(err, m))}
}

// why says what kept bellhop from a service, without naming it.
func why(err error) string {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return ": its name is not found"
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return " in time"
	}
	return ""
}

// refused is the error of an answer other than 2xx. It repeats only known words of the body, which
// may quote anything.
func (s *Sender) refused(answer *http.Response, body []byte) *push.Error {
	e := &push.Error{Reason: reasonOf(answer.StatusCode), Cause: fmt.Errorf("the browser's push service answered %d",
		answer.StatusCode)}
	for _, word := range ofTheKey {
		if bytes.Contains(body, []byte(word)) && answer.StatusCode/100 == 4 {
			e.Cause = fmt.Errorf("%w %s", e.Cause, word)
			if answer.StatusCode == http.StatusBadRequest {
				e.Reason = push.ReasonNotAllowed
			}
			break
		}
	}
	if e.Reason == push.ReasonNotAllowed {
		e.Own = true
		e.Cause = fmt.Errorf("%w: the browser subscribed with another key than ours, or the service minds ?subject= "+
			"or this machine's clock", e.Cause)
	}
	if !e.Reason.Final() {
		e.RetryAfter = push.RetryAfter(answer.Header, s.options.Now())
	}
	return e
}

// ofTheKey are the services' codes for a wrong signature, key or subject, which Apple and Google
// send even with a 400
// (https://developer.apple.com/documentation/usernotifications/sending-web-push-notifications-in-web-apps-and-browsers).
var ofTheKey = []string{"VapidPkHashMismatch", "BadJwtToken", "ExpiredJwtToken", "BadAuthorizationHeader",
	"UnauthorizedRegistration"}

// reasonOf is the table in the package's documentation.
func reasonOf(status int) push.Reason {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return push.ReasonUnregistered
	case http.StatusNotAcceptable:
		return push.ReasonQuota
	}
	return push.ReasonOfStatus(status)
}

// Takes implements [push.Sender].
func (s *Sender) Takes(k bellhop.AddressKind) bool { return k == bellhop.AddressWebPush }

// Service implements [push.Sender].
func (s *Sender) Service(d bellhop.Device) string {
	var to struct{ Endpoint string }
	if json.Unmarshal([]byte(d.Value), &to) == nil {
		if u, err := url.Parse(to.Endpoint); err == nil {
			return "webpush:" + push.Clip(strings.ToLower(u.Hostname()), 80)
		}
	}
	return "webpush:" // it is refused before anything is reached
}

// Check implements [push.Sender]. It reaches nothing: only a device's address names its service, no
// service validates without sending, and New checked the keys.
func (s *Sender) Check(context.Context, ...bellhop.Device) error { return nil }

// Close implements [push.Sender].
func (s *Sender) Close() error {
	s.client.CloseIdleConnections()
	return nil
}
