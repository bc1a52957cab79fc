package rules

import (
	"cmp"
	"slices"
	"time"

	"bellhop"
	"bellhop/store"
)

// owe adds an order's pushes to the devices of its shop: one each, or a fan-out if they are
// many. News that nobody gets a push for has one line in the delivery log, which says why, unless the
// shop has devices and no owner wants such news.
func (p *recordPlan) owe(shop *StoredShop, o *OrderChange, news News, f *bellhop.Fact) (n int) {
	var total bellhop.Money // as far as the fact states it
	if f.Order != nil {
		total = f.Order.Total
	}
	push := NewPush{Order: o, Kind: news.Kind, At: f.At, Skipped: news.Quiet}
	if !shop.Shop.UninstalledAt.IsZero() {
		push.Skipped = cmp.Or(push.Skipped, store.ReasonUninstalled)
	}
	noted := news.Kind == bellhop.PushOrderNew || slices.ContainsFunc(shop.Receivers, func(r Receiver) bool {
		return asked(r.Settings, news.Kind)
	})
	if len(shop.Receivers) == 0 {
		noted, push.Skipped = true, cmp.Or(push.Skipped, store.ReasonNoDevice)
	}
	rota := p.ringing(shop, o, &push, total)
	switch {
	case push.Skipped != "" && noted:
		p.Owed = append(p.Owed, push)
	case push.Skipped != "":
	case p.portions.fansOut(len(shop.Receivers)):
		p.FanOuts, n = append(p.FanOuts, push), 1
	default:
		n = p.oweTo(shop.Receivers, push, total, rota)
	}
	p.Wake = p.Wake || n > 0
	return n
}

// ringing makes a new order that matters ring the shop's rota, and returns that; nil for another.
func (p *recordPlan) ringing(shop *StoredShop, o *OrderChange, news *NewPush, total bellhop.Money) *bellhop.Rota {
	rota := shop.Shop.Rota
	quiet := news.Skipped != "" && news.Skipped != store.ReasonNoDevice
	if rota == nil || quiet || news.Kind != bellhop.PushOrderNew || !rota.Matters(total) {
		return nil
	}
	to := o.State.Taking.clone()
	to.begin(news.At)
	p.setTaking(o, to)
	return rota
}

// oweTo adds a push for each device, and returns how many are owed.
// A new order's rings stand for it where somebody is on its rota.
func (r *Recording) oweTo(to []Receiver, push NewPush, total bellhop.Money, rota *bellhop.Rota) (n int) {
	for _, d := range to {
		due, skipped, noted := d.owes(push.Kind, total, push.At)
		if rota != nil && d.Person != 0 && slices.Contains(rota.People, d.Person) {
			due, skipped, noted = time.Time{}, store.ReasonOnRota, true
		}
		if !noted {
			continue
		}
		push.Device, push.Due, push.Skipped = d.ID, due, skipped
		r.Owed = append(r.Owed, push)
		if skipped == "" {
			n++
		}
	}
	return n
}

// PlanPortion decides a fan-out's pushes to the next of its devices; total is its order's, rota its shop's.
// There may be more to do, though nothing became due.
func PlanPortion(fanOut NewPush, total bellhop.Money, rota *bellhop.Rota, to []Receiver) *Recording {
	r := &Recording{Changes: Changes{Wake: true}}
	if fanOut.Kind != bellhop.PushOrderNew || !rota.Matters(total) {
		rota = nil
	}
	r.oweTo(to, fanOut, total, rota)
	return r
}
