package web

import (
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"

	"bellhop"
)

func TestReadQuery(t *testing.T) {
	var f OrderFilter
	pairs, err := ReadQuery(url.Values{"q": {" jo "}, "since": {"2026-11-22T09:00:00Z"}, "cursor": {"x"}}, &f)
	if err != nil || f != (OrderFilter{Q: "jo", Since: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}) ||
		!slices.Equal(pairs, []string{"q", "jo", "since", "2026-11-22T09:00:00Z"}) {
		t.Errorf("%+v %q %v", f, pairs, err)
	}
	if _, err := ReadQuery(url.Values{"since": {"soon"}}, &f); bellhop.KindOf(err) != bellhop.Invalid {
		t.Errorf("a wrong time: %v", err)
	}
}

// Each parameter can be read, whatever type a new one has.
func TestEveryFilterIsRead(t *testing.T) {
	given := url.Values{}
	for field := range reflect.TypeFor[OrderFilter]().Fields() {
		given.Set(field.Tag.Get("query"), "2026-11-22T09:00:00Z")
	}
	var f OrderFilter
	if pairs, err := ReadQuery(given, &f); err != nil || len(pairs) != 2*len(given) || given.Has("") {
		t.Errorf("%q %v", pairs, err)
	}
}
