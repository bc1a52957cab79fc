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
	"bellhop/store/rules"
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

func (d *due) ClaimPushes(_ context.Context, _ time.Time, slots store.Slots, _ time.Duration) (claimed []store.Owed,
	err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range min(slots.Free, d.left) {
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

// sending is a sender that calls send.
type sending struct {
	push.Sender
	send func(context.Context) error
}

func (s sending) Send(ctx context.Context, _ push.Message) (string, error) { return "", s.send(ctx) }

func drain(ctx, hard context.Context, d *due, send func(context.Context) error) (int, error) {
	d.settled = map[bellhop.PushStatus]int{}
	log := slog.New(slog.DiscardHandler)
	r := &host.PushWorker{Outbox: d, Log: log, Now: time.Now, InFlight: 4,
		Notifier: &pipeline.Notifier{Outbox: d, Sender: sending{send: send}, Now: time.Now, Log: log}}
	return r.Drain(ctx, hard)
}

func TestDrainSendsWhatIsDue(t *testing.T) {
	d := &due{left: 21}
	n, err := drain(t.Context(), t.Context(), d, func(context.Context) error { return nil })
	if n != 21 || err != nil || d.settled[bellhop.PushSent] != 21 {
		t.Errorf("%d attempts, %v, settled %v", n, err, d.settled)
	}
}

// TestDrainStopsInTime makes each attempt take a second: after drain the worker claims
// nothing more, and settles its claims.
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
		t.Errorf("settled: %d, %v", n, err)
	}
}

// shared is an outbox of two shops: the first always has due pushes.
type shared struct {
	store.Outbox
	mu       sync.Mutex
	newcomer bool // has a push due
	owed     chan struct{}
	seen     store.Slots // of the last claim
	empty    int         // claims that found nothing, in a row
}

func (b *shared) PushesOwed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.owed
}

func (b *shared) NextPush(context.Context) (time.Time, error) { return time.Now(), nil }

func (b *shared) ClaimPushes(_ context.Context, _ time.Time, slots store.Slots, _ time.Duration) (claimed []store.Owed,
	err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = slots
	all := []rules.Backlog{{Shop: "busy", Due: 10_000}, {Shop: "newcomer"}}
	if b.newcomer {
		all[1].Due = 1
	}
	for i, n := range rules.Divide(slots, all) {
		for range n {
			claimed = append(claimed, store.Owed{Device: bellhop.Device{Shop: all[i].Shop}, Pushes: []int64{1},
				Orders: make([]store.OrderBrief, 1)})
		}
		b.newcomer = b.newcomer && all[i].Shop != "newcomer"
	}
	if b.empty++; len(claimed) > 0 {
		b.empty = 0
	}
	return claimed, nil
}

func (b *shared) SettlePushes(context.Context, []store.Settled) error { return nil }

// TestOneShopLeavesRoom makes a push service take 10 s for each push of one shop, which
// has more due than fit: another shop's push goes out at once, and the push worker
// doesn't claim again and again what it may not send.
func TestOneShopLeavesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := &shared{owed: make(chan struct{})}
		var mu sync.Mutex
		notified := map[string]int{}
		send := func(_ context.Context, m push.Message) error {
			mu.Lock()
			notified[m.Device.Shop]++
			mu.Unlock()
			if m.Device.Shop == "busy" {
				time.Sleep(10 * time.Second)
			}
			return nil
		}
		log := slog.New(slog.DiscardHandler)
		r := &host.PushWorker{Outbox: b, Log: log, Now: time.Now,
			Notifier: &pipeline.Notifier{Outbox: b, Sender: toDevice{send: send}, Now: time.Now, Log: log}}
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx, ctx) }()
		time.Sleep(5 * time.Second)
		mu.Lock()
		busy := notified["busy"]
		mu.Unlock()
		if busy != 512 {
			t.Errorf("%d attempts of a shop alone, want 512 of 640", busy)
		}
		b.mu.Lock()
		if b.seen.Busy["busy"] != 512 || b.seen.Free != 128 {
			t.Errorf("the last claim saw %+v", b.seen)
		}
		if b.empty > 60 {
			t.Errorf("%d claims in 5 s found nothing", b.empty)
		}
		b.newcomer = true
		close(b.owed)
		b.owed = make(chan struct{})
		b.mu.Unlock()
		time.Sleep(20 * time.Millisecond)
		mu.Lock()
		if notified["newcomer"] != 1 {
			t.Errorf("the newcomer's phone got no push: %v", notified)
		}
		mu.Unlock()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// toDevice is a sender that calls send with the message.
type toDevice struct {
	push.Sender
	send func(context.Context, push.Message) error
}

func (s toDevice) Send(ctx context.Context, m push.Message) (string, error) {
	return "", s.send(ctx, m)
}
