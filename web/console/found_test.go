package console_test

import (
	"testing"

	"bellhop"
	"bellhop/i18n"
)

// TestFoundOrdersSaySo shows orders that no webhook brought, in each language.
func TestFoundOrdersSaySo(t *testing.T) {
	r := newRig(t)
	for n, topic := range []string{bellhop.TopicReconcile, bellhop.TopicBackfill} {
		r.Brought(topic, demo, n)
	}
	r.Order(demo, 2)
	for _, l := range i18n.Languages() {
		r.SetSettings(r.Owner.ID, bellhop.Settings{Language: l.Code})
		words := i18n.For(l.Code)
		for n, id := range []string{"order.found.reconcile", "order.found.backfill", "order.triggered"} {
			if !words.Has(id) {
				t.Errorf("%s has no words for %s", l.Name, id)
			}
			r.shows(r.Get("/orders/"+orderID(n), ownerSession), words.T(id))
		}
		r.shows(r.Get("/orders/"+orderID(1), ownerSession), words.T("reason.backfill"))
	}
	for n, want := range []string{`"found":"reconcile"`, `"found":"backfill"`} {
		r.shows(r.Get("/v1/orders/"+orderID(n), ownerSession), want)
	}
}
