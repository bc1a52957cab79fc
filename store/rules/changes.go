package rules

import (
	"time"

	"bellhop"
	"bellhop/store"
)

// Push is what the rules look at of a push that is there.
type Push struct {
	ID, Shop, Order, Device int64 // the shop as the driver numbers it
	Status                  bellhop.PushStatus
	Final                   bool // it is not due any more
}

// PushChange is what a push becomes.
type PushChange struct {
	Status bellhop.PushStatus
	Reason string
	Next   time.Time // when it is due again; zero for never
	Sent   time.Time // zero leaves it as it is
}

// StreamRow is a step of the stream as a driver writes it.
type StreamRow struct {
	Kind              store.ChangeKind
	Shop, Order, Push int64 // the shop as the driver numbers it
	At                time.Time
	TraceParent       string
}

// Changes is what a transaction changes of the pushes that are there, of the stream and
// of the counts. The zero value is ready.
type Changes struct {
	Pushes   map[int64]PushChange
	Stream   []StreamRow
	Outcomes Tally[bellhop.Outcome]
	Statuses Tally[bellhop.PushStatus]
	Wake     bool // something may have become due
}

// set changes a push. A later change replaces an earlier one.
func (c *Changes) set(p *Push, to PushChange) {
	if c.Pushes == nil {
		c.Pushes = map[int64]PushChange{}
	}
	c.Pushes[p.ID] = to
	c.Statuses.Move(p.Status, to.Status)
	p.Status, p.Final = to.Status, to.Next.IsZero()
}

// end gives a push its final status and tells the stream.
func (c *Changes) end(p *Push, status bellhop.PushStatus, reason string, at time.Time) {
	to := PushChange{Status: status, Reason: reason}
	if status == bellhop.PushSent {
		to.Sent = at
	}
	c.set(p, to)
	c.Stream = append(c.Stream, StreamRow{Kind: store.ChangeSettled, Shop: p.Shop, Order: p.Order, Push: p.ID, At: at})
}

// Skip ends pushes that are of no use any more. The settlement of a push that is being
// sent just now is still to come.
func (c *Changes) Skip(owed []*Push, reason string, at time.Time) {
	for _, p := range owed {
		if !p.Final && p.Status != bellhop.PushSending {
			c.end(p, bellhop.PushSkipped, reason, at)
		}
	}
}

// Resend reports whether a push may be sent again: one that ended without being sent,
// and has a device. It counts it as pending.
func (c *Changes) Resend(p *Push) bool {
	if !p.Final || !Resendable(p.Status) || p.Device == 0 {
		return false
	}
	c.Statuses.Move(p.Status, bellhop.PushPending)
	c.Wake = true
	return true
}
