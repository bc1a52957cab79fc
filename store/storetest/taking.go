package storetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"bellhop"
	"bellhop/store"
)

// rota gives the shop an ordered list of people.
func (f *fixture) rota(after int, from string, people ...bellhop.Person) {
	f.Helper()
	r := &bellhop.Rota{After: after, From: from}
	for _, p := range people {
		r.People = append(r.People, p.ID)
	}
	f.must(f.s.UpdateShop(f.ctx, shop, func(s *bellhop.Shop) { s.Rota = r }))
}

// steps lists the kinds of an order's steps, with whom or why.
func (f *fixture) steps(id int64) (all []string) {
	f.Helper()
	for _, s := range f.getOrder(id).Steps {
		text := string(s.Kind)
		if s.Email != "" {
			text += " " + s.Email
		}
		if s.Reason != "" {
			text += " " + s.Reason
		}
		all = append(all, text)
	}
	return all
}

// takes covers who has an order, in a shop without a rota.
func takes(f *fixture) {
	f.addShop(shop)
	jo, kim := f.addOwner("jo@example.com", shop), f.addMember("kim@example.com",
		bellhop.Membership{Shop: shop, Role: bellhop.RoleStaff})
	f.record(f.order(shop, 7, 1), f.order(shop, 8, 1))
	take := store.TakeChange{Person: kim.ID, Session: 5, At: at(1)}
	o := must(f.s.Take(f.ctx, shop, 7, take))(f)
	want := &bellhop.Taken{By: kim.ID, Email: "kim@example.com", At: at(1)}
	f.equal("taken", o.Taken, want)
	f.equal("kept", f.getOrder(7), o)
	f.equal("in a list", f.allOrders(shop, store.OrderQuery{})[1].Taken, want)
	last := f.lastChange()
	f.equal("again", must(f.s.Take(f.ctx, shop, 7, store.TakeChange{Person: kim.ID, At: at(2)}))(f), o)
	f.equal("nothing changed", f.lastChange(), last)
	change := must(f.s.Changes(f.ctx, shop, last-1, 10))(f)
	f.equal("change", []any{change[0].Kind, change[0].OrderID}, []any{store.ChangeTaken, int64(7)})

	_, err := f.s.Take(f.ctx, shop, 7, store.TakeChange{Person: jo.ID, Owner: true, At: at(3)})
	f.kind(bellhop.Conflict, err)
	f.equal("says who", err.Error(), "take an order: kim@example.com has this order")
	release := store.TakeChange{Person: kim.ID, Release: true, At: at(4)}
	f.kind(bellhop.Conflict, errOf(f.s.Take(f.ctx, shop, 8, release))) // nobody has it
	f.kind(bellhop.Forbidden, errOf(f.s.Take(f.ctx, shop, 7, store.TakeChange{Person: jo.ID, Release: true, At: at(4)})))
	f.equal("released", must(f.s.Take(f.ctx, shop, 7, release))(f).Taken, (*bellhop.Taken)(nil))
	must(f.s.Take(f.ctx, shop, 7, take))(f)
	f.equal("released by an owner", must(f.s.Take(f.ctx, shop, 7, store.TakeChange{Person: jo.ID, Owner: true,
		Release: true, At: at(5)}))(f).Taken, (*bellhop.Taken)(nil))
	f.equal("steps", f.steps(7), []string{"taken kim@example.com", "released kim@example.com", "taken kim@example.com",
		"released jo@example.com"})

	must(f.s.Take(f.ctx, shop, 7, take))(f)
	must(f.s.SetHandling(f.ctx, shop, 7, "", bellhop.HandlingHandled, at(6), nil))(f)
	f.record(f.order(shop, 7, 2)) // keeps it
	f.must(f.s.RemoveMembership(f.ctx, kim.ID, shop))
	f.equal("who left", *f.getOrder(7).Taken, bellhop.Taken{By: kim.ID, At: at(1)})
	f.equal("last step", f.steps(7)[4], "taken")
	must(f.s.Take(f.ctx, shop, 7, store.TakeChange{Person: jo.ID, Owner: true, Release: true, At: at(5)}))(f)
	f.kind(bellhop.Conflict, errOf(f.s.Take(f.ctx, shop, 7, take))) // handled
	cancelled := f.order(shop, 8, 2)
	cancelled.Order.CancelledAt = at(2)
	f.record(cancelled)
	f.kind(bellhop.Conflict, errOf(f.s.Take(f.ctx, shop, 8, take)))
	f.kind(bellhop.NotFound, errOf(f.s.Take(f.ctx, shop, 9, take)))
	f.kind(bellhop.NotFound, errOf(f.s.Take(f.ctx, second, 7, take)))
	f.record(f.deletion(shop, 7))
	f.kind(bellhop.NotFound, errOf(f.s.Take(f.ctx, shop, 7, take)))

	f.record(f.order(shop, 10, 1))
	for n := 0; ; n++ {
		if _, err = f.s.Take(f.ctx, shop, 10, store.TakeChange{Person: jo.ID, Release: n%2 == 1, At: at(9)}); err != nil {
			break
		}
	}
	f.equal("too often", bellhop.CodeOf(err), "too_many_steps")
	f.equal("nobody has it then", f.getOrder(10).Taken, (*bellhop.Taken)(nil))
}

