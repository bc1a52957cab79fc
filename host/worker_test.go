package host_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bellhop"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/simulate"
	"bellhop/store"
)

// oneBatch is a queue that hands out one batch and keeps its verdicts.
type oneBatch struct {
	queue.Queue
	deliveries chan []queue.Delivery
	extended   chan struct{} // receives at each Extend
	settled    chan []queue.Settlement
	onSettle   func() // before settling; may be nil
	onReceive  func()
}

func newBatch(attempt int, bodies ...string) *oneBatch {
	q := &oneBatch{deliveries: make(chan []queue.Delivery, 1), extended: make(chan struct{}, 100_000),
		settled: make(chan []queue.Settlement, 1)}
	var batch []queue.Delivery
	for i, body := range bodies {
		batch = append(batch, queue.Delivery{Attempt: attempt, Receipt: queue.Receipt(rune('a' + i)),
			Event: &bellhop.Event{ID: bellhop.EventID{byte(i)}, Shop: shop, Topic: "orders/create", Body: []byte(body)}})
	}
	q.deliveries <- batch
	return q
}

func (q *oneBatch) Attributes(context.Context) (queue.Attributes, error) {
	return queue.Attributes{Visibility: 30 * time.Millisecond, MaxAttempts: 3}, nil
}

func (q *oneBatch) Receive(ctx context.Context, _ int) ([]queue.Delivery, error) {
	if q.onReceive != nil {
		q.onReceive()
	}
	select {
	case ds := <-q.deliveries:
		return ds, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (q *oneBatch) Extend(context.Context, time.Duration, ...queue.Receipt) error {
	q.extended <- struct{}{}
	return nil
}

func (q *oneBatch) Settle(_ context.Context, s ...queue.Settlement) error {
	if q.onSettle != nil {
		q.onSettle()
	}
	q.settled <- s
	return nil
}

// ledger is a store that calls record and notes dead letters.
type ledger struct {
	store.Store
	record func(facts []bellhop.Fact) error
	pushes int // owed for each fact
	mu     sync.Mutex
	dead   []bellhop.EventID
	broken error // of recording dead letters
	ready  func() error
}

func (l *ledger) Ready(context.Context) error {
	if l.ready == nil {
		return nil
	}
	return l.ready()
}

func (l *ledger) Record(_ context.Context, facts []bellhop.Fact) ([]bellhop.Result, error) {
	results := make([]bellhop.Result, len(facts))
	for i := range results {
		results[i].Pushes = l.pushes
	}
	return results, l.record(facts)
}

func (l *ledger) Dead(_ context.Context, e *bellhop.Event, _ string, _ time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = append(l.dead, e.ID)
	return l.broken
}

// work makes a worker process the batch, and returns the verdicts.
func work(t *testing.T, q *oneBatch, l *ledger) []queue.Settlement {
	t.Helper()
	return workWith(t, q, l, nil)
}

func workWith(t *testing.T, q *oneBatch, l *ledger, wake *host.WakeSender) []queue.Settlement {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	w := &host.Worker{Queue: q, Ready: l.Ready, Log: log, Wake: wake,
		Recorder: &pipeline.Recorder{Store: l, Now: time.Now, Log: log}}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.Run(ctx, t.Context()); err != nil {
			t.Error(err)
		}
	})
	verdicts := <-q.settled
	cancel()
	running.Wait()
	return verdicts
}

const good = `{` + simulate.Blank + `"id":1,"currency":"USD","total_price":"1.00","line_items":[],"created_at":"2026-11-22T09:00:00Z",` +
	`"updated_at":"2026-11-22T09:00:00Z"}`

func TestWorkerKeepsLeasesWhileItWorks(t *testing.T) {
	q := newBatch(1, good)
	l := &ledger{record: func([]bellhop.Fact) error {
		<-q.extended
		<-q.extended
		return nil
	}}
	if v := work(t, q, l); v[0].Verdict != queue.Ack {
		t.Errorf("verdict %d, want an acknowledgement", v[0].Verdict)
	}
}

func TestWorkerTurnsErrorsIntoVerdicts(t *testing.T) {
	away := errors.New("the database is away")
	for _, test := range []struct {
		name    string
		attempt int
		body    string
		record  error
		broken  error // of the ledger
		want    queue.Verdict
		dead    int
	}{
		{"recorded", 1, good, nil, nil, queue.Ack, 0},
		{"nonsense", 1, `{`, nil, nil, queue.DeadLetter, 1},
		{"nonsense, and the ledger is away", 1, `{`, nil, away, queue.Retry, 1},
		{"trouble that may pass", 1, good, away, nil, queue.Retry, 0},
		{"trouble at the last attempt", 3, good, away, nil, queue.Retry, 1}, // the queue makes it a dead letter
	} {
		l := &ledger{record: func([]bellhop.Fact) error { return test.record }, broken: test.broken}
		v := work(t, newBatch(test.attempt, test.body), l)[0]
		if v.Verdict != test.want || len(l.dead) != test.dead {
			t.Errorf("%s: verdict %d, %d dead; want %d, %d", test.name, v.Verdict, len(l.dead), test.want, test.dead)
		}
		if v.Verdict != queue.Ack && v.Reason == "" || v.Verdict == queue.Retry && v.Delay <= 0 {
			t.Errorf("%s: reason %q, delay %v", test.name, v.Reason, v.Delay)
		}
	}
}

