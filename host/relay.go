package host

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"bellhop"
	"bellhop/events"
	"bellhop/internal/wait"
	"bellhop/pipeline"
	"bellhop/store"
)

// Relay publishes changes to other services in the order of their commits. Of all
// processes with a relay one holds the lease and works. Trouble with the service
// delays only the relay.
type Relay struct {
	Store interface {
		store.Stream
		store.Leases
	}
	Builder   *pipeline.EventBuilder
	Publisher events.Publisher
	Holder    string // this process's own name
	Log       *slog.Logger
	Now       func() time.Time
	Metrics   *RelayMetrics
	Probe     pipeline.Probe
	// Lease is how long after a process's death another takes over. 0 means 15
	// seconds.
	Lease time.Duration

	at    store.Lease // as it was last taken or moved
	until time.Time   // the lease, by this process's own clock
}

func newRelay(o Options) *Relay {
	return &Relay{Store: o.Store, Builder: &pipeline.EventBuilder{Store: o.Store, Composer: o.Events.Composer},
		Publisher: o.Events.Publisher,
		Holder:    rand.Text(), Log: o.Log, Now: o.Now, Metrics: NewRelayMetrics(o.Registry, o.Store, o.Now), Probe: o.Probe,
		Lease: o.Events.Lease}
}

// RelayName is the relay's name in the store.
const RelayName = "events"

// Publishing a run takes at most a third of a lease. Relay renews the lease before it
// starts with less than two thirds left. Standbys look eight times a lease.
const (
	relayLease        = 15 * time.Second
	relayBatch        = 500
	firstRelayRetry   = 250 * time.Millisecond
	longestRelayRetry = 10 * time.Second
)

// Run works until drain is done. Then it finishes the run under way and releases the
// lease; hard ends that too.
func (r *Relay) Run(drain, hard context.Context) error {
	r.Lease = cmp.Or(r.Lease, relayLease)
	defer r.release(hard)
	retry := &retry{first: firstRelayRetry, longest: longestRelayRetry,
		trouble: pipeline.NewTrouble(r.Log, slog.LevelWarn, "events for other services wait",
			"events for other services are sent again")}
	for drain.Err() == nil {
		changed := r.Store.Changed() // before reading, to miss nothing in between
		n, err := r.turn(drain, hard)
		if err != nil && drain.Err() == nil {
			r.Metrics.failures.Inc()
		}
		if retry.ok(drain, err) && n == 0 {
			r.wait(drain, changed)
		}
	}
	return nil
}

// wait sleeps until something changed, or as long as the lease allows.
func (r *Relay) wait(ctx context.Context, changed <-chan struct{}) {
	d := r.Lease / 3
	if !r.holds() {
		d, changed = r.Lease/8, nil
	}
	wait.For(ctx, d, changed, nil)
}

// turn publishes a batch if this process holds the lease, and returns how many
// changes it had.
func (r *Relay) turn(drain, hard context.Context) (n int, err error) {
	if err := r.hold(drain); err != nil || !r.holds() {
		return 0, err
	}
	changes, err := r.Store.Changes(drain, "", r.at.Cursor, relayBatch)
	if err != nil || len(changes) == 0 {
		return 0, err
	}
	if err := r.missed(hard, changes[0].Seq); err != nil {
		return 0, err
	}
	built, err := r.Builder.Build(drain, r.at.Origin, changes)
	if err != nil {
		return 0, err
	}
	cursor := r.at.Cursor
	for _, run := range events.Runs(built) {
		if drain.Err() != nil {
			break
		}
		if err = r.publish(hard, run); err != nil {
			break
		}
	}
	if err == nil && drain.Err() == nil {
		r.at.Cursor = changes[len(changes)-1].Seq // also past changes that made no event
	}
	if r.at.Cursor == cursor {
		return 0, err
	}
	if e := r.move(hard); e != nil {
		return 0, e
	}
	r.Probe.At(pipeline.PointAdvanced)
	return len(changes), err
}

// publish publishes one run. A run that the end of the process interrupts only comes
// again.
func (r *Relay) publish(ctx context.Context, run []*events.Event) error {
	if !r.holdsEnough() {
		if err := r.move(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, r.Lease/3)
	defer cancel()
	if err := r.Publisher.Publish(ctx, run); err != nil {
		return fmt.Errorf("publish events: %w", err)
	}
	r.Probe.At(pipeline.PointPublished)
	r.at.Cursor = run[len(run)-1].Sequence
	r.Metrics.published(run)
	return nil
}

// missed notices changes that the store dropped before the relay published them: the
// stream keeps only store.KeepForRelays. Otherwise numbers have no gaps.
func (r *Relay) missed(ctx context.Context, first int64) error {
	n := first - 1 - r.at.Cursor
	if n <= 0 {
		return nil
	}
	r.Metrics.lost.Add(float64(n))
	r.Log.Error("events were never sent: more waited than the database keeps for them",
		"lost", n, "from", r.at.Cursor+1, "to", first-1, "kept", store.KeepForRelays)
	r.at.Cursor = first - 1
	return r.move(ctx)
}

func (r *Relay) holds() bool { return r.until.After(r.Now()) }

func (r *Relay) holdsEnough() bool { return r.until.Sub(r.Now()) > r.Lease*2/3 }

// hold takes or renews the lease, unless another process has it.
func (r *Relay) hold(ctx context.Context) error {
	if r.holdsEnough() {
		return nil
	}
	if taken, err := r.taken(ctx); taken || err != nil {
		return err
	}
	until := r.Now().Add(r.Lease)
	at, err := r.Store.TakeRelay(ctx, RelayName, r.Holder, r.Now(), r.Lease)
	if err != nil || at.Holder != r.Holder {
		return err
	}
	if at.Term != r.at.Term {
		r.Log.Info("this process sends the events for other services", "after", at.Cursor)
	}
	r.at, r.until = at, until
	r.Metrics.holds.Set(1)
	return nil
}

// taken reports whether another process holds the lease. Standbys only read.
func (r *Relay) taken(ctx context.Context) (bool, error) {
	all, err := r.Store.Leases(ctx)
	for _, at := range all {
		if at.Name == RelayName && at.Holder != r.Holder && at.Until.After(r.Now()) {
			r.lost()
			return true, err
		}
	}
	return false, err
}

func (r *Relay) lost() {
	r.until = time.Time{}
	r.Metrics.holds.Set(0)
}

// move saves the relay's cursor and renews the lease.
func (r *Relay) move(ctx context.Context) error {
	until := r.Now().Add(r.Lease)
	r.at.Until = until
	err := r.Store.MoveLease(ctx, r.at)
	switch {
	case bellhop.KindOf(err) == bellhop.Conflict:
		r.lost()
	case err == nil:
		r.until = until
	}
	return err
}

// release lets another process take over at once.
func (r *Relay) release(ctx context.Context) {
	if !r.holds() {
		return
	}
	r.at.Until = r.Now()
	if err := r.Store.MoveLease(ctx, r.at); err != nil {
		r.Log.Warn("release the lease of the events for other services", "err", err)
	}
	r.lost()
}
