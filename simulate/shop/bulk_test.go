package shop_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"bellhop/simulate"
	"bellhop/simulate/shop"
)

const bulkOrders = `{orders(query:"created_at:>='2026-11-01T00:00:00Z'" sortKey:CREATED_AT){edges{node{id name refunds{id}
	lineItems{edges{node{id title quantity}}} shippingLines(includeRemovals:true){edges{node{id title isRemoved}}}}}}}`

// startBulk starts a bulk operation, and returns its id, or the code and the text of what refused it.
func (r *rig) startBulk(query string, grouped bool) (id, wrong string) {
	r.t.Helper()
	a := r.askVersion("2026-10", `mutation($q:String! $g:Boolean!){bulkOperationRunQuery(query:$q groupObjects:$g){
		bulkOperation{id status} userErrors{field message code}}}`, map[string]any{"q": query, "g": grouped})
	if len(a.Errors) > 0 {
		return "", fmt.Sprint(a.code())
	}
	done := a.Data["bulkOperationRunQuery"]
	if e := at(done, "userErrors", 0); e != nil {
		return "", fmt.Sprintf("%v %v", at(e, "code"), at(e, "message"))
	}
	return at(done, "bulkOperation", "id").(string), ""
}

func (r *rig) bulk(id string) map[string]any {
	r.t.Helper()
	b, _ := r.good(fmt.Sprintf(`{bulkOperation(id:%q){status errorCode objectCount rootObjectCount url partialDataUrl
		completedAt}}`, id))["bulkOperation"].(map[string]any)
	return b
}

// file gets the file of a bulk operation; nil if it is not to be had whole.
func (r *rig) file(address any) (lines []map[string]any) {
	r.t.Helper()
	u, err := url.Parse(address.(string))
	r.must(err)
	w := r.do("GET", u.Path, "", "")
	for line := range strings.Lines(w.Body.String()) {
		var v map[string]any
		if w.Code != 200 || json.Unmarshal([]byte(line), &v) != nil {
			return nil
		}
		lines = append(lines, v)
	}
	return lines
}

func TestBulkOperation(t *testing.T) {
	for _, grouped := range []bool{true, false} {
		r, c := byHand(t)
		r.must(r.Fill(domain, simulate.ShopifyOptions{Orders: 300, Updates: 0.5}, c.Now().Add(-50*24*time.Hour), c.Now()))
		id, wrong := r.startBulk(bulkOrders, grouped)
		if wrong != "" {
			t.Fatal(wrong)
		}
		if _, wrong := r.startBulk(bulkOrders, grouped); !strings.HasPrefix(wrong, "OPERATION_IN_PROGRESS A bulk query") {
			t.Errorf("a second one: %s", wrong)
		}
		if b := r.bulk(id); b["status"] != "CREATED" || b["url"] != nil {
			t.Errorf("at first it is %v", b)
		}
		c.pass(time.Second)
		if b := r.bulk(id); b["status"] != "RUNNING" || b["completedAt"] != nil {
			t.Errorf("then it is %v", b)
		}
		c.pass(time.Second)
		b := r.bulk(id)
		lines := r.file(b["url"])
		if b["status"] != "COMPLETED" || b["errorCode"] != nil || b["objectCount"] != fmt.Sprint(len(lines)) {
			t.Fatalf("in the end it is %v, and has %d lines", b, len(lines))
		}
		roots, last := map[any]int{}, any(nil)
		for _, l := range lines {
			parent, child := l["__parentId"]
			if !child {
				last = l["id"]
				roots[last]++
			} else if _, known := roots[parent]; !known || grouped && parent != last || l["title"] == nil {
				t.Errorf("a line is %v", l)
			}
		}
		want := r.count("created_at:>='2026-11-01T00:00:00Z'")
		if len(roots) != want || b["rootObjectCount"] != fmt.Sprint(want) {
			t.Errorf("it has %d orders, and there are %d", len(roots), want)
		}
		// It is as it was when the operation ended, and gone after a week.
		for _, o := range r.orders() {
			r.must(r.ChangeOrder(domain, o.ID, shop.OrderChange{Change: "deleted"}))
		}
		if again := r.file(b["url"]); len(again) != len(lines) {
			t.Errorf("read again it has %d lines", len(again))
		}
		c.pass(8 * 24 * time.Hour)
		r.token = r.grant(200, "grant_type", "client_credentials")["access_token"].(string)
		if r.file(b["url"]) != nil || r.bulk(id)["url"] != nil {
			t.Error("the file is still there")
		}
	}
}

func (r *rig) count(query string) int {
	r.t.Helper()
	n := at(r.good(fmt.Sprintf(`{ordersCount(query:%q){count}}`, query)), "ordersCount", "count")
	return int(n.(float64))
}

