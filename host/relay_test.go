package host_test

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"bellhop"
	"bellhop/events"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/store"
	"bellhop/store/move"
	"bellhop/store/sealed"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// follower is a service that gets events.
type follower struct {
	mu    sync.Mutex
	fails int // the next publications
	got   []*events.Event
	more  chan struct{} // gets something after each publication
}

func newFollower() *follower { return &follower{more: make(chan struct{}, 1)} }

func (f *follower) Publish(_ context.Context, run []*events.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails > 0 {
		f.fails--
		f.got = append(f.got, run[:len(run)/2]...) // a part came all the same
		return errors.New("the service is away")
	}
	f.got = append(f.got, run...)
	select {
	case f.more <- struct{}{}:
	default:
	}
	return nil
}

func (f *follower) Check(context.Context) error { return nil }
func (f *follower) Close() error                { return nil }

func (f *follower) all() []*events.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*events.Event(nil), f.got...)
}

// until waits until the event with a sequence number has come.
func (f *follower) until(t *testing.T, seq int64) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		if all := f.all(); len(all) > 0 && all[len(all)-1].Sequence >= seq {
			return
		}
		select {
		case <-f.more:
		case <-late:
			t.Fatalf("event %d did not come: there are %d", seq, len(f.all()))
		}
	}
}

// inOrder checks that all events from a number on came, each order's in its order.
// Repetitions count once.
func inOrder(t *testing.T, got []*events.Event, from, to int64) {
	t.Helper()
	seen, latest := map[int64]bool{}, map[int64]int64{}
	for _, e := range got {
		if seen[e.Sequence] {
			continue
		}
		seen[e.Sequence] = true
		if e.Sequence < latest[e.OrderID] {
			t.Errorf("event %d of order %d came after %d", e.Sequence, e.OrderID, latest[e.OrderID])
		}
		latest[e.OrderID] = e.Sequence
	}
	for n := from; n <= to; n++ {
		if !seen[n] {
			t.Errorf("event %d is missing", n)
		}
	}
	if n := int64(len(seen)); n > to-from+1 {
		t.Errorf("there are %d events, want %d", n, to-from+1)
	}
}

// followed is a store with a stream of changes.
type followed struct {
	testing.TB
	parts *wire.Parts
	n     int64 // changes made
}

