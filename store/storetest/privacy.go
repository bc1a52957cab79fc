package storetest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
)

// fullRequest has every field set, but what only a request that is done has.
func fullRequest() bellhop.PrivacyRequest {
	return bellhop.PrivacyRequest{Shop: shop, Kind: bellhop.RequestGive, Event: bellhop.EventID{1, 15: 2},
		By: "ann@example.com", RequestedAt: at(1).Add(3 * time.Microsecond), ReceivedAt: at(2), DueAt: at(3),
		Subject: bellhop.Subject{CustomerID: 1<<60 + 1, Email: "jo@example.com", Phone: "+1 555 0117",
			Orders: []int64{1<<60 + 3, 7}},
		Person:  []bellhop.Mark{{byte(bellhop.MarkPerson), 15: 255}, {byte(bellhop.MarkPerson), 1, 2}},
		Process: "host-1", Steps: []bellhop.PrivacyStep{{What: "orders", N: 2, At: at(4), Note: "two\x00lines",
			Place: "here", Doing: []string{"one"}}},
		Backups:  []bellhop.BackupNote{{Name: "monday.age", MadeAt: at(5), Until: at(6)}},
		ExportAt: at(7), ExportUntil: at(8), FetchedAt: at(9), FetchedBy: "jo@example.com"}
}

// requests checks that every field is kept, that a request with an outcome loses its subject, and that a
// shop sees its own alone.
func requests(f *fixture) {
	want := fullRequest()
	r := must(f.s.AddRequest(f.ctx, want))(f)
	if want.ID = r.ID; r.ID <= 0 {
		f.Fatalf("the id is %d", r.ID)
	}
	f.whole("added", r, want, "Marks", "Outcome", "DoneAt")
	f.equal("read", must(f.s.Request(f.ctx, shop, r.ID))(f), want)
	f.equal("by an operator", must(f.s.Request(f.ctx, "", r.ID))(f), want)
	f.kind(bellhop.NotFound, errOf(f.s.Request(f.ctx, other, r.ID)))
	f.kind(bellhop.NotFound, errOf(f.s.Request(f.ctx, shop, r.ID+1)))

	no := errors.New("no")
	update := func(change func(*bellhop.PrivacyRequest) error) error { return f.s.UpdateRequest(f.ctx, r.ID, change) }
	if err := update(func(r *bellhop.PrivacyRequest) error { r.Process = "x"; return no }); !errors.Is(err, no) {
		f.Errorf("got %v", err)
	}
	f.equal("unchanged", must(f.s.Request(f.ctx, shop, r.ID))(f), want)
	f.must(update(func(r *bellhop.PrivacyRequest) error {
		r.Shop, r.Kind, r.Outcome, r.DoneAt = other, bellhop.RequestErase, bellhop.RequestDone, at(10)
		r.Steps = append(r.Steps, bellhop.PrivacyStep{What: "bodies", N: 1, At: at(11)})
		return nil
	}))
	want.Outcome, want.DoneAt, want.Subject = bellhop.RequestDone, at(10), bellhop.Subject{}
	want.Steps = append(want.Steps, bellhop.PrivacyStep{What: "bodies", N: 1, At: at(11)})
	f.equal("done", must(f.s.Request(f.ctx, shop, r.ID))(f), want)
	f.kind(bellhop.NotFound, f.s.UpdateRequest(f.ctx, r.ID+1, func(*bellhop.PrivacyRequest) error { return nil }))

	for _, bad := range []bellhop.PrivacyRequest{{Kind: bellhop.RequestGive}, {Shop: shop, Kind: "orders/create"},
		{Shop: shop, Kind: bellhop.RequestGive, Subject: bellhop.Subject{Orders: make([]int64, bellhop.MaxRequestOrders+1)}},
		{Shop: shop, Kind: bellhop.RequestGive, Steps: make([]bellhop.PrivacyStep, bellhop.MaxRequestSteps+1)},
		{Shop: shop, Kind: bellhop.RequestGive, Backups: make([]bellhop.BackupNote, bellhop.MaxRequestBackups+1)},
		{Shop: shop, Kind: bellhop.RequestGive, Person: make([]bellhop.Mark, 4)},
		{Shop: shop, Kind: bellhop.RequestGive, By: fmt.Sprintf("%400d", 1)},
		{Shop: shop, Kind: bellhop.RequestGive, Process: strings.Repeat("x", 1<<20)}} {
		f.kind(bellhop.Invalid, errOf(f.s.AddRequest(f.ctx, bad)))
	}
	f.s = f.d.Reopen(f.T, f.s)
	f.equal("after a restart", must(f.s.Request(f.ctx, shop, r.ID))(f), want)
}

