package rules

import (
	"time"

	"bellhop"
)

// ShopTold is the newest of what a batch says of a shop itself; nil where it says nothing.
type ShopTold struct {
	Row    int64
	At     time.Time         // when it is recorded: the connection's next check is due
	Info   *bellhop.ShopNews // replaces what is known, unless that is newer by now
	Scopes *bellhop.ShopNews // of the connection
	Gone   *bellhop.ShopNews // the connection has to find out whether the app was uninstalled
	Back   bool              // the app was installed again: UninstalledAt goes
}

// tell notes what a webhook says of its shop. The newest counts, in whatever order they come.
func (p *recordPlan) tell(shop *StoredShop, f *bellhop.Fact) bellhop.Result {
	n := f.Shop
	switch {
	case n.Uninstalled:
		r := shop.uninstalled(n.At)
		if r.Outcome == bellhop.OutcomeRecorded {
			shop.GoneAt = n.At
			p.toldOf(shop, f).Gone = n
		}
		return r
	case n.Info == nil:
		return p.scopes(shop, f)
	}
	p.comesBack(shop, f)
	outcome := later(n.At.Compare(shop.Shop.InfoAt))
	if outcome == bellhop.OutcomeRecorded {
		shop.Shop.InfoAt = n.At
		p.toldOf(shop, f).Info = n
	}
	return bellhop.Result{Outcome: outcome}
}

// scopes notes the scopes that the app has now, as far as one can know: the check that follows asks
// Shopify.
func (p *recordPlan) scopes(shop *StoredShop, f *bellhop.Fact) bellhop.Result {
	if shop.ConnectedAt.IsZero() {
		return bellhop.Result{Outcome: bellhop.OutcomeSkipped, Reason: bellhop.ReasonNotConnected}
	}
	if was := p.told[shop.Row]; f.Shop.At.Before(shop.ConnectedAt) ||
		was != nil && was.Scopes != nil && !f.Shop.At.After(was.Scopes.At) {
		return bellhop.Result{Outcome: bellhop.OutcomeStale}
	}
	p.toldOf(shop, f).Scopes = f.Shop
	return bellhop.Result{Outcome: bellhop.OutcomeRecorded}
}

// comesBack notes that a shop's app was installed again, by an event that happened after it was removed.
// Of a shop with a connection a new connection says so.
func (p *recordPlan) comesBack(shop *StoredShop, f *bellhop.Fact) {
	gone := shop.Shop.UninstalledAt
	if gone.IsZero() || !shop.ConnectedAt.IsZero() || !f.Event.TriggeredAt.After(gone) {
		return
	}
	shop.Shop.UninstalledAt = time.Time{}
	p.toldOf(shop, f).Back = true
}

// uninstalled judges a removal of the app at a time. One before the shop was connected says nothing of the
// connection. A connection may be newer all the same, so that only its keeper ends it; of a shop without
// one nobody can ask.
func (s *StoredShop) uninstalled(at time.Time) bellhop.Result {
	since := s.ConnectedAt
	if since.IsZero() {
		since = s.Shop.AddedAt
	}
	switch {
	case at.Before(since):
		return bellhop.Result{Outcome: bellhop.OutcomeStale, Reason: bellhop.ReasonInstalledSince}
	case !at.After(s.GoneAt):
		return bellhop.Result{Outcome: bellhop.OutcomeDuplicate}
	}
	return bellhop.Result{Outcome: bellhop.OutcomeRecorded, Uninstalls: s.ConnectedAt.IsZero()}
}

func (p *recordPlan) toldOf(shop *StoredShop, f *bellhop.Fact) *ShopTold {
	t := p.told[shop.Row]
	if t == nil {
		t = &ShopTold{Row: shop.Row}
		p.told[shop.Row], p.Told = t, append(p.Told, t)
	}
	t.At = f.At
	return t
}
