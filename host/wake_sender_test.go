package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bellhop"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/queue"
)

// wakeQueue is a queue of wake-up messages that notes calls.
type wakeQueue struct {
	queue.Queue
	waiting chan []queue.Delivery
	settled chan []queue.Settlement

	mu    sync.Mutex
	sent  []*bellhop.Event
	asked int // for its depth
	depth int
	away  error // of sending
}

func newWakeQueue() *wakeQueue {
	return &wakeQueue{waiting: make(chan []queue.Delivery, 100), settled: make(chan []queue.Settlement, 1000)}
}

func (q *wakeQueue) Send(_ context.Context, events ...*bellhop.Event) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.away == nil {
		q.sent = append(q.sent, events...)
	}
	return q.away
}

func (q *wakeQueue) Depth(context.Context) (queue.Depth, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked++
	return queue.Depth{Waiting: q.depth + len(q.sent)}, nil
}

func (q *wakeQueue) Receive(ctx context.Context, _ int) ([]queue.Delivery, error) {
	select {
	case ds := <-q.waiting:
		return ds, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (q *wakeQueue) Settle(_ context.Context, verdicts ...queue.Settlement) error {
	q.settled <- verdicts
	return nil
}

func (q *wakeQueue) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.sent)
}

func newWakeSender(q *wakeQueue) (*host.WakeSender, *prometheus.Registry) {
	r := prometheus.NewRegistry()
	return host.NewWakeSender(q, slog.New(slog.DiscardHandler), time.Now, r), r
}

// recorded makes events of shops, each with an order and its owed pushes.
func recorded(pushes int, shops ...string) (events []*bellhop.Event, done []pipeline.Recorded) {
	for i, s := range shops {
		events = append(events, &bellhop.Event{Shop: s, TraceParent: "trace-" + s})
		done = append(done, pipeline.Recorded{OrderID: int64(i + 1), Result: bellhop.Result{Pushes: pushes}})
	}
	return events, done
}

func TestWakeSenderWritesOneMessageAShop(t *testing.T) {
	q := newWakeQueue()
	wake, _ := newWakeSender(q)
	events, done := recorded(1, "a", "b", "a", "quiet", "failed")
	done[3].Pushes = 0
	done[4] = pipeline.Recorded{Err: errors.New("away")}
	wake.Send(t.Context(), events, done)
	if len(q.sent) != 2 || q.sent[0].ID == q.sent[1].ID {
		t.Fatalf("%d messages, want one for each of 2 shops", len(q.sent))
	}
	for i, want := range []struct {
		shop   string
		orders []string
	}{{"a", []string{"1", "3"}}, {"b", []string{"2"}}} {
		e := q.sent[i]
		var said struct {
			Shop   string
			Orders []string
		}
		if err := json.Unmarshal(e.Body, &said); err != nil {
			t.Fatal(err)
		}
		if e.Shop != want.shop || said.Shop != want.shop || !slices.Equal(said.Orders, want.orders) {
			t.Errorf("message %d is of %s and says %+v", i, e.Shop, said)
		}
		if e.Topic != bellhop.TopicPushesOwed || e.TraceParent != "trace-"+want.shop || e.AcceptedAt.IsZero() {
			t.Errorf("message %d is %+v", i, e)
		}
	}
}

// TestWakeSenderStopsWhereNobodyReceives has no receiver: the queue does not grow, and the
// sender rarely asks for its depth. After a receiver came, it sends again.
func TestWakeSenderStopsWhereNobodyReceives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newWakeQueue()
		wake, registry := newWakeSender(q)
		events, done := recorded(1, "a", "b", "c")
		for range 10_000 {
			wake.Send(t.Context(), events, done)
			time.Sleep(time.Millisecond)
		}
		if n := q.count(); n < 1000 || n > 1100 || q.asked > 15 {
			t.Errorf("%d messages, %d looks in 10 s; want about 1000 and 10", n, q.asked)
		}
		full := q.count()
		q.mu.Lock()
		q.depth = -full // somebody has received
		q.mu.Unlock()
		time.Sleep(time.Second)
		wake.Send(t.Context(), events, done)
		if q.count() != full+3 {
			t.Errorf("%d messages once somebody receives, want %d", q.count(), full+3)
		}
		families, err := registry.Gather()
		if err != nil || len(families) != 1 || len(families[0].Metric) != 2 {
			t.Errorf("%v, %v; want what was sent and what was spared", families, err)
		}
	})
}

// TestWorkerWakesBeforeItAcknowledges also fails to send the message: the worker
// acknowledges the events all the same, since the store has the pushes.
func TestWorkerWakesBeforeItAcknowledges(t *testing.T) {
	for _, away := range []error{nil, errors.New("the broker is away")} {
		signals := newWakeQueue()
		signals.away = away
		wake, _ := newWakeSender(signals)
		q := newBatch(1, good)
		q.onSettle = func() {
			if away == nil && signals.count() != 1 {
				t.Errorf("acknowledged after %d messages, want 1", signals.count())
			}
		}
		l := &ledger{record: func([]bellhop.Fact) error { return nil }, pushes: 1}
		if v := workWith(t, q, l, wake); v[0].Verdict != queue.Ack {
			t.Errorf("verdict %d, want an acknowledgement", v[0].Verdict)
		}
	}
}
