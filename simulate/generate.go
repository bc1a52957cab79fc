package simulate

import (
	"bytes"
	"container/heap"
	"encoding/binary"
	"iter"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"

	"bellhop/shopify"
)

// Generate makes the deliveries of a run without sending them, in the order in
// which a run would begin them. It ends after Options.Orders orders and all
// that follows from them; without Orders, and without a Rate and a Duration, it
// doesn't end.
func Generate(o ShopifyOptions) (iter.Seq[*Delivery], error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	return func(yield func(*Delivery) bool) {
		g := newGenerator(&o)
		for d := g.next(); d != nil && yield(d); {
			d = g.next()
		}
	}, nil
}

// generator makes deliveries one after another. Time in it is counted in
// deliveries, never measured, so that a run depends on its seed and on
// when it began, not on how fast the machine is.
type generator struct {
	opt       *ShopifyOptions
	rng       *rand.Rand
	secret    *shopify.Secret
	shops     []shopProfile
	start     time.Time
	step      time.Duration
	triggered time.Time // of the delivery made last

	drawn  int // deliveries made so far, copies and late ones not counted again
	orders int
	begun  int // deliveries handed out
	limit  int // of begun; 0 is none

	ready []*Delivery        // made and due
	due   queueBy[*life]     // orders that will still change
	late  queueBy[*Delivery] // copies and delayed deliveries
	buf   []byte
	view  view // of the order that is made just now

	bodiless bool // deliveries have neither bodies nor signatures
}

// shopProfile is a shop's own way of writing.
type shopProfile struct {
	domain   string
	currency string
	zone     *time.Location
	nextID   int64
	numbers  *atomic.Int64 // holds the last one
}

// FirstNumber is the number before a new shop's first order, as Shopify has it.
const FirstNumber = 1000

func newGenerator(o *ShopifyOptions) *generator {
	g := &generator{
		opt: o, rng: rand.New(rand.NewPCG(o.Seed, 0x62656c6c686f70)), secret: shopify.NewSecret(o.Secret),
		start: o.Now().Round(0), step: o.interval(),
	}
	if o.Rate > 0 && o.Duration > 0 {
		g.limit = max(1, int(o.Rate*o.Duration.Seconds()))
	}
	for i, domain := range o.Shops {
		at := places[(o.Place+i)%len(places)]
		g.shops = append(g.shops, shopProfile{
			domain: domain, currency: at.currency, zone: time.FixedZone("", at.hours*3600),
			nextID: 5_000_000_000_000 + g.rng.Int64N(4_000_000_000_000), numbers: o.Numbers,
		})
		if o.Numbers == nil {
			g.shops[i].numbers = new(atomic.Int64)
			g.shops[i].numbers.Store(FirstNumber)
		}
	}
	return g
}

// next returns the next delivery, or nil at the end.
func (g *generator) next() *Delivery {
	if g.limit > 0 && g.begun == g.limit {
		return nil
	}
	d := g.late.pop(g.drawn)
	for d == nil {
		if d = g.fresh(); d == nil {
			if d = g.late.pop(maxPosition); d == nil {
				return nil
			}
			break
		}
		g.duplicate(d)
		if g.chance(g.opt.Shuffle) {
			g.late.push(g.drawn+1+g.rng.IntN(g.opt.Window), d)
			d = g.late.pop(g.drawn)
		}
	}
	d.Seq = g.begun
	g.begun++
	return d
}

// fresh makes a delivery: poison, or a due change of an order, or a new order, or a later change.
// nil means the end.
func (g *generator) fresh() *Delivery {
	if len(g.ready) == 0 {
		g.happen()
	}
	if len(g.ready) == 0 {
		return nil
	}
	if g.chance(g.opt.Poison) {
		g.drawn++
		return g.poison()
	}
	d := g.ready[0]
	g.ready = g.ready[1:]
	g.drawn++
	return d
}

// happen makes the next thing happen, which fills ready unless all is done.
func (g *generator) happen() {
	more := g.opt.Orders == 0 || g.orders < g.opt.Orders
	switch {
	case g.due.isDue(g.drawn):
		g.goOn(g.due.pop(g.drawn))
	case more:
		g.orders++
		o, st := g.newOrder(g.now())
		g.ready = append(g.ready, g.orderDelivery("orders/create", g.uuid(), o, &st))
		if g.chance(g.opt.Updates) {
			g.later(&life{order: o, state: st, left: 1 + g.rng.IntN(g.opt.FollowUps)})
		}
	case g.due.Len() > 0:
		g.goOn(g.due.pop(maxPosition))
	}
}

