package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web/site"
)

func TestOrderHasTheShapeThatIsPromised(t *testing.T) {
	r := newRig(t)
	r.Device(demo, "phone-1")
	r.Order(demo, 0)
	got := r.Call("GET", "/v1/orders/820982911946154508", ownerSession, "").JSON(t)
	push := got["pushes"].([]any)[0].(map[string]any)
	if id, _ := push["id"].(string); id == "" {
		t.Errorf("a push's id is a string: %v", push)
	}
	delete(push, "id")
	if len(got["version"].(string)) != 16 {
		t.Errorf("the version is %v", got["version"])
	}
	delete(got, "version")
	want := `{"id":"820982911946154508","shop":"demo.myshopify.com","name":"#1000","number":1000,
		"currency":"USD","total":"403.00","current_total":"403.00","pieces":2,"presentment":{"currency":"EUR","total":"372.11"},
		"customer":{"name":"Jo Lee","email":"jo@example.com"},"note":"",
		"financial_status":"paid","fulfillment_status":"unfulfilled","handling":"new","test":false,
		"placed_at":"2026-11-22T18:00:00+09:00","created_at":"2026-11-22T09:00:00Z","updated_at":"2026-11-22T18:00:00+09:00",
		"recorded_at":"2026-11-22T09:00:02Z","cancelled_at":null,"edited_at":null,"refunded_at":null,
		"items":[{"id":"1","title":"Tee","variant":"M","sku":"TEE-M","quantity":2,"current_quantity":2,"to_fulfil":2,
			"removed":false,"price":"19.90","total":"39.80","properties":[],"gift_card":false,"tip":false,"custom":false}],
		"details":{"complete":true,"placed":{},"now":{},"refunded":"0.00","taxes_included":false,"shipping_lines":[],
			"tax_lines":[],"discount_codes":[],"tags":[],"payment_gateways":[],"closed_at":null,"unread":[]},
		"history":{"refunds":[],"fulfillments":[],"edits":[],"risks":[]},
		"pushes":[{"device":"phone-1","kind":"order.new","status":"pending","attempts":0,
			"sent_at":null,"received_at":null,"opened_at":null,"reason":""}],
		"steps":[],"trace":{"triggered_at":"2026-11-22T09:00:00Z","accepted_at":"2026-11-22T09:00:01Z",
			"recorded_at":"2026-11-22T09:00:02Z","pushed_at":null}}`
	sameJSON(t, got, want)

	r.Order(demo, 1, func(o *bellhop.Order) {
		o.Presentment, o.Items, o.Total = nil, nil, bellhop.Money{Units: 19800, Currency: "JPY"}
		o.CancelledAt = day
	})
	bare := r.Call("GET", "/v1/orders/820982911946154509", ownerSession, "").JSON(t)
	if bare["presentment"] != nil || bare["total"] != "19800" || bare["cancelled_at"] == nil ||
		len(bare["items"].([]any)) != 0 {
		t.Errorf("%v", bare)
	}
}

func sameJSON(t *testing.T, got any, want string) {
	t.Helper()
	var w any
	must(t, json.Unmarshal([]byte(want), &w))
	g, _ := json.MarshalIndent(got, "", " ")
	ww, _ := json.MarshalIndent(w, "", " ")
	if string(g) != string(ww) {
		t.Errorf("got %s\nwant %s", g, ww)
	}
}

