package admin_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/shopify/admin"
)

// dated is an answer with a Date, as Shopify's have.
func dated(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", noon.Format(http.TimeFormat))
		says(200, body)(w, r)
	}
}

// undated has none: net/http would add it.
func undated(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil
		says(200, body)(w, r)
	}
}

// asked is how many requests came. An answer that is cut off tells nobody that its request is noted.
func (f *fake) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.requests)
}

// variables are those of a request.
func variables(r request) map[string]any {
	v, _ := r.fields["variables"].(map[string]any)
	return v
}

func headsAnswer(next string, ids ...int) string {
	var nodes []string
	for _, id := range ids {
		nodes = append(nodes, fmt.Sprintf(`{"id":"gid://shopify/Order/%d","createdAt":"2026-11-30T09:00:00Z",`+
			`"updatedAt":"2026-11-30T10:00:00+09:00"}`, id))
	}
	return fmt.Sprintf(`{"data":{"orders":{"nodes":[%s],"pageInfo":{"hasNextPage":%t,"endCursor":%q}}},`,
		strings.Join(nodes, ","), next != "", next) + price(11, 1000) + "}"
}

func TestOrderHeads(t *testing.T) {
	f := newFake(t, dated(headsAnswer("c1", 3, 2)), dated(headsAnswer("", 820000111222333447)))
	s := f.app.Shop(domain, token)
	q := admin.HeadQuery{By: admin.HeadsByUpdated, From: noon.Add(-time.Hour + 900*time.Millisecond),
		To: noon.Add(100 * time.Millisecond), Newest: true}
	page, err := s.OrderHeads(t.Context(), q)
	want := admin.OrderHead{ID: 3, CreatedAt: noon.Add(-3 * time.Hour), UpdatedAt: noon.Add(-11 * time.Hour)}
	if err != nil || len(page.Heads) != 2 || page.Heads[0] != want || page.Next != "c1" || !page.At.Equal(noon) {
		t.Errorf("got %+v: %v", page, err)
	}
	v := variables(f.requests[0])
	if v["query"] != `updated_at:>='2026-11-30T11:00:00Z' updated_at:<'2026-11-30T12:00:01Z'` || v["first"] != 250.0 ||
		v["sort"] != "UPDATED_AT" || v["reverse"] != true || v["after"] != nil {
		t.Errorf("it asked %v", v)
	}
	q.Cursor, q.By, q.To = "c1", admin.HeadsByCreated, time.Time{}
	page, err = s.OrderHeads(t.Context(), q)
	if err != nil || len(page.Heads) != 1 || page.Heads[0].ID != 820000111222333447 || page.Next != "" {
		t.Errorf("got %+v: %v", page, err)
	}
	if v := variables(f.requests[1]); v["after"] != "c1" || v["sort"] != "CREATED_AT" ||
		v["query"] != `created_at:>='2026-11-30T11:00:00Z'` {
		t.Errorf("it asked %v", v)
	}
}

// TestHeadsOfNoUse: a list that isn't whole is none.
func TestHeadsOfNoUse(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   admin.Refusal // "": a fault of ours
		tries  int
	}{
		"no Date": {undated(headsAnswer("", 1)), admin.Unavailable, 1},
		"a Date in words": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", "yesterday")
			says(200, headsAnswer("", 1))(w, r)
		}, admin.Unavailable, 1},
		"no id":     {dated(`{"data":{"orders":{"nodes":[{"id":null}]}}}`), admin.Unavailable, 1},
		"no times":  {dated(`{"data":{"orders":{"nodes":[{"id":"gid://shopify/Order/1"}]}}}`), admin.Unavailable, 1},
		"no cursor": {dated(`{"data":{"orders":{"nodes":[],"pageInfo":{"hasNextPage":true}}}}`), admin.Unavailable, 1},
		"an old cursor": {dated(`{"errors":[{"message":"Invalid cursor for current pagination sort.","extensions":` +
			`{"code":"BAD_REQUEST"}}]}`), admin.InvalidCursor, 1},
		"another bad request": {dated(`{"errors":[{"message":"m","extensions":{"code":"BAD_REQUEST"}}]}`), "", 1},
		"an ignored filter": {dated(`{"data":{"orders":{"nodes":[]}},"extensions":{"search":[{"warnings":[` +
			`{"field":"updated_at","code":"invalid_field"}]}]}}`), "", 1},
		"HTML":   {dated("<!DOCTYPE html>"), admin.Unavailable, 3},
		"cut":    {cut, admin.Unavailable, 3},
		"denied": {dated(`{"data":null,` + denied("Access denied for orders field.", "") + `}`), admin.ScopeMissing, 1},
		"some denied": {dated(`{"data":{"orders":{"nodes":[]}},` + denied("Access denied.", "") + `}`),
			admin.ScopeMissing, 1},
		"throttled": {dated(throttledAt(11, 0)), admin.Throttled, 5},
	} {
		f := newFake(t, c.answer)
		page, err := f.app.Shop(domain, token).OrderHeads(t.Context(), admin.HeadQuery{})
		if err == nil || admin.RefusalOf(err) != c.want || f.asked() != c.tries || page.Heads != nil {
			t.Errorf("%s: after %d requests: %+v, %v", name, f.asked(), page, err)
		}
		hush(t, err)
	}
}

