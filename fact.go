package bellhop

import (
	"cmp"
	"time"
)

// Fact is the statement of one event, decoded from its body. It has exactly one of Order, History,
// Deleted and Skip.
type Fact struct {
	Event *Event
	At    time.Time // when it is recorded

	OrderID int64    // the order that it is about; 0 with Skip
	Order   *Order   // the order as Shopify now has it, Version included
	History *History // an edit, a refund, a parcel or a risk of the order OrderID
	Deleted bool     // the order OrderID was deleted
	Skip    string   // nothing to record, for this reason
}

// Version orders Shopify's statements about one order. Shopify promises no order of delivery, and
// its updated_at has a resolution of a second. The trigger time and then the body break ties: any
// two deliveries compare the same way everywhere, and every shuffle ends alike.
type Version struct {
	UpdatedAt   time.Time `json:"updated_at"`   // in microseconds; zero sorts first
	TriggeredAt time.Time `json:"triggered_at"` // in microseconds; zero sorts first
	Hash        uint64    `json:"hash"`         // of the raw body
}

// Compare returns -1, 0 or 1 as v is older than, the same as or newer than w.
func (v Version) Compare(w Version) int {
	return cmp.Or(v.UpdatedAt.Compare(w.UpdatedAt), v.TriggeredAt.Compare(w.TriggeredAt), cmp.Compare(v.Hash, w.Hash))
}

// IsZero reports whether v is the version of an order whose content has never
// been seen.
func (v Version) IsZero() bool { return v == Version{} }

// Result is the result of recording one [Fact].
type Result struct {
	Outcome Outcome
	Reason  string // for skipped and stale
	Pushes  int    // pushes that are now owed
}
