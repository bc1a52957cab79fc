package console_test

import (
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
)

// The pages mark a late push everywhere, whether it waited for the
// worker, for a retry or for the phone's budget.
func TestLatePushesAreNotGreen(t *testing.T) {
	r := newRig(t)
	r.Device(demo, "phone")
	r.Order(demo, 0)
	owed, err := r.DB.ClaimPushes(t.Context(), day.Add(time.Hour), store.Slots{Free: 10}, time.Minute)
	must(t, err)
	accepted := day.Add(time.Second)
	must(t, r.DB.SettlePushes(t.Context(),
		[]store.Settled{{Pushes: owed[0].Pushes, Status: bellhop.PushSent, Reason: "gathered",
			At: accepted.Add(130 * time.Second)}}))
	for path, want := range map[string][]string{
		"/": {`<span class="notified late">`, "2 min later"},
		"/orders/" + orderID(0): {`<li class="late">`, `<p class="whole late">`, `push-late">Sent · 2 min later<`,
			"Part of a combined notification"},
		"/pushes": {`push-late">Sent · 2 min later<`},
	} {
		page := r.Get(path, ownerSession).Body
		for _, w := range want {
			if !strings.Contains(page, w) {
				t.Errorf("%s lacks %s: %s", path, w, page)
			}
		}
		if strings.Contains(page, "push-sent") {
			t.Errorf("%s shows it as if it had come at once", path)
		}
	}
	// One that came at once is not.
	r.Order(demo, 1)
	r.settle()
	if page := r.Get("/orders/"+orderID(1), ownerSession).Body; strings.Contains(page, "late") ||
		!strings.Contains(page, "push-sent") {
		t.Error(page)
	}
}
