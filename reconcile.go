package bellhop

import (
	"slices"
	"strings"
	"time"
)

// Topics of the events that bellhop makes of orders that it fetched by the Admin API. No webhook brings them.
const (
	TopicBackfill  = ownTopics + "backfill"  // an order that was fetched when a shop was connected: nobody is rung for it
	TopicReconcile = ownTopics + "reconcile" // an order that was found missing, different or deleted
)

// ownTopics is how the topics begin that bellhop gives to messages of its own.
const ownTopics = "bellhop/"

// OwnTopic reports whether a topic is bellhop's own, so that no webhook may have it.
func OwnTopic(topic string) bool { return strings.HasPrefix(topic, ownTopics) }

// Fetched reports whether bellhop made an event of what it fetched.
func Fetched(topic string) bool { return FoundBy(topic) != "" }

// FoundBy returns what found the order of an event of a topic, as [Trace] has it.
func FoundBy(topic string) string {
	switch topic {
	case TopicBackfill, TopicReconcile:
		return strings.TrimPrefix(topic, ownTopics)
	}
	return ""
}

// TopicOf returns the topic that found an order, of what [FoundBy] returns; "" for a webhook's.
func TopicOf(found string) string {
	if found == "" {
		return ""
	}
	return ownTopics + found
}

// Reconciliation is how far a shop was compared with Shopify.
type Reconciliation struct {
	Shop string `json:"shop,omitempty"`
	// Due is when to go on; now or before: at once. It is zero where nobody connected the shop: never.
	Due    time.Time `json:"due,omitzero"`
	Reason string    `json:"reason,omitempty"` // why it can't go on, or not to the end, a code; "" while it can
	Since  time.Time `json:"since,omitzero"`   // of Reason

	// Saves counts how often a process that compares the shop saved it.
	Saves int64 `json:"saves,omitempty"`

	// Asked is what others ask for. Only the process that compares the shop changes the rest.
	Asked  Asked `json:"asked,omitzero"`
	Served Asked `json:"served,omitzero"` // of it, what a walk has begun to serve

	ConnectedAt  time.Time `json:"connected_at,omitzero"`  // the install that this is about
	From         time.Time `json:"from,omitzero"`          // when it was first connected: its hours begin then
	CheckedAt    time.Time `json:"checked_at,omitzero"`    // when the newest look ended
	LookedTo     time.Time `json:"looked_to,omitzero"`     // changes before it are here, but for Pending
	LookDue      time.Time `json:"look_due,omitzero"`      // when to look next
	ClosedTo     time.Time `json:"closed_to,omitzero"`     // all hours before it are closed
	SweepDue     time.Time `json:"sweep_due,omitzero"`     // when to sweep hours next
	Sweeps       int       `json:"sweeps,omitempty"`       // that left something in the next hour, one after the other
	SweptAt      time.Time `json:"swept_at,omitzero"`      // when the newest nightly sweep ended
	BackfilledAt time.Time `json:"backfilled_at,omitzero"` // when the newest backfill ended
	// OlderTo is the place where the next walk over older orders goes on, back in time; zero: it begins anew.
	OlderTo time.Time `json:"older_to,omitzero"`

	// Look and Sweep, over hours, are walks of seconds; Night, over days, Older and Backfill may take hours. A zero one
	// is not under way.
	Look     Walk `json:"look,omitzero"`
	Sweep    Walk `json:"sweep,omitzero"`
	Night    Walk `json:"night,omitzero"`
	Older    Walk `json:"older,omitzero"`
	Backfill Walk `json:"backfill,omitzero"`

	Backfilled Walk     `json:"backfilled,omitzero"` // the newest backfill that ended
	Troubles   Troubles `json:"troubles,omitzero"`   // of the newest walks that ended

	Pending []PendingOrder `json:"pending,omitempty"` // were sent to the queue and not yet seen recorded
	Hours   []OpenHour     `json:"hours,omitempty"`   // that are not closed, by their time
	Altered []time.Time    `json:"altered,omitempty"` // closed hours of which somebody altered lines of the ledger

	// Unchecked are times whose hours are behind ClosedTo, and were never compared: the scopes no longer cover them.
	Unchecked []Span `json:"unchecked,omitempty"`

	RequestsOn time.Time `json:"requests_on,omitzero"` // the day in UTC that Requests and Points are of
	Requests   int       `json:"requests,omitempty"`
	Points     int       `json:"points,omitempty"` // of Shopify's budget
}

// Missing counts the orders that Shopify has, that bellhop knows of and that are not here yet. Those of a backfill are
// none: nobody expected them here.
func (r *Reconciliation) Missing() (n int) {
	for i := range r.Pending {
		if p := &r.Pending[i]; p.Missing && !p.Backfill {
			n++
		}
	}
	return n
}

// Span is a time, from From to before To.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Troubles are codes, "" for none.
type Troubles struct {
	Look  string `json:"look,omitempty"`
	Sweep string `json:"sweep,omitempty"`
	Night string `json:"night,omitempty"`
}

