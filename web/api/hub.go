package api

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/web"
)

const (
	hubBatch   = 2000                   // changes read at once, which are a few numbers each
	hubGap     = 100 * time.Millisecond // between two reads, so that a flood is read in batches
	hubRetry   = time.Second            // after a read went wrong
	hubBehind  = 10 * hubBatch          // further behind than this it gives up following
	hubOrders  = 200                    // orders looked up for one batch
	listenerAt = 64                     // batches that a listener may be behind
	hubPerson  = 32                     // streams that one person, or one API token, may have open
)

// hub reads what changes once for all listeners. The goroutine of run owns all its state. It
// reads nothing while nobody listens.
type hub struct {
	store   Store
	max     int // listeners
	perShop int

	joins  chan join
	leaves chan *listener
	ctx    context.Context
	stop   context.CancelFunc // ends it, also a read that is under way
	done   chan struct{}      // closed when it has ended

	listeners map[string]map[*listener]struct{} // by shop
	count     int
	pos       int64 // sequence number up to which changes have been handed out
	away      *pipeline.Trouble
	open      prometheus.Gauge
}

// listener is one open stream. The hub closes frames when it drops the listener: one that is
// too slow, or all at shutdown.
type listener struct {
	shop   string
	who    string // principal.key
	brief  bool   // wants the ids of changed orders, not the orders
	masked bool   // sees no personal data
	frames chan []byte
}

type join struct {
	l     *listener
	reply chan joined
}

// joined gets the sequence number after which a listener gets frames.
type joined struct {
	pos int64
	err error
}

func newHub(s Store, log *slog.Logger, maxListeners int, reg prometheus.Registerer) *hub {
	open := promauto.With(reg).NewGauge(prometheus.GaugeOpts{Name: "bellhop_streams_open",
		Help: "Event streams that are open."})
	ctx, stop := context.WithCancel(context.Background())
	return &hub{
		store: s, max: maxListeners, perShop: max(1, maxListeners/4),
		away: pipeline.NewTrouble(log, slog.LevelError, "what changed can't be read: open pages stand still",
			"what changed can be read again"),
		joins: make(chan join), leaves: make(chan *listener),
		ctx: ctx, stop: stop, done: make(chan struct{}),
		listeners: map[string]map[*listener]struct{}{}, open: open,
	}
}

var errListeners = bellhop.Errorf(bellhop.Unavailable, "busy", "too many streams are open; try again")

var errOwnListeners = bellhop.Errorf(bellhop.RateLimited, "too_many_streams",
	"you have %d streams open, as many as one person or token may: close one", hubPerson)

// join adds a listener. It gets the frames of changes after pos.
func (h *hub) join(ctx context.Context, who web.Principal, brief bool) (l *listener, pos int64, err error) {
	j := join{&listener{who.Shop, who.Key(), brief, who.Masks(), make(chan []byte, listenerAt)}, make(chan joined, 1)}
	select {
	case h.joins <- j:
		r := <-j.reply
		return j.l, r.pos, r.err
	case <-h.done:
		return nil, 0, errListeners
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
}

// leave takes a listener out; it may be out already.
func (h *hub) leave(l *listener) {
	select {
	case h.leaves <- l:
	case <-h.done:
	}
}

// close ends every stream and waits until run has returned.
func (h *hub) close() {
	h.stop()
	<-h.done
}

func (h *hub) run() {
	defer close(h.done)
	for h.serveUntil(h.ctx, h.read(h.ctx)) {
	}
	for _, ls := range h.listeners {
		for l := range ls {
			h.drop(l)
		}
	}
}

// serveUntil lets listeners come and go until ready says that it is time to
// read. It returns false at the end.
func (h *hub) serveUntil(ctx context.Context, ready <-chan struct{}) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-ready:
			return true
		case l := <-h.leaves:
			h.drop(l)
		case j := <-h.joins:
			first := h.count == 0
			j.reply <- h.add(ctx, j.l)
			if first && h.count == 1 {
				return true // nothing was being followed
			}
		}
	}
}

