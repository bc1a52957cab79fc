package web_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"bellhop"
	"bellhop/events"
	"bellhop/store"
)

// TestEventsShowWhatTheAPIShows holds what other services are told of an order and
// of a push against what the API shows of them.
func TestEventsShowWhatTheAPIShows(t *testing.T) {
	r := newRig(t)
	r.device(demo, "phone")
	id := r.order(demo, 1, func(o *bellhop.Order) {
		o.Note, o.Test, o.CancelledAt = "by the back door", true, day.Add(time.Hour)
	}).ID
	owed, err := r.db.ClaimPushes(t.Context(), day.Add(time.Hour), store.Slots{Free: 1}, time.Minute)
	must(t, err)
	must(t, r.db.SettlePushes(t.Context(), []store.Settled{{Pushes: owed[0].Pushes, Status: bellhop.PushSent, At: day.Add(time.Hour)}}))
	o, err := r.db.Order(t.Context(), demo, id)
	must(t, err)
	page, err := r.db.Pushes(t.Context(), demo, store.PushQuery{})
	must(t, err)

	change := events.Change{Shop: demo, OrderID: id, Type: events.OrderRecorded, At: day}
	composer := events.Composer{Customer: true}
	shown := r.call("GET", fmt.Sprintf("/v1/orders/%d", id), ownerSession, "").json(t)
	delete(shown, "$schema")
	same(t, "an order", dataOf(t, composer.Order(change, &o)), shown)
	pushes := r.call("GET", "/v1/pushes", ownerSession, "").json(t)["pushes"].([]any)
	same(t, "a push", dataOf(t, composer.Push(change, &page.Pushes[0], false)), pushes[0].(map[string]any))
}

func dataOf(t *testing.T, e *events.Event) map[string]any {
	t.Helper()
	b, err := json.Marshal(e.Data)
	must(t, err)
	return reply{body: string(b)}.json(t)
}

func same(t *testing.T, what string, told, shown map[string]any) {
	t.Helper()
	if len(shown) == 0 || !reflect.DeepEqual(told, shown) {
		t.Errorf("of %s is told\n%v\nand shown\n%v", what, told, shown)
	}
}
