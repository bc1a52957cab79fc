package host

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/queue"
)

// Bell tells those who push, in other processes, that pushes are owed. The store
// knows it all: a message is a doorbell, and without one pushes go out a little
// later.
type Bell struct {
	Queue queue.Queue
	Log   *slog.Logger
	Now   func() time.Time

	rung *prometheus.CounterVec // by what became of them

	mu     sync.Mutex
	looked time.Time // when the queue's depth was
	room   int       // messages that may follow before it is looked at again
}

// NewBell returns a bell, and registers what it counts.
func NewBell(q queue.Queue, l *slog.Logger, now func() time.Time, r prometheus.Registerer) *Bell {
	return &Bell{Queue: q, Log: l, Now: now, rung: promauto.With(r).NewCounterVec(prometheus.CounterOpts{
		Name: "bellhop_doorbells_sent_total",
		Help: "Messages to those who push, by what became of them: sent, failed, or spared since many wait unheard.",
	}, []string{"result"})}
}

// maxUnheard is how many messages may wait. Then nobody listens, or they have
// been woken anyway, and one more says nothing new: so a queue that nobody
// receives from does not grow.
const maxUnheard = 1000

// How often the queue's depth is looked at, and while it is full.
const (
	depthFresh     = 5 * time.Second
	depthFreshFull = time.Second
)

// ringTimeout bounds how long acknowledging a batch waits for its doorbells.
const ringTimeout = 5 * time.Second

// Ring tells of the pushes that recording events came to, in a message for each
// shop. Whether that works changes nothing but when they are sent.
func (b *Bell) Ring(ctx context.Context, events []*bellhop.Event, done []pipeline.Recorded) {
	if b == nil {
		return
	}
	bells, err := doorbells(events, done, b.Now().UTC().Truncate(time.Microsecond))
	if err == nil && len(bells) > 0 {
		ctx, cancel := context.WithTimeout(ctx, ringTimeout)
		defer cancel()
		if !b.wanted(ctx, len(bells)) {
			b.rung.WithLabelValues("spared").Add(float64(len(bells)))
			return
		}
		err = b.Queue.Send(ctx, bells...)
	}
	if err != nil {
		b.rung.WithLabelValues("failed").Add(float64(len(bells)))
		b.Log.Warn("those who push were not told; they look by themselves every few seconds", "shops", len(bells), "err", err)
		return
	}
	b.rung.WithLabelValues("sent").Add(float64(len(bells)))
}

// wanted reports whether so few messages wait that n more are of use.
func (b *Bell) wanted(ctx context.Context, n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.Now()
	if age := now.Sub(b.looked); age >= depthFresh || b.room < n && age >= depthFreshFull {
		d, err := b.Queue.Depth(ctx)
		if err != nil {
			return true // sending says what is wrong
		}
		b.looked, b.room = now, maxUnheard-d.Waiting
	}
	if b.room <= 0 {
		return false
	}
	b.room -= n
	return true
}

// owing is what a doorbell says, in its body.
type owing struct {
	Shop   string   `json:"shop"`
	Orders []string `json:"orders"`
}

// doorbells makes a message for each shop that pushes are owed to. It carries
// the trace of the first of its events that has one.
func doorbells(events []*bellhop.Event, done []pipeline.Recorded, now time.Time) (bells []*bellhop.Event, err error) {
	said := map[string]*owing{}
	of := map[string]*bellhop.Event{}
	for i, r := range done {
		if r.Pushes == 0 {
			continue
		}
		e := events[i]
		if said[e.Shop] == nil {
			said[e.Shop], of[e.Shop] = &owing{Shop: e.Shop}, &bellhop.Event{Shop: e.Shop, Topic: bellhop.TopicPushesOwed, AcceptedAt: now}
			bells = append(bells, of[e.Shop])
		}
		said[e.Shop].Orders = append(said[e.Shop].Orders, strconv.FormatInt(r.OrderID, 10))
		if b := of[e.Shop]; b.TraceParent == "" {
			b.TraceParent = e.TraceParent
		}
	}
	for _, b := range bells {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, fmt.Errorf("make an id: %w", err)
		}
		b.ID, b.WebhookID = bellhop.EventID(id), id.String()
		if b.Body, err = json.Marshal(said[b.Shop]); err != nil {
			return nil, fmt.Errorf("write a doorbell: %w", err)
		}
	}
	return bells, nil
}