func TestOrdersAreListedAndNarrowed(t *testing.T) {
	r := newRig(t)
	for n := range 5 {
		r.Order(demo, n)
	}
	r.Order(other, 9)
	names := func(path string) string {
		t.Helper()
		a := r.Call("GET", path, ownerSession, "")
		if a.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", path, a.Body)
		}
		var out []string
		for _, o := range a.JSON(t)["orders"].([]any) {
			out = append(out, o.(map[string]any)["name"].(string))
			if _, ok := o.(map[string]any)["items"]; ok {
				t.Error("a list has items")
			}
		}
		return strings.Join(out, " ")
	}
	first := r.Call("GET", "/v1/orders?limit=3", ownerSession, "").JSON(t)
	next, _ := first["next"].(string)
	if next == "" {
		t.Fatal("no cursor at the end of a page with more behind it")
	}
	r.Call("PATCH", "/v1/orders/820982911946154509", ownerSession, `{"handling":"handled"}`)
	for path, want := range map[string]string{
		"/v1/orders":                                 "#1004 #1003 #1002 #1001 #1000",
		"/v1/orders?limit=3":                         "#1004 #1003 #1002",
		"/v1/orders?limit=3&cursor=" + next:          "#1001 #1000",
		"/v1/orders?handling=handled":                "#1001",
		"/v1/orders?handling=new,handled&limit=2":    "#1004 #1003",
		"/v1/orders?financial_status=voided,paid":    "#1004 #1003 #1002 #1001 #1000",
		"/v1/orders?financial_status=voided,expired": "",
		"/v1/orders?q=1003":                          "#1003",
		"/v1/orders?q=nobody":                        "",
		"/v1/orders?since=2026-11-22T09:00:03Z":      "#1004 #1003",
		"/v1/orders?shop=" + demo + "&limit=1":       "#1004",
		"/v1/orders?shop=DEMO.myshopify.com&limit=1": "#1004",
	} {
		if got := names(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if a := r.Call("GET", "/v1/orders", otherSession, "").JSON(t); len(a["orders"].([]any)) != 1 || a["next"] != "" {
		t.Errorf("the other shop: %v", a)
	}
}

// Every call, and its answers with and without the right to make it.
func TestEachCall(t *testing.T) {
	const (
		orderPath  = "/v1/orders/820982911946154508"
		devicePath = "/v1/devices/phone-1"
		device     = `{"kind":"token","value":"abc","platform":"android","locale":"en_GB","timezone":"Europe/Berlin"}`
	)
	r := newRig(t)
	r.Device(demo, "phone-0")
	r.Order(demo, 0)
	for _, c := range []struct {
		name                       string
		method, path, secret, body string
		status                     int
		code                       string
	}{
		{"orders", "GET", "/v1/orders", ownerSession, "", 200, ""},
		{"orders by token", "GET", "/v1/orders", demoToken, "", 200, ""},
		{"orders, nobody", "GET", "/v1/orders", "", "", 401, "unauthenticated"},
		{"orders, unknown session", "GET", "/v1/orders", "bh_s_nobody", "", 401, "unauthenticated"},
		{"orders, unknown token", "GET", "/v1/orders", "bh_t_nobody", "", 401, "unauthenticated"},
		{"orders, other secret", "GET", "/v1/orders", "whatever", "", 401, "unauthenticated"},
		{"orders, operator", "GET", "/v1/orders", operatorSession, "", 400, "shop_required"},
		{"orders, operator, shop", "GET", "/v1/orders?shop=" + demo, operatorSession, "", 200, ""},
		{"orders, operator, bad", "GET", "/v1/orders?shop=demo.example", operatorSession, "", 400, "shop"},
		{"orders, foreign shop", "GET", "/v1/orders?shop=" + demo, otherSession, "", 404, "shop_not_found"},
		{"orders, token, foreign", "GET", "/v1/orders?shop=" + other, demoToken, "", 404, "shop_not_found"},
		{"orders, limit 0", "GET", "/v1/orders?limit=0", ownerSession, "", 400, "invalid"},
		{"orders, limit 201", "GET", "/v1/orders?limit=201", ownerSession, "", 400, "invalid"},
		{"orders, limit x", "GET", "/v1/orders?limit=x", ownerSession, "", 400, "invalid"},
		{"orders, handling x", "GET", "/v1/orders?handling=x", ownerSession, "", 400, "invalid"},
		{"orders, since x", "GET", "/v1/orders?since=yesterday", ownerSession, "", 400, "invalid"},
		{"orders, cursor x", "GET", "/v1/orders?cursor=%00x", ownerSession, "", 400, "cursor"},
		{"orders, misspelt", "GET", "/v1/orders?handlng=new", ownerSession, "", 400, "invalid"},

		{"order", "GET", orderPath, ownerSession, "", 200, ""},
		{"order, nobody", "GET", orderPath, "", "", 401, "unauthenticated"},
		{"order, foreign", "GET", orderPath, otherSession, "", 404, "order_not_found"},
		{"order, none", "GET", "/v1/orders/1", ownerSession, "", 404, "order_not_found"},
		{"order, no number", "GET", "/v1/orders/x", ownerSession, "", 404, "order_not_found"},
		{"order, sign", "GET", "/v1/orders/+820982911946154508", ownerSession, "", 404, "order_not_found"},
		{"handle", "PATCH", orderPath, ownerSession, `{"handling":"seen"}`, 200, ""},
		{"handle, foreign", "PATCH", orderPath, otherSession, `{"handling":"seen"}`, 404, "order_not_found"},
		{"handle, nobody", "PATCH", orderPath, "", `{"handling":"seen"}`, 401, "unauthenticated"},
		{"handle, x", "PATCH", orderPath, ownerSession, `{"handling":"x"}`, 400, "invalid"},
		{"handle, unknown", "PATCH", orderPath, ownerSession, `{"handling":"seen","colour":"red"}`, 400, "invalid"},
		{"handle, number", "PATCH", orderPath, ownerSession, `{"handling":1}`, 400, "invalid"},
		{"handle, empty", "PATCH", orderPath, ownerSession, "", 400, "invalid"},
		{"handle, no object", "PATCH", orderPath, ownerSession, `[]`, 400, "invalid"},
		{"handle, no JSON", "PATCH", orderPath, ownerSession, `{"handling":`, 400, "invalid"},
		{"handle, too long", "PATCH", orderPath, ownerSession, `{"handling":"` + strings.Repeat("x", 65<<10) + `"}`, 413, "too_large"},
		{"device", "PUT", devicePath, ownerSession, device, 200, ""},
		{"device, token", "PUT", devicePath, demoToken, device, 200, ""},
		{"device, nobody", "PUT", devicePath, "", device, 401, "unauthenticated"},
		{"device, name", "PUT", "/v1/devices/a%20b", ownerSession, device, 400, "invalid"},
		{"device, long name", "PUT", "/v1/devices/" + strings.Repeat("a", 129), ownerSession, device, 400, "invalid"},
		{"device, longest name", "PUT", "/v1/devices/" + strings.Repeat("a", 128), ownerSession, device, 200, ""},
		{"device, kind", "PUT", devicePath, ownerSession, `{"kind":"x","value":"abc","platform":"android"}`, 400, "invalid"},
		{"device, no value", "PUT", devicePath, ownerSession, `{"kind":"token","platform":"android"}`, 400, "invalid"},
		{"device, long value", "PUT", devicePath, ownerSession, `{"kind":"token","value":"` + strings.Repeat("x", 4097) + `","platform":"android"}`, 400, "invalid"},
		{"device, platform", "PUT", devicePath, ownerSession, `{"kind":"token","value":"abc","platform":"x"}`, 400, "invalid"},
		{"device, form", "PUT", devicePath, ownerSession, `{"kind":"token","value":"abc","platform":"ios","form":"x"}`, 400, "invalid"},
		{"device, webpush", "PUT", devicePath, ownerSession, `{"kind":"webpush","value":"{}","platform":"web"}`, 200, ""},
		{"device, webpush, ios", "PUT", devicePath, ownerSession, `{"kind":"webpush","value":"{}","platform":"ios"}`, 400, "device"},
		{"device, fid", "PUT", devicePath, ownerSession, `{"kind":"fid","value":"f","platform":"ios","form":"data"}`, 200, ""},
		{"no device", "DELETE", "/v1/devices/phone-9", ownerSession, "", 404, "device_not_found"},
		{"foreign device", "DELETE", "/v1/devices/phone-0", otherSession, "", 404, "device_not_found"},
		{"device, removed", "DELETE", "/v1/devices/phone-0", ownerSession, "", 204, ""},
		{"pushes", "GET", "/v1/pushes?order=820982911946154508&status=pending", ownerSession, "", 200, ""},
		{"pushes, nobody", "GET", "/v1/pushes", "", "", 401, "unauthenticated"},
		{"pushes, order x", "GET", "/v1/pushes?order=x", ownerSession, "", 400, "invalid"},
		{"pushes, huge order", "GET", "/v1/pushes?order=9999999999999999999", ownerSession, "", 400, "order"},
		{"pushes, status x", "GET", "/v1/pushes?status=x", ownerSession, "", 400, "invalid"},
		{"receipt, none", "POST", "/v1/pushes/999/receipt", ownerSession, `{"event":"opened"}`, 404, "push_not_found"},
		{"receipt, no number", "POST", "/v1/pushes/x/receipt", ownerSession, `{"event":"opened"}`, 404, "push_not_found"},
		{"receipt, x", "POST", "/v1/pushes/1/receipt", ownerSession, `{"event":"x"}`, 400, "invalid"},
		{"stream, nobody", "GET", "/v1/stream", "", "", 401, "unauthenticated"},
		{"stream, id x", "GET", "/v1/stream?last_event_id=x", ownerSession, "", 400, "last_event_id"},
		{"token signs out", "DELETE", "/v1/sessions/current", demoToken, "", 400, "not_a_session"},
		{"sign out", "DELETE", "/v1/sessions/current", ownerSession, "", 204, ""},
		{"sign out, nobody", "DELETE", "/v1/sessions/current", "", "", 401, "unauthenticated"},
		{"document", "GET", "/v1/openapi.json", "", "", 200, ""},
		{"document of events", "GET", "/v1/asyncapi.json", "", "", 200, ""},
		{"unknown", "GET", "/v1/nothing", ownerSession, "", 404, "not_found"},
		{"unknown page", "GET", "/nothing", "", "", 404, "not_found"},
		{"wrong method", "POST", "/v1/orders", ownerSession, "", 405, "method_not_allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := r.In(t)
			a := r.Call(c.method, c.path, c.secret, c.body)
			if c.code != "" {
				r.Problem(a, c.status, c.code)
			} else if a.StatusCode != c.status {
				t.Fatalf("got %d: %s", a.StatusCode, a.Body)
			}
			if c.status == 401 && a.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Error("401 without WWW-Authenticate")
			}
			if c.status == 204 && a.Body != "" {
				t.Errorf("204 with a body: %s", a.Body)
			}
		})
	}
}

