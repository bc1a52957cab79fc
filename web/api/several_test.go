package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"bellhop/store"
	"bellhop/web/site"
)

// id is that of the rig's order n.
func id(n int) string { return fmt.Sprint(820982911946154508 + n) }

func TestSeveralOrdersAtOnce(t *testing.T) {
	r := newRig(t)
	for n := range 4 {
		r.Order(demo, n)
	}
	r.Order(other, 9)
	r.ok(200, "PATCH", "/v1/orders/"+id(2), ownerSession, `{"handling":"handled"}`)
	got := r.ok(200, "PATCH", "/v1/orders", ownerSession, `{"handling":"seen","orders":[{"id":"`+id(0)+`","was":"new"},
		{"id":"`+id(1)+`"},{"id":"`+id(2)+`","was":"new"},{"id":"`+id(9)+`"},{"id":"x"}]}`)
	sameJSON(t, got, `{"orders":[{"id":"`+id(0)+`","handling":"seen"},{"id":"`+id(1)+`","handling":"seen"},
		{"id":"`+id(2)+`","handling":"handled","code":"changed_meanwhile"},
		{"id":"`+id(9)+`","handling":"","code":"order_not_found"},{"id":"x","handling":"","code":"order_not_found"}]}`)
	for n, want := range []string{"seen", "seen", "handled", "new"} {
		if o := r.ok(200, "GET", "/v1/orders/"+id(n), ownerSession, ""); o["handling"] != want {
			t.Errorf("%d is %v, want %s", n, o["handling"], want)
		}
	}
	one := `{"id":"` + id(3) + `"}`
	for _, body := range []string{`{}`, `{"handling":"seen"}`, `{"handling":"seen","orders":[]}`,
		`{"handling":"lost","orders":[` + one + `]}`, `{"handling":"seen","orders":[{"id":"1","was":"lost"}]}`,
		`{"handling":"seen","orders":[` + strings.Repeat(one+",", 200) + one + `]}`} {
		r.Problem(r.Call("PATCH", "/v1/orders", ownerSession, body), 400, "invalid")
	}
	r.ok(200, "PATCH", "/v1/orders", demoToken, `{"handling":"seen","orders":[`+strings.Repeat(one+",", 199)+one+`]}`)
	set := `{"handling":"seen","orders":[` + one + `]}`
	r.Problem(r.Call("PATCH", "/v1/orders", operatorSession, set), 400, "shop_required")
	r.Problem(r.Call("PATCH", "/v1/orders", "", set), 401, "unauthenticated")
}

func TestCounts(t *testing.T) {
	r := newRig(t)
	both := r.member("both@example.com", staffOf(demo), ownerOf(other))
	for n := range 3 {
		r.Order(demo, n)
	}
	r.Order(other, 9)
	counts := func(query, secret, want string) {
		t.Helper()
		sameJSON(t, r.ok(200, "GET", "/v1/counts"+query, secret, ""), want)
	}
	counts("", ownerSession, `{"new":3,"to_handle":3,"more":false}`)
	r.ok(200, "PATCH", "/v1/orders/"+id(0), ownerSession, `{"handling":"handled"}`)
	r.ok(200, "PATCH", "/v1/orders/"+id(1), ownerSession, `{"handling":"seen"}`)
	counts("", ownerSession, `{"new":1,"to_handle":2,"more":false}`)
	counts("", demoToken, `{"new":1,"to_handle":2,"more":false}`)
	counts("", both, `{"new":2,"to_handle":3,"more":false}`)
	counts("?shop="+other, both, `{"new":1,"to_handle":1,"more":false}`)
	counts("?shop="+demo, operatorSession, `{"new":1,"to_handle":2,"more":false}`)
	r.Problem(r.Call("GET", "/v1/counts", operatorSession, ""), 400, "shop_required")
	r.Problem(r.Call("GET", "/v1/counts?shop="+demo, otherSession, ""), 404, "shop_not_found")

	r = newRig(t, func(o *site.Options) { o.Store = busyStore{o.Store} })
	counts("", ownerSession, `{"new":1000,"to_handle":1000,"more":true}`)
}

// busyStore has more orders than anybody counts.
type busyStore struct{ site.Store }

func (s busyStore) Unhandled(_ context.Context, _ string, most int) (store.Unhandled, error) {
	return store.Unhandled{New: most, Seen: most}, nil
}
