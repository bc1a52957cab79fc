package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"bellhop"
	"bellhop/store"
)

func handling(f *fixture) {
	f.addShop(shop)
	f.record(f.order(shop, 7, 1))
	o := must(f.s.SetHandling(f.ctx, shop, 7, "", bellhop.HandlingHandled, day, nil))(f)
	f.equal("returned", o.Handling, bellhop.HandlingHandled)
	f.equal("with items", len(o.Items), 1)
	f.record(f.order(shop, 7, 2))
	f.equal("after an update", f.getOrder(7).Handling, bellhop.HandlingHandled)
	must(f.s.SetHandling(f.ctx, shop, 7, "", bellhop.HandlingSeen, day, nil))(f)
	f.equal("back", f.getOrder(7).Handling, bellhop.HandlingSeen)
	f.kind(bellhop.Invalid, errOf(f.s.SetHandling(f.ctx, shop, 7, "", "lost", day, nil)))
	for _, c := range []struct {
		now, was, to bellhop.Handling
		set          bool
	}{
		{"new", "new", "handled", true}, {"new", "", "handled", true},
		{"seen", "new", "handled", true},      // somebody has looked at it since
		{"handled", "seen", "handled", true},  // somebody has done the same
		{"handled", "new", "seen", false},     // opened while somebody handled it
		{"new", "handled", "seen", false},     // somebody has reopened it
		{"handled", "seen", "new", false},     //
		{"seen", "handled", "handled", false}, //
		{"handled", "handled", "new", true},   //
		{"handled", "lost", "new", false},     //
	} {
		must(f.s.SetHandling(f.ctx, shop, 7, "", c.now, day, nil))(f)
		last := f.lastChange()
		got, err := f.s.SetHandling(f.ctx, shop, 7, c.was, c.to, day, nil)
		want := c.to
		if !c.set {
			f.kind(bellhop.Conflict, err)
			f.equal("changes", f.lastChange(), last)
			want = c.now
		} else {
			f.must(err)
		}
		f.equal(fmt.Sprint(c, " returned"), got.Handling, want)
		f.equal("with items", len(got.Items), 1)
		f.equal(fmt.Sprint(c), f.getOrder(7).Handling, want)
	}
	f.kind(bellhop.NotFound, errOf(f.s.SetHandling(f.ctx, shop, 8, "", bellhop.HandlingSeen, day, nil)))
}

// handledUnless sets an order for one of several who all ask for it as it was, and shows each the whole order.
func handledUnless(f *fixture) {
	f.addShop(shop)
	f.record(f.order(shop, 7, 1))
	taken := errors.New("taken")
	var set, late atomic.Int64
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			to := []bellhop.Handling{bellhop.HandlingSeen, bellhop.HandlingHandled}[n%2]
			o, err := f.s.SetHandling(f.ctx, shop, 7, "", to, at(n), func(o *bellhop.Order) error {
				if o.Handling != bellhop.HandlingNew || len(o.Items) != 1 || len(o.Pushes) != 1 {
					return taken
				}
				return nil
			})
			switch {
			case err == nil && o.Handling == to: // those who want what the first has set get it, too
				set.Add(1)
			case errors.Is(err, taken) && o.Handling != to && len(o.Items) == 1:
				late.Add(1)
			default:
				f.Errorf("%s with %v", o.Handling, err)
			}
		})
	}
	all.Wait()
	f.equal("set and late", [2]int64{set.Load(), late.Load()}, [2]int64{4, 4})
	changes := must(f.s.Changes(f.ctx, shop, 0, 100))(f)
	f.equal("once", len(slices.DeleteFunc(changes, func(c store.Change) bool { return c.Kind != store.ChangeHandled })), 1)
}