func TestCountOrders(t *testing.T) {
	for body, want := range map[string]string{
		`{"data":{"ordersCount":{"count":412,"precision":"EXACT"}}}`:      "412 true",
		`{"data":{"ordersCount":{"count":10000,"precision":"AT_LEAST"}}}`: "10000 false",
		`{"data":{"ordersCount":null}}`:                                   "0 false unavailable",
	} {
		f := newFake(t, dated(body))
		n, exact, err := f.app.Shop(domain, token).CountOrders(t.Context(), noon.Add(-time.Hour), noon)
		if got := strings.TrimSpace(fmt.Sprintf("%d %t %s", n, exact, admin.RefusalOf(err))); got != want {
			t.Errorf("%s: %s", body, got)
		}
		const window = `created_at:>='2026-11-30T11:00:00Z' created_at:<'2026-11-30T12:00:00Z'`
		if q := variables(f.requests[0])["query"]; q != window {
			t.Errorf("it asked %v", q)
		}
	}
}

// orders is a Shopify that has some orders, and answers for each of the ids that it is asked for.
type orders struct {
	*fake
	nodes map[string]string // of an order, by id; "" for one that it doesn't have
	most  int               // at once; more cost too much
	each  float64           // points of one
}

func newOrders(t *testing.T, most int, each float64) *orders {
	o := &orders{nodes: map[string]string{}, most: most, each: each}
	o.fake = newFake(t, o.answer)
	return o
}

func orderNode(id int, more string) string {
	return fmt.Sprintf(`{"id":"gid://shopify/Order/%d","updatedAt":"2026-11-30T10:00:00Z"%s}`, id, more)
}

func (o *orders) answer(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	v := variables(o.requests[len(o.requests)-1])
	o.mu.Unlock()
	ids, _ := v["ids"].([]any)
	if len(ids) > o.most {
		dated(`{"errors":[{"message":"m","extensions":{"code":"MAX_COST_EXCEEDED"}}]}`)(w, r)
		return
	}
	var nodes []string
	for _, id := range ids {
		node := o.nodes[id.(string)]
		if node == "" {
			node = "null"
		}
		nodes = append(nodes, node)
	}
	dated(`{"data":{"shop":{"ianaTimezone":"Asia/Seoul"},"nodes":[`+strings.Join(nodes, ",")+`]},`+
		fmt.Sprintf(`"extensions":{"cost":{"requestedQueryCost":%v,"actualQueryCost":%v}}}`, o.each*float64(len(ids)),
			2*len(ids)))(w, r)
}

// sizes are how many orders were asked for by each request.
func (o *orders) sizes() (all []int) {
	for _, r := range o.requests {
		ids, _ := variables(r)["ids"].([]any)
		all = append(all, len(ids))
	}
	return all
}

func upTo(n int) (ids []int64) {
	for id := range n {
		ids = append(ids, int64(id+1))
	}
	return ids
}

