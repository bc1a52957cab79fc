package rules_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/rules"
)

// ringer plays an order that rings a random list of people until somebody takes it.
type ringer struct {
	t       *testing.T
	rnd     *rand.Rand
	duties  *rules.Duties
	order   bellhop.Order
	taking  *rules.Taking
	owner   map[int64]int64 // of each device
	now     time.Time
	rings   int
	changes int // takes and releases
	rung    map[int64]bool
}

func newRinger(t *testing.T, rnd *rand.Rand) *ringer {
	r := &ringer{t: t, rnd: rnd, owner: map[int64]int64{}, rung: map[int64]bool{},
		now: noon.Add(time.Duration(rnd.IntN(24*3600)) * time.Second)}
	rota := &bellhop.Rota{After: 1 + rnd.IntN(20)}
	zones := []string{"", "Asia/Seoul", "America/New_York", "Asia/Kolkata"}
	var people []rules.OnRota
	var devices []rules.DutyDevice
	for id := range int64(1 + rnd.IntN(6)) {
		p := rules.OnRota{ID: id + 1}
		if rnd.IntN(3) > 0 {
			p.Duty.Settings.QuietFrom = fmt.Sprintf("%02d:%02d", rnd.IntN(24), rnd.IntN(60))
			p.Duty.Settings.QuietTo = fmt.Sprintf("%02d:%02d", rnd.IntN(24), rnd.IntN(60))
		}
		if rnd.IntN(6) == 0 {
			p.Duty.Settings.LoudFrom = "10"
		}
		if rnd.IntN(8) > 0 { // else they left the shop
			people = append(people, p)
		}
		rota.People = append(rota.People, p.ID)
		for n := range rnd.IntN(3) {
			d := rules.DutyDevice{Receiver: rules.Receiver{ID: p.ID*10 + int64(n), Person: p.ID},
				Timezone: zones[rnd.IntN(len(zones))]}
			devices, r.owner[d.ID] = append(devices, d), p.ID
		}
	}
	rnd.Shuffle(len(rota.People), func(i, j int) {
		rota.People[i], rota.People[j] = rota.People[j], rota.People[i]
	})
	r.duties = rules.NewDuties(rota, people, devices)
	before := shopOf(0)
	shop := before.Shops[domain]
	shop.Shop.Rota = rota
	for _, d := range devices {
		shop.Receivers = append(shop.Receivers, d.Receiver)
	}
	fact := priced(orderFact(1, 1, 1), int64(500+rnd.IntN(1000)))
	fact.At, fact.Order.PlacedAt = r.now, r.now
	plan, _ := rules.PlanRecord(before, events(fact))
	r.order.Total = fact.Order.Total
	if len(plan.Takings) != 1 || !plan.Wake {
		t.Fatalf("a new order does not ring: %+v", plan)
	}
	for _, p := range plan.Owed {
		if p.Skipped != store.ReasonOnRota && p.Skipped != store.ReasonNoDevice {
			t.Errorf("a device of the rota is told of the order beside being rung: %+v", p)
		}
	}
	r.taking = plan.Takings[0].State.Taking
	return r
}

// step does the step that is due, and checks whom it rings.
func (r *ringer) step() {
	var s rules.Stepping
	o := &rules.Ringing{Total: r.order.Total, Handled: r.order.Handling == bellhop.HandlingHandled,
		Cancelled: !r.order.CancelledAt.IsZero()}
	o.State.Taking = r.taking
	s.Step(o, r.duties, r.now)
	r.taking = o.State.Taking
	if len(s.Owed) > 0 {
		r.rings++
	}
	for _, p := range s.Owed {
		who := r.owner[p.Device]
		i := slices.IndexFunc(r.duties.Members, func(m rules.OnRota) bool { return m.ID == who })
		m := r.duties.Members[i]
		switch {
		case r.order.Taken != nil || o.Handled || o.Cancelled:
			r.t.Errorf("%d is rung for an order that nobody has to take", who)
		case !m.Duty.On(r.now) && !m.Duty.Settings.Loud(r.order.Total):
			r.t.Errorf("%d is rung off duty", who)
		case p.Kind != bellhop.RingKind(r.rings):
			r.t.Errorf("ring %d is %s", r.rings, p.Kind)
		case who == r.taking.Released:
			r.t.Errorf("%d is rung for what they gave back", who)
		}
		r.rung[who] = true
	}
	if due := r.taking.Due; !due.IsZero() && (!due.After(r.now) || rules.Beyond(due, r.now)) {
		r.t.Errorf("at %v the next step is due at %v", r.now, due)
	}
}