func TestBulkOperationsFail(t *testing.T) {
	r, c := byHand(t)
	r.must(r.Fill(domain, simulate.ShopifyOptions{Orders: 50}, c.Now().Add(-time.Hour), c.Now()))
	run := func(f shop.Faults) map[string]any {
		t.Helper()
		r.must(r.SetFaults(domain, f))
		id, wrong := r.startBulk(bulkOrders, true)
		if wrong != "" {
			t.Fatal(wrong)
		}
		c.pass(time.Minute)
		return r.bulk(id)
	}
	if b := run(shop.Faults{Bulk: shop.BulkFailed}); b["status"] != "FAILED" || b["rootObjectCount"] != "25" ||
		b["errorCode"] != "INTERNAL_SERVER_ERROR" || b["url"] != nil || len(r.file(b["partialDataUrl"])) < 25 {
		t.Errorf("failed: %v", b)
	}
	if b := run(shop.Faults{Bulk: shop.BulkExpired}); b["status"] != "EXPIRED" || b["url"] != nil ||
		b["partialDataUrl"] != nil {
		t.Errorf("expired: %v", b)
	}
	if b := run(shop.Faults{Bulk: shop.BulkCut}); b["status"] != "COMPLETED" || r.file(b["url"]) != nil {
		t.Errorf("cut: %v", b)
	}
	if b := run(shop.Faults{BulkSeconds: 61}); b["status"] != "RUNNING" {
		t.Errorf("a slow one: %v", b)
	}
	c.pass(time.Second)
	r.must(r.SetFaults(domain, shop.Faults{Bulk: shop.BulkForbidden}))
	if _, wrong := r.startBulk(bulkOrders, true); wrong != "ACCESS_DENIED" {
		t.Errorf("an app that may not: %s", wrong)
	}
	r.must(r.SetFaults(domain, shop.Faults{}))
	// A field without its scope ends it.
	r.must(r.SetScopes(domain, []string{"read_orders"}))
	id, _ := r.startBulk(`{orders{edges{node{id customer{id}}}}}`, false)
	c.pass(time.Minute)
	if b := r.bulk(id); b["status"] != "FAILED" || b["errorCode"] != "ACCESS_DENIED" {
		t.Errorf("without read_customers: %v", b)
	}
	// One that finds nothing has no file; one that is canceled is over.
	id, _ = r.startBulk(`{orders(query:"created_at:>'2099-01-01'"){edges{node{id}}}}`, false)
	c.pass(time.Minute)
	if b := r.bulk(id); b["status"] != "COMPLETED" || b["url"] != nil || b["objectCount"] != "0" {
		t.Errorf("of no orders: %v", b)
	}
	id, _ = r.startBulk(bulkOrders, false)
	for i, want := range []int{0, 1} {
		done := r.good(fmt.Sprintf(`mutation{bulkOperationCancel(id:%q){bulkOperation{status} userErrors{message}}}`,
			id))["bulkOperationCancel"]
		if at(done, "bulkOperation", "status") != "CANCELED" || len(at(done, "userErrors").([]any)) != want {
			t.Errorf("canceled %d times: %v", i+1, done)
		}
	}
}

// TestBulkQueries: what Shopify refuses, in its words.
func TestBulkQueries(t *testing.T) {
	r, _ := byHand(t)
	for query, want := range map[string]string{
		"":                                       "INVALID Invalid bulk query: syntax error, unexpected end of file",
		"{shop{id}}":                             "INVALID Bulk queries must contain at least one connection.",
		"{orders{nodes{id}}}":                    "INVALID All connection fields in a bulk query must select",
		"{orders{edges{node{a}":                  "INVALID Invalid bulk query: ",
		`{node(id:"gid://shopify/Order/1"){id}}`: "INVALID Bulk queries cannot contain a top level `node` field.",
		`mutation{bulkOperationCancel(id:"x"){bulkOperation{id}}}`: "INVALID Invalid operation type.",
		"{orders{edges{node{id refunds{refundLineItems{edges{node{quantity}}}}}}}}": "INVALID Queries that contain a " +
			"connection field within a list field are not currently supported.",
		"{orders{edges{node{name lineItems{edges{node{id}}}}}}}": "INVALID The parent 'node' field for a nested " +
			"connection must select the 'id' field without an alias and must be of 'ID' return type. Connection fields " +
			"without 'id': orders.",
		"{orders{edges{node{id lineItems{edges{node{id}}} a:lineItems{edges{node{id}}} b:lineItems{edges{node{id}}} " +
			"c:lineItems{edges{node{id}}} d:lineItems{edges{node{id}}}}}}}": "INVALID Bulk queries cannot contain more than 5",
		"{webhookSubscriptions{edges{node{id}}}}": "INVALID The twin's bulk operations know orders alone.",
	} {
		if id, wrong := r.startBulk(query, false); id != "" || !strings.HasPrefix(wrong, want) {
			t.Errorf("%s: %s%s", query, id, wrong)
		}
	}
	r.must(r.SetScopes(domain, []string{"read_products"}))
	if _, wrong := r.startBulk(bulkOrders, false); wrong != "ACCESS_DENIED" {
		t.Errorf("without read_orders: %s", wrong)
	}
	if r.file("http://x/_/bulk/"+domain+"/secret.jsonl") != nil {
		t.Error("there is a file of nothing")
	}
}
