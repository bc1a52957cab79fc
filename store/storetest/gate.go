package storetest

import (
	"time"

	"bellhop"
	"bellhop/store"
)

// gate lets some messages go to a device now, and holds back the rest.
type gate struct {
	most  map[string]int // by installation; all for others
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
	return must(f.s.ClaimPushes(f.ctx, now, store.Slots{Free: 100, Gate: g}, time.Minute))(f)
}

// heldBack checks that waiting for a push service costs no attempt and none of the device's
// budget, that other pushes go out, that one at a time can try the service, and that old
// news is skipped.
func heldBack(f *fixture) {
	f.addShop(shop)
	f.addDevice(shop, "held", bellhop.FormNotification)
	f.addDevice(shop, "free", bellhop.FormNotification)
	f.record(f.orders(1, 30)...)
	shut := gate{map[string]int{"held": 0}, at(200)}
	for range 3 {
		for _, o := range f.claimThrough(shut, at(100)) {
			f.equal("goes to", o.Device.Installation, "free")
			f.sent(at(100), o)
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
	f.settle(store.Settled{Pushes: tries[0].Pushes, Status: bellhop.PushPending, Reason: "unavailable", At: at(300),
		RetryAt: at(400)})

	owed := f.claimThrough(nil, at(400))
	f.equal("once it is back: messages that its budget has", len(owed), 19)
	for _, o := range owed {
		for i, id := range o.Pushes {
			tried := id == tries[0].Pushes[0]
			if first := o.Orders[i].FirstAttemptAt; first.Equal(at(300)) != tried || first.Equal(at(400)) == tried {
				f.Errorf("push %d was first tried at %v", id, first)
			}
		}
		f.sent(at(400), o)
	}

	late := f.order(shop, 99, 1)
	f.record(late)
	f.equal("a day and more later", len(f.claimThrough(gate{map[string]int{"held": 0, "free": 0}, day.AddDate(0, 0, 3)},
		late.At.AddDate(0, 0, 2))), 0)
	for _, p := range f.getOrder(99).Pushes {
		if p.Status != bellhop.PushSkipped || p.Reason != store.ReasonStale {
			f.Errorf("%+v", p)
		}
	}
	f.countsMatch(shop)
}

// resent checks that failed pushes, and no others, are owed as if they had never been
// tried.
func resent(f *fixture) {
	f.addShop(shop, other)
	f.record(f.order(shop, 1, 1)) // without a device
	f.addDevice(shop, "phone", bellhop.FormData)
	f.addDevice(other, "phone", bellhop.FormData)
	f.record(f.orders(2, 6)...)
	f.record(f.order(other, 1, 1))
	owed := f.claim(at(100), 100)
	for i, s := range []store.Settled{{Status: bellhop.PushFailed, Reason: "gave_up: not_allowed"},
		{Status: bellhop.PushUnknown}, {Status: bellhop.PushSkipped}, {Status: bellhop.PushSent},
		{Status: bellhop.PushPending, RetryAt: at(500)}, {Status: bellhop.PushFailed}, {Status: bellhop.PushFailed}} {
		s.Pushes, s.At = owed[i].Pushes, at(101)
		f.settle(s)
	}
	var all []int64
	for _, domain := range []string{shop, other} {
		for _, p := range f.allPushes(domain, store.PushQuery{}) {
			all = append(all, p.ID)
		}
	}
	owes := f.s.PushesOwed()
	f.equal("sent again", must(f.s.ResendPushes(f.ctx, shop, append(all, 999_999), at(200)))(f), 4)
	<-owes
	f.equal("once more", must(f.s.ResendPushes(f.ctx, shop, all, at(200)))(f), 0)
	for _, p := range f.allPushes(shop, store.PushQuery{Status: bellhop.PushPending}) {
		if p.NextAt.Equal(at(200)) && (p.Attempts != 0 || p.Reason != store.ReasonResent) || !p.NextAt.Equal(at(200)) &&
			p.Attempts != 1 {
			f.Errorf("%+v", p)
		}
	}
	again := f.claim(at(200), 100)
	f.equal("claimed", len(again), 4)
	for _, o := range again {
		if o.Attempt != 1 || !o.Orders[0].FirstAttemptAt.Equal(at(200)) || o.Device.Shop != shop {
			f.Errorf("%+v", o)
		}
	}
	f.equal("of no shop", must(f.s.ResendPushes(f.ctx, nobody, all, at(200)))(f), 0)
	f.kind(bellhop.Invalid, errOf(f.s.ResendPushes(f.ctx, shop, make([]int64, store.ResendMost+1), at(200))))
	f.countsMatch(shop, other)
}