// now is the time in the run's own clock: when the next delivery is begun.
func (g *generator) now() time.Time { return g.start.Add(time.Duration(g.begun) * g.step) }

func (g *generator) chance(p float64) bool { return p > 0 && g.rng.Float64() < p }

// duplicate schedules a copy of some deliveries for later.
func (g *generator) duplicate(d *Delivery) {
	// Copies become the given share of all deliveries: p of d+copy is p/(1-p) of d.
	if !g.chance(g.opt.Duplicates / (1 - g.opt.Duplicates)) {
		return
	}
	c := *d
	c.Copy = CopySameID
	if g.rng.IntN(2) == 0 {
		c.Copy, c.WebhookID = CopyNewID, g.uuid()
	}
	g.late.push(g.drawn+1+g.rng.IntN(50), &c)
}

// orderDelivery makes a delivery that carries a whole order.
func (g *generator) orderDelivery(topic, event string, o *order, st *orderState) *Delivery {
	d := g.render(topic, event, o, st, func(w *renderer) { w.orderBody(st) })
	d.says = statement{order: o, state: *st}
	return d
}

// render makes a delivery of what body appends.
func (g *generator) render(topic, event string, o *order, st *orderState, body func(*renderer)) *Delivery {
	if g.bodiless {
		return &Delivery{Shop: o.shop, Topic: topic, EventID: event, TriggeredAt: g.trigger(), OrderID: o.id}
	}
	g.view.look(o, st)
	w := renderer{b: g.buf[:0], o: o, v: &g.view}
	body(&w)
	g.buf = w.b
	d := g.deliver(topic, event, o.shop, w.b)
	d.OrderID = o.id
	return d
}

// deliver wraps a copy of body.
func (g *generator) deliver(topic, event, shop string, body []byte) *Delivery {
	body = bytes.Clone(body)
	return &Delivery{
		Shop: shop, Topic: topic, WebhookID: g.uuid(), EventID: event, TriggeredAt: g.trigger(),
		Body: body, Signature: g.secret.Sign(body), Hash: xxhash.Sum64(body),
	}
}

// trigger returns a time a little before now that no other delivery has, so that later changes of
// an order also have later trigger times.
func (g *generator) trigger() time.Time {
	t := g.now().Add(-time.Duration(g.rng.Int64N(int64(g.step)/2 + 1)))
	if first := g.triggered.Add(time.Microsecond); t.Before(first) {
		t = first
	}
	g.triggered = t
	return t.UTC()
}

// uuid returns a random UUID from the seed.
func (g *generator) uuid() string {
	var id uuid.UUID
	binary.LittleEndian.PutUint64(id[:8], g.rng.Uint64())
	binary.LittleEndian.PutUint64(id[8:], g.rng.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id.String()
}

// maxPosition is after everything.
const maxPosition = int(^uint(0) >> 1)

// queueBy hands out values by position; those of one position in the order in
// which they came.
type queueBy[T any] struct {
	items []queued[T]
	count int
}

type queued[T any] struct {
	at, n int
	v     T
}

func (q *queueBy[T]) Len() int { return len(q.items) }
func (q *queueBy[T]) Less(i, j int) bool {
	a, b := q.items[i], q.items[j]
	return a.at < b.at || a.at == b.at && a.n < b.n
}
func (q *queueBy[T]) Swap(i, j int) { q.items[i], q.items[j] = q.items[j], q.items[i] }
func (q *queueBy[T]) Push(x any)    { q.items = append(q.items, x.(queued[T])) }
func (q *queueBy[T]) Pop() any {
	last := len(q.items) - 1
	x := q.items[last]
	q.items = slices.Delete(q.items, last, last+1) // which forgets it
	return x
}

func (q *queueBy[T]) push(at int, v T) {
	q.count++
	heap.Push(q, queued[T]{at, q.count, v})
}

func (q *queueBy[T]) isDue(position int) bool { return len(q.items) > 0 && q.items[0].at <= position }

// first returns the first value, or the zero value.
func (q *queueBy[T]) first() (v T) {
	if q.Len() > 0 {
		v = q.items[0].v
	}
	return v
}

// pop returns the first value that is due by position, or the zero value.
func (q *queueBy[T]) pop(position int) (v T) {
	if !q.isDue(position) {
		return v
	}
	return heap.Pop(q).(queued[T]).v
}
