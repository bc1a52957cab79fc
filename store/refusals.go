package store

import (
	"context"
	"time"
)

// Refusals counts the webhooks that bellhop refused within the last hour: over it one
// process learns what another one refused.
type Refusals interface {
	// AddRefusals adds to the counts, and drops those older than [RefusalsKept] before now.
	AddRefusals(ctx context.Context, more []Refusal, now time.Time) error
	// Refusals sums up the refusals at or after since, the newest first.
	Refusals(ctx context.Context, since time.Time) ([]Refusal, error)
}

// Refusal counts the refused webhooks of one shop and reason.
type Refusal struct {
	Shop   string // "" for all shops that nobody has added
	Reason string
	Count  int64
	At     time.Time // the newest
}

// ReasonAstray is the beginning of the reason of webhooks to a wrong address, which follows.
const ReasonAstray = "astray:"

const (
	// RefusalsKept is how long the store counts them.
	RefusalsKept = time.Hour
	// refusalSlot is the span of one row. It bounds the number of rows, and how much too
	// old a counted refusal may be.
	refusalSlot = 5 * time.Minute
)

// Slot returns the time of the row that counts a refusal.
func (r *Refusal) Slot() time.Time { return r.At.Truncate(refusalSlot) }
