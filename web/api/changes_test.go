package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web/site"
)

// phone keeps what an app would: a shop's orders by id, and how far it has what changed.
type phone struct {
	*rig
	secret string
	has    map[string]any
	now    string
	pages  int
	got    []string // of the last time: the orders in their order, deleted ones with a minus
}

// load loads all orders, as an app does once.
func (p *phone) load() {
	p.Helper()
	p.has, p.now = map[string]any{}, ""
	for cursor := ""; ; {
		page := p.ok(200, "GET", "/v1/orders?limit=2&cursor="+cursor, p.secret, "")
		if now, _ := page["now"].(string); cursor == "" {
			p.now = now
		} else if now != "" {
			p.Error("a later page has a now")
		}
		p.keep(page)
		if cursor = page["next"].(string); cursor == "" {
			return
		}
	}
}

func (p *phone) keep(page map[string]any) {
	for _, o := range page["orders"].([]any) {
		id := o.(map[string]any)["id"].(string)
		p.has[id] = o
		p.got = append(p.got, o.(map[string]any)["name"].(string))
	}
	for _, o := range page["deleted"].([]any) {
		id := o.(map[string]any)["id"].(string)
		delete(p.has, id)
		p.got = append(p.got, "-"+id)
	}
}

// again gets what changed since, and checks that the phone has what is there.
func (p *phone) again(limit int, want ...string) {
	p.Helper()
	p.got, p.pages = nil, 0
	for {
		page := p.ok(200, "GET", fmt.Sprint("/v1/orders?limit=", limit, "&updated_since=", p.now), p.secret, "")
		p.keep(page)
		p.now = page["now"].(string)
		p.pages++
		if page["next"] == "" {
			break
		}
		p.same("the next page's beginning", page["next"], p.now)
	}
	p.same("changed", strings.Join(p.got, " "), strings.Join(want, " "))
	all := map[string]any{}
	for _, o := range p.ok(200, "GET", "/v1/orders?limit=200", p.secret, "")["orders"].([]any) {
		all[o.(map[string]any)["id"].(string)] = o
	}
	p.same("the phone has", p.has, all)
}

func TestOrdersSince(t *testing.T) {
	r := newRig(t)
	p := &phone{rig: r, secret: ownerSession}
	p.load()
	p.same("at first", p.now, "0")
	p.again(50)
	for n := range 5 {
		r.Order(demo, n)
		r.Order(other, n)
	}
	p.again(2, "#1000", "#1001", "#1002", "#1003", "#1004")
	p.same("in pages", p.pages, 3)
	p.again(50)
	p.load()
	p.again(50)

	r.ok(200, "PATCH", "/v1/orders/"+id(3), ownerSession, `{"handling":"seen"}`)
	r.Order(demo, 0, func(o *bellhop.Order) { o.Note, o.Version.Hash = "wrap it", 99 })
	r.ok(200, "PATCH", "/v1/orders/"+id(3), ownerSession, `{"handling":"handled"}`)
	n, err := r.DB.RedactOrders(t.Context(), demo, []int64{820982911946154508 + 1}, bellhop.RedactedForRequest, day)
	must(t, err)
	r.same("redacted", n, 1)
	gone := bellhop.Fact{Event: &bellhop.Event{ID: bellhop.EventID{9}, Shop: demo, Topic: "orders/delete",
		AcceptedAt: day, SignedBy: bellhop.SignerApp}, At: day, OrderID: 820982911946154508 + 2, Deleted: true}
	_, err = r.DB.Record(t.Context(), []bellhop.Fact{gone})
	must(t, err)
	r.Order(demo, 5)
	was := p.now
	p.again(50, "#1000", "#1003", "#1001", "#1005", "-"+id(2))
	page := r.ok(200, "GET", "/v1/orders?updated_since="+was, ownerSession, "")
	sameJSON(t, page["deleted"], `[{"id":"`+id(2)+`","shop":"`+demo+`","deleted_at":"`+day.Format(time.RFC3339)+`"}]`)
	p.now = was
	p.again(1, "#1003", "#1000", "#1003", "#1001", "-"+id(2), "#1005") // pages don't know of each other
	foreign := &phone{rig: r, secret: otherSession, now: was, has: map[string]any{}}
	for n := range 5 {
		foreign.has[id(n)] = r.ok(200, "GET", "/v1/orders?limit=5", otherSession, "")["orders"].([]any)[4-n]
	}
	foreign.again(50)
}

