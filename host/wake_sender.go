package host

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/queue"
)

// WakeSender wakes the push workers of other processes when pushes are owed. The
// store holds the pushes: a message is only a signal, and without it they go out a
// little later.
type WakeSender struct {
	Queue queue.Queue
	Log   *slog.Logger
	Now   func() time.Time

	count *prometheus.CounterVec // of messages, by result

	mu    sync.Mutex
	asked time.Time // when it asked for the queue's depth
	room  int       // messages that may follow before it asks again
}

// NewWakeSender also registers the metric of the messages.
func NewWakeSender(q queue.Queue, l *slog.Logger, now func() time.Time, r prometheus.Registerer) *WakeSender {
	return &WakeSender{Queue: q, Log: l, Now: now, count: promauto.With(r).NewCounterVec(prometheus.CounterOpts{
		Name: "bellhop_doorbells_sent_total",
		Help: "Wake-up messages to push workers, by result: sent, failed, or spared because many still wait.",
	}, []string{"result"})}
}

// maxWaiting bounds the waiting messages, so that a queue without receivers does not
// grow. Beyond it nobody listens, or the push workers are awake already.
const maxWaiting = 1000

// How long a queue's depth counts, and that of a full one.
const (
	depthFresh     = 5 * time.Second
	depthFreshFull = time.Second
)

// wakeTimeout bounds how long acknowledging a batch waits for its wake-up messages.
const wakeTimeout = 5 * time.Second

// Send sends a message for each shop that has owed pushes from these events. If it
// fails, the pushes only go out later.
func (w *WakeSender) Send(ctx context.Context, events []*bellhop.Event, done []pipeline.Recorded) {
	if w == nil {
		return
	}
	signals, err := signalsFor(events, done, w.Now().UTC().Truncate(time.Microsecond))
	if err == nil && len(signals) > 0 {
		ctx, cancel := context.WithTimeout(ctx, wakeTimeout)
		defer cancel()
		if !w.wanted(ctx, len(signals)) {
			w.count.WithLabelValues("spared").Add(float64(len(signals)))
			return
		}
		err = w.Queue.Send(ctx, signals...)
	}
	if err != nil {
		w.count.WithLabelValues("failed").Add(float64(len(signals)))
		w.Log.Warn("the push workers were not woken; they look by themselves every few seconds", "shops", len(signals), "err",
			err)
		return
	}
	w.count.WithLabelValues("sent").Add(float64(len(signals)))
}

// wanted reports whether the queue has room for n more messages.
func (w *WakeSender) wanted(ctx context.Context, n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.Now()
	if age := now.Sub(w.asked); age >= depthFresh || w.room < n && age >= depthFreshFull {
		d, err := w.Queue.Depth(ctx)
		if err != nil {
			return true // sending says what is wrong
		}
		w.asked, w.room = now, maxWaiting-d.Waiting
	}
	if w.room <= 0 {
		return false
	}
	w.room -= n
	return true
}

// owing is the body of a wake-up message.
type owing struct {
	Shop   string   `json:"shop"`
	Orders []string `json:"orders"`
}

// signalsFor makes a wake-up message for each shop with owed pushes. It carries the
// trace of the shop's first event that has one.
func signalsFor(events []*bellhop.Event, done []pipeline.Recorded, now time.Time) (signals []*bellhop.Event,
	err error) {
	said := map[string]*owing{}
	of := map[string]*bellhop.Event{}
	for i, r := range done {
		if r.Pushes == 0 {
			continue
		}
		e := events[i]
		s := of[e.Shop]
		if s == nil {
			s = &bellhop.Event{Shop: e.Shop, Topic: bellhop.TopicPushesOwed, AcceptedAt: now}
			said[e.Shop], of[e.Shop] = &owing{Shop: e.Shop}, s
			signals = append(signals, s)
		}
		said[e.Shop].Orders = append(said[e.Shop].Orders, strconv.FormatInt(r.OrderID, 10))
		s.TraceParent = cmp.Or(s.TraceParent, e.TraceParent)
	}
	for _, s := range signals {
		s.ID = bellhop.NewEventID(now)
		s.WebhookID = s.ID.String()
		if s.Body, err = json.Marshal(said[s.Shop]); err != nil {
			return nil, fmt.Errorf("write a wake-up message: %w", err)
		}
	}
	return signals, nil
}
