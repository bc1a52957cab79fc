package rules

import (
	"time"

	"bellhop"
	"bellhop/store"
)

// Allowance is the rest of a device's [bellhop.Budget], and of its owner's own rate.
// Drivers keep it with the device; the zero Allowance is a full one.
type Allowance struct {
	Spent float64   // messages not yet refilled, as of At
	Heard float64   // pushes against the owner's rate, not yet refilled
	At    time.Time // zero: never used
	// Gathering is the sum of the device's running digest; nil when none is running.
	Gathering *store.Gathering
}

// Portion is one message of a ration: Count pushes, from the oldest on.
type Portion struct {
	Count    int
	Gathered *store.Gathering // nil for a push by itself
}

// Ration divides a device's allowance among its due pushes, the oldest first: while there
// is budget each goes out by itself; the last message of the budget takes all others as one
// digest. What remains is due at next, which is zero when nothing does.
//
// Within the push service's budget it gathers pushes as their owner likes: those that
// waited for the end of quiet hours, and those above the owner's own rate, as long as they
// keep coming faster. It never gathers loud ones.
//
// A digest replaces itself on the phone: a later one shows the sum of all since the budget
// was last full.
func Ration(b, own bellhop.Budget, a Allowance, due []store.OrderBrief, now time.Time) (
	portions []Portion, left Allowance, next time.Time) {
	left = a.refill(b, own, now)
	for len(due) > 0 {
		free := float64(b.Burst) - left.Spent
		if free < 1 {
			return portions, left, left.FreeAt(b)
		}
		n, digest := left.together(own, due)
		if free < 2 && (len(due) > 1 || left.Gathering != nil) {
			n, digest = len(due), true
		}
		left.Spent++
		p := Portion{Count: n}
		if digest {
			left.Gathering = addTo(left.Gathering, due[:n], now)
			p.Gathered = left.Gathering
		}
		if own.Burst > 0 && !due[0].Loud {
			left.Heard = min(float64(own.Burst), left.Heard+float64(n))
		}
		portions, due = append(portions, p), due[n:]
	}
	return portions, left, time.Time{}
}

// together returns how many of the next pushes go out as one message, and whether that is a
// digest.
func (a Allowance) together(own bellhop.Budget, due []store.OrderBrief) (n int, digest bool) {
	run := func(belongs func(store.OrderBrief) bool) (n int) {
		for n < len(due) && belongs(due[n]) {
			n++
		}
		return n
	}
	if held := run(func(o store.OrderBrief) bool { return o.Held && !o.Loud }); held > 1 {
		return held, true
	}
	if again := run(func(o store.OrderBrief) bool { return o.Kind.Rings() && o.Kind != bellhop.RingKind(1) }); again > 1 {
		return again, true // what nobody took at one moment
	}
	above := own.Burst > 0 && (a.Heard+1 > float64(own.Burst) || a.Gathering != nil && a.Heard > 0)
	if !above || due[0].Loud {
		return 1, false
	}
	return run(func(o store.OrderBrief) bool { return !o.Loud }), true
}

// refill gives back what time has refilled, and ends the running digest once both budgets
// are full again.
func (a Allowance) refill(b, own bellhop.Budget, now time.Time) Allowance {
	if a.At.IsZero() || a.At.After(now) {
		a.At = now
	}
	passed := now.Sub(a.At)
	a.Spent = max(0, a.Spent-float64(passed)/float64(b.Refill))
	if own.Burst > 0 {
		a.Heard = max(0, a.Heard-float64(passed)/float64(own.Refill))
	} else {
		a.Heard = 0
	}
	a.At = now
	if a.Spent == 0 && a.Heard == 0 {
		a.Gathering = nil
	}
	return a
}

// FreeAt returns when the budget has room for another message.
func (a Allowance) FreeAt(b bellhop.Budget) time.Time {
	over := max(0, a.Spent+1-float64(b.Burst))
	return a.At.Add(time.Duration(over * float64(b.Refill)))
}

// addTo returns a new sum; the old one may be in use. It does not count a retried order
// again.
func addTo(g *store.Gathering, orders []store.OrderBrief, now time.Time) *store.Gathering {
	sum := store.Gathering{Since: now}
	if g != nil {
		sum = *g
	}
	for _, o := range orders {
		if g != nil && o.Gathered {
			continue
		}
		if o.Kind != bellhop.PushOrderNew && o.Kind != bellhop.RingKind(1) { // which stands for it
			sum.Changes++
			continue
		}
		total, ok := o.Current, true
		if sum.Orders > 0 {
			total, ok = sum.Total.Add(o.Current)
		}
		if !ok {
			total = bellhop.Money{}
		}
		sum.Orders, sum.Total = sum.Orders+1, total
	}
	return &sum
}
