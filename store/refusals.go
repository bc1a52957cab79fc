package store

import (
	"context"
	"time"
)

// Refusals are the webhooks that were refused within the last hour, counted: a
// process that looks after bellhop learns from them what one that serves turned
// away.
type Refusals interface {
	// AddRefusals adds to what was counted, and drops what is older than
	// [RefusalsKept] before now.
	AddRefusals(ctx context.Context, more []Refusal, now time.Time) error
	// Refusals sums up what came at or after since, the newest first.
	Refusals(ctx context.Context, since time.Time) ([]Refusal, error)
}

// Refusal is how many webhooks of a shop were refused for a reason.
type Refusal struct {
	Shop   string // "" for all that no shop here sent
	Reason string
	Count  int64
	At     time.Time // of the newest
}

const (
	// RefusalsKept is how far back they are counted.
	RefusalsKept = time.Hour
	// refusalSlot is how much of the time goes into one row. It bounds how many rows
	// there are, and how much of what is older than asked for is counted with it.
	refusalSlot = 5 * time.Minute
)

// Slot returns the time whose row counts a refusal.
func (r *Refusal) Slot() time.Time { return r.At.Truncate(refusalSlot) }
