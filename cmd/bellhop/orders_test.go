package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
)

// TestEveryFilterIsAFlag compares the export's flags with the parameters of the API.
func TestEveryFilterIsAFlag(t *testing.T) {
	flags := map[string]bool{"sort": true} // an export has one order
	for field := range reflect.TypeFor[orderFlags]().Fields() {
		flags[field.Tag.Get("name")] = true
	}
	for field := range reflect.TypeFor[web.OrderFilter]().Fields() {
		if name := strings.ReplaceAll(field.Tag.Get("query"), "_", "-"); !flags[name] {
			t.Errorf("there is no --%s", name)
		}
	}
}

func TestFlagsNarrowAnExport(t *testing.T) {
	yes, no := true, false
	j := &job{terminal: &terminal{now: func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }}}
	f := orderFlags{Handling: "seen", Financial: "paid,pending", Fulfillment: "partial", Cancelled: &yes,
		Test: &no, Tag: "vip",
		Since: "2d", Before: "2026-11-22", AtLeast: "5", Q: "jo"}
	got, err := f.query(j)
	want := store.OrderQuery{Handling: []bellhop.Handling{"seen"}, Financial: []string{"paid", "pending"},
		Fulfillment: []string{"partial"}, Cancelled: true, NotTest: true, Tag: "vip",
		Since:  time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC),
		Before: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), AtLeast: "5", Text: "jo"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v (%v), want %+v", got, err, want)
	}
	if none, err := (&orderFlags{}).query(j); err != nil || !reflect.DeepEqual(none, store.OrderQuery{}) {
		t.Errorf("without flags %+v (%v)", none, err)
	}
}
