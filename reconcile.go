package bellhop

import (
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
	Reason string    `json:"reason,omitempty"` // why it can't go on, a code; "" while it can
	Since  time.Time `json:"since,omitzero"`   // of Reason

	From         time.Time `json:"from,omitzero"`          // hours from here on are closed one after the other
	CheckedAt    time.Time `json:"checked_at,omitzero"`    // when the newest look ended
	LookedTo     time.Time `json:"looked_to,omitzero"`     // changes before it are here, but for Pending
	ClosedTo     time.Time `json:"closed_to,omitzero"`     // all hours before it are closed
	SweptAt      time.Time `json:"swept_at,omitzero"`      // when the newest nightly sweep ended
	BackfilledAt time.Time `json:"backfilled_at,omitzero"` // when the newest backfill ended

	Look     Walk `json:"look,omitzero"` // zero: none is under way
	Sweep    Walk `json:"sweep,omitzero"`
	Backfill Walk `json:"backfill,omitzero"`

	Pending []int64    `json:"pending,omitempty"` // orders that were sent to the queue and not yet seen recorded
	Hours   []OpenHour `json:"hours,omitempty"`   // by their time

	RequestsOn time.Time `json:"requests_on,omitzero"` // the day in UTC that Requests and Points are of
	Requests   int       `json:"requests,omitempty"`
	Points     int       `json:"points,omitempty"` // of Shopify's budget
}

// Walk goes through a shop's orders of a time, page by page. A walk that was interrupted goes on behind its
// last page.
type Walk struct {
	From      time.Time `json:"from,omitzero"`
	To        time.Time `json:"to,omitzero"`
	StartedAt time.Time `json:"started_at,omitzero"`
	Cursor    string    `json:"cursor,omitempty"`  // of the next page; "" at the beginning
	Nightly   bool      `json:"nightly,omitempty"` // a sweep over days; the others are over hours
	// Bulk is the id of the bulk operation whose result the walk reads; "" where it goes by pages. Seen says how
	// much of it is done.
	Bulk string `json:"bulk,omitempty"`

	Total    int `json:"total,omitempty"` // orders that Shopify counts in the time; 0 while unknown
	Seen     int `json:"seen,omitempty"`
	Found    int `json:"found,omitempty"` // that were missing here
	Differed int `json:"differed,omitempty"`
	Deleted  int `json:"deleted,omitempty"` // that are no longer there
}

// Running reports whether a walk is under way.
func (w *Walk) Running() bool { return !w.StartedAt.IsZero() }

// OpenHour is what sweeps found in an hour that is not closed.
type OpenHour struct {
	Hour     time.Time `json:"hour"` // its beginning, in UTC
	Shopify  int       `json:"shopify,omitempty"`
	Differed int       `json:"differed,omitempty"`
}

// Bounds of a [Reconciliation].
const (
	MaxPending   = 1000
	MaxOpenHours = 2500 // more than fit into a hundred days
)