// Asked is when somebody asked for something.
type Asked struct {
	Look     time.Time `json:"look,omitzero"`
	Backfill time.Time `json:"backfill,omitzero"`
	Since    time.Time `json:"since,omitzero"` // orders from then on; zero: all that the scopes cover
	// Orders are to be fetched whole: of them came what lacks fields. Who begins to fetch one takes it off the list.
	Orders []int64 `json:"orders,omitempty"`
}

// AskBackfill asks for a backfill of the orders that were created since a time; zero for all that the scopes cover.
func (r *Reconciliation) AskBackfill(since, now time.Time) {
	r.Asked.Backfill, r.Asked.Since, r.Due = now, since, now
}

// WantsBackfill reports whether somebody asked for a backfill that none served yet.
func (r *Reconciliation) WantsBackfill() bool { return r.Asked.Backfill.After(r.Served.Backfill) }

// AskOrders asks for orders to be fetched at once, or within a minute while the shop can't be compared. It asks for a
// look instead where an order has no id, or the list is full. It reports whether that changes anything.
func (r *Reconciliation) AskOrders(now time.Time, ids ...int64) (changed bool) {
	for _, id := range ids {
		switch {
		case slices.Contains(r.Asked.Orders, id):
		case id != 0 && len(r.Asked.Orders) < MaxAsked:
			r.Asked.Orders, changed = append(r.Asked.Orders, id), true
		case r.Asked.Look.After(r.Served.Look) && now.Sub(r.Asked.Look) < time.Minute: // nobody began to look since
		default:
			r.Asked.Look, changed = now, true
		}
	}
	if r.Reason != "" {
		now = now.Add(time.Minute)
	}
	if now.Before(r.Due) {
		r.Due, changed = now, true
	}
	return changed
}

// PendingOrder is an order on its way through the queue. At is zero for one that is fetched again, since it changed
// while it was fetched, can't be fetched or read, or was deleted as it seems.
type PendingOrder struct {
	ID        int64     `json:"id"`
	UpdatedAt time.Time `json:"updated_at,omitzero"` // as it was sent
	At        time.Time `json:"at,omitzero"`         // when Shopify said so
	SentAt    time.Time `json:"sent_at,omitzero"`
	Tries     int       `json:"tries,omitempty"`   // how often it was sent again
	Missing   bool      `json:"missing,omitempty"` // it was not here
	Deleted   bool      `json:"deleted,omitempty"` // it is no longer there
	Backfill  bool      `json:"backfill,omitempty"`
}

// Walk goes through a shop's orders of a time, page by page. One that was interrupted goes on at its place.
type Walk struct {
	From      time.Time `json:"from,omitzero"`
	To        time.Time `json:"to,omitzero"`
	StartedAt time.Time `json:"started_at,omitzero"`
	// Place is how far it has come from From to To, or Older and Backfill from To to From.
	Place time.Time `json:"place,omitzero"`
	// Done is the id up to which the orders of Place's second are done, too; 0 for none.
	Done int64 `json:"done,omitempty"`
	// Bulk is the id of the bulk operation whose file the walk reads first, and BulkRead says how many orders of it
	// are done.
	Bulk     string `json:"bulk,omitempty"`
	BulkRead int    `json:"bulk_read,omitempty"`
	BulkAt   int64  `json:"bulk_at,omitempty"` // the bytes of the file that they take

	Total    int `json:"total,omitempty"` // orders that Shopify counts in the time, at least; 0 while unknown
	Seen     int `json:"seen,omitempty"`
	Found    int `json:"found,omitempty"` // that were missing here
	Differed int `json:"differed,omitempty"`
	Deleted  int `json:"deleted,omitempty"` // that are no longer there
	Requests int `json:"requests,omitempty"`
	Points   int `json:"points,omitempty"` // of Shopify's budget

	Trouble string `json:"trouble,omitempty"` // a code: it can't come to its end with all orders

	// Behind is when an order was updated that Shopify's list lacked, the earliest; zero for none.
	Behind   time.Time  `json:"behind,omitzero"`
	Hours    []OpenHour `json:"hours,omitempty"`   // of a nightly sweep
	Restated time.Time  `json:"restated,omitzero"` // hours before it were stated anew, where they had to be
}

// Running reports whether a walk is under way.
func (w *Walk) Running() bool { return !w.StartedAt.IsZero() }

// OpenHour is what sweeps found in an hour.
type OpenHour struct {
	Hour     time.Time `json:"hour"` // its beginning, in UTC
	Shopify  int       `json:"shopify,omitempty"`
	Differed int       `json:"differed,omitempty"`
	Left     int       `json:"left,omitempty"` // found by the sweep that is under way or the newest: it is not closed
}

// Bounds of a [Reconciliation].
const (
	MaxPending   = 5000
	MaxAsked     = 200  // orders that notices ask for; a look finds more
	MaxOpenHours = 2500 // more than fit into a hundred days
	MaxAltered   = 200
)
