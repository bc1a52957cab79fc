package storetest

import (
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
