// Package simulatetest compares bellhop's data with the twins': every delivery that Shopify's twin
// saw acknowledged, every notification that FCM's twin shows.
package simulatetest

import (
	"fmt"
	"reflect"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bellhop"
	"bellhop/simulate"
	"bellhop/store"
)

// Kept is bellhop's data at the end.
type Kept struct {
	Store  store.Store
	FCM    *simulate.FCM
	Tokens map[string]string // by shop, of its one device
}

// Sum is the extent of a comparison.
type Sum struct {
	Acknowledged int // webhooks
	Orders       int
	Shown        int // orders that are shown, each with one notification
	Dead         int // webhooks that make no sense
}

func (s Sum) String() string {
	return fmt.Sprintf("%d webhooks acknowledged, %d of them nonsense; %d orders; %d notifications", s.Acknowledged,
		s.Dead, s.Orders, s.Shown)
}

// Compare fails the test unless the ledger lists each acknowledged webhook, nothing was
// recorded twice, only nonsense is dead, and each order is there once, in its newest version, with
// one sent push and one notification. An import rings nobody, nor does an order that was cancelled
// before it came.
func (k Kept) Compare(t testing.TB, ledger *simulate.Ledger) Sum {
	t.Helper()
	lines := k.lines(t)
	acknowledged, poison := map[string]int{}, map[string]bool{}
	for _, e := range ledger.Entries() {
		if e.Status == simulate.DeliveryAcknowledged {
			acknowledged[e.WebhookID]++
			if e.Poison != "" {
				poison[e.WebhookID] = true
			}
		}
	}
	lost, wrong := 0, 0
	for id, n := range acknowledged {
		lost += max(0, n-len(lines[id]))
		recorded := 0
		for _, outcome := range lines[id] {
			if outcome == bellhop.OutcomeRecorded {
				recorded++
			}
			if (outcome == bellhop.OutcomeDead) != poison[id] {
				t.Errorf("webhook %s ended as %s; poison: %v", id, outcome, poison[id])
			}
		}
		if recorded > 1 {
			t.Errorf("webhook %s was recorded %d times", id, recorded)
		}
	}
	sum := Sum{Acknowledged: len(acknowledged), Dead: len(poison)}
	shown := k.shown()
	for key, want := range ledger.Expect() {
		got, err := k.Store.Order(t.Context(), key.Shop, key.ID)
		if problem := compareOrder(got, err, want,
			shown[key.Shop]["order-"+strconv.FormatInt(key.ID, 10)]); problem != "" {
			t.Errorf("order %d of %s: %s", key.ID, key.Shop, problem)
			wrong++
		}
		sum.Orders++
		if err == nil {
			sum.Shown++
		}
	}
	if lost > 0 || wrong > 0 {
		t.Errorf("%d acknowledged webhooks are lost, %d orders are wrong", lost, wrong)
	}
	return sum
}

// lines returns the outcomes in the ledger by webhook id, and checks that the
// totals add up to them.
func (k Kept) lines(t testing.TB) map[string][]bellhop.Outcome {
	out := map[string][]bellhop.Outcome{}
	listed := int64(0)
	for q := (store.LineQuery{Limit: 200}); ; {
		page, err := k.Store.Lines(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range page.Lines {
			out[l.Event.WebhookID] = append(out[l.Event.WebhookID], l.Outcome)
			listed++
		}
		if q.Cursor = page.Next; page.Next == "" {
			break
		}
	}
	totals, err := k.Store.Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	counted := int64(0)
	for _, n := range totals {
		counted += n
	}
	if counted != listed {
		t.Errorf("the ledger's totals add up to %d, and it has %d lines", counted, listed)
	}
	return out
}

// shown counts the notifications in the drawers, by shop and tag.
func (k Kept) shown() map[string]map[string]int {
	all := map[string]map[string]int{}
	for shop, token := range k.Tokens {
		all[shop] = map[string]int{}
		for _, slot := range k.FCM.Drawer(token) {
			all[shop][slot.Tag]++
		}
	}
	return all
}

// compareOrder returns the fault of an order, or "".
func compareOrder(got bellhop.Order, err error, want simulate.Expected, notifications int) string {
	switch {
	case bellhop.KindOf(err) == bellhop.NotFound && (want.Deleted || !want.Known || want.Unsure):
		return ""
	case err != nil:
		return err.Error()
	case want.Deleted && !want.Unsure:
		return "it was deleted, and is there"
	case !want.Known && !want.Unsure:
		return "it is there, though only steps of its history came"
	case len(got.Pushes) != 1:
		return fmt.Sprintf("%d pushes", len(got.Pushes))
	}
	push, rings := got.Pushes[0], 1
	if push.Status == bellhop.PushSkipped && quiet(want, push.Reason) {
		rings = 0
	}
	switch {
	case rings == 1 && push.Status != bellhop.PushSent:
		return fmt.Sprintf("its push is %s after %d attempts: %s", push.Status, push.Attempts, push.Reason)
	case notifications != rings:
		return fmt.Sprintf("%d notifications in the drawer, not %d", notifications, rings)
	case want.Unsure:
		return ""
	}
	return Diff(want, got)
}

// Diff says how a stored order differs from the expected one. Only where it does it takes cmp, which is slow.
func Diff(want simulate.Expected, got bellhop.Order) string {
	got.Handling, got.Trace, got.Pushes = want.Order.Handling, want.Order.Trace, want.Order.Pushes
	got.Unsaid = nil // which is of bodies
	if reflect.DeepEqual(want.Order, got) {
		return ""
	}
	return cmp.Diff(want.Order, got, cmpopts.EquateEmpty())
}

// quiet reports whether an order may ring nobody for a reason.
func quiet(want simulate.Expected, reason string) bool {
	return reason == store.ReasonOld && want.Imported ||
		reason == store.ReasonCancelled && !want.Order.CancelledAt.IsZero()
}
