package api_test

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"testing"

	"bellhop"
	"bellhop/web"
)

// TestOperatorsSeeNobody compares an order as its owner sees it with what an operator sees: every
// personal field is masked or left out, and nothing else.
func TestOperatorsSeeNobody(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0, wholeOrder, func(o *bellhop.Order) { o.Note = "by the back door" })
	const path = "/v1/orders/820982911946154508"
	masked := []string{"customer.name", "customer.email", "note", "details.contact.name", "details.contact.email",
		"details.contact.phone", "details.contact.locale", "details.billing_address.name",
		"details.billing_address.country_code", "details.attributes.0.name", "details.attributes.0.value",
		"details.attributes.1.value",
		"details.po_number", "items.0.properties.0.name", "items.0.properties.0.value", "history.refunds.0.note",
		"history.fulfillments.0.tracking.0.number"}
	for _, part := range []string{"name", "company", "address1", "address2", "city", "zip", "province", "province_code",
		"country", "country_code", "phone"} {
		masked = append(masked, "details.shipping_address."+part)
	}
	want := leaves(r.Call("GET", path, ownerSession, "").JSON(t))
	for _, field := range masked {
		if want[field] == nil {
			t.Errorf("the owner sees no %s", field)
		}
		want[field] = "•••"
	}
	delete(want, "details.contact.id")
	delete(want, "version") // tells nothing of what an operator doesn't see
	delete(want, "history.fulfillments.0.tracking.0.url")
	got := leaves(r.Call("GET", path+"?shop="+demo, operatorSession, "").JSON(t))
	delete(got, "version")
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	list := r.Call("GET", "/v1/orders?shop="+demo, operatorSession, "").Body
	set := r.Call("PATCH", path+"?shop="+demo, operatorSession, `{"handling":"seen"}`).Body
	for _, body := range []string{list, set} {
		for _, text := range []string{"Jo Lee", "jo@example.com", "by the back door", "길동"} {
			if strings.Contains(body, text) || !strings.Contains(body, web.Masked) {
				t.Errorf("an operator sees %q: %s", text, body)
			}
		}
	}
}

// leaves are all values of JSON by their paths.
func leaves(v any) map[string]any {
	all := map[string]any{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				walk(path+"."+name, inner)
			}
		case []any:
			for i, inner := range v {
				walk(path+"."+strconv.Itoa(i), inner)
			}
		default:
			all[path[1:]] = v
		}
	}
	walk("", v)
	return all
}

// TestMaskingLeavesTheOrder masks an order that others read, too.
func TestMaskingLeavesTheOrder(t *testing.T) {
	o := bellhop.Order{CustomerName: "Jo Lee", Presentment: &bellhop.Money{}}
	wholeOrder(&o)
	before, err := json.Marshal(o)
	must(t, err)
	web.MaskOrder(o)
	if after, _ := json.Marshal(o); string(after) != string(before) {
		t.Errorf("it was %s\nand is %s", before, after)
	}
}

// TestAnOperatorsStreamIsMasked follows a shop as an operator and as its owner at once, and resumes.
func TestAnOperatorsStreamIsMasked(t *testing.T) {
	r := newRig(t)
	operator, _ := r.follow("/v1/stream?shop="+demo, operatorSession)
	owner, _ := r.follow("/v1/stream", ownerSession)
	ready(t, operator)
	ready(t, owner)
	r.Order(demo, 0)
	seen := next(t, operator)
	again, _ := r.follow("/v1/stream?last_event_id=0&shop="+demo, operatorSession)
	for who, c := range map[string]struct {
		event  event
		masked bool
	}{"operator": {seen, true}, "owner": {next(t, owner), false}, "operator, again": {next(t, again), true}} {
		if c.event.name != "order.recorded" || strings.Contains(c.event.data, "Jo Lee") == c.masked ||
			strings.Contains(c.event.data, web.Masked) != c.masked || !strings.Contains(c.event.data, "#1000") {
			t.Errorf("%s: %+v", who, c.event)
		}
	}
}
