package reconcile_test

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bellhop"
	"bellhop/reconcile"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/simulate/shop"
	"bellhop/simulate/simulatetest"
	"bellhop/statement"
	"bellhop/store"
)

// check compares all that is here with all that is there.
func (p *proof) check(l *life) {
	webhooks := p.twin.Ledger().Expect()
	for _, domain := range l.shops {
		p.checkState(domain)
		p.checkOrders(domain, webhooks)
		p.checkDeleted(domain)
		p.checkRings(domain)
		if n := p.closedRight(domain); n < int(lifeTime.Hours()) {
			p.Errorf("%s: %d hours are closed", domain, n)
		}
		p.checkChain(domain)
	}
}

func (p *proof) checkState(domain string) {
	is := p.state(domain)
	if is.Reason != "" || is.Missing() > 0 || len(is.Altered) > 0 || is.Backfill.Running() || is.BackfilledAt.IsZero() ||
		p.clock.Now().Sub(is.CheckedAt) > soon {
		p.Errorf("%s is not compared to the end: %s", domain, p.text(domain))
	}
	d, err := p.queue.Depth(p.Context())
	p.must(err)
	if d.Waiting+d.Leased+d.Dead > 0 {
		p.Errorf("the queue is not empty: %+v", d)
	}
}

// checkOrders compares each order with the newest body at Shopify, decoded as that of a webhook. What no fetch tells is
// compared where a webhook brought the newest version.
func (p *proof) checkOrders(domain string, webhooks map[simulate.OrderKey]simulate.Expected) {
	there := p.there(domain)
	wrong := 0
	for _, id := range p.idsHere(domain) {
		o, ok := there[id]
		if !ok {
			p.Errorf("%s has order %d, which Shopify has not", domain, id)
			continue
		}
		delete(there, id)
		is, _ := p.here(domain, id)
		want := p.decoded(domain, &o)
		fields := append(reconcile.Differ(&is, want), reconcile.Differ(want, &is)...)
		diff := byWebhook(&is, webhooks[simulate.OrderKey{Shop: domain, ID: id}])
		if len(fields) > 0 || !is.UpdatedAt.Equal(want.UpdatedAt) || diff != "" {
			if wrong++; wrong <= 5 {
				p.Errorf("order %d of %s, created at %v, found by %q, differs in %v: it is of %+v, and Shopify has that of "+
					"%v\n%s\n%s\n%s", id, domain, is.CreatedAt, is.Trace.Found, fields, is.Version, want.UpdatedAt, diff,
					cmp.Diff(want, &is, cmpopts.EquateEmpty()), p.story(domain, id))
			}
		}
	}
	for id := range there {
		p.Errorf("%s lacks order %d", domain, id)
	}
	if wrong > 0 {
		p.Errorf("%s: %d orders are not in their newest form", domain, wrong)
	}
}

// story is what Shopify sent of an order.
func (p *proof) story(domain string, id int64) (text string) {
	for _, e := range p.twin.Ledger().Entries() {
		if e.Shop == domain && e.OrderID == id {
			text += fmt.Sprintf("%s triggered at %v of %v: %s at %v\n", e.Topic, e.TriggeredAt, e.UpdatedAt, e.Status, e.AckedAt)
		}
	}
	return text + strings.Join(p.life.story[id], "\n")
}

// idsHere lists the orders that are here; a database that had one twice would list it twice.
func (p *proof) idsHere(domain string) (ids []int64) {
	p.Helper()
	for after := int64(0); ; {
		some, err := p.store.HeadsBetween(p.Context(), domain, store.SortCreated, time.Time{}.AddDate(1000, 0, 0),
			p.clock.Now().AddDate(1, 0, 0), after, store.WindowMost)
		p.must(err)
		for _, h := range some {
			ids, after = append(ids, h.ID), h.ID
		}
		if len(some) < store.WindowMost {
			return ids
		}
	}
}

// decoded is an order as a webhook of now would bring it.
func (p *proof) decoded(domain string, o *shop.Order) *bellhop.Order {
	p.Helper()
	fact, err := shopify.Decode(&bellhop.Event{Shop: domain, Topic: shopify.TopicOrderUpdated, Body: o.Body(),
		APIVersion: simulate.APIVersion, TriggeredAt: p.clock.Now(), SignedBy: bellhop.SignerApp})
	p.must(err)
	return fact.Order
}

// byWebhook compares an order with what the webhooks said that arrived, where one of them brought its newest version.
func byWebhook(is *bellhop.Order, want simulate.Expected) string {
	if !want.Known || want.Unsure || want.Order.Version.Compare(is.Version) != 0 {
		return ""
	}
	return simulatetest.Diff(want, *is)
}

// checkDeleted: what Shopify deleted is deleted here, or never came.
func (p *proof) checkDeleted(domain string) {
	ids, err := p.twin.DeletedOrders(domain)
	p.must(err)
	for some := range slices.Chunk(ids, store.HeadsMost) {
		heads, err := p.store.OrderHeads(p.Context(), domain, some)
		p.must(err)
		for _, h := range heads {
			if !h.Deleted {
				p.Errorf("order %d of %s is deleted at Shopify, and here it is not", h.ID, domain)
			}
		}
	}
}

// checkRings: of each order somebody was rung once, or there is a reason why not.
func (p *proof) checkRings(domain string) {
	quiet := map[string]int{}
	for after := int64(0); ; {
		some, err := p.store.Fates(p.Context(), domain, time.Time{}.AddDate(1000, 0, 0), p.clock.Now(), after,
			store.FatesMost)
		p.must(err)
		for _, f := range some {
			after = f.Order
			p.checkRing(domain, &f)
			quiet[f.Quiet]++
		}
		if len(some) < store.FatesMost {
			break
		}
	}
	p.Logf("%s: rung or why not: %v", domain, quiet)
}

func (p *proof) checkRing(domain string, f *store.Fate) {
	is, _ := p.here(domain, f.Order)
	rings := 0
	for _, push := range is.Pushes {
		if push.Kind == bellhop.PushOrderNew {
			rings++
		}
	}
	before, imported := f.CreatedAt.Before(start), f.CreatedAt.Sub(is.PlacedAt) > 24*time.Hour
	switch {
	case rings != 1:
		p.Errorf("the delivery log has order %d of %s %d times", f.Order, domain, rings)
	case f.Rung == (f.Quiet != ""):
		p.Errorf("order %d of %s: rung %v, and quiet %q", f.Order, domain, f.Rung, f.Quiet)
	case before && f.Found != "" && f.Quiet != store.ReasonBackfill,
		!before && !f.Rung && f.Quiet != store.ReasonCancelled && !(imported && f.Quiet == store.ReasonOld):
		p.Errorf("order %d of %s, created at %v, recorded at %v, found by %q: rung %v, quiet %q", f.Order, domain,
			f.CreatedAt, f.RecordedAt, f.Found, f.Rung, f.Quiet)
	}
}

// checkChain verifies a shop's statements, and that the ledger still has their lines.
func (p *proof) checkChain(domain string) {
	chain, err := statement.ChainOf(p.Context(), p.store, domain)
	p.must(err)
	key, err := p.store.key(p.Context())
	p.must(err)
	public := key.Public().(ed25519.PublicKey)
	check, err := statement.Start(chain, statement.Keys{statement.KeyID(public): public}, nil)
	p.must(err)
	p.must(check.Ledger(func(from, to time.Time) ([]byte, error) {
		return statement.Lines(p.Context(), p.store, domain, from, to)
	}))
	check.End()
	for _, f := range check.Faults {
		p.Errorf("%s: %s", domain, f.String())
	}
}
