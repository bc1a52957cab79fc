// Package demo shows a phone, buttons and what became of each webhook beside the owner's
// orders. Only bellhop demo imports it; the site knows nothing of it.
package demo

import (
	"context"
	"time"
)

// Controls is the demo's state and buttons.
type Controls interface {
	// State is how things are now. Each page asks for it once a second.
	State(ctx context.Context) (State, error)
	// Do starts a button's action, and returns soon.
	Do(ctx context.Context, action Action) error
	// Speak tells the phone the language and the time zone of its viewer.
	Speak(ctx context.Context, language, timezone string) error
}

// Action is a button.
type Action string

// The buttons.
const (
	Order      Action = "order"
	Sale       Action = "sale"
	Duplicates Action = "duplicates"
	Shuffle    Action = "shuffle"
	Break      Action = "break"
	Mend       Action = "mend"
	Poison     Action = "poison"
	Stop       Action = "stop"
	Start      Action = "start"
)

// State is what the demo shows.
type State struct {
	Phone  []Notification // oldest first
	Works  bool           // the worker does
	Broken time.Duration  // how much longer the push service is; 0 when it is not

	Balance
}

// Balance counts the acknowledged webhooks, and the events of orders that bellhop fetched itself, by outcome, at one
// moment.
type Balance struct {
	Acknowledged, Fetched                                      int64
	Recorded, Duplicate, Stale, Skipped, Waiting, Leased, Dead int64
	Twice                                                      int64 // orders that were recorded twice
}

// Sum is how many events are anywhere.
func (b Balance) Sum() int64 {
	return b.Recorded + b.Duplicate + b.Stale + b.Skipped + b.Waiting + b.Leased + b.Dead
}

// Holds reports whether every acknowledged webhook and every fetched order is somewhere, and none twice.
func (b Balance) Holds() bool { return b.Acknowledged+b.Fetched == b.Sum() && b.Twice == 0 }

// Since subtracts an earlier balance.
func (b Balance) Since(e Balance) Balance {
	return Balance{
		Acknowledged: b.Acknowledged - e.Sum(), Fetched: b.Fetched - e.Fetched,
		Recorded: b.Recorded - e.Recorded, Duplicate: b.Duplicate - e.Duplicate, Stale: b.Stale - e.Stale,
		Skipped: b.Skipped - e.Skipped, Waiting: b.Waiting - e.Waiting,
		Leased: b.Leased - e.Leased, Dead: b.Dead - e.Dead, Twice: b.Twice - e.Twice,
	}
}

// Notification is one slot of the phone's drawer.
type Notification struct{ Tag, Title, Body string }
