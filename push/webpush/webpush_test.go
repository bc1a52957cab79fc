package webpush_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/push"
	"bellhop/push/pushtest"
	"bellhop/push/webpush"
)

func TestConformance(t *testing.T) {
	pushtest.Run(t, pushtest.Harness{Open: openPeer, Kinds: []bellhop.AddressKind{bellhop.AddressWebPush}})
}

func openPeer(t *testing.T) pushtest.Peer {
	f := newFake(t)
	return pushtest.Peer{
		Sender: f.open(), Address: f.address(), Scattered: true,
		Sent: func() []pushtest.Sent {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.sent
		},
		Requests: func() int {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.requests
		},
		Answer: f.answerReason,
		Hang: func() <-chan struct{} {
			arrived := make(chan struct{}, 100)
			f.set(func(_ http.ResponseWriter, r *http.Request) {
				arrived <- struct{}{}
				select {
				case <-f.ended:
				case <-r.Context().Done():
				}
			})
			return arrived
		},
		Down: f.Close,
	}
}

func (f *fake) answerReason(reason push.Reason) bool {
	status := map[push.Reason]int{push.ReasonUnregistered: http.StatusGone,
		push.ReasonRefused:    http.StatusRequestEntityTooLarge,
		push.ReasonNotAllowed: http.StatusForbidden, push.ReasonQuota: http.StatusTooManyRequests,
		push.ReasonUnavailable: http.StatusServiceUnavailable}[reason]
	switch {
	case reason == "":
		f.set(nil)
		return true
	case reason == push.ReasonUnknown:
		f.set(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		return true
	case status == 0:
		return false
	}
	f.set(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", fmt.Sprint(pushtest.RetryAfter.Seconds()))
		w.WriteHeader(status)
		fmt.Fprint(w, r.URL, r.Header)
	})
	return true
}

func message(address string) push.Message {
	return push.Message{Device: bellhop.Device{Kind: bellhop.AddressWebPush, Value: address}, Tag: "order-1",
		Title: "New order #1001", Body: "$403.00", TTL: time.Hour}
}

func reasonOf(err error) push.Reason {
	if e, ok := errors.AsType[*push.Error](err); ok {
		return e.Reason
	}
	return ""
}