func TestFetchOrders(t *testing.T) {
	f := newOrders(t, 50, 90)
	f.nodes["gid://shopify/Order/1"] = orderNode(1, `,"note":"<b>","lineItems":{"nodes":[{"rate":0.060}],`+
		`"pageInfo":{"hasNextPage":false,"endCursor":"x"}}`)
	s := f.app.Shop(domain, token)
	got, err := s.FetchOrders(t.Context(), []int64{1, 2}, []string{"read_orders", "write_customers"})
	if err != nil || len(got) != 2 {
		t.Fatalf("got %+v: %v", got, err)
	}
	const want = `{"data":{"order":{"id":"gid://shopify/Order/1","lineItems":{"nodes":[{"rate":0.060}],"pageInfo":` +
		`{"hasNextPage":false}},"note":"<b>","updatedAt":"2026-11-30T10:00:00Z"},"shop":{"ianaTimezone":"Asia/Seoul"}},` +
		`"query_variables":{"orderId":"gid://shopify/Order/1"}}`
	if o := got[0]; string(o.Body) != want || o.ID != 1 || !o.At.Equal(noon) || o.Version != "2026-10" || o.Missing {
		t.Errorf("got %+v, %s", o, o.Body)
	}
	if o := got[1]; !o.Missing || !strings.Contains(string(o.Body), `"order":null`) || o.ID != 2 {
		t.Errorf("of one that is gone: %s", o.Body)
	}
	if v := variables(f.requests[0]); v["customers"] != true || v["products"] != false {
		t.Errorf("it asked %v", v)
	}
	if requests, points := s.Spent(); requests != 1 || points != 4 {
		t.Errorf("it spent %d requests and %d points", requests, points)
	}
	if all, err := s.FetchOrders(t.Context(), nil, nil); err != nil || all != nil || f.asked() != 1 {
		t.Errorf("of none: %v, %v", all, err)
	}
}

// TestChunksFollowTheirPrice: as many at once as Shopify takes for its points, and fewer where it takes less.
func TestChunksFollowTheirPrice(t *testing.T) {
	for name, tt := range map[string]struct {
		most, n int
		each    float64
		want    []int
	}{
		"by its price": {1000, 30, 90, []int{10, 10, 10}},
		"cheap":        {1000, 170, 10, []int{10, 50, 50, 50, 10}},
		"dear":         {1000, 14, 450, []int{10, 2, 2}},
		"above all":    {3, 12, 300, []int{10, 5, 2, 3, 3, 3, 1}},
		"no price":     {1000, 25, 0, []int{10, 10, 5}},
	} {
		f := newOrders(t, tt.most, tt.each)
		got, err := f.app.Shop(domain, token).FetchOrders(t.Context(), upTo(tt.n), nil)
		if sizes := f.sizes(); err != nil || len(got) != tt.n || !slices.Equal(sizes, tt.want) {
			t.Errorf("%s: asked for %v, got %d: %v", name, sizes, len(got), err)
		}
		for i, o := range got {
			if o.ID != int64(i+1) {
				t.Errorf("%s: place %d has order %d", name, i, o.ID)
			}
		}
	}
	// Where even one costs too much, no smaller query helps.
	f := newOrders(t, 0, 1)
	_, err := f.app.Shop(domain, token).FetchOrders(t.Context(), upTo(3), nil)
	if bellhop.KindOf(err) != bellhop.Internal || !slices.Equal(f.sizes(), []int{3, 1}) {
		t.Errorf("asked for %v: %v", f.sizes(), err)
	}
}

// TestARetiredVersion is answered by another one, which the event says.
func TestARetiredVersion(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", noon.Format(http.TimeFormat))
		w.Header().Set("X-Shopify-Api-Version", "2027-04")
		fmt.Fprint(w, `{"data":{"shop":{"ianaTimezone":"UTC"},"nodes":[null]}}`)
	})
	got, err := f.app.Shop(domain, token).FetchOrders(t.Context(), []int64{1}, nil)
	if err != nil || got[0].Version != "2027-04" {
		t.Errorf("got %+v: %v", got, err)
	}
}

