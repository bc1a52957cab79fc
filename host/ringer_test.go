package host_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bellhop"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/push"
	"bellhop/store"
)

// due is an outbox in which so many pushes are due.
type due struct {
	store.Outbox
	mu      sync.Mutex
	left    int
	settled map[bellhop.PushStatus]int
	away    error // of asking
	deaf    error // of telling
}

func (d *due) NextPush(context.Context) (time.Time, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left == 0 {
		return time.Now().Add(time.Hour), d.away // another is due later
	}
	return time.Now(), d.away
}

func (d *due) ClaimPushes(_ context.Context, _ time.Time, n int, _ time.Duration) (claimed []store.Owed, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range min(n, d.left) {
		d.left--
		claimed = append(claimed, store.Owed{Pushes: []int64{int64(d.left)}, Orders: make([]store.OrderBrief, 1)})
	}
	return claimed, nil
}

func (d *due) SettlePushes(ctx context.Context, all []store.Settled) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range all {
		d.settled[s.Status]++
	}
	return errors.Join(d.deaf, ctx.Err())
}

// ringing sends as it is told.
type ringing struct {
	push.Sender
	send func(context.Context) error
}

func (s ringing) Send(ctx context.Context, _ push.Message) (string, error) { return "", s.send(ctx) }

func drain(ctx, hard context.Context, d *due, send func(context.Context) error) (int, error) {
	d.settled = map[bellhop.PushStatus]int{}
	log := slog.New(slog.DiscardHandler)
	r := &host.Ringer{Outbox: d, Log: log, Now: time.Now, InFlight: 4,
		Notifier: &pipeline.Notifier{Outbox: d, Sender: ringing{send: send}, Now: time.Now, Log: log}}
	return r.Drain(ctx, hard)
}

func TestDrainSendsWhatIsDue(t *testing.T) {
	d := &due{left: 21}
	n, err := drain(t.Context(), t.Context(), d, func(context.Context) error { return nil })
	if n != 21 || err != nil || d.settled[bellhop.PushSent] != 21 {
		t.Errorf("%d attempts, %v, settled %v", n, err, d.settled)
	}
}

// TestDrainStopsInTime has each attempt take a second: once ctx is done nothing
// more is claimed, and what was claimed is settled.
func TestDrainStopsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		d := &due{left: 100}
		n, err := drain(ctx, t.Context(), d, func(context.Context) error { time.Sleep(time.Second); return nil })
		if err != nil || n == 0 || n != d.settled[bellhop.PushSent] || n+d.left != 100 {
			t.Errorf("%d attempts, %v, settled %v, %d left", n, err, d.settled, d.left)
		}
	})
}

func TestDrainSaysThatTheStoreIsAway(t *testing.T) {
	away := errors.New("the database is away")
	send := func(context.Context) error { return nil }
	if n, err := drain(t.Context(), t.Context(), &due{away: away}, send); n != 0 || !errors.Is(err, away) {
		t.Errorf("asked: %d, %v", n, err)
	}
	if n, err := drain(t.Context(), t.Context(), &due{left: 2, deaf: away}, send); n != 2 || !errors.Is(err, away) {
		t.Errorf("told: %d, %v", n, err)
	}
}
