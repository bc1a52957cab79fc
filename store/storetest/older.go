package storetest

import (
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/move"
)

// OlderRefund is the last refund of each of [Older]'s orders.
const OlderRefund = 11

// Older checks orders that a bellhop without documents and search index recorded: five of three lines
// of 2 × 19.90 each, of which the fifth is facts' last, with the refund OlderRefund. age makes the stored
// orders look so.
func Older(t *testing.T, s store.Store, facts []bellhop.Fact, age func()) {
	f := &fixture{T: t, ctx: t.Context(), s: s}
	f.record(facts...)
	age()
	last := facts[len(facts)-1:]
	want := last[0].Order
	domain := last[0].Event.Shop
	found := func() int {
		return len(must(s.Orders(f.ctx, domain, store.OrderQuery{Text: want.CustomerEmail}))(f).Orders)
	}
	o := must(s.Order(f.ctx, domain, want.ID))(f)
	if o.Schema != 0 || len(o.Items) != 3 || o.Items[2].SKU != "TEE-2" || o.Items[2].Price != "19.90" ||
		o.Current != want.Total || !o.CreatedAt.Equal(want.PlacedAt) || o.Pieces != 3 {
		f.Errorf("an older order is %+v", o)
	}
	f.equal("found without an index", found(), 0)
	for _, n := range []int{2, 2, 1, 0} {
		f.equal("caught up", must(s.CatchUp(f.ctx, 2))(f), n)
	}
	f.equal("found", found(), 1)
	head := store.OrderHead{ID: want.ID, CreatedAt: want.PlacedAt.UTC(), UpdatedAt: want.UpdatedAt.UTC(),
		SaidAt: want.Version.TriggeredAt}
	f.equal("its head", must(s.OrderHeads(f.ctx, domain, []int64{want.ID}))(f), []store.OrderHead{head})
	f.equal("in a time", must(s.HeadsBetween(f.ctx, domain, store.SortCreated, want.PlacedAt,
		want.PlacedAt.Add(time.Microsecond), want.ID-1, 1))(f), []store.OrderHead{head})
	f.equal("whole", len(must(s.WholeOrders(f.ctx, domain, []int64{want.ID}))(f)[0].Items), 3)
	want.Schema = bellhop.DetailsSchema
	f.equal("refilled", must(s.Refill(f.ctx, last))(f), 1)
	if o = must(s.Order(f.ctx, domain, want.ID))(f); o.Schema != bellhop.DetailsSchema || len(o.Items) != 3 ||
		o.Items[2].ToFulfil != 2 {
		f.Errorf("a refilled order is %+v", o)
	}
	f.olderRefunds(facts[0])
}

// olderRefunds checks that refunds which an older bellhop recorded are no news, with and without
// newer ones.
func (f *fixture) olderRefunds(first bellhop.Fact) {
	f.Helper()
	shop, id := first.Event.Shop, first.OrderID
	refund := func(n int64) bellhop.Fact {
		fact := f.refund(shop, id, n, 1)
		fact.History.Refunds[0].At = first.At
		return fact
	}
	newer := f.order(shop, id, 1_000_000)
	for n := range int64(4) {
		newer.Order.History, _ = newer.Order.History.Merge(*refund(10 + n).History)
	}
	f.record(refund(OlderRefund+1), newer)
	var kinds []bellhop.PushKind
	for _, p := range must(f.s.Order(f.ctx, shop, id))(f).Pushes {
		kinds = append(kinds, p.Kind)
	}
	f.equal("pushes", kinds, []bellhop.PushKind{bellhop.PushOrderNew, bellhop.RefundKind(OlderRefund + 1),
		bellhop.RefundKind(OlderRefund + 2)})
	c, _, err := mover(f).Export(f.ctx, move.TableOrders, "", move.ChunkLimit{Rows: 1, Bytes: 1 << 20})
	f.must(err)
	f.equal("in a copy", c.Orders[0].State.RefundID, int64(OlderRefund))
}

// OlderPeople checks owners whom a bellhop without memberships adds and removes. older runs its statements.
func OlderPeople(t *testing.T, s store.Store, shop string, older func(query string)) {
	f := &fixture{T: t, ctx: t.Context(), s: s}
	older(`INSERT INTO people (email, role, shop_id, password_hash, added_at)
		SELECT 'old@example.com', 'owner', id, 'h', NOW FROM shops WHERE domain = '` + shop + `'`)
	f.equal("shops", f.shopsOf("old@example.com"), []bellhop.Membership{ownerOf(shop)})
	f.addShop(third)
	p := must(s.PersonByEmail(f.ctx, "old@example.com"))(f)
	f.must(s.SetMembership(f.ctx, p.ID, staffOf(third)))
	f.addOwner("new@example.com", shop)
	f.must(s.RemoveMembership(f.ctx, p.ID, shop)) // the one that the older bellhop knows
	older(`DELETE FROM people WHERE id IN (SELECT p.id FROM people p JOIN shops s ON s.id = p.shop_id
		WHERE p.email = 'old@example.com' AND p.role = 'owner' AND s.domain = '` + third + `')`)
	f.equal("people", len(must(s.People(f.ctx, third))(f)), 0)
	f.must(s.SetMembership(f.ctx, f.addOwner("x@example.com", third).ID, staffOf(shop)))
	f.kind(bellhop.NotFound, s.RemoveMembership(f.ctx, p.ID, third))
}

// OlderErasing checks that nothing is left of how far a shop was compared once a bellhop without reconciliations has
// erased the shop. older runs its last statement.
func OlderErasing(t *testing.T, s store.Store, older func(query string)) {
	f := &fixture{T: t, ctx: t.Context(), s: s}
	f.addShop(second, third)
	f.reconcile(second, fullReconciliation(second))
	f.reconcile(third, fullReconciliation(third))
	older(`DELETE FROM shops WHERE domain = '` + third + `'`)
	f.equal("kept", must(s.Reconciliations(f.ctx, time.Time{}, 1))(f),
		[]bellhop.Reconciliation{fullReconciliation(second)})
	f.addShop(third)
	f.equal("added again", f.reconciliation(third), bellhop.Reconciliation{Shop: third})
}
