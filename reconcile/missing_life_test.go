package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"bellhop"
	"bellhop/simulate"
	"bellhop/simulate/shop"
)

// lifeShops are the shops of a life. The first has most of the orders.
var lifeShops = []string{demo, "second.myshopify.com", "third.myshopify.com"}

// life is what happens at Shopify: orders come, change and go, and Shopify fails.
type life struct {
	*proof
	shops  []string
	begun  time.Time
	orders map[string]int // that a shop makes, those of before left out
	made   map[string]int
	seen   map[int64]bool // orders whose changes are planned
	looked time.Time      // when it last planned

	plans   map[int64][]lifeChange // by the minute
	events  []event                // what else happens, the earliest first
	minute  int64                  // up to which plans are carried out
	deleted []deletion
	done    map[string]int     // changes and faults
	story   map[int64][]string // of an order, for messages
	left    []string           // points at which the process shall be killed
}

// lifeChange is what will happen to an order.
type lifeChange struct {
	shop    string
	id      int64
	created time.Time
	shop.OrderChange
}

// deletion is of an order of an hour.
type deletion struct {
	shop     string
	hour, at time.Time
}

// event is something that happens at a time.
type event struct {
	at time.Time
	do func()
}

const (
	// lifeTime is how long orders come and change.
	lifeTime = 30 * time.Hour
	// lag is how far Shopify's lists are behind.
	lag = 30 * time.Second
	// swept is how old orders are when a life begins that a nightly sweep goes over in its end.
	swept = 4 * 24 * time.Hour
)

func newLife(p *proof, orders int) *life {
	l := &life{proof: p, shops: lifeShops, begun: p.clock.Now(), orders: map[string]int{}, made: map[string]int{},
		seen: map[int64]bool{}, plans: map[int64][]lifeChange{}, minute: p.clock.Now().Unix() / 60,
		done: map[string]int{}, story: map[int64][]string{}, left: points()}
	p.life = l
	p.rng.Shuffle(len(l.left), func(i, j int) { l.left[i], l.left[j] = l.left[j], l.left[i] })
	for i, domain := range l.shops {
		l.orders[domain] = orders * 3 / 4 * []int{2, 1, 1}[i] / 4
		l.always(domain, shop.Faults{})
	}
	l.faults()
	return l
}

// always lets a shop fail in a way, and in all those that go on for the whole time.
func (l *life) always(domain string, f shop.Faults) {
	f.Dropped, f.Delayed, f.DelaySeconds, f.LagSeconds, f.Silent = 0.05, 0.02, 24*60*60, int(lag.Seconds()), 0.02
	l.must(l.twin.SetFaults(domain, f))
}

// past gives the shops a quarter of the orders: those from before they are connected.
func (l *life) past() {
	for _, domain := range l.shops {
		half := simulate.ShopifyOptions{Orders: max(1, l.orders[domain]/6), Updates: 0.3}
		l.must(l.twin.Fill(domain, half, start.Add(-50*24*time.Hour), start.Add(-swept)))
		l.must(l.twin.Fill(domain, half, start.Add(-swept), start))
	}
}

// anywhere is a shop, and somewhen a time of the life.
func (l *life) anywhere() string { return l.shops[l.rng.IntN(len(l.shops))] }

func (l *life) somewhen(least time.Duration) time.Time {
	return l.begun.Add(least + time.Duration(l.rng.Int64N(int64(lifeTime-least-2*time.Hour))))
}

// faults plans what fails, and when.
func (l *life) faults() {
	on := func(what string, n int, do func(domain string)) {
		for range n {
			domain := l.anywhere()
			l.events = append(l.events, event{l.somewhen(time.Hour), func() { l.done[what]++; do(domain) }})
		}
	}
	on("subscriptions ended", 2, func(domain string) { l.must(l.twin.DropSubscriptions(domain, "")) })
	on("throttled", 20, func(domain string) { l.must(l.twin.SetPoints(domain, 0)) })
	for _, f := range []shop.Faults{{Broken: shop.BrokenServer}, {Away: 423}, {Broken: shop.BrokenCut}} {
		on("away", 1, func(domain string) {
			l.always(domain, f)
			l.events = append(l.events, event{l.clock.Now().Add(time.Hour), func() { l.always(domain, shop.Faults{}) }})
		})
	}
	on("no process for an hour", 1, func(string) { l.down = l.clock.Now().Add(time.Hour) })
	const kills = leastKills + 3
	for i := range kills {
		at := l.begun.Add(lifeTime * time.Duration(i) / kills)
		l.events = append(l.events, event{at, l.doom})
	}
}

