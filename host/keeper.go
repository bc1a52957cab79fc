package host

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/internal/wait"
	"bellhop/pipeline"
	"bellhop/reconcile"
)

// Keeper works on shops when they are due. Any number of processes may have one, and one of them works on a shop at a
// time.
type Keeper[T any] struct {
	shops  duty[T]
	name   func(T) string // of the shop
	now    func() time.Time
	log    *slog.Logger
	what   string // for the log
	atOnce int    // bounds the shops under way
}

// duty is what there is to do for shops.
type duty[T any] interface {
	// Due lists the shops that are due, the longest due first, and when the next one is; zero for no idea.
	Due(ctx context.Context) (due []T, next time.Time, err error)
	Keep(ctx context.Context, due T) error
}

// NewKeeper makes a keeper that looks after the connections of a connector. A check takes a few requests, and 50 s at
// most.
func NewKeeper(c *connect.Connector) *Keeper[bellhop.Connection] {
	return &Keeper[bellhop.Connection]{&connect.Watch{Connector: c}, func(c bellhop.Connection) string { return c.Shop },
		c.Now, c.Log, "looking after connections to Shopify", 16}
}

// NewComparer makes a keeper that compares shops with Shopify.
func NewComparer(r *reconcile.Reconciler) *Keeper[bellhop.Reconciliation] {
	return &Keeper[bellhop.Reconciliation]{r, func(r bellhop.Reconciliation) string { return r.Shop }, r.Connector.Now,
		r.Connector.Log, "comparing shops with Shopify", reconcile.AtOnce}
}

// keepEvery is how soon a keeper notices that a shop became due, as by app/uninstalled. A list of due shops that is
// older is read again: others may be due for longer by then.
const keepEvery = 10 * time.Second

// Run works until drain is done, then finishes the shops under way; hard ends that too.
func (k *Keeper[T]) Run(drain, hard context.Context) error {
	away := pipeline.NewTrouble(k.log, slog.LevelError, k.what+" waits", k.what+" goes on")
	w := k.working(hard, func(err error) {
		if drain.Err() == nil {
			away.Note(err)
		}
	})
	defer w.all.Wait()
	for drain.Err() == nil {
		due, next, err := k.shops.Due(drain)
		if drain.Err() == nil {
			away.Note(err)
		}
		list, cancel := context.WithTimeout(drain, keepEvery)
		w.begin(list, due)
		cancel()
		pause := keepEvery
		if !next.IsZero() {
			pause = min(pause, max(time.Second, next.Sub(k.now())))
		}
		wait.Pause(drain, pause)
	}
	return nil
}

// Round works on shops until none is due. It begins no more when begin is done, and hard ends those under way. A shop's
// trouble is its own: the others go on, and the first error is the round's.
func (k *Keeper[T]) Round(begin, hard context.Context) (first error) {
	var mu sync.Mutex
	w := k.working(hard, func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = err
		}
	})
	for again := false; begin.Err() == nil; again = true {
		due, _, err := k.shops.Due(begin)
		if err != nil || len(due) == 0 {
			w.note(err)
			break
		}
		if again && !wait.Pause(begin, time.Second) { // shops that another process works on may still be due
			break
		}
		w.begin(begin, due)
		w.all.Wait()
	}
	return first
}

// working are the shops under way.
type working[T any] struct {
	*Keeper[T]
	hard  context.Context
	note  func(error)
	slots chan struct{}
	all   sync.WaitGroup

	mu    sync.Mutex
	under map[string]bool // by the shop's name
}

func (k *Keeper[T]) working(hard context.Context, note func(error)) *working[T] {
	return &working[T]{Keeper: k, hard: hard, note: note, slots: make(chan struct{}, k.atOnce), under: map[string]bool{}}
}

// begin begins with shops, each when there is room, until ctx ends.
func (w *working[T]) begin(ctx context.Context, due []T) {
	for _, one := range due {
		if w.isBusy(one) {
			continue
		}
		select {
		case w.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		if ctx.Err() != nil {
			<-w.slots
			return
		}
		w.busy(one, true)
		w.all.Go(func() {
			w.note(w.shops.Keep(w.hard, one))
			w.busy(one, false)
			<-w.slots
		})
	}
}

func (w *working[T]) isBusy(one T) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.under[w.name(one)]
}

func (w *working[T]) busy(one T, is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.under[w.name(one)] = true; !is {
		delete(w.under, w.name(one))
	}
}
