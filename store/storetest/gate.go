package storetest

import (
	"time"

	"bellhop"
	"bellhop/store"
)

// gate lets so many messages go to a device now, and holds back the rest.
type gate struct {
	most  map[string]int // by installation; others go freely
	until time.Time
}

func (g gate) Admit(d bellhop.Device, _ time.Time) (int, time.Time) {
	if most, held := g.most[d.Installation]; held {
		return most, g.until
	}
	return 1000, time.Time{}
}

func (f *fixture) claimThrough(g store.Gate, now time.Time) []store.Owed {
	f.Helper()
	owed, err := f.s.ClaimPushes(f.ctx, now, store.Slots{Free: 100, Gate: g}, time.Minute)
	f.must(err)
	return owed
}

// heldBack checks that what waits for a push service costs no attempt and none of
// its device's budget, while others go out, that one at a time can try the service,
// and that what waited until it was no news is skipped.
func heldBack(f *fixture) {
	f.addShop(shop)
	f.addDevice(shop, "held", bellhop.FormNotification)
	f.addDevice(shop, "free", bellhop.FormNotification)
	for i := range 30 {
		f.record(f.order(shop, int64(i+1), 1))
	}
	shut := gate{map[string]int{"held": 0}, at(200)}
	for range 3 {
		for _, o := range f.claimThrough(shut, at(100)) {
			f.equal("goes to", o.Device.Installation, "free")
			f.settle(store.Settled{Pushes: o.Pushes, Status: bellhop.PushSent, At: at(100)})
		}
		shut.until = at(300)
	}
	waiting := f.allPushes(shop, store.PushQuery{Status: bellhop.PushPending})
	f.equal("waiting", len(waiting), 30)
	for _, p := range waiting {
		if p.Attempts != 0 || p.Reason != store.ReasonServiceAway || !p.NextAt.Equal(at(200)) {
			f.Fatalf("held back: %+v", p)
		}
	}
	tries := f.claimThrough(gate{map[string]int{"held": 1}, at(400)}, at(300))
	if len(tries) != 1 || len(tries[0].Pushes) != 1 || tries[0].Attempt != 1 || tries[0].Gathered != nil {
		f.Fatalf("a single try: %+v", tries)
	}
	f.settle(store.Settled{Pushes: tries[0].Pushes, Status: bellhop.PushPending, Reason: "unavailable", At: at(300), RetryAt: at(400)})

	owed := f.claimThrough(nil, at(400))
	f.equal("once it is back: messages that its budget has", len(owed), 19)
	for _, o := range owed {
		for i, id := range o.Pushes {
			tried := id == tries[0].Pushes[0]
			if first := o.Orders[i].FirstAttemptAt; first.Equal(at(300)) != tried || first.Equal(at(400)) == tried {
				f.Errorf("push %d was first tried at %v", id, first)
			}
		}
		f.settle(store.Settled{Pushes: o.Pushes, Status: bellhop.PushSent, At: at(400)})
	}

	late := f.order(shop, 99, 1)
	f.record(late)
	f.equal("a day and more later", len(f.claimThrough(gate{map[string]int{"held": 0, "free": 0}, day.AddDate(0, 0, 3)}, late.At.AddDate(0, 0, 2))), 0)
	for _, p := range f.getOrder(99).Pushes {
		if p.Status != bellhop.PushSkipped || p.Reason != store.ReasonStale {
			f.Errorf("%+v", p)
		}
	}
	f.countsMatch(shop)
}
