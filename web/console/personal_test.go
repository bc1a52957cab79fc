package console_test

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
)

// nobodys are texts of an order that say nothing of a person. Any other is masked for operators, and
// so is one that the order gets in future.
var nobodys = []string{"Shop", "Name", "FinancialStatus", "FulfillmentStatus", "Handling", "Currency", "Title",
	"Variant", "SKU", "Vendor", "Code", "Tags", "Gateways", "Source", "CancelReason", "ReturnStatus", "Unread",
	"Locale", "Rate",
	"Restock", "Status", "Shipment", "Carrier", "Level", "Provider", "Trace"}

// mark writes "people:" into each text of a value that may be of a person. It returns their number.
func mark(v reflect.Value, field, of string) (n int) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return 0
		}
		return mark(v.Elem(), field, of)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return 0
		}
		for i := range v.NumField() {
			n += mark(v.Field(i), v.Type().Field(i).Name, v.Type().Name())
		}
	case reflect.Slice:
		for i := range v.Len() {
			n += mark(v.Index(i), field, of)
		}
	case reflect.String:
		is := v.Type() == reflect.TypeFor[bellhop.Amount]() || strings.HasPrefix(v.String(), "_")
		for _, name := range nobodys {
			is = is || field == name && (name != "Name" || of == "Order")
		}
		if !is {
			v.SetString("people:" + field)
			n++
		}
	}
	return n
}

// An operator sees nothing of people on any page of an order, until they say why.
func TestOperatorsSeePersonalDataMasked(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0, func(o *bellhop.Order) {
		wholeOrder(o)
		o.CustomerName, o.CustomerEmail = "Jo Lee", "jo@example.com"
		if n := mark(reflect.ValueOf(o).Elem(), "", ""); n < 40 {
			t.Fatalf("only %d texts", n)
		}
	})
	at := "/orders/" + orderID(0) + "?shop=" + demo
	slip := "/orders/" + orderID(0) + "/slip?shop=" + demo
	for _, path := range []string{"/?shop=" + demo, at, slip, "/pushes?shop=" + demo} {
		a := r.Get(path, operatorSession)
		strictPage(t, a)
		if strings.Contains(a.Body, "people:") || !strings.Contains(a.Body, "#1000") {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
	if a := r.Get(at, operatorSession); !strings.Contains(a.Body, "Personal data is masked.") ||
		!strings.Contains(a.Body, "LAMP-B") {
		t.Error(a.Body)
	}
	if a := r.Post(at, operatorSession, url.Values{"why": {"  "}}); a.StatusCode != 400 ||
		strings.Contains(a.Body, "people:") {
		t.Errorf("without a reason: %d", a.StatusCode)
	}
	if a := r.Post(at, ownerSession, url.Values{"why": {"x"}}); a.StatusCode != 404 {
		t.Errorf("an owner: %d", a.StatusCode)
	}
	about := demo + "/" + orderID(0)
	if page, err := r.DB.Accesses(t.Context(), store.AccessQuery{About: about}); err != nil || len(page.Accesses) != 0 {
		t.Errorf("before: %v %v", page, err)
	}
	a := r.Post(at, operatorSession, url.Values{"why": {"The parcel came back"}})
	strictPage(t, a)
	for _, want := range []string{"people:Phone", "people:Note", "people:CustomerEmail", "people:Address1",
		"people:PONumber", "people:Value", "people:Number", "op@example.com, Nov 22, 2026 10:00 am: The parcel came back"} {
		if !strings.Contains(a.Body, want) {
			t.Errorf("after a reason it lacks %s", want)
		}
	}
	if strings.Contains(a.Body, "data-live") {
		t.Error("it would be masked again by the next change")
	}
	page, err := r.DB.Accesses(t.Context(), store.AccessQuery{About: about, Limit: 10})
	all := page.Accesses
	if err != nil || len(all) != 1 || all[0].What != "order.personal: The parcel came back" ||
		all[0].By != "op@example.com" {
		t.Errorf("%+v %v", all, err)
	}
	if a := r.Get(at, operatorSession); strings.Contains(a.Body, "people:") ||
		!strings.Contains(a.Body, "The parcel came back") {
		t.Error("the next look is not masked, or names nobody")
	}
	if a := r.Get("/orders/"+orderID(0), ownerSession); !strings.Contains(a.Body, "people:Phone") ||
		strings.Contains(a.Body, "The parcel came back") {
		t.Error("the owner's page is masked")
	}
}

// An order of an older bellhop has a page, and so has one that is almost empty.
func TestPageOfAnOlderOrder(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0, func(o *bellhop.Order) { o.Schema = 0 })
	r.Order(demo, 1, func(o *bellhop.Order) {
		o.Name, o.CustomerName, o.CustomerEmail, o.Presentment, o.Details = "", "", "", nil, bellhop.Details{Schema: 1}
		o.Pieces = 0
	})
	a := r.Get("/orders/"+orderID(0), ownerSession)
	if !strings.Contains(a.Body, "bellhop recorded this order before it kept whole orders") ||
		strings.Contains(a.Body, ">Removed<") || strings.Contains(a.Body, "to send") || !strings.Contains(a.Body, "$403.00") {
		t.Error(a.Body)
	}
	a = r.Get("/orders/"+orderID(1), ownerSession)
	if !strings.Contains(a.Body, "<h1>"+orderID(1)+"</h1>") || !strings.Contains(a.Body, "No customer") ||
		!strings.Contains(a.Body, "No shipping address") || strings.Contains(a.Body, "null") {
		t.Error(a.Body)
	}
	slip := r.Get("/orders/"+orderID(1)+"/slip", ownerSession)
	strictPage(t, slip)
	if !strings.Contains(slip.Body, "Nothing is left to send.") {
		t.Error(slip.Body)
	}
}

// The slip has what to send, and no prices.
func TestPackingSlip(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0, wholeOrder)
	a := r.Get("/orders/"+orderID(0)+"/slip", ownerSession)
	strictPage(t, a)
	for _, want := range []string{"demo.myshopify.com", "#1000", "Nov 22, 2026", "Express", "12 Example Street",
		"Portland OR 97201", "Mug", "350 ml", "MUG-350",
		"Part of Breakfast set", `<td class="number"><strong>1</strong></td>`,
		`class="box"`,
		"Leave it with the neighbour."} {
		if !strings.Contains(a.Body, want) {
			t.Errorf("the slip lacks %s", want)
		}
	}
	for _, never := range []string{"$", "Lamp", "Chair", "Lee Accounting", "jo@example.com", "data-live", "<nav"} {
		if strings.Contains(a.Body, never) {
			t.Errorf("the slip has %s", never)
		}
	}
}
