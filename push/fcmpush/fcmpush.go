package fcmpush

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bellhop"
	"bellhop/push"
)

const (
	realEndpoint   = "https://fcm.googleapis.com"
	messagingScope = "https://www.googleapis.com/auth/firebase.messaging"

	// timeout is how long one request may take. FCM asks its clients for 10 seconds at least
	// (https://firebase.google.com/docs/cloud-messaging/scale-fcm).
	timeout = 15 * time.Second
	// defaultTTL is how long FCM keeps a message that says nothing itself.
	defaultTTL = 4 * time.Hour
)

// Options configure a [Sender]. Credentials or CredentialsFile is needed; the
// rest has defaults.
type Options struct {
	// CredentialsFile is the path of a service account's JSON key, as the
	// Firebase console hands it out.
	CredentialsFile string
	// Credentials returns the content of such a file, and goes before it. The sender
	// reads either again every few minutes, and when Google or FCM refuses the key.
	Credentials func(context.Context) ([]byte, error)
	// Endpoint is where FCM is, as scheme://host[:port]; "" is Google's. With
	// another endpoint it ignores the environment's proxies.
	Endpoint string
	// ValidateOnly makes FCM check each message and deliver none, so that a rehearsal rings nobody.
	ValidateOnly bool
	// Dial connects to Google; nil connects as Go does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Log  *slog.Logger // nil discards
	// Now is the time; nil means time.Now.
	Now func() time.Time
}

// Sender is the driver. It is safe for use from many goroutines at once.
type Sender struct {
	options   Options
	transport *http.Transport
	account   atomic.Pointer[account] // in use

	mu     sync.Mutex
	readAt time.Time // when the account was last read
	closed bool
}

var _ push.Sender = (*Sender)(nil)

// New makes a sender from a service account. It reaches neither Google nor FCM;
// [Sender.Check] does. Close it after use.
func New(ctx context.Context, o Options) (*Sender, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s := &Sender{options: o, transport: newTransport(o), readAt: o.Now()}
	raw, err := o.Credentials(ctx)
	if err != nil {
		return nil, err
	}
	first, err := s.newAccount(raw)
	if err != nil {
		return nil, err
	}
	s.account.Store(first)
	return s, nil
}

// complete checks the options and fills in the defaults.
func (o *Options) complete() error {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Credentials == nil {
		if o.CredentialsFile == "" {
			return bellhop.Invalidf("fcm_credentials",
				"FCM needs a service account file, such as fcm:/path/service-account.json")
		}
		o.Credentials = o.readFile
	}
	if o.Endpoint == "" {
		o.Endpoint = realEndpoint
		return nil
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" ||
		u.RawQuery != "" {
		return bellhop.Invalidf("fcm_endpoint",
			"the endpoint for FCM must look like http://127.0.0.1:9090, without a path")
	}
	o.Endpoint = u.Scheme + "://" + u.Host
	return nil
}

// Send makes one request to FCM and returns the name that FCM gave the message,
// such as "projects/my-shop/messages/0:1700000000000000".
func (s *Sender) Send(ctx context.Context, m push.Message) (string, error) {
	message, err := s.compose(m)
	if err != nil {
		return "", err
	}
	return s.attempt(ctx, &request{ValidateOnly: s.options.ValidateOnly, Message: message}, m)
}

// attempt makes a request with the account of now. If that is refused, and another one
// has taken its place, it makes it with that: FCM has not taken the message.
func (s *Sender) attempt(ctx context.Context, r *request, m push.Message) (string, error) {
	a := s.current(ctx)
	name, err := a.deliver(ctx, r, m)
	if err == nil || !refusesAccount(err) {
		return name, err
	}
	next := s.after(ctx, a)
	if next == a {
		return "", err
	}
	return next.deliver(ctx, r, m)
}

// Takes implements [push.Sender].
func (s *Sender) Takes(k bellhop.AddressKind) bool {
	return k == bellhop.AddressToken || k == bellhop.AddressFID
}

// Service implements [push.Sender]. FCM passes messages to Apple and to browser
// makers with credentials of the project, and those may be wrong while Android's
// devices still get pushes.
func (s *Sender) Service(d bellhop.Device) string {
	return "fcm:" + s.account.Load().project + "/" + string(d.Platform)
}

// Check fetches an access token and asks FCM to validate, but not send, a message to each device
// until FCM would take one. Without a device it uses an address that nobody has: FCM's complaint
// shows that bellhop reaches FCM and may send, but not whether FCM knows the app.
func (s *Sender) Check(ctx context.Context, devices ...bellhop.Device) (err error) {
	s.current(ctx).tokens.retryNow()
	for _, d := range devices {
		var m *message
		if m, err = s.compose(push.Message{Device: d, Title: "bellhop"}); err != nil {
			continue
		}
		if _, err = s.attempt(ctx, &request{ValidateOnly: true, Message: m},
			push.Message{Device: d}); err == nil {
			return nil
		}
	}
	if err != nil {
		return err
	}
	return s.checkWithoutDevice(ctx)
}

func (s *Sender) checkWithoutDevice(ctx context.Context) error {
	r := &request{ValidateOnly: true, Message: &message{Token: "bellhop-check"}}
	_, err := s.account.Load().post(ctx, r, push.Message{})
	var e *push.Error
	if !errors.As(err, &e) {
		return nil
	}
	switch e.Reason {
	case push.ReasonUnregistered, push.ReasonBadAddress, push.ReasonUnproven, push.ReasonQuota:
		return nil
	case push.ReasonRefused:
		if answer, ok := errors.AsType[*answerError](e); ok && answer.code == codeInvalidArgument {
			return nil
		}
	}
	return e
}

// Close ends what runs in the background and closes idle connections. Sends
// that are under way end by themselves.
func (s *Sender) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.account.Load().tokens.close()
	s.transport.CloseIdleConnections()
	return nil
}
