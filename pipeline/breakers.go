package pipeline

import (
	"log/slog"
	"strings"
	"sync"
	"time"

	"bellhop"
	"bellhop/push"
)

// A circuit breaker's numbers.
const (
	tripAfter    = 5                // failures in a row
	firstPause   = 10 * time.Second // after it opens; longer each time that a probe fails
	longestPause = 2 * time.Minute
	// probePatience bounds a probe: as long as a claim holds.
	probePatience = 20 * time.Second
	// afterProbe is the pause for others that find a probe under way. A shop that was tried
	// lets other shops go first for as long, then a device other devices, so that one
	// shop's dead phones don't keep a service shut for the others.
	afterProbe = 5 * time.Second
	// Anybody who signs in registers addresses, and so could name any number of
	// services.
	mostBreakers = 1000
)

// Breakers are a circuit breaker for each push service: a project of FCM's, a
// browser maker's host. A service that takes no messages, or does not answer, gets
// no more, and its pushes wait without an attempt; from time to time a single one
// probes it. They implement [bellhop/store.Gate], and may be used from many
// goroutines at once. A nil *Breakers is always closed.
//
// Each process has its own Breakers, and finds out by itself.
type Breakers struct {
	service func(bellhop.Device) string
	log     *slog.Logger
	metrics *Metrics

	mu      sync.Mutex
	all     map[string]*breaker // services that failed since they last took a message
	trusted map[string]bool     // services that have taken one
}

type breaker struct {
	failures int       // in a row
	opened   time.Time // zero while it is closed
	probes   int       // failed ones
	until    time.Time // no probe before
	last     *push.Error
	trouble  *Trouble

	probe   int64     // the device of a probe under way; 0 for none
	probeAt time.Time // since when
	tried   tried
}

// tried are the shops and devices whose messages opened it, or failed while it was open.
type tried struct {
	shops   map[string]bool
	devices map[int64]bool
}

func (t *tried) add(d bellhop.Device) {
	if t.devices == nil || len(t.devices) >= mostBreakers {
		*t = tried{map[string]bool{}, map[int64]bool{}}
	}
	t.shops[d.Shop], t.devices[d.ID] = true, true
}

// NewBreakers takes the sender, which names the service of each device.
func NewBreakers(s push.Sender, l *slog.Logger, m *Metrics) *Breakers {
	return &Breakers{service: s.Service, log: l, metrics: m, all: map[string]*breaker{}, trusted: map[string]bool{}}
}

// Admit implements store.Gate.
func (b *Breakers) Admit(d bellhop.Device, now time.Time) (most int, until time.Time) {
	const all = 1 << 30
	if b == nil {
		return all, until
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.all) == 0 {
		return all, until
	}
	s := b.all[b.service(d)]
	if s == nil || s.opened.IsZero() {
		return all, until
	}
	return s.admit(d, now)
}

func (s *breaker) admit(d bellhop.Device, now time.Time) (most int, until time.Time) {
	switch {
	case now.Before(s.until):
		return 0, s.until
	case s.probe == d.ID && s.probeAt.Equal(now): // the same claim asks again
		return 1, now.Add(afterProbe)
	case s.probe != 0 && now.Before(s.probeAt.Add(probePatience)):
		return 0, now.Add(afterProbe)
	case s.tried.shops[d.Shop] && now.Before(s.until.Add(afterProbe)):
		return 0, s.until.Add(afterProbe)
	case s.tried.devices[d.ID] && now.Before(s.until.Add(2*afterProbe)):
		return 0, s.until.Add(2 * afterProbe)
	}
	s.probe, s.probeAt = d.ID, now
	return 1, now.Add(afterProbe)
}

// note takes the outcome of an attempt.
func (b *Breakers) note(d bellhop.Device, err error, now time.Time) {
	if b == nil {
		return
	}
	name := b.service(d)
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := push.AsError(err); err != nil && e.Reason.OfService() {
		if !e.Own || !b.trusted[name] {
			b.failed(name, d, e, now)
		}
		return
	}
	if err == nil && len(b.trusted) < mostBreakers {
		b.trusted[name] = true
	}
	b.close(name)
}

func (b *Breakers) close(name string) {
	s := b.all[name]
	if s == nil {
		return
	}
	delete(b.all, name)
	if !s.opened.IsZero() {
		b.metrics.breaker(kindOf(name), -1)
		s.trouble.Over()
	}
}

func (b *Breakers) failed(name string, d bellhop.Device, e *push.Error, now time.Time) {
	s := b.all[name]
	if s == nil {
		b.makeRoom()
		s = &breaker{}
		b.all[name] = s
	}
	s.failures++
	s.last = e
	switch {
	case s.opened.IsZero() && s.failures >= tripAfter:
		s.opened = now
		s.trouble = NewTrouble(b.log.With("service", name), slog.LevelWarn,
			"a push service is in trouble: its pushes wait", "a push service takes messages again")
		b.metrics.breaker(kindOf(name), 1)
	case !s.opened.IsZero() && s.probe == d.ID:
		s.probe = 0
		s.probes++
	default:
		return
	}
	s.tried.add(d)
	s.until = now.Add(max(Backoff(firstPause, longestPause, s.probes+1), e.RetryAfter))
	s.trouble.Happened("reason", e.Reason, "err", e, "until", s.until)
}

// makeRoom forgets a service if there are too many: a closed one, if there is one.
func (b *Breakers) makeRoom() {
	if len(b.all) < mostBreakers {
		return
	}
	victim := ""
	for name, s := range b.all {
		if victim = name; s.opened.IsZero() {
			break
		}
	}
	b.close(victim)
}

// kindOf is a service's name for a label, without the part that anybody can choose.
func kindOf(name string) string {
	kind, _, _ := strings.Cut(name, ":")
	return kind
}

// Ready reports services in trouble, for /readyz: FCM's, and those that have taken
// a message before, since anybody who signs in can name others. It says their kinds
// alone: a caller needn't have signed in.
func (b *Breakers) Ready() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, s := range b.all {
		if kind := kindOf(name); !s.opened.IsZero() && (b.trusted[name] || kind == "fcm") {
			return bellhop.Errorf(bellhop.Unavailable, "push_service",
				"pushes wait for %s since %s UTC: %s; the log and bellhop doctor say more", kind,
				s.opened.UTC().Format("15:04"), s.last.Reason)
		}
	}
	return nil
}