func TestUnknownFieldIsNamed(t *testing.T) {
	r := newRig(t)
	a := r.Call("POST", "/v1/sessions", "", `{"email":"jo@example.com","password":"a secret of mine","remember":true}`)
	r.Problem(a, 400, "invalid")
	if !strings.Contains(a.Body, "remember") || strings.Contains(a.Body, "a secret of mine") {
		t.Errorf("want the field's name, and not the client's value: %s", a.Body)
	}
	a = r.Call("POST", "/v1/sessions", "", `{"email":"jo@example.com","password":"a secret of mine",`)
	r.Problem(a, 400, "invalid")
	if strings.Contains(a.Body, "a secret of mine") || strings.Contains(r.Logged.String(), "a secret of mine") {
		t.Errorf("the answer repeats the client's words: %s", a.Body)
	}
}

func TestOnlyJSONIsRead(t *testing.T) {
	r := newRig(t)
	a := r.Call("POST", "/v1/sessions", "", `email=jo`, withHeader("Content-Type", "application/x-www-form-urlencoded"))
	r.Problem(a, 415, "unsupported_media_type")
}

func TestHandlingIsKept(t *testing.T) {
	r := newRig(t)
	r.Order(demo, 0)
	a := r.Call("PATCH", "/v1/orders/820982911946154508", ownerSession, `{"handling":"handled"}`).JSON(t)
	if a["handling"] != "handled" || a["items"] == nil {
		t.Errorf("%v", a)
	}
	if a := r.Call("GET", "/v1/orders/820982911946154508", demoToken, "").JSON(t); a["handling"] != "handled" {
		t.Errorf("%v", a)
	}
}

