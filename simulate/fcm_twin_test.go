package simulate_test

import (
	"context"
	crand "crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2/jwt"

	"bellhop/simulate"
)

const scope = "https://www.googleapis.com/auth/firebase.messaging"

var (
	made  = rand.New(rand.NewPCG(5, 6))
	token = simulate.NewToken(made)
	fid   = simulate.NewFID(made)
)

// key is shared by the tests, since making one takes long.
var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(crand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// clock is a time that only the test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// twin is an FCM twin that is served, with a client that is let in.
type twin struct {
	*simulate.FCM
	t      *testing.T
	srv    *httptest.Server
	config *jwt.Config
	client *http.Client
	clock  *clock
}

func startFCM(t *testing.T, o simulate.FCMOptions) *twin {
	t.Helper()
	w := &twin{t: t, clock: newClock()}
	if o.Key == nil {
		o.Key = key()
	}
	if o.Now == nil {
		o.Now = w.clock.now
	}
	w.FCM = simulate.NewFCM(o)
	w.srv = httptest.NewServer(w.FCM)
	t.Cleanup(w.srv.Close)
	t.Cleanup(w.Close)
	w.config = w.readAccount()
	w.signIn()
	return w
}

// signIn gets a new access token for the next message.
func (w *twin) signIn() { w.client = w.config.Client(w.t.Context()) }

func (w *twin) readAccount() *jwt.Config {
	w.t.Helper()
	b, err := w.ServiceAccount(w.srv.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	config, err := readAccount(b)
	if err != nil {
		w.t.Fatal(err)
	}
	return config
}

// post sends a request's body and returns the answer.
func (w *twin) post(body string) (int, string, http.Header) {
	w.t.Helper()
	resp, err := w.client.Post(w.srv.URL+"/v1/projects/"+simulate.DefaultProject+"/messages:send", "application/json",
		strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

// message sends a message with a target and the other fields given as JSON.
func (w *twin) message(fields string) (int, string, http.Header) {
	w.t.Helper()
	return w.post(fmt.Sprintf(`{"message":{"token":%q,%s}}`, token, fields))
}

// notify sends a notification in a slot and wants it taken.
func (w *twin) notify(to, tag, title string) {
	w.t.Helper()
	status, body, _ := w.post(fmt.Sprintf(
		`{"message":{"token":%q,"notification":{"title":%q},"android":{"notification":{"tag":%q}}}}`, to, title, tag))
	if status != 200 {
		w.t.Fatalf("%d %s", status, body)
	}
}

// clientOf returns a function that sends a notification and prints the status.
func clientOf(account []byte, base string) func(token, tag, title string) {
	config, err := readAccount(account)
	if err != nil {
		panic(err)
	}
	client := config.Client(context.Background())
	return func(token, tag, title string) {
		body := fmt.Sprintf(`{"message":{"token":%q,"notification":{"title":%q},"android":{"notification":{"tag":%q}}}}`,
			token, title, tag)
		resp, err := client.Post(base+"/v1/projects/"+simulate.DefaultProject+"/messages:send", "application/json",
			strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		resp.Body.Close()
		fmt.Println(resp.StatusCode)
	}
}

func readAccount(b []byte) (*jwt.Config, error) {
	var a struct {
		Email string `json:"client_email"`
		Key   string `json:"private_key"`
		URI   string `json:"token_uri"`
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, err
	}
	return &jwt.Config{Email: a.Email, PrivateKey: []byte(a.Key), TokenURL: a.URI, Scopes: []string{scope}}, nil
}
