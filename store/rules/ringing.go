package rules

import (
	"slices"
	"time"

	"bellhop"
)

// Ringing is an order whose next step is due.
type Ringing struct {
	OrderChange // its key and row; State has its Taking
	Total       bellhop.Money
	Handled     bool
	Cancelled   bool
}

// Duties is whom the orders of a shop ring.
type Duties struct {
	Rota *bellhop.Rota // nil without one
	// Members are those of the rota who belong to the shop, in any order.
	Members []OnRota
}

// OnRota is somebody of a rota.
type OnRota struct {
	ID      int64
	Duty    bellhop.Duty
	Devices []Receiver // in use
}

// DutyDevice is a device of a person.
type DutyDevice struct {
	Receiver
	Timezone string
}

// NewDuties puts together whom a shop's orders ring: of its people those of the rota, with their devices, the last
// seen first.
func NewDuties(rota *bellhop.Rota, people []OnRota, devices []DutyDevice) *Duties {
	d := &Duties{Rota: rota}
	if rota == nil {
		return d
	}
	for _, p := range people {
		if !slices.Contains(rota.People, p.ID) {
			continue
		}
		for _, one := range devices {
			if one.Person != p.ID {
				continue
			}
			if p.Devices == nil {
				p.Duty.Timezone = one.Timezone
			}
			p.Devices = append(p.Devices, one.Receiver)
		}
		d.Members = append(d.Members, p)
	}
	return d
}

// Stepping collects the changes of steps, order after order.
type Stepping struct {
	Changes
	Orders []*Ringing // with their new Taking
	Owed   []NewPush
}

// These bound the steps of a claim: so many orders of so many shops, those that wait the longest first. DutyDevices is
// more devices than the people of a shop may have.
const (
	StepsAtOnce     = 100
	StepShopsAtOnce = 20
	DutyDevices     = 5_000
)

// Step does an order's next step: it rings the next of the list who is on duty, then all, then nobody any more.
// Somebody is rung once by themselves, and once with all.
func (s *Stepping) Step(r *Ringing, d *Duties, now time.Time) {
	t := r.State.Taking.clone()
	r.State.Taking = t
	s.Orders = append(s.Orders, r)
	t.Due = time.Time{}
	if !t.rings() {
		t.Ended = ""
		return
	}
	step := step{Stepping: s, r: r, t: t, now: now, list: d.list(t)}
	switch {
	case r.Cancelled:
		step.over(bellhop.EndedCancelled)
	case r.Handled:
		step.over(bellhop.EndedHandled)
	case !d.Rota.Matters(r.Total):
		step.over(bellhop.EndedRotaOff)
	default:
		step.rota = d.Rota
		step.do()
	}
}

// list returns the members in the order of the rota, but who gave the order back last.
func (d *Duties) list(t *Taking) (list []OnRota) {
	if d.Rota == nil {
		return nil
	}
	for _, id := range d.Rota.People {
		i := slices.IndexFunc(d.Members, func(m OnRota) bool { return m.ID == id })
		if i >= 0 && id != t.Released {
			list = append(list, d.Members[i])
		}
	}
	return list
}

// step is one step of an order.
type step struct {
	*Stepping
	r    *Ringing
	t    *Taking
	now  time.Time
	rota *bellhop.Rota
	list []OnRota
}

func (s *step) over(reason string) {
	s.t.end(reason, s.now)
	s.t.Ended, s.t.Due = "", time.Time{}
}

func (s *step) do() {
	if s.t.Next == PhasePeople && s.ringNext() {
		return
	}
	if s.t.Next == PhasePeople { // all on duty have had their turn
		if s.t.Rings == 0 && s.wait() {
			return
		}
		s.t.Next = PhaseAll
	}
	if s.t.Next == PhaseAll {
		if s.ringAll() || s.wait() {
			return
		}
	}
	s.over(bellhop.EndedRanThrough)
}

// ringNext rings the next on duty whose turn has not been.
func (s *step) ringNext() bool {
	for _, p := range s.list {
		switch {
		case slices.Contains(s.t.Passed, p.ID):
		case len(p.Devices) == 0:
			s.t.pass(p.ID)
			s.t.note(bellhop.RotaStep{At: s.now, Kind: bellhop.StepPassedOver, Person: p.ID, Reason: "no_device"})
		case s.onDuty(p):
			s.t.pass(p.ID)
			s.t.note(bellhop.RotaStep{At: s.now, Kind: bellhop.StepRung, Person: p.ID})
			s.ring(p)
			return true
		}
	}
	return false
}

// ringAll rings all who are on duty.
func (s *step) ringAll() bool {
	var all []OnRota
	for _, p := range s.list {
		if len(p.Devices) > 0 && s.onDuty(p) {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return false
	}
	s.t.Next = PhaseLast
	s.t.note(bellhop.RotaStep{At: s.now, Kind: bellhop.StepRungAll})
	s.ring(all...)
	return true
}

func (s *step) onDuty(p OnRota) bool { return p.Duty.On(s.now) || p.Duty.Settings.Loud(s.r.Total) }

// ring owes a push to each device of somebody, and sets when the next step is due: at a full minute, so that
// what nobody took at one moment rings together.
func (s *step) ring(people ...OnRota) {
	s.t.Rings++
	kind := bellhop.RingKind(s.t.Rings)
	for _, p := range people {
		for _, d := range p.Devices {
			s.Owed = append(s.Owed, NewPush{Order: &s.r.OrderChange, Device: d.ID, Kind: kind, At: s.now,
				Due: dueAt(s.now, d.FreeAt)})
		}
	}
	s.Wake = true
	s.t.Due = s.now.Add(s.rota.Wait() + time.Minute - 1).Truncate(time.Minute)
}

// wait puts the step off until the first comes on duty; false if nobody ever does.
func (s *step) wait() bool {
	var first time.Time
	for _, p := range s.list {
		until := p.Duty.Until(s.now)
		if len(p.Devices) > 0 && !until.IsZero() && (first.IsZero() || until.Before(first)) {
			first = until
		}
	}
	if first.IsZero() {
		return false
	}
	s.t.note(bellhop.RotaStep{At: s.now, Kind: bellhop.StepNobody, Until: first})
	s.t.Due = first
	return true
}