func TestDeviceIsNormalised(t *testing.T) {
	r := newRig(t)
	a := r.Call("PUT", "/v1/devices/my.phone_1-a", ownerSession,
		`{"kind":"token","value":"abc","platform":"android","locale":"en_GB","timezone":"Europe/Berlin"}`).JSON(t)
	if a["form"] != "notification" || a["locale"] != "en-GB" || a["installation"] != "my.phone_1-a" ||
		a["added_at"] == nil {
		t.Errorf("%v", a)
	}
}

func TestReceipts(t *testing.T) {
	r := newRig(t)
	r.Device(demo, "phone-0")
	r.Order(demo, 0)
	list := r.Call("GET", "/v1/pushes", ownerSession, "").JSON(t)["pushes"].([]any)
	push := list[0].(map[string]any)
	if push["order"] != "820982911946154508" || push["order_name"] != "#1000" || push["shop"] != demo ||
		push["device"] != "phone-0" {
		t.Errorf("%v", push)
	}
	path := "/v1/pushes/" + push["id"].(string) + "/receipt"
	r.Problem(r.Call("POST", path, ownerSession, `{"event":"received"}`), 409, "not_sent")
	_, err := r.DB.ClaimPushes(t.Context(), r.Clock.Now(), store.Slots{Free: 1}, time.Minute)
	must(t, err)
	r.Problem(r.Call("POST", path, otherSession, `{"event":"received"}`), 404, "push_not_found")
	for _, event := range []string{"received", "opened"} {
		if a := r.Call("POST", path, ownerSession, `{"event":"`+event+`"}`); a.StatusCode != 204 {
			t.Fatal(a.Body)
		}
	}
	got, err := r.DB.Pushes(t.Context(), demo, store.PushQuery{})
	must(t, err)
	if p := got.Pushes[0]; !p.ReceivedAt.Equal(r.Clock.Now()) || !p.OpenedAt.Equal(r.Clock.Now()) {
		t.Errorf("%+v", p)
	}
}

