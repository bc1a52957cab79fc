package bench

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"bellhop/internal/wait"
)

// measureNotifying measures from when a webhook was due until its push came to FCM,
// seen from outside: at the generator and at the twin.
func (b *bench) measureNotifying(ctx context.Context) error {
	return b.pushing(ctx, b.data.empty, 0, func(s *server, fcm *twin) error { return b.notify(ctx, s, fcm) })
}

// pushing runs fn on a bellhop with a copy of the data that pushes to a twin of FCM.
func (b *bench) pushing(ctx context.Context, data string, latency time.Duration, fn func(*server, *twin) error) error {
	fcm, err := b.twin(ctx, latency)
	if err != nil {
		return err
	}
	return fcm.during(func(*server) error {
		return b.serving(ctx, data, []string{fcm.push}, func(s *server) error { return fn(s, fcm) })
	})
}

func (b *bench) notify(ctx context.Context, s *server, fcm *twin) error {
	w, err := b.webhooks(b.notifyShops(), int(notifyRate*(notifyWarmup+b.Duration).Seconds())+1)
	if err != nil {
		return err
	}
	tally, err := Load{
		Target: s.addr, Requests: w.For, Connections: 16, MaxConnections: 256,
		Rate: notifyRate, Warmup: notifyWarmup, Duration: b.Duration,
	}.Run(ctx)
	if err != nil {
		return err
	}
	b.expectNone("ringing", tally)
	if err := fcm.untilTaken(ctx, tally.OK()); err != nil {
		b.problem("ringing: %v", err)
	}
	return b.noteNotified(ctx, fcm, w, tally)
}

// untilTaken waits until the twin has taken want messages.
func (t *twin) untilTaken(ctx context.Context, want int64) error {
	for deadline := time.Now().Add(30 * time.Second); ; {
		n, err := t.taken(ctx)
		if err != nil {
			return t.trouble(err)
		}
		if n >= want {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("%d of %d pushes came", n, want)
		}
		wait.Pause(ctx, 20*time.Millisecond)
	}
}

func (b *bench) noteNotified(ctx context.Context, fcm *twin, w *Webhooks, t *Tally) error {
	n, err := fcm.notified(ctx, w, t.Began.Add(notifyWarmup))
	if err != nil {
		return err
	}
	if n.gathered > 0 {
		b.problem("ringing: %d pushes stood for several orders, so that their time is not known", n.gathered)
	}
	if n.took.Count() == 0 {
		return fmt.Errorf("no push can be told from another")
	}
	b.ms("ring_p50", n.took.At(50))
	b.ms("ring_p99", n.took.At(99))
	return nil
}

// notified is what came to the twin.
type notified struct {
	orders   map[int64]bool
	gathered int       // pushes that stood for several orders
	took     *Spread   // from when a webhook was due, since some time on, until its first push came
	last     time.Time // when the last one came
}

func (t *twin) notified(ctx context.Context, w *Webhooks, from time.Time) (n notified, err error) {
	arrivals, err := t.arrivals(ctx)
	n.orders, n.took = map[int64]bool{}, NewSpread()
	for _, a := range arrivals {
		id, err := strconv.ParseInt(a.Data["order_id"], 10, 64)
		if err != nil {
			n.gathered++
			continue
		}
		if n.last.Before(a.At) {
			n.last = a.At
		}
		due, ok := w.Due(id)
		if !ok || n.orders[id] {
			continue
		}
		n.orders[id] = true
		if !due.Before(from) {
			n.took.Add(a.At.Sub(due))
		}
	}
	return n, err
}

// pushLatency is the twin's time for an answer while pushes a second are measured.
const pushLatency = 50 * time.Millisecond

// measurePushing measures from the first owed push until the store has the last one
// as sent.
func (b *bench) measurePushing(ctx context.Context) error {
	return b.pushing(ctx, b.data.owed, pushLatency, func(s *server, fcm *twin) error { return b.pushOwed(ctx, s, fcm) })
}

func (b *bench) pushOwed(ctx context.Context, s *server, fcm *twin) error {
	devices, orders := b.owed()
	owed := devices * orders
	_, err := s.until(ctx, time.Minute, func(m map[string]float64) bool { return int(m[seriesSent]) >= owed }, seriesSent)
	if err != nil {
		return err
	}
	end := time.Now()
	arrivals, err := fcm.arrivals(ctx)
	if err != nil {
		return err
	}
	if len(arrivals) != owed {
		b.problem("pushing: %d pushes were owed and %d came", owed, len(arrivals))
	}
	if len(arrivals) > 0 {
		b.add("pushes_per_second", float64(owed)/end.Sub(arrivals[0].At).Seconds())
	}
	return nil
}
