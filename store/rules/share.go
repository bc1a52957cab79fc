package rules

import (
	"time"

	"bellhop"
	"bellhop/store"
)

// Backlog is one shop's due pushes.
type Backlog struct {
	ShopID int64 // as the driver numbers it
	Shop   string
	Since  time.Time // when the oldest became due
	Due    int       // due pushes, counted up to the free slots
	FanOut bool      // there are fan-outs to write as pushes
}

// Divide gives each slot to the shop with the fewest attempts under way, among equals to
// the one that waits the longest. It returns how many pushes of each backlog to claim.
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

// Share divides a claim's slots among the shops. It calls fanOut for each shop whose slots ask
// for a portion of its fan-outs, of n devices.
func Share(s store.Slots, all []Backlog, fanOut func(shop int64, n int) error) ([]int, error) {
	given := Divide(s, all)
	for i, b := range all {
		if n := b.Portion(given[i]); n > 0 {
			if err := fanOut(b.ShopID, n); err != nil {
				return nil, err
			}
		}
	}
	return given, nil
}

// Record writes an order's pushes with the order while they are few: one for each device.
// Above that it writes one fan-out, and claims write the pushes in portions when the shop's
// turn comes. So no order of a shop with many devices holds up the others.
const (
	// FanOutAbove is the most devices to which an order's pushes are written at once.
	FanOutAbove = 100
	// OwedAtOnce bounds the pushes that one call of Record writes.
	OwedAtOnce = 2_000
	// A portion is as large as the claim needs it, within these bounds: the lower makes a
	// transaction worth its while, the upper keeps it short.
	leastPortion, mostPortion = 100, 500
)

// portions counts the pushes that one call of Record has written.
type portions struct{ written int }

// fansOut reports whether an order's pushes to this many devices become a fan-out.
func (p *portions) fansOut(devices int) bool {
	if devices > FanOutAbove || devices > 1 && p.written+devices > OwedAtOnce {
		return true
	}
	p.written += devices
	return false
}

// Portion returns how many devices of a fan-out to look at in a claim with this many slots
// for the shop; 0 when enough pushes are due.
func (b Backlog) Portion(slots int) int {
	if !b.FanOut || b.Due >= slots {
		return 0
	}
	return min(mostPortion, max(leastPortion, slots-b.Due))
}

// Receiver is a device as owing sees it.
type Receiver struct {
	ID       int64
	Person   int64     // whose it is; 0 for an API token's
	FreeAt   time.Time // when its budget has room again
	Settings bellhop.Settings
}

// owes decides about a push to a device since at: when it is due, or why it is skipped. The
// log shows those that somebody asked for, and every skipped one of a new order.
func (r Receiver) owes(kind bellhop.PushKind, total bellhop.Money, at time.Time) (
	due time.Time, skipped string, noted bool) {
	wanted, why := wants(r.Settings, kind, total)
	if wanted {
		return dueAt(at, r.FreeAt), "", true
	}
	return time.Time{}, why, kind == bellhop.PushOrderNew || why != store.ReasonNotWanted
}

// AddFanOut adds a shop's fan-outs to the backlogs; since is the oldest one's time.
func AddFanOut(all []Backlog, id int64, shop string, since time.Time) []Backlog {
	for i := range all {
		if all[i].ShopID == id {
			all[i].FanOut = true
			return all
		}
	}
	return append(all, Backlog{ShopID: id, Shop: shop, Since: since, FanOut: true})
}
