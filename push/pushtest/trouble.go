package pushtest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/push"
)

// testReasons: each answer gets its reason, from one attempt.
func testReasons(t *testing.T, h Harness) {
	for _, reason := range []push.Reason{
		push.ReasonUnregistered, push.ReasonBadAddress, push.ReasonRefused, push.ReasonNotAllowed,
		push.ReasonQuota, push.ReasonUnavailable, push.ReasonUnknown,
	} {
		t.Run(string(reason), func(t *testing.T) {
			p := h.Open(t)
			if p.Answer == nil || !p.Answer(reason) {
				t.Logf("no such answer: not promised when an error is %s", reason)
				return
			}
			if h.Proves {
				p.Answer("")
				mustSend(t, p, p.message(h, bellhop.FormNotification))
				p.Answer(reason)
			}
			before := p.Requests()
			e := failure(t, t.Context(), p, p.message(h, bellhop.FormNotification))
			if e.Reason != reason {
				t.Errorf("the reason is %s, want %s (%v)", e.Reason, reason, e)
			}
			if n := p.Requests() - before; n != 1 {
				t.Errorf("one Send made %d attempts", n)
			}
			if e.Reason.Final() && e.RetryAfter != 0 {
				t.Errorf("a final error asks for another attempt after %v", e.RetryAfter)
			}
			if (reason == push.ReasonQuota || reason == push.ReasonUnavailable) && e.RetryAfter != RetryAfter {
				t.Errorf("another attempt after %v, want %v as the service asked", e.RetryAfter, RetryAfter)
			}
		})
	}
}

// testUnproven: nothing retires a device that wrong credentials could bring about.
func testUnproven(t *testing.T, h Harness) {
	if !h.Proves {
		t.Log("wrong credentials have answers of their own")
		return
	}
	for _, reason := range []push.Reason{push.ReasonUnregistered, push.ReasonBadAddress} {
		p := h.Open(t)
		m := p.message(h, bellhop.FormNotification)
		p.Answer(reason)
		for range 2 {
			if e := failure(t, t.Context(), p, m); e.Reason != push.ReasonUnproven || e.Reason.Retire() ||
				e.Reason.Final() {
				t.Errorf("before the service has taken anything, %s is %v", reason, e)
			}
		}
		p.Answer("")
		mustSend(t, p, m)
		p.Answer(reason)
		if e := failure(t, t.Context(), p, m); e.Reason != reason || !e.Reason.Retire() {
			t.Errorf("once it has, %s is %v", reason, e)
		}
	}
}

// testServices: devices that fail together share one name, which hides the address.
func testServices(t *testing.T, h Harness) {
	p := h.Open(t)
	m := p.message(h, bellhop.FormNotification)
	name := p.Sender.Service(m.Device)
	if name == "" || !strings.Contains(name, ":") || name != p.Sender.Service(m.Device) {
		t.Errorf("the service is %q, then %q", name, p.Sender.Service(m.Device))
	}
	if strings.Contains(name, m.Device.Value) {
		t.Errorf("its name %q quotes the address", name)
	}
}

func testRecovers(t *testing.T, h Harness) {
	p := h.Open(t)
	m := p.message(h, bellhop.FormNotification)
	if p.Answer == nil || !p.Answer(push.ReasonUnavailable) {
		t.Log("no such answer: not promised that trouble passes")
		return
	}
	failure(t, t.Context(), p, m)
	p.Answer("")
	mustSend(t, p, m)
}

// testCancelledBefore: with a context that is done the outcome may be either,
// and an error leaves room for another attempt.
func testCancelledBefore(t *testing.T, h Harness) {
	p := h.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	began := time.Now()
	_, err := p.Sender.Send(ctx, p.message(h, bellhop.FormNotification))
	if d := time.Since(began); d > soon {
		t.Errorf("Send took %v after its context was done", d)
	}
	if e := (*push.Error)(nil); err != nil && (!errors.As(err, &e) || e.Reason.Final()) {
		t.Errorf("Send with a context that is done: %v (%T), want a *push.Error that isn't final", err, err)
	}
}

func testCancelledWhileWaiting(t *testing.T, h Harness) {
	p := h.Open(t)
	if p.Hang == nil {
		t.Log("no peer: not promised that Send returns before it is done")
		return
	}
	mustSend(t, p, p.message(h, bellhop.FormNotification)) // everything fetched once is there now
	arrived := p.Hang()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stopped := make(chan time.Time, 1)
	go func() {
		<-arrived
		stopped <- time.Now()
		cancel()
	}()
	e := failure(t, ctx, p, p.message(h, bellhop.FormNotification))
	if d := time.Since(<-stopped); d > soon {
		t.Errorf("Send took %v after it was cancelled", d)
	}
	if e.Reason != push.ReasonUnknown {
		t.Errorf("a message that the service has read and not answered is %s, want %s", e.Reason, push.ReasonUnknown)
	}
}

// testDown: an unreachable service has taken nothing.
func testDown(t *testing.T, h Harness) {
	p := h.Open(t)
	if p.Down == nil {
		t.Log("no peer: not promised what an unreachable service means")
		return
	}
	p.Down()
	if e := failure(t, t.Context(), p, p.message(h, bellhop.FormNotification)); e.Reason != push.ReasonUnavailable {
		t.Errorf("an unreachable service is %s, want %s (%v)", e.Reason, push.ReasonUnavailable, e)
	}
	if err := p.Sender.Check(t.Context()); err == nil && !p.Scattered {
		t.Error("Check finds nothing wrong with an unreachable service")
	}
}

func testCheck(t *testing.T, h Harness) {
	p := h.Open(t)
	device := p.message(h, bellhop.FormNotification).Device
	for _, devices := range [][]bellhop.Device{nil, {device}} {
		if err := p.Sender.Check(t.Context(), devices...); err != nil {
			t.Errorf("checking a service that is well with %d devices: %v", len(devices), err)
		}
	}
	if p.Sent != nil && len(p.Sent()) != 0 {
		t.Errorf("Check sent %d messages", len(p.Sent()))
	}
	if p.Scattered || p.Answer == nil || !p.Answer(push.ReasonNotAllowed) {
		t.Log("no such answer, or nobody to ask: not promised that Check finds wrong credentials")
		return
	}
	err := p.Sender.Check(t.Context())
	if err == nil || strings.TrimSpace(err.Error()) == "" {
		t.Errorf("checking with credentials that the service refuses: %v", err)
	}
}