// TestWorkerIsolatesWhatFails makes one order of a batch fail: the worker records the
// others.
func TestWorkerIsolatesWhatFails(t *testing.T) {
	bad := strings.Replace(good, `"id":1,`, `"id":666,`, 1)
	l := &ledger{record: func(facts []bellhop.Fact) error {
		for _, f := range facts {
			if f.OrderID == 666 {
				return errors.New("this one can't be stored")
			}
		}
		return nil
	}}
	verdicts := work(t, newBatch(1, good, bad, good), l)
	for i, want := range []queue.Verdict{queue.Ack, queue.Retry, queue.Ack} {
		if verdicts[i].Verdict != want {
			t.Errorf("event %d: verdict %d, want %d", i, verdicts[i].Verdict, want)
		}
	}
}

// TestWorkerHoldsWhileTheStoreIsAway makes the store come back: the worker records the
// failed events without losing an attempt, the others only once.
func TestWorkerHoldsWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		l := &ledger{record: func([]bellhop.Fact) error {
			if calls++; calls < 8 {
				return bellhop.Errorf(bellhop.Unavailable, "away", "the database is away")
			}
			return nil
		}}
		verdicts := work(t, newBatch(1, good, `{`), l)
		if verdicts[0].Verdict != queue.Ack || verdicts[1].Verdict != queue.DeadLetter || len(l.dead) != 1 {
			t.Errorf("verdicts %+v after %d calls, %d dead", verdicts, calls, len(l.dead))
		}
	})
}

// TestWorkerHoldsNotForEver gives a batch back in the end.
func TestWorkerHoldsNotForEver(t *testing.T) {
	away := func([]bellhop.Fact) error { return bellhop.Errorf(bellhop.Unavailable, "away", "the database is away") }
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		v := work(t, newBatch(1, good), &ledger{record: away})[0]
		if took := time.Since(began); v.Verdict != queue.Retry || took < time.Minute || took > 2*time.Minute {
			t.Errorf("verdict %d after %v", v.Verdict, took)
		}
	})
}

// TestWorkerReceivesNothingInVain takes the database away at the worker's start, and
// again after a batch: waiting events lose no attempt.
func TestWorkerReceivesNothingInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := bellhop.Errorf(bellhop.Unavailable, "away", "the database is away")
		asked, received := 0, 0
		q := newBatch(1, good)
		l := &ledger{record: func([]bellhop.Fact) error { return away }, ready: func() error {
			if asked++; asked%4 != 0 {
				return away
			}
			return nil
		}}
		q.onReceive = func() {
			if received++; asked != 4*received {
				t.Errorf("the worker received for the %d. time after asking %d times whether the database is there", received,
					asked)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		log := slog.New(slog.DiscardHandler)
		w := &host.Worker{Queue: q, Ready: l.Ready, Log: log, Recorder: &pipeline.Recorder{Store: l, Now: time.Now, Log: log}}
		var running sync.WaitGroup
		running.Go(func() { w.Run(ctx, t.Context()) })
		<-q.settled
		time.Sleep(time.Minute)
		cancel()
		if running.Wait(); received != 2 {
			t.Errorf("the worker received %d times", received)
		}
	})
}

// TestWorkerFindsWhatTakesTooLong makes the store time out over two events of a hundred:
// the worker records the others, and they lose no attempt.
func TestWorkerFindsWhatTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bodies := make([]string, 100)
		for i := range bodies {
			bodies[i] = good
		}
		verdicts := work(t, newBatch(1, bodies...), &ledger{record: func(facts []bellhop.Fact) error {
			for _, f := range facts {
				if n := f.Event.ID[0]; n == 42 || n == 43 {
					time.Sleep(10 * time.Second)
					return bellhop.Errorf(bellhop.Unavailable, "database_unavailable", "the database takes too long")
				}
			}
			return nil
		}})
		for i, v := range verdicts {
			if slow := i == 42 || i == 43; (v.Verdict == queue.Retry) != slow {
				t.Errorf("event %d: %+v", i, v)
			}
		}
	})
}
