package storetest

import (
	"bellhop"
	"bellhop/store"
)

// leftOut is a personal order whose body leaves out its tags, attributes and where the bill goes.
func (f *fixture) leftOut(id int64, version int) bellhop.Fact {
	fact := f.personal(id, version)
	o := fact.Order
	o.Tags, o.Attributes, o.Billing.Zip = nil, nil, ""
	o.Unsaid = []bellhop.Unsaid{{Fields: []string{"billing_address.zip", "note_attributes", "tags"}}}
	return fact
}

// leftOutStays records bodies that leave fields out beside some that say them, in each order: what is known stays, an
// older body fills in what a newer one leaves out, and what was redacted does not come back.
func leftOutStays(f *fixture) {
	f.addShop(shop)
	tagged := func(id int64, version int, tag string) bellhop.Fact {
		fact := f.personal(id, version)
		fact.Order.Tags = []string{tag}
		return fact
	}
	is := func(id int64, zip, tag string) {
		f.Helper()
		o := f.getOrder(id)
		f.equal("left out", []any{o.Billing.Zip, o.Tags, len(o.Attributes)}, []any{zip, []string{tag}, 1})
	}
	f.record(tagged(7, 1, "old"))
	f.record(f.leftOut(7, 4))
	is(7, "12345", "old")
	f.record(f.leftOut(7, 5)) // the same again: it is known by way of the one before
	is(7, "12345", "old")
	before := len(must(f.s.Changes(f.ctx, shop, 0, 100))(f))
	f.equal("late", f.outcomes(tagged(7, 2, "late"), tagged(7, 1, "old")),
		[]bellhop.Outcome{bellhop.OutcomeStale, bellhop.OutcomeStale})
	is(7, "12345", "late")
	f.equal("changes", len(must(f.s.Changes(f.ctx, shop, 0, 100))(f)), before+1)
	f.record(f.leftOut(8, 4), tagged(8, 2, "late"), f.leftOut(8, 3)) // in one batch, and the cut one first
	is(8, "12345", "late")
	f.equal("version", f.getOrder(8).Version.UpdatedAt, at(4))

	none := f.personal(8, 6)
	none.Order.Tags = nil
	f.record(none, f.leftOut(8, 7), tagged(8, 5, "late"))
	f.equal("it says that there are none", f.getOrder(8).Tags, []string(nil))

	f.record(f.leftOut(9, 4))
	f.redact(bellhop.RedactedForRequest, at(100), 7, 9)
	f.record(f.leftOut(7, 8), tagged(7, 3, "late"), tagged(9, 3, "late"))
	for _, id := range []int64{7, 9} {
		o := f.getOrder(id)
		f.equal("redacted", []any{o.Tags, o.CustomerName, o.Billing, len(o.Attributes), o.Kept},
			[]any{[]string{"late"}, "", (*bellhop.Address)(nil), 0, []bellhop.Kept(nil)})
	}
	f.equal("a search", f.ids(store.OrderQuery{Text: "Lee"}), []int64{8})
}
