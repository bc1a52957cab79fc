package rules

import (
	"time"

	"bellhop"
	"bellhop/store"
)

// Backlog is what one shop has due.
type Backlog struct {
	ShopID int64 // as the driver numbers it
	Shop   string
	Since  time.Time // when the oldest became due
	Due    int       // pushes that are due, counted as far as there are free slots
	FanOut bool      // there are fan-outs to be written as pushes
}

// Divide gives each of the slots to the shop that has the fewest attempts under way, and
// among equals to the one that waits the longest. It returns how many pushes of
// each backlog are to be claimed.
func Divide(s store.Slots, all []Backlog) []int {
	given, busy := make([]int, len(all)), make([]int, len(all))
	for i, b := range all {
		busy[i] = s.Busy[b.Shop]
	}
	for free := s.Free; free > 0; free-- {
		next := -1
		for i, b := range all {
			switch {
			case given[i] >= b.Due && !b.FanOut:
			case s.PerFree > 0 && busy[i] > 0 && busy[i] >= s.PerFree*(free-1):
			case next < 0, busy[i] < busy[next], busy[i] == busy[next] && b.Since.Before(all[next].Since):
				next = i
			}
		}
		if next < 0 {
			break
		}
		given[next]++
		busy[next]++
	}
	return given
}

// What an order owes is written together with the order, as long as that is
// little: a push for each device. What is much is written as one fan-out, and as
// pushes later, in portions, when the shop's turn comes: so that no order of a
// shop with many devices holds up the others.
const (
	// FanOutAbove is up to how many devices an order's pushes are written with it.
	FanOutAbove = 100
	// OwedAtOnce bounds the pushes that one call of Record writes.
	OwedAtOnce = 2_000
	// A portion is as large as the claim needs it, within these bounds: the one
	// makes a transaction worth its while, the other keeps it short.
	leastPortion, mostPortion = 100, 500
)

// portions counts what one call of Record has written.
type portions struct{ written int }

// fansOut reports whether an order's pushes to so many devices become a fan-out.
func (p *portions) fansOut(devices int) bool {
	if devices > FanOutAbove || devices > 1 && p.written+devices > OwedAtOnce {
		return true
	}
	p.written += devices
	return false
}

// Portion returns how many devices of a fan-out a claim looks at that has so many
// slots for the shop; 0 when enough is due without.
func (b Backlog) Portion(slots int) int {
	if !b.FanOut || b.Due >= slots {
		return 0
	}
	return min(mostPortion, max(leastPortion, slots-b.Due))
}

// Receiver is what owing needs to know of a device.
type Receiver struct {
	ID       int64
	FreeAt   time.Time // when its budget has room again
	Settings bellhop.Settings
}

// owes decides what an order owes to a device since at: when a push is due, or why it is
// skipped. Only skipped pushes of new orders are noted: the log says why there was none.
func (r Receiver) owes(kind bellhop.PushKind, total bellhop.Money, at time.Time) (
	due time.Time, skipped string, noted bool) {
	wanted, why := wants(r.Settings, kind, total)
	if wanted {
		return dueAt(at, r.FreeAt), "", true
	}
	return time.Time{}, why, kind == bellhop.PushOrderNew
}

// AddFanOut adds to backlogs that a shop has fan-outs, the oldest since a time.
func AddFanOut(all []Backlog, id int64, shop string, since time.Time) []Backlog {
	for i := range all {
		if all[i].ShopID == id {
			all[i].FanOut = true
			return all
		}
	}
	return append(all, Backlog{ShopID: id, Shop: shop, Since: since, FanOut: true})
}
