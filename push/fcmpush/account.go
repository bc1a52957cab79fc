package fcmpush

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2/google"

	"bellhop"
	"bellhop/push"
)

// account is a service account in use.
type account struct {
	sum     [sha256.Size]byte // of the key file
	project string
	url     string // of FCM's method
	tokens  *tokens
	now     func() time.Time
	http    *http.Client
	proven  atomic.Bool // FCM has taken a message with these credentials
}

// newAccount reads a key file, and makes sure that its key can sign, so that a wrong
// file shows at the start.
func (s *Sender) newAccount(raw []byte) (*account, error) {
	name := s.options.CredentialsFile
	if name == "" {
		name = "the FCM service account"
	}
	key, err := google.JWTConfigFromJSON(raw, messagingScope)
	var file struct {
		ProjectID string `json:"project_id"`
	}
	if err != nil || json.Unmarshal(raw, &file) != nil {
		// The parser's error could quote the file, which is a secret.
		return nil, bellhop.Invalidf("fcm_credentials",
			"%s is not a service account key; make one in the Firebase console under "+
				"Project settings, Service accounts", name)
	}
	switch {
	case !isProjectID(file.ProjectID):
		return nil, bellhop.Invalidf("fcm_credentials", "%s has no usable project_id", name)
	case key.Email == "":
		return nil, bellhop.Invalidf("fcm_credentials", "%s has no client_email", name)
	case !isPrivateKey(key.PrivateKey):
		return nil, bellhop.Invalidf("fcm_credentials", "%s has no usable private_key", name)
	}
	return &account{
		sum:     sha256.Sum256(raw),
		project: file.ProjectID,
		url:     s.options.Endpoint + "/v1/projects/" + file.ProjectID + "/messages:send",
		tokens:  newTokens(key, s.transport, s.options.Now),
		now:     s.options.Now,
		http:    newHTTPClient(s.transport),
	}, nil
}

func (o *Options) readFile(context.Context) ([]byte, error) {
	raw, err := os.ReadFile(o.CredentialsFile)
	if err != nil {
		return nil, &bellhop.Error{Kind: bellhop.Invalid, Code: "fcm_credentials",
			Message: "the FCM service account file can't be read", Cause: err}
	}
	return raw, nil
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

const (
	// readEvery is how soon a new key counts while the one before still works.
	readEvery = 5 * time.Minute
	// readPause is between two readings after refusals.
	readPause   = 10 * time.Second
	readTimeout = 2 * time.Second
)

// current returns the account to send with. Every few minutes one caller reads it
// first; the others go on with the last one.
func (s *Sender) current(ctx context.Context) *account {
	if s.due(readEvery) {
		s.read(ctx)
	}
	return s.account.Load()
}

// after returns the account to send with after a was refused: a itself if there is no
// other.
func (s *Sender) after(ctx context.Context, a *account) *account {
	if s.account.Load() == a && s.due(readPause) {
		s.read(ctx)
	}
	return s.account.Load()
}

// due reports whether the last reading is so long ago. Then it is the caller's turn.
func (s *Sender) due(age time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Now()
	if since := now.Sub(s.readAt); s.closed || since >= 0 && since < age {
		return false
	}
	s.readAt = now
	return true
}

// read takes a new account into use. The last one stays while there is no other that is
// whole.
func (s *Sender) read(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	last := s.account.Load()
	raw, err := s.options.Credentials(ctx)
	if err == nil && sha256.Sum256(raw) == last.sum {
		return
	}
	var next *account
	if err == nil {
		next, err = s.newAccount(raw)
	}
	if err != nil {
		s.options.Log.Warn("the FCM service account can't be read again: the last one stays in use", "err", err)
		return
	}
	// A project that took messages takes them from its new key, too.
	next.proven.Store(next.project == last.project && last.proven.Load())
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.account.Store(next)
	}
	s.mu.Unlock()
	if closed {
		return
	}
	s.options.Log.Info("another FCM service account is in use", "project", next.project)
	last.tokens.close()
}

// refusesAccount reports whether an attempt failed for its account, before FCM took the
// message.
func refusesAccount(err error) bool {
	e := push.AsError(err)
	return e.Reason == push.ReasonNotAllowed || e.Reason == push.ReasonUnproven || errors.Is(err, errClosed)
}

// deliver posts a message to a device, and notes that FCM took one.
func (a *account) deliver(ctx context.Context, r *request, m push.Message) (string, error) {
	name, err := a.post(ctx, r, m)
	if err == nil {
		a.proven.Store(true)
	}
	return name, err
}

// post makes the one request. Its errors must not quote m.
func (a *account) post(ctx context.Context, r *request, m push.Message) (string, error) {
	token, err := a.tokens.get(ctx)
	if err != nil {
		return "", err
	}
	ctx, begun := push.TraceBegun(ctx)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	name, err := a.call(ctx, token.value, r)
	answer, refused := errors.AsType[*refusal](err)
	switch {
	case refused && answer.ofToken():
		e := a.classifyAnswer(answer, m)
		a.tokens.forget(token, e)
		return "", e
	case refused:
		token.worked.Store(true)
		return "", a.classifyAnswer(answer, m)
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