func TestSessionExpires(t *testing.T) {
	r := newRig(t)
	if a := r.Call("GET", "/v1/orders", ownerSession, ""); a.StatusCode != 200 {
		t.Fatal(a.Body)
	}
	r.Clock.Add(25 * time.Hour)
	r.Problem(r.Call("GET", "/v1/orders", ownerSession, ""), 401, "unauthenticated")
}

// A strange name of a locale or a zone is no reason to leave a phone silent.
func TestDevicesComeWithAnyLocaleAndTimezone(t *testing.T) {
	r := newRig(t)
	for said, want := range map[[2]string][2]string{
		{`"zh_CN_#Hans"`, `"GMT+09:00"`}:                      {"zh-Hans-CN", "Etc/GMT-9"},
		{`"en-US-u-ca-gregory"`, `"asia/seoul"`}:              {"en-US", "Asia/Seoul"},
		{`"ko_KR.UTF-8"`, `"KST"`}:                            {"ko-KR", "Asia/Seoul"},
		{`"x!"`, `"Mars/Base"`}:                               {"", ""},
		{`"en-` + strings.Repeat("x", 5000) + `"`, `"Local"`}: {"", ""},
		{`null`, `null`}:                                      {"", ""},
		{`""`, `""`}:                                          {"", ""},
	} {
		a := r.Call("PUT", "/v1/devices/phone-1", ownerSession,
			`{"kind":"token","value":"abc","platform":"ios","locale":`+said[0]+`,"timezone":`+said[1]+`}`)
		if a.StatusCode != 200 {
			t.Errorf("%.60s: %s", said, a.Body)
			continue
		}
		if d := a.JSON(t); d["locale"] != want[0] || d["timezone"] != want[1] {
			t.Errorf("%.60s: %s", said, a.Body)
		}
	}
}

