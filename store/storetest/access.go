package storetest

import (
	"sync"

	"bellhop"
	"bellhop/store"
)

func accessLog(f *fixture) {
	f.addShop(shop, second)
	log := func(domain string, seconds int, by, what, about string, n int64) {
		f.Helper()
		f.must(f.s.AddAccess(f.ctx, bellhop.Access{Shop: domain, At: at(seconds), By: by, What: what, About: about, N: n}))
	}
	list := func(q store.AccessQuery) (all []string) {
		f.Helper()
		for {
			page := must(f.s.Accesses(f.ctx, q))(f)
			for _, l := range page.Accesses {
				all = append(all, l.Shop+" "+l.By+" "+l.What+" "+l.About)
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				return all
			}
		}
	}
	f.equal("nothing", len(list(store.AccessQuery{})), 0)
	log("", 0, "ann@example.com", bellhop.AccessBody, "one", 0)
	log(shop, 3, "token app", bellhop.AccessRead, "", 20)
	log(second, 2, "jo@example.com", bellhop.AccessExport, "", 7)
	log(shop, 2, "jo@example.com", bellhop.AccessExport, "", 7)
	log(shop, 1, "ann@example.com", bellhop.AccessOrder+": asked", shop+"/3", 0)
	log(nobody, 1, "ann@example.com", bellhop.AccessBody, "two", 0)
	log("", 0, "ann@example.com", bellhop.AccessBody, "one", 0) // two lines: no shop counts them

	read := shop + " token app orders.read "
	export, order := " jo@example.com orders.export ", shop+" ann@example.com order.personal: asked "+shop+"/3"
	body := " ann@example.com dead_letter.body "
	for _, limit := range []int{0, 1, 2} {
		f.equal("all", list(store.AccessQuery{Limit: limit}),
			[]string{read, shop + export, second + export, body + "two", order, body + "one", body + "one"})
		f.equal("a shop's", list(store.AccessQuery{Shop: shop, Limit: limit}), []string{read, shop + export, order})
		f.equal("somebody's", list(store.AccessQuery{By: "jo@example.com", Limit: limit}),
			[]string{shop + export, second + export})
		f.equal("of a thing", list(store.AccessQuery{About: "one", Limit: limit}), []string{body + "one", body + "one"})
	}
	f.equal("somebody's in a shop", list(store.AccessQuery{Shop: second, By: "jo@example.com"}), []string{second + export})
	f.equal("of no such shop", len(list(store.AccessQuery{Shop: nobody})), 0)
	f.kind(bellhop.Invalid, errOf(f.s.Accesses(f.ctx, store.AccessQuery{Limit: 201})))
	f.kind(bellhop.Invalid, errOf(f.s.Accesses(f.ctx, store.AccessQuery{Cursor: "x"})))
}

// accessesAreCounted has many count in one line at once.
func accessesAreCounted(f *fixture) {
	f.addShop(shop, second)
	read := bellhop.Access{Shop: shop, At: day, By: "token app", What: bellhop.AccessRead, N: 5}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := f.s.AddAccess(f.ctx, read); err != nil {
				f.Error(err)
			}
		})
	}
	all.Wait()
	for _, l := range []bellhop.Access{{Shop: second, At: day, By: read.By, What: read.What},
		{Shop: shop, At: at(1), By: read.By, What: read.What}, {Shop: shop, At: day, By: "token web", What: read.What},
		{Shop: shop, At: day, By: read.By, What: bellhop.AccessExport}, {Shop: shop, At: day, By: read.By, What: read.What,
			About: "x"}} {
		f.must(f.s.AddAccess(f.ctx, l))
	}
	lines := must(f.s.Accesses(f.ctx, store.AccessQuery{}))(f).Accesses
	f.equal("lines", len(lines), 6)
	n := map[int64]int{}
	for _, l := range lines {
		n[l.N]++
	}
	f.equal("counts", n, map[int64]int{100: 1, 1: 5})
}

func oldAccesses(f *fixture) {
	f.addShop(shop)
	for i := range 9 {
		f.must(f.s.AddAccess(f.ctx, bellhop.Access{Shop: shop, At: at(i), By: "jo@example.com", What: bellhop.AccessExport}))
	}
	f.equal("the first", must(f.s.PruneAccesses(f.ctx, at(6), 4))(f), 4)
	f.equal("the rest", must(f.s.PruneAccesses(f.ctx, at(6), 4))(f), 2)
	f.equal("no more", must(f.s.PruneAccesses(f.ctx, at(6), 4))(f), 0)
	left := must(f.s.Accesses(f.ctx, store.AccessQuery{Shop: shop}))(f).Accesses
	f.equal("left", len(left), 3)
	f.equal("the oldest", left[2].At, at(6))
	f.kind(bellhop.Invalid, errOf(f.s.PruneAccesses(f.ctx, at(6), 0)))
}