// ringsOn claims what is due and sends it, and lists it as installations with what they were told.
func (f *fixture) ringsOn(now time.Time) (all []string) {
	f.Helper()
	owed := f.claim(now, 50)
	f.sent(now, owed...)
	for _, o := range owed {
		for _, b := range o.Orders {
			all = append(all, fmt.Sprint(o.Device.Installation, " ", b.ID, " ", b.Kind))
		}
	}
	slices.Sort(all)
	return all
}

// rings covers an order that rings one after the other until somebody takes it.
func rings(f *fixture) {
	f.addShop(shop)
	jo, kim := f.addOwner("jo@example.com", shop), f.addOwner("kim@example.com", shop)
	none, night := f.addOwner("none@example.com", shop), f.addOwner("night@example.com", shop)
	f.addDevice(shop, "till", bellhop.FormData) // of an API token
	for _, p := range []bellhop.Person{jo, kim, night} {
		f.phone(p, shop, p.Email[:2])
	}
	f.must(f.setSettings(night.ID, bellhop.Settings{QuietFrom: "00:00", QuietTo: "23:59", Timezone: "UTC"}))
	f.must(f.setSettings(kim.ID, bellhop.Settings{NotNew: true, AtLeast: "5000"})) // the rota rings them all the same
	f.rota(5, "", night, none, jo, kim)
	f.record(f.order(shop, 7, 1), f.order(shop, 8, 1))
	now := f.order(shop, 7, 1).At
	f.equal("due", f.nextPush().After(now), false)
	first := f.ringsOn(now)
	f.equal("first", first, []string{"jo 7 order.ring:1", "jo 8 order.ring:1", "till 7 order.new",
		"till 8 order.new"})
	f.equal("steps", f.steps(7), []string{"passed_over none@example.com no_device", "rung jo@example.com"})
	f.equal("nothing more", f.ringsOn(now.Add(time.Minute)), []string(nil))
	next := f.nextPush()
	f.equal("a full minute", []any{next.Second(), next.After(now.Add(4 * time.Minute))}, []any{0, true})
	f.equal("not late yet", f.oldestOwed(), next)

	must(f.s.Take(f.ctx, shop, 7, store.TakeChange{Person: kim.ID, At: now}))(f)
	f.equal("then", f.ringsOn(next), []string{"ki 8 order.ring:2"})
	next = f.nextPush()
	f.equal("all", f.ringsOn(next), []string{"jo 8 order.ring:3", "ki 8 order.ring:3"})
	f.equal("who took it", f.steps(7)[2:], []string{"taken kim@example.com", "ended taken"})
	next = f.nextPush()
	f.equal("no more", f.ringsOn(next), []string(nil))
	f.equal("ran through", f.steps(8)[2:], []string{"rung kim@example.com", "rung_all", "ended ran_through"})
	f.equal("nothing is due", f.nextPush(), time.Time{})
	f.equal("told of", f.quiet(), map[int64]string{7: "", 8: ""})

	must(f.s.Take(f.ctx, shop, 7, store.TakeChange{Person: kim.ID, Release: true, At: next}))(f)
	f.equal("given back", f.ringsOn(next), []string{"jo 7 order.ring:2"}) // all but who gave it back
	must(f.s.SetHandling(f.ctx, shop, 7, "", bellhop.HandlingHandled, next, nil))(f)
	f.equal("handled", f.ringsOn(next.Add(time.Hour)), []string(nil))
	f.equal("why", f.steps(7)[len(f.steps(7))-1], "ended handled")

	f.record(f.order(shop, 9, 1), f.order(shop, 10, 1), f.order(shop, 11, 1))
	cancelled := f.order(shop, 9, 2)
	cancelled.Order.CancelledAt = at(3)
	f.record(cancelled, f.deletion(shop, 11))
	f.equal("cancelled and deleted at once", f.ringsOn(next.Add(2*time.Hour)), []string{"jo 10 order.ring:1",
		"till 10 order.new", "till 9 order.new"})
	f.must(f.s.UpdateShop(f.ctx, shop, func(s *bellhop.Shop) { s.Rota = nil }))
	f.equal("switched off", f.ringsOn(next.Add(3*time.Hour)), []string(nil))
	f.equal("why", f.steps(10)[2:], []string{"ended rota_off"})
	f.equal("nothing is due", f.nextPush(), time.Time{})
	f.countsMatch(shop)
}