// A shop's devices are bounded, and the console names the removed one.
func TestDevicesAreBounded(t *testing.T) {
	r := newRig(t, func(o *site.Options) { o.MaxDevices = 2 })
	for i, name := range []string{"till", "phone", "tablet"} {
		r.Clock.Add(time.Minute)
		a := r.Call("PUT", "/v1/devices/"+name, []string{demoToken, ownerSession, ownerSession}[i],
			`{"kind":"token","value":"`+name+`","platform":"ios"}`)
		if a.StatusCode != 200 {
			t.Fatal(a.Body)
		}
	}
	page := r.Get("/devices", ownerSession).Body
	if n := strings.Count(page, "Too many devices were in use"); n != 1 || strings.Count(page, "retired") != 1 {
		t.Errorf("%d of the devices are said to be too many: %s", n, page)
	}
}

// TestProblemsAreInWords asks wrongly in each way that the library finds by itself.
func TestProblemsAreInWords(t *testing.T) {
	r := newRig(t)
	const order, device = "/v1/orders/1", "/v1/devices/phone"
	for _, c := range []struct{ method, path, body, want string }{
		{"GET", "/v1/orders?since=yesterday", "", "since: give a date and time such as 2026-11-22T09:00:00Z or 2026-11-22T18:00:00+09:00"},
		{"GET", "/v1/orders?limit=many", "", "limit: give a whole number"},
		{"GET", "/v1/orders?limit=0", "", "limit: give 1 or more"},
		{"GET", "/v1/orders?limit=201", "", "limit: give 200 or less"},
		{"GET", "/v1/orders?handling=lost", "", "handling: give one of new, seen, handled, or several with commas"},
		{"GET", "/v1/orders?colour=red", "", "colour: there is no such parameter"},
		{"GET", "/v1/orders?q=" + strings.Repeat("x", 201), "", "q: it is too long: at most 200 characters"},
		{"GET", "/v1/pushes?order=x", "", "order: give an order's id"},
		{"PATCH", order, "", "the request has no body: send JSON"},
		{"PATCH", order, "{}", "handling is missing"},
		{"PATCH", order, "[]", "give an object: {…}"},
		{"PATCH", order, `{"handling":1}`, "handling: give a string"},
		{"PATCH", order, `{"handling":"seen","colour":"red"}`, "colour: there is no such field"},
		{"PATCH", order, `{"handling":`, "this is not JSON"},
		{"PATCH", order, `handling=seen`, "this is not JSON"},
		{"PUT", device, `{"kind":"token","value":"","platform":"ios"}`, "value: it is empty"},
		{"PUT", "/v1/devices/a%20b", `{"kind":"token","value":"v","platform":"ios"}`, "installation: give letters, digits, dots, hyphens and underscores"},
	} {
		a := r.Call(c.method, c.path, ownerSession, c.body)
		r.Problem(a, 400, "invalid")
		if got := a.JSON(t)["detail"]; got != c.want {
			t.Errorf("%s %.60s %s: %q, want %q", c.method, c.path, c.body, got, c.want)
		}
	}
	form := r.Call("PATCH", order, ownerSession, "handling=seen",
		withHeader("Content-Type", "application/x-www-form-urlencoded"))
	r.Problem(form, 415, "unsupported_media_type")
	if got := form.JSON(t)["detail"]; got != "send JSON, with the header Content-Type: application/json" {
		t.Error(got)
	}
}