// TestOrdersOfNoUse: an answer that isn't whole is no order.
func TestOrdersOfNoUse(t *testing.T) {
	const shop = `"shop":{"ianaTimezone":"Asia/Seoul"}`
	one := `{"data":{` + shop + `,"nodes":[` + orderNode(1, "") + `]}`
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   admin.Refusal // "": a fault of ours
		tries  int
	}{
		"no Date":         {undated(one + "}"), admin.Unavailable, 1},
		"no shop":         {dated(`{"data":{"nodes":[null]}}`), admin.Unavailable, 1},
		"fewer":           {dated(`{"data":{` + shop + `,"nodes":[]}}`), admin.Unavailable, 1},
		"null for all":    {dated(`{"data":{` + shop + `,"nodes":null}}`), admin.Unavailable, 1},
		"another order":   {dated(strings.Replace(one, "Order/1", "Order/2", 1) + "}"), admin.Unavailable, 1},
		"no order":        {dated(`{"data":{` + shop + `,"nodes":[{}]}}`), admin.Unavailable, 1},
		"a text":          {dated(`{"data":{` + shop + `,"nodes":["x"]}}`), admin.Unavailable, 1},
		"a field refused": {dated(one + `,` + denied("Access denied for customer field.", "") + `}`), admin.ScopeMissing, 1},
		"not approved": {dated(one + `,` + denied("This app is not approved to access the Customer object.", "") + `}`),
			admin.ProtectedData, 2}, // once without customers
		"an error inside": {dated(one + `,"errors":[{"message":"m","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}`),
			admin.Unavailable, 3},
		"another schema": {dated(`{"errors":[{"message":"Field 'x' doesn't exist","extensions":{"code":"undefinedField"}}]}`),
			"", 1},
		"throttled": {dated(throttledAt(900, 0)), admin.Throttled, 5},
		"revoked":   {says(401, `{"errors":"x"}`), admin.AccessRevoked, 1},
		"HTML":      {dated("<html>"), admin.Unavailable, 3},
		"cut":       {cut, admin.Unavailable, 3},
	} {
		f := newFake(t, c.answer)
		got, err := f.app.Shop(domain, token).FetchOrders(t.Context(), []int64{1}, nil)
		if err == nil || admin.RefusalOf(err) != c.want || f.asked() != c.tries || got != nil {
			t.Errorf("%s: after %d requests: %+v, %v", name, f.asked(), got, err)
		}
		hush(t, err)
	}
}

// TestThrottledForATime waits, and then gets the orders.
func TestThrottledForATime(t *testing.T) {
	f := newFake(t, dated(throttledAt(900, 100)),
		dated(`{"data":{"shop":{"ianaTimezone":"UTC"},"nodes":[null]},`+price(900, 100)+`}`))
	got, err := f.app.Shop(domain, token).FetchOrders(t.Context(), []int64{1}, nil)
	if err != nil || len(got) != 1 || len(f.waits) != 1 || f.waits[0] != 16*time.Second {
		t.Errorf("after %v: %+v, %v", f.waits, got, err)
	}
}

// more is a list that goes on.
func more(field, cursor, nodes string) string {
	return fmt.Sprintf(`%q:{"nodes":[%s],"pageInfo":{"hasNextPage":%t,"endCursor":%q}}`, field, nodes, cursor != "",
		cursor)
}

// rest answers for a page of a list.
func rest(updated, part string) http.HandlerFunc {
	return dated(`{"data":{"order":{"updatedAt":"` + updated + `"},"node":` + part + `}}`)
}

func nodesAnswer(node string) http.HandlerFunc {
	return dated(`{"data":{"shop":{"ianaTimezone":"UTC"},"nodes":[` + node + `]}}`)
}

const ten = "2026-11-30T10:00:00Z"

// TestLongOrders are read to the end of each list, wherever it is.
func TestLongOrders(t *testing.T) {
	refund := `"refunds":[{"id":"gid://shopify/Refund/9",` + more("refundLineItems", "r1", `{"id":"a"}`) + `}]`
	f := newFake(t,
		nodesAnswer(orderNode(1, `,`+refund)), rest(ten, `{`+more("refundLineItems", "", `{"id":"b"}`)+`}`),
		nodesAnswer(orderNode(1, `,`+more("lineItems", "c1", `{"id":"1"}`))),
		rest(ten, `{`+more("lineItems", "c2", `{"id":"2"},{"id":"3"}`)+`}`),
		rest(ten, `{`+more("lineItems", "", `{"id":"4"}`)+`}`))
	s := f.app.Shop(domain, token)
	got, err := s.FetchOrders(t.Context(), []int64{1}, []string{"read_products"})
	const both = `{"nodes":[{"id":"a"},{"id":"b"}],"pageInfo":{"hasNextPage":false}}`
	if err != nil || !strings.Contains(string(got[0].Body), both) {
		t.Errorf("got %+v: %v", got, err)
	}
	v := variables(f.requests[1])
	if v["id"] != "gid://shopify/Refund/9" || v["order"] != "gid://shopify/Order/1" || v["after"] != "r1" ||
		f.requests[1].fields["operationName"] != "RestOfRefundLineItems" {
		t.Errorf("it asked %v", v)
	}
	got, err = s.FetchOrders(t.Context(), []int64{1}, []string{"read_products"})
	if err != nil || !strings.Contains(string(got[0].Body), `[{"id":"1"},{"id":"2"},{"id":"3"},{"id":"4"}]`) {
		t.Errorf("got %+v: %v", got, err)
	}
	if v := variables(f.requests[4]); v["after"] != "c2" || v["products"] != true || v["id"] != "gid://shopify/Order/1" {
		t.Errorf("it asked %v", v)
	}
}