func newFollowed(t *testing.T) *followed {
	d := &followed{TB: t, parts: openParts(t)}
	if err := d.parts.Store.AddShop(t.Context(), bellhop.Shop{Domain: "demo.myshopify.com",
		AddedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return d
}

func openParts(t *testing.T) *wire.Parts {
	c := config(oneFile(wiretest.Dir(t)), "log:")
	parts, err := c.Open(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { parts.Close() })
	return parts
}

// change changes each of some orders a few times, and returns the last change's number.
func (d *followed) change(orders, each int) int64 {
	d.Helper()
	for range each {
		var facts []bellhop.Fact
		for i := range orders {
			d.n++
			facts = append(facts, orderFact(int64(i+1), d.n))
		}
		if _, err := d.parts.Store.Record(d.Context(), facts); err != nil {
			d.Fatal(err)
		}
	}
	last, err := d.parts.Store.LastChange(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	return last
}

// orderFact makes the n-th event, with a newer version than those before.
func orderFact(id, n int64) bellhop.Fact {
	at := time.Now().UTC().Truncate(time.Microsecond)
	e := &bellhop.Event{Shop: "demo.myshopify.com", Topic: "orders/updated", AcceptedAt: at, SignedBy: bellhop.SignerApp,
		Body: []byte("{}")}
	copy(e.ID[:], []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), 1})
	return bellhop.Fact{Event: e, At: at, OrderID: id, Order: &bellhop.Order{Shop: e.Shop, ID: id, Name: "#1",
		Version: bellhop.Version{UpdatedAt: at.Add(time.Duration(n) * time.Second), Hash: uint64(n)},
		Total:   bellhop.Money{Units: 100, Digits: 2, Currency: "USD"}, PlacedAt: at, UpdatedAt: at}}
}

// relay starts a relay; end ends it and waits.
func (d *followed) relay(holder string, to events.Publisher, m *host.RelayMetrics) (end func()) {
	ctx, cancel := context.WithCancel(d.Context())
	r := &host.Relay{Store: d.parts.Store, Builder: &pipeline.EventBuilder{Store: d.parts.Store}, Publisher: to,
		Holder: holder, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Metrics: cmp.Or(m, host.NewRelayMetrics(prometheus.NewRegistry(), d.parts.Store, time.Now))}
	var running sync.WaitGroup
	running.Go(func() {
		if err := r.Run(ctx, context.WithoutCancel(d.Context())); err != nil {
			d.Error(err)
		}
	})
	end = sync.OnceFunc(func() { cancel(); running.Wait() })
	d.Cleanup(end)
	return end
}

// register makes the relay known, as its first start does.
func (d *followed) register() int64 {
	d.Helper()
	r, err := d.parts.Store.TakeRelay(d.Context(), host.RelayName, "nobody", time.Now().Add(-time.Hour), time.Minute)
	if err != nil {
		d.Fatal(err)
	}
	return r.Cursor + 1
}

func TestRelayTellsEverything(t *testing.T) {
	t.Parallel()
	d, f := newFollowed(t), newFollower()
	from := d.register()
	d.change(40, 5) // before it starts
	f.fails = 3
	d.relay("one", f, nil)
	last := d.change(10, 3) // and meanwhile
	f.until(t, last)
	inOrder(t, f.all(), from, last)
}

func TestRelayBeginsNow(t *testing.T) {
	t.Parallel()
	d, f := newFollowed(t), newFollower()
	before := d.change(3, 1)
	m := host.NewRelayMetrics(prometheus.NewRegistry(), d.parts.Store, time.Now)
	d.relay("one", f, m)
	for {
		changed := d.parts.Store.Changed()
		if relays, err := d.parts.Store.Leases(t.Context()); err != nil {
			t.Fatal(err)
		} else if len(relays) > 0 {
			break
		}
		<-changed // for any write
	}
	last := d.change(4, 1)
	f.until(t, last)
	inOrder(t, f.all(), before+1, last)
}

// TestRelayGoesOnWhereAnotherEnded makes a second stand by until the first ends.
func TestRelayGoesOnWhereAnotherEnded(t *testing.T) {
	t.Parallel()
	d, first, second := newFollowed(t), newFollower(), newFollower()
	from := d.register()
	end := d.relay("one", first, nil)
	middle := d.change(5, 2)
	first.until(t, middle)
	d.relay("two", second, nil)
	later := d.change(5, 1)
	first.until(t, later)
	end()
	if n := len(second.all()); n != 0 {
		t.Errorf("the one that stands by published %d events", n)
	}
	last := d.change(5, 2)
	second.until(t, last)
	inOrder(t, first.all(), from, later)
	inOrder(t, second.all(), later+1, last)
}

// overtaken calls a function while it publishes a run.
type overtaken struct {
	*follower
	meanwhile func()
}

func (o overtaken) Publish(ctx context.Context, run []*events.Event) error {
	o.meanwhile()
	return o.follower.Publish(ctx, run)
}

// TestRelayStopsWhenTakenOver makes a process with a fast clock take over: the first must
// not save its cursor over the other's.
func TestRelayStopsWhenTakenOver(t *testing.T) {
	t.Parallel()
	d, f := newFollowed(t), newFollower()
	from := d.register()
	takeOver := sync.OnceFunc(func() {
		other, err := d.parts.Store.TakeRelay(t.Context(), host.RelayName, "two", time.Now().Add(time.Hour), time.Hour)
		if err == nil && other.Holder == "two" {
			other.Cursor = from - 1
			err = d.parts.Store.MoveLease(t.Context(), other)
		}
		if err != nil {
			t.Errorf("%+v, %v", other, err)
		}
	})
	end := d.relay("one", overtaken{f, takeOver}, nil)
	f.until(t, d.change(5, 1))
	end() // it has saved its cursor
	relays, err := d.parts.Store.Leases(t.Context())
	if err != nil || relays[0].Cursor != from-1 || relays[0].Holder != "two" {
		t.Errorf("the relay is %+v, %v", relays, err)
	}
}

// TestRelayReportsLostEvents drops changes before the relay publishes them.
func TestRelayReportsLostEvents(t *testing.T) {
	t.Parallel()
	f := newFollower()
	gap := move.Chunk{Shops: []bellhop.Shop{{Domain: "lost.myshopify.com", AddedAt: time.Now()}},
		Relays:  []store.Lease{{Name: host.RelayName, Origin: "x", Cursor: 10, Term: 1}},
		Changes: []store.Change{{Seq: 21, Kind: store.ChangeUpdated, Shop: "lost.myshopify.com", OrderID: 1, At: time.Now()}}}
	parts := openParts(t)
	m := parts.Store.(*sealed.Store).Store.(move.Mover)
	for _, err := range []error{m.BeginCopy(t.Context(), "source", "mark"), m.Import(t.Context(), move.TableShops, gap, "",
		""), m.EndCopy(t.Context(), true)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	reg := prometheus.NewRegistry()
	(&followed{TB: t, parts: parts}).relay("one", f, host.NewRelayMetrics(reg, parts.Store, time.Now))
	f.until(t, 21)
	want := "# HELP bellhop_events_lost_total Events never published, since more waited than the database " +
		"keeps. Alarm on it.\n" +
		"# TYPE bellhop_events_lost_total counter\nbellhop_events_lost_total 10\n"
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "bellhop_events_lost_total"); err != nil {
		t.Error(err)
	}
}

func TestBehind(t *testing.T) {
	t.Parallel()
	d := newFollowed(t)
	d.register()
	d.change(3, 2)
	n, age, err := host.Behind(t.Context(), d.parts.Store, time.Now().Add(time.Minute))
	if err != nil || n != 6 || age < time.Minute || age > time.Hour {
		t.Errorf("%d behind since %v, %v", n, age, err)
	}
}
