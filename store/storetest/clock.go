package storetest

import (
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/rules"
)

// clockWasAhead checks that rows from a clock a year ahead silence nobody once the clock is
// right.
func clockWasAhead(f *fixture) {
	f.addShopWithPhone(bellhop.FormNotification)
	future := day.AddDate(1, 0, 0)
	for i := range int64(30) {
		fact := f.order(shop, i+1, 1)
		fact.At, fact.Order.PlacedAt = future, future
		f.record(fact)
	}
	owed := f.claim(future, 3) // one stays sending
	f.settle(store.Settled{Pushes: owed[0].Pushes, Status: bellhop.PushPending, Reason: "unavailable", At: future,
		RetryAt: future.Add(time.Minute)})
	f.settle(store.Settled{Pushes: owed[1].Pushes, Status: bellhop.PushSent, At: future})
	f.claim(future.Add(time.Second), 100) // spends the budget, and puts off the rest
	must(f.s.TakeRelay(f.ctx, "events", "one", future, time.Minute))(f)

	now := at(1000)
	f.equal("due", rules.IsDue(f.nextPush(), now), true)
	late := f.order(shop, 100, 1)
	late.At = now
	f.record(late)
	f.equal("as if the budget had room", f.onePush(100).NextAt, now)
	f.equal("the budget is spent", len(f.claim(now, 100)), 0)
	next := f.nextPush()
	if wait := next.Sub(now); wait <= 0 || wait > 4*time.Minute {
		f.Fatalf("the next is due after %v", wait)
	}
	owed = f.claim(next, 100)
	if len(owed) != 1 || len(owed[0].Pushes) != 30 { // all but the sent one
		f.Fatalf("then %+v", owed)
	}
	for _, o := range owed[0].Orders {
		if o.FirstAttemptAt.After(next) {
			f.Errorf("the first attempt at %d is ahead", o.ID)
		}
	}
	f.equal("holder", must(f.s.TakeRelay(f.ctx, "events", "two", now, time.Minute))(f).Holder, "two")
	f.countsMatch(shop)
}