// doom chooses where the process dies next. A place that it did not come to has another turn at the end.
func (l *life) doom() {
	if l.doomed != "" {
		l.left = append(l.left, l.doomed)
	}
	if len(l.left) == 0 {
		l.left = points()
	}
	l.doomed, l.left = l.left[0], l.left[1:]
}

func (l *life) over() bool { return l.clock.Now().Sub(l.begun) > lifeTime }

// goOn makes all happen that is due.
func (l *life) goOn() {
	now := l.clock.Now()
	slices.SortStableFunc(l.events, func(a, b event) int { return a.at.Compare(b.at) })
	for len(l.events) > 0 && !l.events[0].at.After(now) {
		do := l.events[0].do
		l.events = l.events[1:]
		do()
	}
	passed := min(1, now.Sub(l.begun).Seconds()/lifeTime.Seconds())
	for _, domain := range l.shops {
		if n := int(passed*float64(l.orders[domain])) - l.made[domain]; n > 0 {
			l.made[domain] += n
			l.must(l.twin.MakeOrders(domain, simulate.ShopifyOptions{Orders: n, Updates: 0.3, Duplicates: 0.05}))
		}
	}
	for ; l.minute <= now.Unix()/60; l.minute++ {
		for _, c := range l.plans[l.minute] {
			l.happens(c)
		}
		delete(l.plans, l.minute)
	}
	if now.Sub(l.looked) > 10*time.Minute {
		l.looked = now
		l.plan()
	}
}

// kinds are the changes of orders, the frequent ones more than once.
var kinds = []simulate.Change{simulate.ChangePaid, simulate.ChangePaid, simulate.ChangeFulfilled, simulate.ChangeNote,
	simulate.ChangeEdited, simulate.ChangeRefunded, simulate.ChangeCancelled, simulate.ChangeDeleted}

// plan decides what will happen to orders that it sees for the first time.
func (l *life) plan() {
	for _, domain := range l.shops {
		all, err := l.twin.Orders(domain)
		l.must(err)
		for _, o := range all {
			if l.seen[o.ID] {
				continue
			}
			l.seen[o.ID] = true
			n, old := l.rng.IntN(4), o.CreatedAt.Before(l.begun.Add(-swept))
			if old { // a second change in the second of one that bellhop knows of moves updated_at as little as none
				n = min(n, 1)
			}
			for range n {
				c := lifeChange{domain, o.ID, o.CreatedAt, shop.OrderChange{Change: kinds[l.rng.IntN(len(kinds))],
					Still: l.rng.IntN(20) == 0, Silent: l.rng.IntN(20) == 0}}
				if old && (c.Still || c.Change == simulate.ChangeDeleted) {
					continue // nobody looks for what leaves no trace in the lists
				}
				at := l.minute + soonOrLate(l.rng)
				l.plans[at] = append(l.plans[at], c)
			}
		}
	}
}

// soonOrLate is in how many minutes something happens: most of it soon.
func soonOrLate(rng *rand.Rand) int64 {
	if rng.IntN(2) == 0 {
		return 1 + rng.Int64N(15)
	}
	return 1 + rng.Int64N(int64(lifeTime.Minutes()))
}

// happens lets something happen to an order, if it can.
func (l *life) happens(c lifeChange) {
	switch err := l.twin.ChangeOrder(c.shop, c.id, c.OrderChange); bellhop.KindOf(err) {
	case bellhop.Conflict, bellhop.NotFound:
		return
	default:
		l.must(err)
	}
	what := string(c.Change)
	if c.Change == simulate.ChangeDeleted {
		l.deleted = append(l.deleted, deletion{c.shop, c.created.UTC().Truncate(time.Hour), l.clock.Now()})
	}
	if c.Still {
		what += ", still"
	}
	if c.Silent {
		what += ", silent"
	}
	l.done[what]++
	l.story[c.id] = append(l.story[c.id], fmt.Sprintf("%v %s", l.clock.Now(), what))
}