// change lets somebody take the order or give it back.
func (r *ringer) change(release bool) {
	c := store.TakeChange{Person: 1 + int64(r.rnd.IntN(6)), Owner: true, Release: release, At: r.now}
	r.order.Steps = r.taking.Steps
	to, _, err := rules.PlanTake(rules.TakeBefore{Order: &r.order, Taking: r.taking, Rota: r.duties.Rota}, c)
	if err != nil || to == nil {
		return
	}
	r.changes++
	if r.taking, r.order.Taken = to, nil; to.By != 0 {
		r.order.Taken = &bellhop.Taken{By: to.By, At: to.At}
	}
}

func (r *ringer) run() {
	for n := 0; !r.taking.Due.IsZero(); n++ {
		if n > 1000 {
			r.t.Fatal("it never ends")
		}
		until := r.taking.Due.Sub(r.now)
		switch r.rnd.IntN(12) {
		case 0:
			r.now = r.now.Add(time.Duration(r.rnd.Float64() * float64(max(0, until))))
			r.change(false)
		case 1:
			r.change(true)
		case 2:
			if r.rnd.IntN(20) == 0 {
				r.order.Handling = bellhop.HandlingHandled
			}
		default: // a worker may come late
			r.now = r.now.Add(max(0, until) + time.Duration(r.rnd.IntN(2)*r.rnd.IntN(3600))*time.Second)
			r.step()
		}
	}
}

// TestRinging holds the steps of random lists to what they promise: an order that nobody takes runs through the list,
// nobody is rung who has not to be, and it ends.
func TestRinging(t *testing.T) {
	ends := map[string]int{}
	for seed := range uint64(5000) {
		r := newRinger(t, rand.New(rand.NewPCG(seed, 1)))
		r.run()
		last := bellhop.RotaStep{}
		if n := len(r.taking.Steps); n > 0 {
			last = r.taking.Steps[n-1]
		}
		ends[last.Reason]++
		people := len(r.duties.Rota.People)
		if r.rings > people+1+2*r.changes || len(r.taking.Steps) > bellhop.MaxRotaSteps {
			t.Errorf("%d people were rung %d times in %d steps", people, r.rings, len(r.taking.Steps))
		}
		if last.Reason == bellhop.EndedRanThrough && r.changes == 0 {
			for _, m := range r.duties.Members {
				always := m.Duty.Settings.QuietFrom == m.Duty.Settings.QuietTo
				if always && len(m.Devices) > 0 && !r.rung[m.ID] {
					t.Errorf("%d is always on duty, and was not rung: %+v", m.ID, r.taking.Steps)
				}
			}
			if able := slices.ContainsFunc(r.duties.Members, func(m rules.OnRota) bool { return len(m.Devices) > 0 }); able &&
				r.taking.Steps[len(r.taking.Steps)-2].Kind != bellhop.StepRungAll {
				t.Errorf("it ran through without ringing all: %+v", r.taking.Steps)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d: %+v", seed, r.taking.Steps)
		}
	}
	for _, reason := range []string{bellhop.EndedRanThrough, bellhop.EndedTaken, bellhop.EndedHandled} {
		if ends[reason] == 0 {
			t.Errorf("no order ended as %s: %v", reason, ends)
		}
	}
}