// Most changes are those of pushes, which no list of orders shows.
func TestOrdersSinceAreBounded(t *testing.T) {
	flood := &floodStore{}
	r := newRig(t, func(o *site.Options) { flood.Store = o.Store; o.Store = flood })
	r.Order(demo, 0)
	page := r.ok(200, "GET", "/v1/orders?updated_since=0", ownerSession, "")
	if len(page["orders"].([]any)) != 0 || page["now"] != "5000" || page["next"] != "5000" || flood.asked != 10 {
		t.Errorf("%v after %d questions", page, flood.asked)
	}
}

type floodStore struct {
	site.Store
	asked int
}

func (f *floodStore) Changes(_ context.Context, shop string, after int64, limit int) (all []store.Change, err error) {
	f.asked++
	for n := range limit {
		all = append(all, store.Change{Seq: after + int64(n) + 1, Kind: store.ChangeSettled, Shop: shop, OrderID: 1})
	}
	return all, nil
}

func TestOrdersSinceTooLongAgo(t *testing.T) {
	var trimmed trimmedStore
	r := newRig(t, func(o *site.Options) { trimmed.Store = o.Store; o.Store = &trimmed })
	for n := range 5 {
		r.Order(demo, n)
	}
	const path = "/v1/orders?updated_since="
	trimmed.first = 3
	r.ok(200, "GET", path+"2", ownerSession, "")
	r.Problem(r.Call("GET", path+"1", ownerSession, ""), 409, "too_long_ago")
	r.Problem(r.Call("GET", path+"6", ownerSession, ""), 409, "too_long_ago")
	r.ok(200, "GET", path+"5", ownerSession, "")
	for _, bad := range []string{"x", "-1", "2026-11-22", "9999999999999999999"} {
		r.Problem(r.Call("GET", path+bad, ownerSession, ""), 400, "updated_since")
	}
	for _, more := range []string{"&handling=new", "&q=tee", "&sort=updated", "&cursor=x", "&since=2026-11-22T09:00:00Z"} {
		r.Problem(r.Call("GET", path+"5"+more, ownerSession, ""), 400, "updated_since")
	}
	r.Problem(r.Call("GET", path+"5", operatorSession, ""), 400, "shop_required")
	masked := r.Call("GET", path+"2&shop="+demo, operatorSession, "")
	if masked.StatusCode != 200 || strings.Contains(masked.Body, "Jo Lee") || !strings.Contains(masked.Body, "•••") {
		t.Error(masked.Body)
	}
	r.ok(200, "GET", path+"2", demoToken, "")
	if all := r.accesses(ownerSession); len(all) != 1 || !strings.HasSuffix(all[0], " 3") {
		t.Errorf("what a token read is %q", all)
	}
}

// A time stands for the place behind which all lies that changed since, and a little more.
func TestOrdersSinceATime(t *testing.T) {
	var trimmed trimmedStore
	r := newRig(t, func(o *site.Options) { trimmed.Store = o.Store; o.Store = &trimmed })
	since := func(at time.Time) string { return "/v1/orders?updated_since=" + at.Format(time.RFC3339) }
	r.same("in an empty store", r.ok(200, "GET", since(day), ownerSession, "")["now"], "0")
	const every = 10 * time.Minute
	for n := range 7 {
		r.Order(demo, n)
	}
	for n := range 7 {
		_, err := r.DB.SetHandling(t.Context(), demo, 820982911946154508+int64(n), "", bellhop.HandlingSeen,
			day.Add(time.Duration(n+1)*every), nil)
		must(t, err)
	}
	for n := range 9 {
		at := day.Add(time.Duration(n) * every)
		page := r.ok(200, "GET", since(at), ownerSession, "")
		r.same(at.String(), len(page["orders"].([]any)), min(8-n, 7))
		// Another process's clock may be behind.
		r.same("half a minute later", r.ok(200, "GET", since(at.Add(time.Minute/2)), ownerSession, ""), page)
		r.same("and in another zone", r.ok(200, "GET", since(at.In(time.FixedZone("", -3600))), ownerSession, ""), page)
	}
	trimmed.first = 10
	r.ok(200, "GET", since(day.Add(4*every)), ownerSession, "")
	r.Problem(r.Call("GET", since(day.Add(3*every)), ownerSession, ""), 409, "too_long_ago")
}

// trimmedStore has dropped old changes.
type trimmedStore struct {
	site.Store
	first int64
}

func (s *trimmedStore) FirstChange(ctx context.Context) (int64, error) {
	if s.first == 0 {
		return s.Store.FirstChange(ctx)
	}
	return s.first, nil
}
