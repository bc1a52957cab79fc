package fcmpush_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop/push"
	"bellhop/push/fcmpush"
)

// vault keeps a service account that tests replace.
type vault struct {
	mu    sync.Mutex
	raw   []byte
	err   error
	reads int
}

func (v *vault) read(context.Context) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.reads++
	return v.raw, v.err
}

func (v *vault) put(raw []byte, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.raw, v.err = raw, err
}

func (v *vault) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.reads
}

// account is the service account with a key of that number, whose tokens have its number,
// too.
func (f *fake) account(n int) []byte {
	var fields map[string]string
	if err := json.Unmarshal(credentials(fmt.Sprintf("%s/token?key=%d", f.URL, n)), &fields); err != nil {
		panic(err)
	}
	fields["private_key_id"] = fmt.Sprint(n)
	raw, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return raw
}

// onlyKey makes Google give out tokens for one key alone, and FCM take only its tokens.
func (f *fake) onlyKey(n int) {
	f.setToken(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("key") != fmt.Sprint(n) {
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`)
			return
		}
		fmt.Fprintf(w, `{"access_token":"of key %d","expires_in":3600}`, n)
	})
	f.set(func(w http.ResponseWriter, r *http.Request, raw []byte) {
		if r.Header.Get("Authorization") != fmt.Sprintf("Bearer of key %d", n) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		f.take(w, raw)
	})
}

func openVault(t *testing.T) (*fake, *fcmpush.Sender, *vault, *testClock) {
	f, v, c := newFake(t), &vault{}, &testClock{at: now}
	v.put(f.account(1), nil)
	f.onlyKey(1)
	s := f.open(t, func(o *fcmpush.Options) { o.Credentials, o.Now = v.read, c.now })
	return f, s, v, c
}

// TestAKeyThatIsRefusedIsReadAgain deletes the key in use: the push that meets that goes
// out with the new one.
func TestAKeyThatIsRefusedIsReadAgain(t *testing.T) {
	f, s, v, c := openVault(t)
	if _, err := s.Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	f.onlyKey(2)
	c.advance(time.Minute)
	for range 5 { // nobody has put the new key there yet
		_, err := s.Send(t.Context(), message())
		if e := push.AsError(err); e.Reason != push.ReasonNotAllowed {
			t.Errorf("with a key that was deleted: %v", e)
		}
	}
	if n := v.count(); n != 2 {
		t.Errorf("the key was read %d times", n)
	}
	v.put(f.account(2), nil)
	c.advance(10 * time.Second)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := s.Send(t.Context(), message()); err != nil && push.AsError(err).Reason.Final() {
				t.Errorf("with the new key there: %v", err)
			}
		})
	}
	wg.Wait()
	if _, err := s.Send(t.Context(), message()); err != nil || v.count() != 3 {
		t.Errorf("after that: %v; the key was read %d times", err, v.count())
	}
}

// TestAKeyIsReadEveryFiveMinutes replaces a key that still works.
func TestAKeyIsReadEveryFiveMinutes(t *testing.T) {
	f, s, v, c := openVault(t)
	send := func() {
		t.Helper()
		if _, err := s.Send(t.Context(), message()); err != nil {
			t.Error(err)
		}
	}
	send()
	v.put(nil, errors.New("away"))
	c.advance(5 * time.Minute)
	send()
	v.put([]byte("half a fi"), nil)
	c.advance(5 * time.Minute)
	send()
	v.put(f.account(2), nil)
	c.advance(4 * time.Minute)
	send()
	if n := v.count(); n != 3 {
		t.Errorf("the key was read %d times", n)
	}
	f.onlyKey(2)
	c.advance(time.Minute)
	send()
	if n := v.count(); n != 4 {
		t.Errorf("the key was read %d times", n)
	}
}

// TestAKeyOfAnotherProjectIsUnproven: until FCM takes a message with it, it retires no
// device. A new key of the same project goes on as the last one did.
func TestAKeyOfAnotherProjectIsUnproven(t *testing.T) {
	f, s, v, c := openVault(t)
	f.answerReason("")
	if _, err := s.Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	f.answerReason(push.ReasonUnregistered)
	for _, next := range []struct {
		raw  []byte
		want push.Reason
	}{{f.account(1), push.ReasonUnregistered},
		{[]byte(strings.ReplaceAll(string(f.account(1)), "demo-project", "other-project")), push.ReasonNotAllowed}} {
		f.setToken(nil)
		v.put(next.raw, nil)
		c.advance(5 * time.Minute)
		_, err := s.Send(t.Context(), message())
		if e := push.AsError(err); e.Reason != next.want {
			t.Errorf("got %v, want %s", e, next.want)
		}
	}
}

func TestAKeyFileIsReadAgain(t *testing.T) {
	f, c := newFake(t), &testClock{at: now}
	path := filepath.Join(t.TempDir(), "sa.json")
	write := func(n int) {
		t.Helper()
		if err := os.WriteFile(path, f.account(n), 0o600); err != nil {
			t.Fatal(err)
		}
		f.onlyKey(n)
	}
	write(1)
	s := f.open(t, func(o *fcmpush.Options) { o.Credentials, o.CredentialsFile, o.Now = nil, path, c.now })
	for n := 1; n <= 3; n++ {
		write(n)
		c.advance(10 * time.Second)
		if _, err := s.Send(t.Context(), message()); err != nil {
			t.Errorf("with key %d: %v", n, err)
		}
	}
}
