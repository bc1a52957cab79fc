package fcmpush

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2/google"
	"golang.org/x/oauth2/jwt"

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
	// Credentials is the content of such a file, and goes before it.
	Credentials []byte
	// Endpoint is where FCM is, as scheme://host[:port]; "" is Google's. With
	// another endpoint it ignores the environment's proxies.
	Endpoint string
	// Now is the time; nil means time.Now.
	Now func() time.Time
}

// Sender is the driver. It is safe for use from many goroutines at once.
type Sender struct {
	url     string // of FCM's method
	project string
	tokens  *tokens
	now     func() time.Time
	http    *http.Client
	proven  atomic.Bool // FCM has taken a message with these credentials
}

var _ push.Sender = (*Sender)(nil)

// New makes a sender from a service account. It reaches nothing;
// [Sender.Check] does. Close it after use.
func New(_ context.Context, o Options) (*Sender, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	account, project, err := readCredentials(o)
	if err != nil {
		return nil, err
	}
	transport := newTransport(o.Endpoint == realEndpoint)
	return &Sender{
		project: project,
		url:     o.Endpoint + "/v1/projects/" + project + "/messages:send",
		tokens:  newTokens(account, transport, o.Now),
		now:     o.Now,
		http:    newHTTPClient(transport),
	}, nil
}

// complete checks the options and fills in the defaults.
func (o *Options) complete() error {
	if o.Now == nil {
		o.Now = time.Now
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

// readCredentials reads the service account and its project, and makes sure
// that its key can sign, so that a wrong file shows at the start.
func readCredentials(o Options) (*jwt.Config, string, error) {
	raw, name := o.Credentials, "the FCM service account"
	if raw == nil {
		if o.CredentialsFile == "" {
			return nil, "", bellhop.Invalidf("fcm_credentials",
				"FCM needs a service account file, such as fcm:/path/service-account.json")
		}
		var err error
		if raw, err = os.ReadFile(o.CredentialsFile); err != nil {
			return nil, "", &bellhop.Error{Kind: bellhop.Invalid, Code: "fcm_credentials",
				Message: "the FCM service account file can't be read", Cause: err}
		}
		name = o.CredentialsFile
	}
	account, err := google.JWTConfigFromJSON(raw, messagingScope)
	var file struct {
		ProjectID string `json:"project_id"`
	}
	if err != nil || json.Unmarshal(raw, &file) != nil {
		// The parser's error could quote the file, which is a secret.
		return nil, "", bellhop.Invalidf("fcm_credentials",
			"%s is not a service account key; make one in the Firebase console under "+
				"Project settings, Service accounts", name)
	}
	switch {
	case !isProjectID(file.ProjectID):
		return nil, "", bellhop.Invalidf("fcm_credentials", "%s has no usable project_id", name)
	case account.Email == "":
		return nil, "", bellhop.Invalidf("fcm_credentials", "%s has no client_email", name)
	case !isPrivateKey(account.PrivateKey):
		return nil, "", bellhop.Invalidf("fcm_credentials", "%s has no usable private_key", name)
	}
	return account, file.ProjectID, nil
}

// isProjectID is generous: Google's rule is stricter, but what matters here is
// that an id is one segment of a path.
func isProjectID(id string) bool {
	return id != "" && len(id) <= 100 && !strings.ContainsFunc(id, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' ||
			r == '.' || r == ':')
	})
}

func isPrivateKey(raw []byte) bool {
	block, _ := pem.Decode(raw)
	if block == nil {
		return false
	}
	if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return true
	}
	_, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	return err == nil
}

// Send makes one request to FCM and returns the name that FCM gave the message,
// such as "projects/my-shop/messages/0:1700000000000000".
func (s *Sender) Send(ctx context.Context, m push.Message) (string, error) {
	message, err := s.compose(m)
	if err != nil {
		return "", err
	}
	return s.deliver(ctx, &request{Message: message}, m)
}

// deliver posts a message to a device, and notes that FCM took one.
func (s *Sender) deliver(ctx context.Context, r *request, m push.Message) (string, error) {
	name, err := s.post(ctx, r, m)
	if err == nil {
		s.proven.Store(true)
	}
	return name, err
}

// post makes the one request. Its errors must not quote m.
func (s *Sender) post(ctx context.Context, r *request, m push.Message) (string, error) {
	token, err := s.tokens.get(ctx)
	if err != nil {
		return "", err
	}
	ctx, begun := push.TraceBegun(ctx)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	name, err := s.call(ctx, token.value, r)
	answer, refused := errors.AsType[*refusal](err)
	switch {
	case refused && answer.ofToken():
		e := s.classifyAnswer(answer, m)
		s.tokens.forget(token, e)
		return "", e
	case refused:
		token.worked.Store(true)
		return "", s.classifyAnswer(answer, m)
	case err != nil:
		return "", unanswered(err, begun.Load(), m)
	}
	token.worked.Store(true)
	if name == "" {
		return "",
			&push.Error{Reason: push.ReasonUnknown, Cause: errors.New("FCM answered without a name for the message")}
	}
	return name, nil
}

// Takes implements [push.Sender].
func (s *Sender) Takes(k bellhop.AddressKind) bool {
	return k == bellhop.AddressToken || k == bellhop.AddressFID
}

// Service implements [push.Sender]. FCM passes messages to Apple and to browser
// makers with credentials of the project, and those may be wrong while Android's
// devices still get pushes.
func (s *Sender) Service(d bellhop.Device) string {
	return "fcm:" + s.project + "/" + string(d.Platform)
}

// Check fetches an access token and asks FCM to validate, but not send, a message to each device
// until FCM would take one. Without a device it uses an address that nobody has: FCM's complaint
// shows that bellhop reaches FCM and may send, but not whether FCM knows the app.
func (s *Sender) Check(ctx context.Context, devices ...bellhop.Device) (err error) {
	s.tokens.retryNow()
	for _, d := range devices {
		var m *message
		if m, err = s.compose(push.Message{Device: d, Title: "bellhop"}); err != nil {
			continue
		}
		if _, err = s.deliver(ctx, &request{ValidateOnly: true, Message: m},
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
	_, err := s.post(ctx, r, push.Message{})
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
	s.tokens.close()
	s.http.CloseIdleConnections()
	return nil
}
