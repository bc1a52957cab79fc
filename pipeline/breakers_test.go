package pipeline_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/push"
	"bellhop/store"
)

// byHost is a sender whose devices' addresses are their services.
type byHost struct{ answer }

func (*byHost) Service(d bellhop.Device) string { return "webpush:" + d.Value }

// circuit is a notifier with breakers, and a clock.
type circuit struct {
	*testing.T
	now    time.Time
	sender *byHost
	n      *pipeline.Notifier
}

func newCircuit(t *testing.T, log *slog.Logger) *circuit {
	c := &circuit{T: t, now: noon, sender: &byHost{}}
	c.n = &pipeline.Notifier{Outbox: &outbox{}, Sender: c.sender, Now: func() time.Time { return c.now },
		Log:      slog.New(slog.DiscardHandler),
		Breakers: pipeline.NewBreakers(c.sender, log, nil)}
	return c
}

func device(id int64, host string) bellhop.Device {
	return bellhop.Device{ID: id, Value: host, Shop: fmt.Sprint("shop-", id)}
}

// try makes an attempt that ends with err.
func (c *circuit) try(d bellhop.Device, err error) {
	c.Helper()
	c.sender.err = err
	o := owed(1, 0)
	o.Device = d
	if err := c.n.Notify(c.Context(), o); err != nil {
		c.Fatal(err)
	}
}

func (c *circuit) admits(what string, d bellhop.Device, most int) (until time.Time) {
	c.Helper()
	got, until := c.n.Breakers.Admit(d, c.now)
	if min(got, 2) != most || most < 2 && !until.After(c.now) {
		c.Errorf("%s: %d messages may go, others from %v on; want %d", what, got, until, most)
	}
	return until
}

var away = &push.Error{Reason: push.ReasonUnavailable}

// TestBreaker opens after failures in a row, lets one at a time try, and closes.
func TestBreaker(t *testing.T) {
	log, lines := logged()
	c := newCircuit(t, log)
	a, b := device(1, "a.example"), device(2, "a.example")
	for range 4 {
		c.try(a, away)
	}
	c.try(a, nil)
	for _, e := range []error{away, &push.Error{Reason: push.ReasonNotAllowed},
		&push.Error{Reason: push.ReasonUnproven}, &push.Error{Reason: push.ReasonUnknown}} {
		c.try(a, e)
	}
	c.admits("before it opens", b, 2)
	if err := c.n.Breakers.Ready(); err != nil {
		t.Errorf("before it opens: %v", err)
	}
	c.try(a, away)
	until := c.admits("open", b, 0)
	c.admits("another host", device(3, "b.example"), 2)
	if wait := until.Sub(c.now); wait < 6*time.Second || wait > 14*time.Second {
		t.Errorf("it is open for %v", wait)
	}
	if err := c.n.Breakers.Ready(); err == nil ||
		!strings.Contains(err.Error(), "pushes wait for webpush since 12:00 UTC: unavailable") {
		t.Errorf("Ready: %v", err)
	}

	c.now = until
	sister := device(9, "a.example")
	sister.Shop = a.Shop
	c.admits("the one that failed last lets others go first", a, 0)
	c.admits("and so do others of its shop", sister, 0)
	c.admits("a probe", b, 1)
	c.admits("asked again by the same claim", b, 1)
	c.now = c.now.Add(time.Millisecond)
	c.admits("a second one meanwhile", a, 0)
	c.admits("the probe's own device meanwhile", b, 0)
	c.try(b, away)
	if longer := c.admits("the probe failed", b, 0); longer.Sub(c.now) < 13*time.Second {
		t.Errorf("it is open for %v more", longer.Sub(c.now))
	}
	c.now = c.now.Add(time.Minute)
	c.admits("a probe that nobody hears of again", a, 1)
	c.now = c.now.Add(21 * time.Second)
	c.admits("the next", b, 1)
	c.try(b, nil)
	c.admits("closed", a, 2)
	if err := c.n.Breakers.Ready(); err != nil {
		t.Errorf("closed: %v", err)
	}
	got := lines()
	if len(got) != 2 || !strings.Contains(got[0],
		`level=WARN msg="a push service is in trouble: its pushes wait" service=webpush:a.example`) ||
		!strings.Contains(got[1], "a push service takes messages again") {
		t.Errorf("the log says\n%s", strings.Join(got, "\n"))
	}
}

// An error of a message or of a device shows that the service is well.
func TestBreakerMindsTheServiceAlone(t *testing.T) {
	c := newCircuit(t, slog.New(slog.DiscardHandler))
	d := device(1, "a.example")
	for range 20 {
		c.try(d, away)
		for _, r := range []push.Reason{push.ReasonUnregistered, push.ReasonBadAddress, push.ReasonRefused,
			push.ReasonQuota} {
			c.try(d, &push.Error{Reason: r})
		}
	}
	c.admits("well", d, 2)
}

// A subscription with another key than bellhop's is its owner's trouble, once the
// service has taken a message signed with bellhop's: nobody can shut a service for
// others.
func TestBreakerMindsNoSubscriptionOfAnotherKey(t *testing.T) {
	c := newCircuit(t, slog.New(slog.DiscardHandler))
	stranger, owner := device(1, "a.example"), device(2, "a.example")
	own := &push.Error{Reason: push.ReasonNotAllowed, Own: true}
	c.try(owner, nil)
	for range 20 {
		c.try(stranger, own)
	}
	c.admits("others", owner, 2)
	for range 5 {
		c.try(stranger, away)
	}
	c.admits("a service that is away", owner, 0)

	for range 5 {
		c.try(device(3, "b.example"), own) // which has never taken one: bellhop's key may be wrong
	}
	c.admits("a service that never took a message", device(4, "b.example"), 0)
}

// A shop's dead phones don't keep a service shut for another's.
func TestBreakerTriesAnotherShopFirst(t *testing.T) {
	c := newCircuit(t, slog.New(slog.DiscardHandler))
	for id := range int64(50) {
		d := device(id+1, "a.example")
		d.Shop = "full of dead phones"
		c.try(d, &push.Error{Reason: push.ReasonUnproven})
	}
	dead, alive := device(51, "a.example"), device(99, "a.example")
	dead.Shop = "full of dead phones"
	c.now = c.admits("open", alive, 0)
	c.admits("another dead phone of the shop", dead, 0)
	c.admits("another shop's", alive, 1)
	c.try(alive, nil)
	c.admits("closed", dead, 2)
}

// TestBreakersAreBounded lets strangers name too many hosts.
func TestBreakersAreBounded(t *testing.T) {
	c := newCircuit(t, slog.New(slog.DiscardHandler))
	for i := range int64(3000) {
		for range 5 {
			c.try(device(i, fmt.Sprintf("%d.example", i)), away)
		}
	}
	held := 0
	for i := range int64(3000) {
		if most, _ := c.n.Breakers.Admit(device(i, fmt.Sprintf("%d.example", i)), c.now); most == 0 {
			held++
		}
	}
	if held == 0 || held > 1000 {
		t.Errorf("%d breakers are kept", held)
	}
	if err := c.n.Breakers.Ready(); err != nil {
		t.Errorf("hosts that never took a message are in /readyz: %v", err)
	}
}

var _ store.Gate = (*pipeline.Breakers)(nil)