// ringsSkip covers rings that were owed when the order found somebody.
func ringsSkip(f *fixture) {
	f.addShop(shop)
	jo := f.addOwner("jo@example.com", shop)
	f.phone(jo, shop, "jo")
	f.rota(5, "30", jo)
	small, large := f.order(shop, 7, 1), f.order(shop, 8, 1)
	large.Order.Total = money("30.00", "USD")
	f.record(small, large)
	owed := f.claim(large.At, 1) // of two
	f.equal("claimed", len(owed), 1)
	must(f.s.Take(f.ctx, shop, 8, store.TakeChange{Person: jo.ID, At: at(9)}))(f)
	rest := f.ringsOn(large.At.Add(time.Second))
	f.equal("only one of them mattered", len(f.steps(7)), 0)
	ring := f.getOrder(8).Pushes[1]
	switch ring.Status {
	case bellhop.PushSkipped:
		f.equal("reason", ring.Reason, store.ReasonTaken)
	case bellhop.PushSending: // it was under way
		f.equal("the other", rest, []string{"jo 7 order.new"})
	default:
		f.Errorf("a ring of a taken order is %s", ring.Status)
	}
}

// ringsAtOnce does the steps of many orders in several processes.
func ringsAtOnce(f *fixture) {
	f.addShop(shop)
	jo, kim := f.addOwner("jo@example.com", shop), f.addOwner("kim@example.com", shop)
	f.phone(jo, shop, "jo")
	f.phone(kim, shop, "ki")
	f.rota(5, "", jo, kim)
	f.record(f.orders(1, 30)...)
	now := f.orders(30, 1)[0].At
	for round, want := range []int{30, 60, 120, 120} {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { f.sent(now, f.claim(now, 50)...) })
		}
		all.Wait()
		f.sent(now, f.claim(now, 50)...)
		rung := 0
		for _, p := range f.allPushes(shop, store.PushQuery{Limit: 200}) {
			if p.Kind.Rings() {
				rung++
			}
		}
		f.equal(fmt.Sprint("rings after round ", round), rung, want)
		now = now.Add(time.Hour)
	}
}