func (h *hub) add(ctx context.Context, l *listener) joined {
	if h.count >= h.max || len(h.listeners[l.shop]) >= h.perShop {
		return joined{err: errListeners}
	}
	own := 0
	for other := range h.listeners[l.shop] {
		if other.who == l.who {
			own++
		}
	}
	if own >= hubPerson {
		return joined{err: errOwnListeners}
	}
	if h.count == 0 {
		last, err := h.store.LastChange(ctx)
		if err != nil {
			return joined{err: err}
		}
		h.pos = last
	}
	if h.listeners[l.shop] == nil {
		h.listeners[l.shop] = map[*listener]struct{}{}
	}
	h.listeners[l.shop][l] = struct{}{}
	h.count++
	h.open.Inc()
	return joined{pos: h.pos}
}

func (h *hub) drop(l *listener) {
	if _, ok := h.listeners[l.shop][l]; !ok {
		return
	}
	delete(h.listeners[l.shop], l)
	if len(h.listeners[l.shop]) == 0 {
		delete(h.listeners, l.shop)
	}
	h.count--
	h.open.Dec()
	close(l.frames)
}

// read hands out what has changed and returns what to wait for before reading
// again.
func (h *hub) read(ctx context.Context) (ready <-chan struct{}) {
	if h.count == 0 {
		return nil
	}
	changed := h.store.Changed()
	n, err := h.step(ctx)
	if ctx.Err() == nil {
		h.away.Note(err)
	}
	switch {
	case err != nil && ctx.Err() == nil:
		return after(hubRetry)
	case n > 0:
		return after(hubGap)
	}
	return changed
}

func (h *hub) step(ctx context.Context) (n int, err error) {
	changes, err := h.store.Changes(ctx, "", h.pos, hubBatch)
	if err != nil {
		return 0, err
	}
	if len(changes) == 0 {
		return 0, h.rewind(ctx)
	}
	if gap := changes[0].Seq != h.pos+1; gap || len(changes) == hubBatch {
		last, err := h.store.LastChange(ctx)
		if err != nil {
			return 0, err
		}
		// The stream has no gaps but where a restored backup goes on above them.
		if gap || last-h.pos > hubBehind {
			h.pos = last
			h.reset()
			return len(changes), nil
		}
	}
	framer := newFramer(h.store, hubOrders)
	chunks := map[string]*chunk{}
	for _, c := range changes {
		if len(h.listeners[c.Shop]) == 0 {
			continue
		}
		to := chunks[c.Shop]
		if to == nil {
			to = &chunk{}
			to.brief, to.masks = h.wanted(c.Shop)
			chunks[c.Shop] = to
		}
		if err := framer.add(ctx, to, c); err != nil {
			return 0, err
		}
	}
	h.pos = changes[len(changes)-1].Seq
	for shop, c := range chunks {
		h.send(shop, c)
	}
	return len(changes), nil
}

// wanted reports whether no listener of a shop wants whole orders, and whether one wants them masked.
func (h *hub) wanted(shop string) (brief, masks bool) {
	brief = true
	for l := range h.listeners[shop] {
		if !l.brief {
			brief, masks = false, masks || l.masked
		}
	}
	return brief, masks
}

// rewind notices that the sequence went back, as after a restored backup, and makes all
// listeners begin anew. Without it they would get nothing until the sequence was as far
// again.
func (h *hub) rewind(ctx context.Context) error {
	last, err := h.store.LastChange(ctx)
	if err == nil && last < h.pos {
		h.pos = last
		h.reset()
	}
	return err
}

// reset tells everybody to load afresh.
func (h *hub) reset() {
	for shop := range h.listeners {
		h.send(shop, &chunk{reset: true})
	}
}

// send gives a chunk to a shop's listeners. It drops one that can't take it; that one resumes
// from where it was when it comes back.
func (h *hub) send(shop string, c *chunk) {
	whole, masked := c.bytes(h.pos, false), c.bytes(h.pos, true)
	brief := c.briefly(h.pos, len(h.listeners[shop]))
	for l := range h.listeners[shop] {
		frames := whole
		switch {
		case l.brief:
			frames = brief
		case l.masked:
			frames = masked
		}
		select {
		case l.frames <- frames:
		default:
			h.drop(l)
		}
	}
}

func after(d time.Duration) <-chan struct{} {
	ch := make(chan struct{})
	time.AfterFunc(d, func() { close(ch) })
	return ch
}
