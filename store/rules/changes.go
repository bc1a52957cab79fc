package rules

import (
	"time"

	"bellhop"
	"bellhop/store"
)

// Push is a stored push as the rules see it.
type Push struct {
	ID, Shop, Order, Device int64 // the shop as the driver numbers it
	Status                  bellhop.PushStatus
	Final                   bool // it is never due again
}

// PushChange is a push's new state.
type PushChange struct {
	Status bellhop.PushStatus
	Reason string
	Next   time.Time // due again; zero for never
	Sent   time.Time // zero leaves it as it is
}

// StreamRow is a step of the stream as a driver writes it.
type StreamRow struct {
	Kind              store.ChangeKind
	Shop, Order, Push int64 // the shop as the driver numbers it
	At                time.Time
	TraceParent       string
}

// Changes collects a transaction's changes of stored pushes, the stream and the counts. The
// zero value is ready.
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

// end gives a push its final status and adds that to the stream.
func (c *Changes) end(p *Push, status bellhop.PushStatus, reason string, at time.Time) {
	to := PushChange{Status: status, Reason: reason}
	if status == bellhop.PushSent {
		to.Sent = at
	}
	c.set(p, to)
	c.Stream = append(c.Stream, StreamRow{Kind: store.ChangeSettled, Shop: p.Shop, Order: p.Order, Push: p.ID, At: at})
}

// Skip ends useless pushes. A push that is being sent still gets its settlement.
func (c *Changes) Skip(owed []*Push, reason string, at time.Time) {
	for _, p := range owed {
		if !p.Final && p.Status != bellhop.PushSending {
			c.end(p, bellhop.PushSkipped, reason, at)
		}
	}
}

// Resend reports whether a push may be sent again: it ended unsent, and has a device. It
// counts it as pending.
func (c *Changes) Resend(p *Push) bool {
	if !p.Final || !Resendable(p.Status) || p.Device == 0 {
		return false
	}
	c.Statuses.Move(p.Status, bellhop.PushPending)
	c.Wake = true
	return true
}
