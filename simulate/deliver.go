package simulate

import (
	"cmp"
	"container/list"
	"fmt"
	"time"

	"bellhop"
)

// phones holds all devices and their messages. It is not safe for concurrent use; the server locks
// it.
type phones struct {
	byDevice  map[string]*phone
	unlimited bool // no budgets
	keep      int
	sent      []*Sent // a ring once it has keep messages
	next      int
	slots     *list.List // slotRef, oldest first, so that the number of slots is bounded
	n         int64      // messages named so far
	showings  int64
	counts    Counts
}

type slotRef struct {
	device *phone
	tag    string
}

func newPhones(keep int, unlimited bool) *phones {
	return &phones{byDevice: map[string]*phone{}, keep: keep, unlimited: unlimited, slots: list.New()}
}

func (ps *phones) phone(device string) *phone {
	p := ps.byDevice[device]
	if p == nil {
		p = &phone{slots: map[string]*Slot{}}
		ps.byDevice[device] = p
	}
	return p
}

// name makes a name as FCM gives to messages.
func (ps *phones) name(project string, now time.Time) string {
	ps.n++
	return fmt.Sprintf("projects/%s/messages/0:%d%%%016x", project, now.UnixMicro(), ps.n)
}

// take brings a message on its way: shown, held back or refused.
func (ps *phones) take(m *message, project string, fault Fault, now time.Time) (*Sent, *fcmError) {
	if m.target == "topic" || m.target == "condition" {
		s := describe(m, now)
		s.Name, s.Fault = ps.name(project, now), fault
		s.Tag = cmp.Or(s.Tag, s.Name)
		ps.log(s)
		return s, nil
	}
	p := ps.phone(m.to)
	ps.settle(p, now)
	s := describe(m, now)
	if e := ps.ration(p, s, !m.ios, now); e != nil {
		return nil, e
	}
	s.Name, s.Fault = ps.name(project, now), fault
	s.Tag = cmp.Or(s.Tag, s.Name)
	ps.log(s)
	if s.Throttled {
		ps.counts.Throttled++
		p.held = s
	} else {
		ps.show(p, s, now)
	}
	return s, nil
}

// ration holds a message against the device's budget. Apple devices have APNs'
// own limits, which aren't published; none is modelled for them.
func (ps *phones) ration(p *phone, s *Sent, android bool, now time.Time) *fcmError {
	if ps.unlimited || !android {
		return nil
	}
	if !s.collapsible {
		return p.allow(now)
	}
	budget := bellhop.BudgetOf(bellhop.FormNotification)
	p.bucket.refill(now, budget)
	s.Throttled = !p.bucket.take(budget)
	return nil
}

// settle shows the delayed messages that the budget allows by now.
func (ps *phones) settle(p *phone, now time.Time) {
	if p.held == nil {
		return
	}
	budget := bellhop.BudgetOf(bellhop.FormNotification)
	p.bucket.refill(now, budget)
	if !p.bucket.take(budget) {
		return
	}
	ps.show(p, p.held, now)
	p.held = nil
}

// show puts a message into the drawer.
func (ps *phones) show(p *phone, s *Sent, now time.Time) {
	ps.counts.Shown++
	ps.showings++
	slot := p.slots[s.Tag]
	if slot == nil {
		slot = &Slot{Tag: s.Tag, FirstAt: now, order: ps.showings}
		p.slots[s.Tag] = slot
		ps.slots.PushBack(slotRef{p, s.Tag})
		ps.dropOldest()
	} else {
		slot.Replaced++
		ps.counts.Replaced++
	}
	slot.Title, slot.Body, slot.LastAt = s.Title, s.Body, now
}

// dropOldest keeps the drawers of all phones together within bounds.
func (ps *phones) dropOldest() {
	if ps.slots.Len() <= ps.keep {
		return
	}
	ref := ps.slots.Remove(ps.slots.Front()).(slotRef)
	delete(ref.device.slots, ref.tag)
}

// log keeps the last messages.
func (ps *phones) log(s *Sent) {
	ps.counts.Taken++
	if len(ps.sent) < ps.keep {
		ps.sent = append(ps.sent, s)
		return
	}
	ps.sent[ps.next] = s
	ps.next = (ps.next + 1) % ps.keep
}

// all returns what log keeps, oldest first.
func (ps *phones) all() []Sent {
	out := make([]Sent, 0, len(ps.sent))
	for i := range ps.sent {
		out = append(out, *ps.sent[(ps.next+i)%len(ps.sent)])
	}
	return out
}
