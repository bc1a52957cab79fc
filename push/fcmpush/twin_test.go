package fcmpush_test

import (
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/push"
	"bellhop/push/fcmpush"
	"bellhop/simulate"
)

// twin is the FCM twin with a sender, and a phone that it knows.
func twin(t *testing.T, change ...func(*fcmpush.Options)) (*simulate.FCM, *fcmpush.Sender, push.Message) {
	t.Helper()
	f := simulate.NewFCM(simulate.FCMOptions{RetryAfter: 9 * time.Second, Key: signingKey()})
	server := httptest.NewServer(f)
	t.Cleanup(func() {
		f.Close()
		server.Close()
	})
	account, err := f.ServiceAccount(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	o := fcmpush.Options{Credentials: fixed(account), Endpoint: server.URL}
	for _, c := range change {
		c(&o)
	}
	s, err := fcmpush.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	m := message()
	m.Device.Value = simulate.NewToken(rand.New(rand.NewPCG(1, 1)))
	return f, s, m
}

// The twin checks what FCM checks, more strictly than the fake.
func TestTwinTakesWhatIsSent(t *testing.T) {
	f, s, m := twin(t)
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	m.Data = map[string]string{"order": "1"}
	for _, platform := range []bellhop.Platform{bellhop.PlatformAndroid, bellhop.PlatformIOS, bellhop.PlatformWeb} {
		for _, form := range []bellhop.Form{bellhop.FormNotification, bellhop.FormData} {
			m.Device.Platform, m.Device.Form = platform, form
			m.Body = strings.Repeat("注文 & <more>", 1_000)
			if _, err := s.Send(t.Context(), m); err != nil {
				t.Errorf("%s, %s: %v", platform, form, err)
			}
		}
	}
	m.Device.Kind, m.Device.Value = bellhop.AddressFID, simulate.NewFID(rand.New(rand.NewPCG(1, 1)))
	if _, err := s.Send(t.Context(), m); err != nil {
		t.Errorf("by installation id: %v", err)
	}
	if n := len(f.Sent()); n != 7 {
		t.Errorf("%d messages were taken, want 7", n)
	}
}

func TestValidateOnlyRingsNobody(t *testing.T) {
	f, s, m := twin(t, func(o *fcmpush.Options) { o.ValidateOnly = true })
	name, err := s.Send(t.Context(), m)
	if err != nil || !strings.HasSuffix(name, "/fake_message_id") || len(f.Sent()) > 0 {
		t.Errorf("%q, %v; %d messages came to a phone", name, err, len(f.Sent()))
	}
	f.SetFaults(simulate.Faults{simulate.FaultUnregistered: 1})
	if _, err := s.Send(t.Context(), m); push.AsError(err).Reason != push.ReasonUnregistered {
		t.Errorf("of a phone that is gone it says %v", err)
	}
}

func TestTwinTrouble(t *testing.T) {
	for fault, want := range map[simulate.Fault]push.Reason{
		simulate.FaultMismatch:     push.ReasonBadAddress,
		simulate.FaultQuota:        push.ReasonQuota,
		simulate.FaultInternal:     push.ReasonUnavailable,
		simulate.FaultGateway:      push.ReasonUnavailable,
		simulate.FaultUnavailable:  push.ReasonUnavailable,
		simulate.FaultAmbiguous:    push.ReasonUnavailable,
		simulate.FaultUnregistered: push.ReasonUnregistered,
	} {
		f, s, m := twin(t)
		if _, err := s.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		f.SetFaults(simulate.Faults{fault: 1})
		_, err := s.Send(t.Context(), m)
		if e := push.AsError(err); e.Reason != want || fault == simulate.FaultQuota && e.RetryAfter != 9*time.Second {
			t.Errorf("%s is %s after %v, want %s: %v", fault, e.Reason, e.RetryAfter, want, e)
		}
		if n := f.Counts().Requests; n != 2 {
			t.Errorf("%s: one Send made %d requests", fault, n-1)
		}
	}
}

func TestTwinRevokesTokens(t *testing.T) {
	f, s, m := twin(t)
	if _, err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	f.RevokeTokens()
	_, err := s.Send(t.Context(), m)
	if e := push.AsError(err); e.Reason != push.ReasonUnavailable {
		t.Errorf("with a revoked token: %v, want unavailable", e)
	}
	if _, err := s.Send(t.Context(), m); err != nil {
		t.Errorf("with a new token: %v", err)
	}
}
