package fcmpush_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"bellhop/push/fcmpush"
	"bellhop/push/pushtest"
)

// fake is FCM and Google's token endpoint, as far as these tests need them.
type fake struct {
	*httptest.Server
	ended chan struct{}

	mu       sync.Mutex
	tokens   int
	requests int
	raw      [][]byte // bodies of the messages that were taken
	sent     []pushtest.Sent
	onToken  http.HandlerFunc                                         // nil gives out a token
	onSend   func(w http.ResponseWriter, r *http.Request, raw []byte) // nil takes the message
}

func newFake(t testing.TB) *fake {
	f := &fake{ended: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", f.token)
	mux.HandleFunc("POST /v1/projects/demo-project/messages:send", f.send)
	f.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		close(f.ended)
		f.Close()
	})
	return f
}

func (f *fake) token(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.tokens++
	n, answer := f.tokens, f.onToken
	f.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	fmt.Fprintf(w, `{"access_token":"ya29.token-%d","expires_in":3600,"token_type":"Bearer"}`, n)
}

// wireMessage is the part of a message that the fake reads.
type wireMessage struct {
	ValidateOnly bool `json:"validateOnly"`
	Message      struct {
		Token, Fid   string
		Notification struct{ Title, Body string }
		Data         map[string]string
		Android      struct {
			Priority, TTL string
			Notification  *struct{ Tag, Visibility, ChannelID string }
		}
		APNS struct {
			Headers map[string]string
			Payload struct{ APS map[string]any }
		}
		Webpush struct {
			Headers      map[string]string
			Notification map[string]any
		}
	}
}

func (f *fake) send(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender has gone
	}
	f.mu.Lock()
	f.requests++
	answer := f.onSend
	f.mu.Unlock()
	if answer != nil {
		answer(w, r, raw)
		return
	}
	f.take(w, raw)
}

func (f *fake) take(w http.ResponseWriter, raw []byte) {
	var m wireMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if m.ValidateOnly && m.Message.Token != "bellhop-check" {
		fmt.Fprint(w, `{"name":"projects/demo-project/messages/fake_message_id"}`)
		return
	}
	if m.ValidateOnly {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, badTokenBody)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := pushtest.Sent{
		Name:    fmt.Sprintf("projects/demo-project/messages/%d", len(f.sent)+1),
		Address: m.Message.Token + m.Message.Fid,
		Tag:     m.Message.APNS.Headers["apns-collapse-id"],
		Title:   m.Message.Notification.Title,
		Body:    m.Message.Notification.Body,
		Data:    m.Message.Data,
	}
	s.TTL, _ = time.ParseDuration(m.Message.Android.TTL)
	if m.Message.Android.Notification == nil {
		s.Title, s.Body = m.Message.Data[fcmpush.KeyTitle], m.Message.Data[fcmpush.KeyBody]
	}
	f.sent = append(f.sent, s)
	f.raw = append(f.raw, raw)
	fmt.Fprintf(w, `{"name":%q}`, s.Name)
}

func (f *fake) answer(status int, header http.Header, body string) {
	f.set(func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		for k, v := range header {
			w.Header()[k] = v
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	})
}

func (f *fake) set(answer func(http.ResponseWriter, *http.Request, []byte)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onSend = answer
}

func (f *fake) setToken(answer http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onToken = answer
}

func (f *fake) counts() (tokens, requests int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tokens, f.requests
}

// last returns the message that was taken last.
func (f *fake) last(t *testing.T) (m wireMessage, raw []byte) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.raw) == 0 {
		t.Fatal("no message was taken")
	}
	raw = f.raw[len(f.raw)-1]
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m, raw
}

// drop ends the connection without an answer.
func drop(w http.ResponseWriter, _ *http.Request, _ []byte) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		conn.Close()
	}
}

// signingKey is shared: making one takes a while.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func privateKey() string {
	der, err := x509.MarshalPKCS8PrivateKey(signingKey())
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// credentials is a service account whose tokens come from tokenURL.
func credentials(tokenURL string) []byte {
	raw, err := json.Marshal(map[string]string{
		"type":           "service_account",
		"project_id":     "demo-project",
		"private_key_id": "1",
		"private_key":    privateKey(),
		"client_email":   "bellhop@demo-project.iam.gserviceaccount.com",
		"token_uri":      tokenURL,
	})
	if err != nil {
		panic(err)
	}
	return raw
}

// fixed is a service account that nobody replaces.
func fixed(raw []byte) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return raw, nil }
}

// open makes a sender to the fake; change may change its options.
func (f *fake) open(t testing.TB, change ...func(*fcmpush.Options)) *fcmpush.Sender {
	t.Helper()
	o := fcmpush.Options{Credentials: fixed(credentials(f.URL + "/token")), Endpoint: f.URL}
	for _, c := range change {
		c(&o)
	}
	s, err := fcmpush.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
