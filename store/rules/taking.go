package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"bellhop"
	"bellhop/store"
)

// Taking is what an order's row says of who has it, and how far its rings have come. nil is an order that nobody
// took and that never rang.
type Taking struct {
	By  int64     `json:"-"` // who has it; 0 for nobody
	At  time.Time `json:"-"`
	Due time.Time `json:"-"` // of the next step; zero for none

	Steps []bellhop.RotaStep `json:"steps,omitempty"`
	Next  Phase              `json:"next,omitempty"` // what the next step does; "" when none rings
	Rings int                `json:"rings,omitempty"`
	// Passed are those whose turn is over: they were rung, can't be rung, or gave the order back.
	Passed   []int64 `json:"passed,omitempty"`
	Released int64   `json:"released,omitempty"` // who gave it back last
	// Ended is why ringing ended, until the next step has told the devices.
	Ended   string `json:"ended,omitempty"`
	Told    int    `json:"told,omitempty"`    // how often devices were told of an end
	Session int64  `json:"session,omitempty"` // that took it: its devices know
}

// Phase is how far ringing has come.
type Phase string

// The phases, in order.
const (
	PhasePeople Phase = "people" // one after the other
	PhaseAll    Phase = "all"    // all on duty, at once
	PhaseLast   Phase = "last"   // nothing is left but to say so
)

// Document returns what no column of its own keeps.
func (t *Taking) Document() string {
	b, _ := json.Marshal(t) // plain fields
	return string(b)
}

// ReadTaking reads the result of [Taking.Document] and the columns; nil for an order without any.
func ReadTaking(kept string, by int64, at, due time.Time) (*Taking, error) {
	if kept == "" {
		return nil, nil
	}
	t := &Taking{By: by, At: at, Due: due}
	if err := json.Unmarshal([]byte(kept), t); err != nil {
		return nil, fmt.Errorf("read who has an order: %w", err)
	}
	return t, nil
}

// clone returns a copy to change, of nil a new one.
func (t *Taking) clone() *Taking {
	if t == nil {
		return &Taking{}
	}
	c := *t
	c.Steps, c.Passed = slices.Clone(t.Steps), slices.Clone(t.Passed)
	return &c
}

// rings reports whether the order rings until somebody takes it.
func (t *Taking) rings() bool { return t != nil && t.Next != "" }

// roomForEnd is kept for the steps that end ringing.
const roomForEnd = 4

// note adds a step. Without room for it only the end is noted.
func (t *Taking) note(s bellhop.RotaStep) {
	fits := len(t.Steps) < bellhop.MaxRotaSteps-roomForEnd
	if fits || s.Kind == bellhop.StepEnded && len(t.Steps) < bellhop.MaxRotaSteps {
		t.Steps = append(t.Steps, s)
	}
}

// begin makes an order ring from a time on.
func (t *Taking) begin(at time.Time) { t.Next, t.Ended, t.Due = PhasePeople, "", at }

// end ends ringing. The next step tells the devices.
func (t *Taking) end(reason string, at time.Time) {
	if t.rings() {
		t.note(bellhop.RotaStep{At: at, Kind: bellhop.StepEnded, Reason: reason})
	}
	t.Next, t.Ended, t.Due = "", reason, at
}

// Ends returns what becomes of an order's ringing for a reason; nil if none rings.
func (t *Taking) Ends(reason string, at time.Time) *Taking {
	if !t.rings() {
		return nil
	}
	c := t.clone()
	c.end(reason, at)
	return c
}

// TakeBefore is an order as taking sees it.
type TakeBefore struct {
	OrderKey
	Order  *bellhop.Order
	Taking *Taking
	Rota   *bellhop.Rota
}

// PlanTake decides whether somebody may take or release an order, and what becomes of it; nil when nothing changes.
func PlanTake(b TakeBefore, c store.TakeChange) (*Taking, *Changes, error) {
	var to *Taking
	var err error
	kind := store.ChangeTaken
	if c.Release {
		kind = store.ChangeReleased
		to, err = b.release(c)
	} else {
		to, err = b.take(c)
	}
	if err != nil || to == nil {
		return nil, nil, err
	}
	return to, &Changes{Wake: true, Stream: []StreamRow{{Kind: kind, Shop: b.Shop, Order: b.ID, At: c.At}}}, nil
}

func (b TakeBefore) take(c store.TakeChange) (*Taking, error) {
	has := b.Order.Taken
	switch {
	case has != nil && has.By == c.Person:
		return nil, nil
	case has != nil:
		who := has.Email
		if who == "" {
			who = "somebody who left the shop"
		}
		return nil, bellhop.Errorf(bellhop.Conflict, "already_taken", "%s has this order", who)
	}
	if err := b.open(); err != nil {
		return nil, err
	}
	t := b.Taking.clone()
	t.By, t.At, t.Session = c.Person, c.At, c.Session
	t.note(bellhop.RotaStep{At: c.At, Kind: bellhop.StepTaken, Person: c.Person})
	t.end(bellhop.EndedTaken, c.At)
	return t, nil
}

// open refuses an order that nobody has to take any more.
func (b TakeBefore) open() error {
	switch {
	case !b.Order.CancelledAt.IsZero():
		return bellhop.Errorf(bellhop.Conflict, "order_cancelled", "this order was cancelled")
	case b.Order.Handling == bellhop.HandlingHandled:
		return bellhop.Errorf(bellhop.Conflict, "already_handled", "this order is handled")
	case len(b.Order.Steps) >= bellhop.MaxRotaSteps-4*roomForEnd:
		return bellhop.Errorf(bellhop.Conflict, "too_many_steps",
			"this order was taken and released so often that it can't be again")
	}
	return nil
}

// release gives an order back. It rings on with the next person.
func (b TakeBefore) release(c store.TakeChange) (*Taking, error) {
	switch has := b.Order.Taken; {
	case has == nil:
		return nil, bellhop.Errorf(bellhop.Conflict, "not_taken", "nobody has this order")
	case has.By != c.Person && !c.Owner:
		return nil, bellhop.Errorf(bellhop.Forbidden, "owners_only", "only who took the order, or an owner, may release it")
	}
	t := b.Taking.clone()
	t.note(bellhop.RotaStep{At: c.At, Kind: bellhop.StepReleased, Person: c.Person})
	t.Released = t.By
	t.pass(t.By)
	t.By, t.At, t.Session, t.Ended, t.Due = 0, time.Time{}, 0, "", time.Time{}
	if b.open() == nil && b.Rota.Matters(b.Order.Total) {
		t.begin(c.At)
	}
	return t, nil
}

// pass notes that somebody's turn is over.
func (t *Taking) pass(person int64) {
	if !slices.Contains(t.Passed, person) {
		t.Passed = append(t.Passed, person)
	}
}
