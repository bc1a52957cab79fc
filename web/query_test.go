package web

import (
	"cmp"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop"
)

func TestReadQuery(t *testing.T) {
	var f OrderFilter
	pairs, err := ReadQuery(url.Values{"q": {" jo "}, "since": {"2026-11-22T09:00:00Z"}, "cursor": {"x"}}, &f)
	if err != nil || f != (OrderFilter{Q: "jo", Since: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}) ||
		!slices.Equal(pairs, []string{"since", "2026-11-22T09:00:00Z", "q", "jo"}) {
		t.Errorf("%+v %q %v", f, pairs, err)
	}
	for name, text := range map[string]string{"since": "soon", "handling": "lost", "cancelled": "yes", "sort": "total"} {
		_, err := ReadQuery(url.Values{name: {text}}, &f)
		if bellhop.KindOf(err) != bellhop.Invalid || !strings.HasPrefix(err.Error(), name+" ") {
			t.Errorf("%s=%s: %v", name, text, err)
		}
	}
}

// Each parameter can be read, whatever type a new one has, and has a line in its page.
func TestEveryFilterIsRead(t *testing.T) {
	given := url.Values{}
	page, err := os.ReadFile("../docs/orders.md")
	if err != nil {
		t.Fatal(err)
	}
	for field := range reflect.TypeFor[OrderFilter]().Fields() {
		one, _, _ := strings.Cut(cmp.Or(field.Tag.Get("enum"), field.Tag.Get("example"), "2026-11-22T09:00:00Z"), ",")
		name := field.Tag.Get("query")
		given.Set(name, one)
		if !strings.Contains(string(page), "`"+name) {
			t.Errorf("docs/orders.md says nothing of %s", name)
		}
	}
	var f OrderFilter
	if pairs, err := ReadQuery(given, &f); err != nil || len(pairs) != 2*len(given) || given.Has("") {
		t.Errorf("%q %v", pairs, err)
	}
}
