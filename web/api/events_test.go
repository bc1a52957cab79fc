package api_test

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

// TestEventsShowWhatTheAPIShows compares an order and a push in events for other services with
// the API's.
func TestEventsShowWhatTheAPIShows(t *testing.T) {
	r := newRig(t)
	r.Device(demo, "phone")
	id := r.Order(demo, 1, func(o *bellhop.Order) {
		wholeOrder(o)
		o.Note, o.Test = "by the back door", true
	}).ID
	owed, err := r.DB.ClaimPushes(t.Context(), day.Add(time.Hour), store.Slots{Free: 1}, time.Minute)
	must(t, err)
	must(t, r.DB.SettlePushes(t.Context(),
		[]store.Settled{{Pushes: owed[0].Pushes, Status: bellhop.PushSent, At: day.Add(time.Hour)}}))
	o, err := r.DB.Order(t.Context(), demo, id)
	must(t, err)
	page, err := r.DB.Pushes(t.Context(), demo, store.PushQuery{})
	must(t, err)

	change := events.Change{Shop: demo, OrderID: id, Type: events.OrderRecorded, At: day}
	composer := events.Composer{Customer: true}
	shown := r.Call("GET", fmt.Sprintf("/v1/orders/%d", id), ownerSession, "").JSON(t)
	delete(shown, "version") // is for changes
	same(t, "an order", dataOf(t, composer.Order(change, &o)), shown)
	pushes := r.Call("GET", "/v1/pushes", ownerSession, "").JSON(t)["pushes"].([]any)
	same(t, "a push", dataOf(t, composer.Push(change, &page.Pushes[0], false)), pushes[0].(map[string]any))
}

func dataOf(t *testing.T, e *events.Event) map[string]any {
	t.Helper()
	b, err := json.Marshal(e.Data)
	must(t, err)
	return reply{Body: string(b)}.JSON(t)
}

func same(t *testing.T, what string, event, shown map[string]any) {
	t.Helper()
	if len(shown) == 0 || !reflect.DeepEqual(event, shown) {
		t.Errorf("the event of %s has\n%v\nand the API\n%v", what, event, shown)
	}
}