// TestAPageThatCostsTooMuch is asked for again with fewer.
func TestAPageThatCostsTooMuch(t *testing.T) {
	dear := dated(`{"errors":[{"message":"m","extensions":{"code":"MAX_COST_EXCEEDED"}}]}`)
	f := newFake(t, nodesAnswer(orderNode(1, `,`+more("lineItems", "c1", ""))), dear, dear,
		rest(ten, `{`+more("lineItems", "", `{"id":"2"}`)+`}`))
	got, err := f.app.Shop(domain, token).FetchOrders(t.Context(), []int64{1}, nil)
	if err != nil || len(got) != 1 || variables(f.requests[3])["first"] != 25.0 {
		t.Errorf("after %d requests: %+v, %v", f.asked(), got, err)
	}
}

// TestAnOrderThatChanges while it is read is read again: the parts of two versions are no order.
func TestAnOrderThatChanges(t *testing.T) {
	long := nodesAnswer(orderNode(1, `,`+more("lineItems", "c1", `{"id":"1"}`)))
	eleven := rest("2026-11-30T11:00:00Z", `{`+more("lineItems", "", `{"id":"2"}`)+`}`)
	f := newFake(t, long, eleven, long, rest(ten, `{`+more("lineItems", "", `{"id":"2"}`)+`}`))
	got, err := f.app.Shop(domain, token).FetchOrders(t.Context(), []int64{1}, nil)
	if err != nil || len(got) != 1 || f.asked() != 4 {
		t.Errorf("after %d requests: %+v, %v", f.asked(), got, err)
	}
	f = newFake(t, long, eleven, long, eleven, long, eleven)
	got, err = f.app.Shop(domain, token).FetchOrders(t.Context(), []int64{1}, nil)
	if admin.RefusalOf(err) != admin.Changing || f.asked() != 6 || got != nil {
		t.Errorf("after %d requests: %+v, %v", f.asked(), got, err)
	}
	f = newFake(t, long, dated(`{"data":{"order":null,"node":null}}`), nodesAnswer("null"))
	got, err = f.app.Shop(domain, token).FetchOrders(t.Context(), []int64{1}, nil)
	if err != nil || len(got) != 1 || !got[0].Missing {
		t.Errorf("of one that was deleted meanwhile: %+v, %v", got, err)
	}
	// Those before it are whole all the same.
	two := nodesAnswer("null," + orderNode(1, `,`+more("lineItems", "c1", "")))
	f = newFake(t, two, eleven, long, eleven, long, eleven)
	got, err = f.app.Shop(domain, token).FetchOrders(t.Context(), []int64{5, 1}, nil)
	if admin.RefusalOf(err) != admin.Changing || len(got) != 1 || got[0].ID != 5 {
		t.Errorf("got %+v: %v", got, err)
	}
}

// TestListsWithoutAnEnd are refused.
func TestListsWithoutAnEnd(t *testing.T) {
	endless := nodesAnswer(orderNode(1, `,`+more("lineItems", "c1", strings.Repeat(`{},`, 5000)+`{}`)))
	for name, answers := range map[string][]http.HandlerFunc{
		"endless":         {endless, rest(ten, `{`+more("lineItems", "c1", strings.Repeat(`{},`, 3000)+`{}`)+`}`)},
		"unknown":         {nodesAnswer(orderNode(1, `,`+more("colours", "c1", "")))},
		"without a page":  {endless, rest(ten, `{"lineItems":null}`)},
		"lacking a part":  {endless, dated(`{"data":{"order":{"updatedAt":"` + ten + `"},"node":null}}`)},
		"of another form": {endless, dated(`{"data":{"order":5}}`)},
	} {
		f := newFake(t, answers...)
		got, err := f.app.Shop(domain, token).FetchOrders(t.Context(), []int64{1}, nil)
		if admin.RefusalOf(err) != admin.Unavailable || got != nil || f.asked() > 5 {
			t.Errorf("%s: after %d requests: %+v, %v", name, f.asked(), got, err)
		}
	}
}
