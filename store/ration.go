package store

import (
	"time"

	"bellhop"
)

// Allowance is what is left of a device's [bellhop.Budget]. Drivers keep it with
// the device; the zero Allowance is a full one.
type Allowance struct {
	Spent float64   // messages not yet refilled, as of At
	At    time.Time // zero: never used
	// Gathering is what the device's running digest stands for; nil when none
	// is running.
	Gathering *Gathering
}

// Portion is one message of a ration: Count pushes, from the oldest on.
type Portion struct {
	Count    int
	Gathered *Gathering // nil for a push by itself
}

// Ration divides a device's allowance among the pushes that are due to it, the
// oldest first: as long as there is budget each goes out by itself; the last
// message of the budget takes all that remain as one digest. What is left over
// is due at next; it is zero when nothing is.
//
// A digest replaces itself on the phone, so that a later one says the sum of
// all since the budget was last full.
func Ration(b bellhop.Budget, a Allowance, due []OrderBrief, now time.Time) (portions []Portion, left Allowance, next time.Time) {
	left = a.refill(b, now)
	for i := range due {
		free := float64(b.Burst) - left.Spent
		if free < 1 {
			return portions, left, left.FreeAt(b)
		}
		left.Spent++
		if free < 2 && (len(due)-i > 1 || left.Gathering != nil) {
			left.Gathering = left.Gathering.add(due[i:], now)
			return append(portions, Portion{Count: len(due) - i, Gathered: left.Gathering}), left, time.Time{}
		}
		portions = append(portions, Portion{Count: 1})
	}
	return portions, left, time.Time{}
}

// refill gives back what time has, and ends the running digest once the budget
// is full again.
func (a Allowance) refill(b bellhop.Budget, now time.Time) Allowance {
	if a.At.IsZero() || a.At.After(now) {
		a.At = now
	}
	a.Spent = max(0, a.Spent-float64(now.Sub(a.At))/float64(b.Refill))
	a.At = now
	if a.Spent == 0 {
		a.Gathering = nil
	}
	return a
}

// FreeAt returns from when on the budget has room for another message.
func (a Allowance) FreeAt(b bellhop.Budget) time.Time {
	over := max(0, a.Spent+1-float64(b.Burst))
	return a.At.Add(time.Duration(over * float64(b.Refill)))
}

// add returns a new sum; the old one may be in use. An order that is in the sum
// already, since its push is tried again, is not counted twice.
func (g *Gathering) add(orders []OrderBrief, now time.Time) *Gathering {
	sum := Gathering{Since: now}
	if g != nil {
		sum = *g
	}
	for _, o := range orders {
		if g != nil && o.Gathered {
			continue
		}
		total, ok := o.Total, true
		if sum.Orders > 0 {
			total, ok = sum.Total.Add(o.Total)
		}
		if !ok {
			total = bellhop.Money{}
		}
		sum.Orders, sum.Total = sum.Orders+1, total
	}
	return &sum
}