func requestPages(f *fixture) {
	f.kind(bellhop.Invalid, errOf(f.s.Requests(f.ctx, store.RequestQuery{Person: bellhop.Subject{CustomerID: 1}})))
	var all []int64
	for i := range 7 {
		r := bellhop.PrivacyRequest{Shop: []string{shop, other}[i%2], Kind: bellhop.RequestErase, DueAt: at(i)}
		if i < 2 {
			r.Outcome = bellhop.RequestNothingFound
		}
		all = append(all, must(f.s.AddRequest(f.ctx, r))(f).ID)
	}
	ids := func(q store.RequestQuery) (found []int64) {
		q.Limit = 2
		for _, r := range pages(func(cursor string) ([]bellhop.PrivacyRequest, string) {
			q.Cursor = cursor
			page := must(f.s.Requests(f.ctx, q))(f)
			return page.Requests, page.Next
		}) {
			found = append(found, r.ID)
		}
		return found
	}
	pick := func(places ...int) (ids []int64) {
		for _, i := range places {
			ids = append(ids, all[i])
		}
		return ids
	}
	f.equal("all", ids(store.RequestQuery{}), pick(6, 5, 4, 3, 2, 1, 0))
	f.equal("open", ids(store.RequestQuery{Open: true}), pick(6, 5, 4, 3, 2))
	f.equal("of a shop", ids(store.RequestQuery{Shop: shop}), pick(6, 4, 2, 0))
	f.equal("open of a shop", ids(store.RequestQuery{Shop: other, Open: true}), pick(5, 3))
	f.kind(bellhop.Invalid, errOf(f.s.Requests(f.ctx, store.RequestQuery{Limit: 201})))
	f.kind(bellhop.Invalid, errOf(f.s.Requests(f.ctx, store.RequestQuery{Cursor: "x"})))
}

func privacyExports(f *fixture) {
	r := must(f.s.AddRequest(f.ctx, fullRequest()))(f)
	second := must(f.s.AddRequest(f.ctx, fullRequest()))(f)
	f.kind(bellhop.NotFound, errOf(f.s.PrivacyExport(f.ctx, shop, r.ID)))
	f.kind(bellhop.NotFound, f.s.PutExport(f.ctx, second.ID+1, []byte("{}"), at(1)))
	f.kind(bellhop.TooLarge, f.s.PutExport(f.ctx, r.ID, make([]byte, store.MaxExport+1), at(1)))
	f.must(f.s.PutExport(f.ctx, r.ID, []byte("an earlier one"), at(1)))
	f.must(f.s.PutExport(f.ctx, r.ID, []byte("{\"\x00\"}"), at(10)))
	f.must(f.s.PutExport(f.ctx, second.ID, []byte("second"), at(5)))
	f.equal("export", must(f.s.PrivacyExport(f.ctx, shop, r.ID))(f), []byte("{\"\x00\"}"))
	f.kind(bellhop.NotFound, errOf(f.s.PrivacyExport(f.ctx, other, r.ID)))

	f.kind(bellhop.Invalid, errOf(f.s.DropExports(f.ctx, at(20), 0)))
	f.equal("too early", must(f.s.DropExports(f.ctx, at(5), 10))(f), 0)
	f.equal("the oldest first", must(f.s.DropExports(f.ctx, at(20), 1))(f), 1)
	f.kind(bellhop.NotFound, errOf(f.s.PrivacyExport(f.ctx, shop, second.ID)))
	f.equal("the other", string(must(f.s.PrivacyExport(f.ctx, shop, r.ID))(f)), "{\"\x00\"}")
	f.must(f.s.PutExport(f.ctx, second.ID, []byte("again"), at(30)))
	f.must(f.s.DropExport(f.ctx, other, second.ID))
	f.equal("dropped for another shop", string(must(f.s.PrivacyExport(f.ctx, shop, second.ID))(f)), "again")
	f.must(f.s.DropExport(f.ctx, shop, second.ID))
	f.kind(bellhop.NotFound, errOf(f.s.PrivacyExport(f.ctx, shop, second.ID)))
	f.must(f.s.DropExport(f.ctx, shop, second.ID))
	f.equal("the rest", must(f.s.DropExports(f.ctx, at(20), 10))(f), 1)
	f.equal("none is left", must(f.s.DropExports(f.ctx, at(20), 10))(f), 0)
}
