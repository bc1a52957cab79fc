package bellhop

import (
	"cmp"
	"time"
)

// Fact is the statement of one event, decoded from its body. It has exactly one of Order, History,
// Deleted, Shop, Request, Lacks and Skip.
type Fact struct {
	Event *Event
	At    time.Time // when it is recorded

	OrderID int64     // the order that it is about; 0 with Shop, Request or Skip
	Order   *Order    // the order as Shopify now has it, Version included
	History *History  // an edit, a refund, a parcel or a risk of the order OrderID
	Deleted bool      // the order OrderID was deleted
	Shop    *ShopNews // the shop itself changed
	Request *PrivacyRequest
	// Lacks names the fields that a body lacks of the order OrderID. So it is a notice: it says that something of
	// the order changed, and no more. OrderID is 0 where not even that is known.
	Lacks []string
	// About is the order of a notice as far as it names people and the order's creation, for those who look for people
	// to forget. It is never content; nil if nobody could be read.
	About *Order
	Skip  string // nothing to record, for this reason

	// Marks are of the order and of its people, so that the store recognises whom it has to forget. The
	// store sets them.
	Marks []Mark
}

// Named is what a fact says of an order's people, if it says something.
func (f *Fact) Named() *Order { return cmp.Or(f.Order, f.About) }

// ShopNews is what Shopify says of a shop itself. It has exactly one of Info, Scopes and Uninstalled.
type ShopNews struct {
	At          time.Time // when it happened, in microseconds
	Info        *ShopInfo
	Scopes      []string // that the app has now, sorted
	Uninstalled bool     // the app was removed from the shop
}

// ShopInfo is what Shopify knows of a shop; "" is unknown.
type ShopInfo struct {
	Name     string
	Currency string // such as EUR
	Timezone string // IANA's name
	Plan     string
	Email    string
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
	// Uninstalls says that the shop's app is gone and nobody has ended what it had: the caller does that
	// with the store's Uninstall.
	Uninstalls bool
}