// TestHeaders looks at what a push service goes by.
func TestHeaders(t *testing.T) {
	f := newFake(t)
	s := f.open()
	silent := message(f.address())
	silent.Level = push.Silent
	for _, m := range []push.Message{message(f.address()), {Device: message(f.address()).Device}, silent} {
		if _, err := s.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	h := f.headers[0]
	if h.Get("Ttl") != "3600" || h.Get("Urgency") != "high" || len(h.Get("Topic")) != 32 ||
		h.Get("Content-Encoding") != "aes128gcm" {
		t.Errorf("%v", h)
	}
	if h := f.headers[1]; h.Get("Ttl") != "86400" || h.Get("Topic") != "" {
		t.Errorf("without a tag and a time: %v", h)
	}
	if h := f.headers[2]; h.Get("Urgency") != "low" {
		t.Errorf("one that only replaces: %v", h)
	}
	scheme, rest, _ := strings.Cut(h.Get("Authorization"), " ")
	token, key, _ := strings.Cut(strings.TrimPrefix(rest, "t="), ", k=")
	if scheme != "vapid" || key != f.keys.Public {
		t.Fatalf("%s", h.Get("Authorization"))
	}
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	var said struct {
		Audience string `json:"aud"`
		Subject  string `json:"sub"`
		Expires  int64  `json:"exp"`
	}
	if err != nil || json.Unmarshal(claims, &said) != nil || said.Audience != f.URL ||
		said.Subject != "mailto:ops@example.com" ||
		time.Until(time.Unix(said.Expires, 0)) > 24*time.Hour {
		t.Errorf("%s %v", claims, err)
	}
}

func TestBadAddresses(t *testing.T) {
	f := newFake(t)
	good := f.address()
	s, err := webpush.New(webpush.Options{Keys: f.keys, Subject: "https://example.com"})
	if err != nil {
		t.Fatal(err)
	}
	tls := strings.Replace(good, "http://", "https://", 1)
	for name, address := range map[string]string{
		"no JSON": "abc", "empty": "", "not TLS": good,
		"no host": strings.Replace(tls, f.Listener.Addr().String(), "", 1),
		"a file":  strings.Replace(good, "http://", "file://", 1), "no key": strings.Replace(tls, "p256dh", "p", 1),
		"a damaged key":      strings.Replace(tls, `"p256dh":"B`, `"p256dh":"C`, 1),
		"no secret":          strings.Replace(tls, `"auth"`, `"a"`, 1),
		"this machine":       tls,
		"a private network":  strings.Replace(tls, f.Listener.Addr().String(), "10.0.0.1:443", 1),
		"the cloud's own":    strings.Replace(tls, f.Listener.Addr().String(), "169.254.169.254", 1),
		"this machine in v6": strings.Replace(tls, f.Listener.Addr().String(), "[::ffff:127.0.0.1]:443", 1),
		"a translator's":     strings.Replace(tls, f.Listener.Addr().String(), "[64:ff9b::7f00:1]:443", 1),
	} {
		if _, err := s.Send(t.Context(), message(address)); reasonOf(err) != push.ReasonBadAddress {
			t.Errorf("%s: %v", name, err)
		}
	}
	if f.requests != 0 {
		t.Errorf("%d requests", f.requests)
	}
}

// A name server may say for a while that a service is in a private network.
func TestNamesInPrivateNetworksAreForNow(t *testing.T) {
	f := newFake(t)
	s, err := webpush.New(webpush.Options{Keys: f.keys, Subject: "https://example.com"})
	if err != nil {
		t.Fatal(err)
	}
	address := strings.Replace(f.address(), f.URL, "https://localhost", 1)
	if _, err := s.Send(t.Context(), message(address)); reasonOf(err) != push.ReasonUnavailable ||
		!strings.Contains(err.Error(), "not a public one") {
		t.Errorf("%v", err)
	}
	if got := s.Service(message(address).Device); got != "webpush:localhost" {
		t.Errorf("the service is %q", got)
	}
}

// TestAnswers checks the meaning of services' answers: only 404 and 410 retire a browser.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   push.Reason
	}{
		{404, "", push.ReasonUnregistered}, {410, "", push.ReasonUnregistered},
		{410, `{"reason":"VapidPkHashMismatch"}`, push.ReasonUnregistered},
		{400, `{"reason":"VapidPkHashMismatch"}`, push.ReasonNotAllowed},
		{403, `{"reason":"BadJwtToken"}`, push.ReasonNotAllowed},
		{400, "UnauthorizedRegistration", push.ReasonNotAllowed},
		{403, "the VAPID credentials in the authorization header do not correspond to the credentials used to create " +
			"the subscriptions.", push.ReasonNotAllowed},
		{401, `{"code":401,"errno":109,"error":"Unauthorized"}`, push.ReasonNotAllowed},
		{406, "", push.ReasonQuota}, {429, "", push.ReasonQuota},
		{400, `{"reason":"BadWebPushTopic"}`, push.ReasonRefused}, {413, "", push.ReasonRefused},
		{500, "", push.ReasonUnavailable}, {503, "VapidPkHashMismatch", push.ReasonUnavailable},
	} {
		f := newFake(t)
		f.set(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, c.body)
		})
		if _, err := f.open().Send(t.Context(), message(f.address())); reasonOf(err) != c.want {
			t.Errorf("%d %s: %v, want %s", c.status, c.body, err, c.want)
		}
	}
}

// A service that sends elsewhere is not followed.
func TestRedirectsAreNotFollowed(t *testing.T) {
	f := newFake(t)
	f.set(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	if _, err := f.open().Send(t.Context(), message(f.address())); reasonOf(err) != push.ReasonRefused ||
		f.requests != 1 {
		t.Errorf("%v after %d requests", err, f.requests)
	}
}

func TestKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	var wg sync.WaitGroup
	made := make([]webpush.Keys, 8)
	for i := range made {
		wg.Go(func() {
			var err error
			if made[i], err = webpush.OpenKeys(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range made {
		if k != made[0] {
			t.Error("several pairs were made")
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	for name, text := range map[string]string{"text": "hello", "empty": "{}", "no pair": `{"public_key":"` +
		made[0].Public + `","private_key":"AAAA"}`} {
		bad := filepath.Join(t.TempDir(), "bad.json")
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := webpush.OpenKeys(bad); bellhop.KindOf(err) != bellhop.Invalid ||
			!strings.Contains(err.Error(), "remove it") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, subject := range []string{"", "me@example.com", "http://example.com", "mailto:nobody", "mailto:me@localhost",
		"https://localhost",
		"mailto:me@shop.local", "mailto:me@shop.invalid", "mailto:me@com", "mailto: me@example.com",
		"mailto:<me@example.com>",
		"mailto:Me <me@example.com>", "mailto:me@example.com, you@example.com", "https://10.0.0.1",
		"https://shop.internal/contact", "mailto:me@127.0.0.1"} {
		if _, err := webpush.New(webpush.Options{Keys: made[0],
			Subject: subject}); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%q: %v", subject, err)
		}
	}
}
