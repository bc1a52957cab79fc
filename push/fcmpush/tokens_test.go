package fcmpush_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/push"
	"bellhop/push/fcmpush"
)

// testClock is a time that a test moves.
type testClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestOneTokenServesAll(t *testing.T) {
	f := newFake(t)
	s := f.open(t)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if _, err := s.Send(t.Context(), message()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n, _ := f.counts(); n != 1 {
		t.Errorf("%d tokens were fetched for 64 sends, want 1", n)
	}
}

func TestTokenIsRenewedAheadOfItsEnd(t *testing.T) {
	f, c := newFake(t), &testClock{at: now}
	s := f.open(t, func(o *fcmpush.Options) { o.Now = c.now })
	send := func() {
		t.Helper()
		if _, err := s.Send(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
	}
	send()
	fetched := make(chan struct{})
	f.setToken(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"access_token":"second","expires_in":3600}`)
		close(fetched)
	})
	c.advance(56 * time.Minute) // the old one lasts for four more
	send()
	<-fetched
	var used string
	f.set(func(w http.ResponseWriter, r *http.Request, raw []byte) {
		used = r.Header.Get("Authorization")
		f.take(w, raw)
	})
	c.advance(5 * time.Minute)
	send()
	if n, _ := f.counts(); n != 2 || used != "Bearer second" {
		t.Errorf("%d tokens were fetched and %q used, want 2 and the second", n, used)
	}
}

func TestTokenTrouble(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   push.Reason
		says   string
	}{
		"key deleted": {400, `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`, push.ReasonNotAllowed, "Invalid JWT Signature."},
		"account off": {401, `{"error":"unauthorized_client"}`, push.ReasonNotAllowed, "make a new service account key"},
		"too many":    {429, ``, push.ReasonUnavailable, "429"},
		"away":        {503, `<html>`, push.ReasonUnavailable, "503"},
		"not JSON":    {200, `<html>`, push.ReasonUnavailable, "token endpoint"},
		"no token":    {200, `{}`, push.ReasonUnavailable, "no access token"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			s := f.open(t)
			f.setToken(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			_, err := s.Send(t.Context(), message())
			if e := push.AsError(err); e.Reason != c.want || !strings.Contains(e.Error(), c.says) {
				t.Errorf("got %v, want %s that says %q", e, c.want, c.says)
			}
			if _, n := f.counts(); n != 0 {
				t.Error("a message was sent without a token")
			}
			if err := s.Check(t.Context()); err == nil {
				t.Error("Check finds nothing wrong")
			}
		})
	}
}

// TestDial reaches FCM and the token endpoint by names that nobody knows.
func TestDial(t *testing.T) {
	f := newFake(t)
	s := f.open(t, func(o *fcmpush.Options) {
		o.Endpoint, o.Credentials = "http://fcm.invalid", fixed(credentials("http://google.invalid/token"))
		o.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, f.Listener.Addr().String())
		}
	})
	if _, err := s.Send(t.Context(), message()); err != nil {
		t.Error(err)
	}
	if tokens, sent := f.counts(); tokens != 1 || sent != 1 {
		t.Errorf("%d tokens, %d messages", tokens, sent)
	}
}

func TestTokenEndpointAway(t *testing.T) {
	f := newFake(t)
	s := f.open(t, func(o *fcmpush.Options) { o.Credentials = fixed(credentials("http://127.0.0.1:1/token")) })
	_, err := s.Send(t.Context(), message())
	if e := push.AsError(err); e.Reason != push.ReasonUnavailable {
		t.Errorf("got %v, want unavailable", e)
	}
}

func TestFailedFetchIsNotRepeatedAtOnce(t *testing.T) {
	f, c := newFake(t), &testClock{at: now}
	s := f.open(t, func(o *fcmpush.Options) { o.Now = c.now })
	f.setToken(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	for range 10 {
		if _, err := s.Send(t.Context(), message()); err == nil {
			t.Fatal("sent without a token")
		}
	}
	if n, _ := f.counts(); n != 1 {
		t.Errorf("10 sends within a second asked %d times for a token, want once", n)
	}
	f.setToken(nil)
	c.advance(time.Second)
	if _, err := s.Send(t.Context(), message()); err != nil {
		t.Errorf("after a second: %v", err)
	}
}

func TestRefusedTokenIsReplaced(t *testing.T) {
	f := newFake(t)
	s := f.open(t)
	if _, err := s.Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	f.set(func(w http.ResponseWriter, r *http.Request, raw []byte) {
		if r.Header.Get("Authorization") == "Bearer ya29.token-1" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		f.take(w, raw)
	})
	_, err := s.Send(t.Context(), message())
	if e := push.AsError(err); e.Reason != push.ReasonUnavailable {
		t.Errorf("a token that was good once is refused: %v, want unavailable", e)
	}
	if _, err := s.Send(t.Context(), message()); err != nil {
		t.Errorf("with a new token: %v", err)
	}
}

// One caller that gives up must not take the token from the others.
func TestWaitingForATokenEndsWithTheContext(t *testing.T) {
	f := newFake(t)
	s := f.open(t)
	asked, release := make(chan struct{}), make(chan struct{})
	f.setToken(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-release
		io.WriteString(w, `{"access_token":"late","expires_in":3600}`)
	})
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp, waited := make(chan error, 1), make(chan error, 1)
	go func() { _, err := s.Send(ctx, message()); gaveUp <- err }()
	<-asked
	go func() { _, err := s.Send(t.Context(), message()); waited <- err }()
	cancel()
	if e := push.AsError(<-gaveUp); e.Reason != push.ReasonUnavailable || !errors.Is(e, context.Canceled) {
		t.Errorf("giving up before anything was sent is %v, want unavailable", e)
	}
	close(release)
	if err := <-waited; err != nil {
		t.Errorf("the other send: %v", err)
	}
}

func TestCloseEndsAFetch(t *testing.T) {
	f := newFake(t)
	s := f.open(t)
	asked := make(chan struct{})
	f.setToken(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-f.ended
	})
	ended := make(chan error, 1)
	go func() { _, err := s.Send(t.Context(), message()); ended <- err }()
	<-asked
	s.Close()
	if e := push.AsError(<-ended); e.Reason != push.ReasonUnavailable {
		t.Errorf("got %v, want unavailable", e)
	}
	if _, err := s.Send(t.Context(), message()); err == nil {
		t.Error("a closed sender sends")
	}
}

func TestOptions(t *testing.T) {
	good := credentials("http://127.0.0.1:1/token")
	file := filepath.Join(t.TempDir(), "sa.json")
	if err := os.WriteFile(file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o    fcmpush.Options
		says string // "" when it is taken
	}{
		"file":             {fcmpush.Options{CredentialsFile: file}, ""},
		"endpoint":         {fcmpush.Options{Credentials: fixed(good), Endpoint: "http://127.0.0.1:9090/"}, ""},
		"nothing":          {fcmpush.Options{}, "needs a service account file"},
		"no such file":     {fcmpush.Options{CredentialsFile: file + "x"}, "no such file"},
		"endpoint's path":  {fcmpush.Options{Credentials: fixed(good), Endpoint: "http://127.0.0.1:9090/v1"}, "without a path"},
		"endpoint's kind":  {fcmpush.Options{Credentials: fixed(good), Endpoint: "127.0.0.1:9090"}, "must look like"},
		"not JSON":         {fcmpush.Options{Credentials: fixed([]byte("hello"))}, "not a service account key"},
		"other JSON":       {fcmpush.Options{Credentials: fixed([]byte(`{"type":"authorized_user"}`))}, "not a service account key"},
		"no project":       {fcmpush.Options{Credentials: fixed([]byte(`{"type":"service_account"}`))}, "project_id"},
		"project's form":   {fcmpush.Options{Credentials: fixed([]byte(`{"type":"service_account","project_id":"a/b"}`))}, "project_id"},
		"no email":         {fcmpush.Options{Credentials: fixed([]byte(`{"type":"service_account","project_id":"a"}`))}, "client_email"},
		"no key":           {fcmpush.Options{Credentials: fixed([]byte(`{"type":"service_account","project_id":"a","client_email":"a@b"}`))}, "private_key"},
		"a key cut in two": {fcmpush.Options{Credentials: fixed([]byte(strings.Replace(string(good), "-----END", "-----", 1)))}, "private_key"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := fcmpush.New(t.Context(), c.o)
			if err == nil {
				s.Close()
			}
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("New says %v, want %q", err, c.says)
			}
			if err != nil && bellhop.KindOf(err) != bellhop.Invalid {
				t.Errorf("%v is of kind %v, want Invalid", err, bellhop.KindOf(err))
			}
			if err != nil && strings.Contains(fmt.Sprint(err), "MII") {
				t.Errorf("the error quotes the key: %v", err)
			}
		})
	}
}
