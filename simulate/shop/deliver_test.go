package shop_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/simulate/shop"
)

// inBubble runs a test with an app that is installed, and a twin that delivers.
func inBubble(t *testing.T, test func(*rig), with ...func(*shop.Options)) {
	synctest.Test(t, func(t *testing.T) {
		r := installed(t, with...)
		r.run()
		test(r)
	})
}

// subscribed makes a good subscription.
func (r *rig) subscribed(topic, uri string) string {
	r.t.Helper()
	id, wrong := r.subscribe(topic, uri)
	if wrong != "" {
		r.t.Fatalf("%s to %s: %s", topic, uri, wrong)
	}
	return id
}

func (r *rig) makeOrder() {
	r.t.Helper()
	r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 1}))
}

// TestOrdersGoToTheSubscriptions of the API and of the configuration alike, and nowhere else.
func TestOrdersGoToTheSubscriptions(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.makeOrder()
		if n := len(r.hooks("")); n != 0 {
			t.Errorf("%d webhooks came before there was a subscription", n)
		}
		id := r.subscribed("ORDERS_PAID", hooks)
		r.subscribed("ORDERS_CREATE", hooks)
		r.makeOrder()
		got := r.hooks("orders/create")
		if len(got) != 1 || got[0].to != hooks || len(r.hooks("")) != 1 {
			t.Fatalf("%d webhooks came", len(got))
		}
		h := got[0].header
		for name, want := range map[string]string{shopify.HeaderShop: domain, shopify.HeaderAPIVersion: "2026-07"} {
			if h.Get(name) != want {
				t.Errorf("%s is %q", name, h.Get(name))
			}
		}
		// A second subscription to one topic: the same event, with an id of its own.
		r.subscribed("ORDERS_CREATE", hooks+"/")
		r.makeOrder()
		got = r.hooks("orders/create")
		a, b := got[1].header, got[2].header
		if a.Get(shopify.HeaderEventID) != b.Get(shopify.HeaderEventID) ||
			a.Get(shopify.HeaderWebhookID) == b.Get(shopify.HeaderWebhookID) || got[1].to == got[2].to {
			t.Errorf("twice: %v and %v", a, b)
		}
		r.good(`mutation{webhookSubscriptionUpdate(id:"` + id + `",webhookSubscription:{includeFields:["id","line_items.title"]}){userErrors{message}}}`)
		r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 30, Updates: 1}))
		var body map[string]any
		r.must(json.Unmarshal([]byte(r.hooks("orders/paid")[0].body), &body))
		line, _ := body["line_items"].([]any)[0].(map[string]any)
		if len(body) != 2 || len(line) != 1 || line["title"] == nil {
			t.Errorf("of some fields: %v", body)
		}
	}, func(o *shop.Options) { o.APIVersion = "2026-07" })
}

// TestTheConfigurationsSubscriptions hold for all shops, and no failure removes them.
func TestTheConfigurationsSubscriptions(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.answering(func(hook) int { return 500 })
		r.makeOrder()
		time.Sleep(5 * time.Hour)
		if n := len(r.hooks("orders/create")); n != 9 {
			t.Errorf("%d attempts", n)
		}
		r.answering(nil)
		r.makeOrder()
		if n := len(r.hooks("orders/create")); n != 10 {
			t.Errorf("after the failures: %d attempts", n)
		}
	}, func(o *shop.Options) { o.Webhooks = []shop.Webhook{{Topic: "orders/create", URI: hooks}} })
}

// TestEightFailuresEndASubscription that was made by the API.
func TestEightFailuresEndASubscription(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.subscribed("ORDERS_CREATE", hooks)
		r.subscribed("SHOP_UPDATE", hooks)
		r.answering(func(h hook) int {
			if h.topic() == "orders/create" {
				return 503
			}
			return 200
		})
		// A burst of failures is one failure; an answer in time begins the row anew.
		r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 100}))
		r.hooks("")
		time.Sleep(30 * time.Minute)
		r.answering(nil)
		time.Sleep(4 * time.Hour)
		if left, _ := r.Subscriptions(domain); len(left) != 2 {
			t.Fatalf("after an outage of half an hour there are %v", left)
		}
		r.answering(func(hook) int { return 503 })
		r.makeOrder()
		time.Sleep(time.Hour)
		if left, _ := r.Subscriptions(domain); len(left) != 2 {
			t.Fatalf("after an hour there are %v", left)
		}
		time.Sleep(3 * time.Hour)
		if left, _ := r.Subscriptions(domain); len(left) != 1 || left[0].Topic != "shop/update" {
			t.Fatalf("after four hours there are %v", left)
		}
		before := len(r.hooks("orders/create"))
		r.makeOrder()
		if n := len(r.hooks("orders/create")); n > before+1 {
			t.Errorf("%d webhooks more came", n-before)
		}
	})
}

// TestUninstall: the token is dead when app/uninstalled arrives, and two days later comes shop/redact.
func TestUninstall(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.subscribed("APP_UNINSTALLED", hooks)
		r.subscribed("ORDERS_CREATE", hooks)
		alive := 0
		r.answering(func(h hook) int {
			if h.topic() == "app/uninstalled" {
				alive = r.ask("{shop{name}}").Status
			}
			return 200
		})
		begun := time.Now()
		r.must(r.Uninstall(domain, 0))
		got := r.hooks("app/uninstalled")
		if len(got) != 1 || alive != 401 || !got[0].triggered().Equal(begun) {
			t.Fatalf("%d came, with a token that answers %d", len(got), alive)
		}
		if !strings.Contains(got[0].body, `"myshopify_domain":"demo.myshopify.com"`) {
			t.Errorf("it says %s", got[0].body)
		}
		r.makeOrder()
		if n := len(r.hooks("orders/create")); n != 0 {
			t.Errorf("%d orders came after it", n)
		}
		if err := r.Uninstall(domain, 0); err == nil {
			t.Error("it was uninstalled twice")
		}
		if _, err := r.LastingToken(domain); err == nil {
			t.Error("it gives a token where nothing is installed")
		}
		time.Sleep(48*time.Hour - time.Second)
		if n := len(r.hooks("shop/redact")); n != 0 {
			t.Errorf("shop/redact came early")
		}
		time.Sleep(time.Second)
		got = r.hooks("shop/redact")
		if len(got) != 1 || got[0].to != hooks || !strings.Contains(got[0].body, `"shop_domain":"demo`) {
			t.Errorf("after 48 hours: %v", got)
		}
	}, func(o *shop.Options) { o.Webhooks = shop.ComplianceWebhooks(hooks) })
}

// TestALateUninstall comes after the app is back, and says when the app was removed. No shop/redact follows.
func TestALateUninstall(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.subscribed("APP_UNINSTALLED", hooks)
		removed := time.Now()
		r.must(r.Uninstall(domain, time.Minute))
		time.Sleep(30 * time.Second)
		r.must(r.Install(domain))
		r.token = r.grant(200, "grant_type", "client_credentials")["access_token"].(string)
		r.subscribed("APP_UNINSTALLED", hooks)
		time.Sleep(time.Minute)
		got := r.hooks("app/uninstalled")
		if len(got) != 1 || !got[0].triggered().Equal(removed) || got[0].at.Sub(removed) != time.Minute {
			t.Fatalf("%d came", len(got))
		}
		if a := r.ask("{shop{name}}"); a.Status != 200 {
			t.Errorf("the new token answers %d", a.Status)
		}
		time.Sleep(72 * time.Hour)
		if n := len(r.hooks("shop/redact")); n != 0 {
			t.Errorf("shop/redact came though the app is back")
		}
	}, func(o *shop.Options) { o.Webhooks = shop.ComplianceWebhooks(hooks) })
}

func TestTheTimeScaleShortensWaits(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.must(r.Uninstall(domain, 0))
		time.Sleep(173 * time.Second)
		if n := len(r.hooks("shop/redact")); n != 1 {
			t.Errorf("after a thousandth of 48 hours: %d", n)
		}
	}, func(o *shop.Options) {
		o.Orders.TimeScale = 0.001
		o.Webhooks = shop.ComplianceWebhooks(hooks)
	})
}

func TestScopesAndTheShopChange(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.subscribed("APP_SCOPES_UPDATE", hooks)
		r.subscribed("SHOP_UPDATE", hooks)
		r.must(r.SetScopes(domain, []string{"read_orders"}))
		r.must(r.SetScopes(domain, []string{"read_orders"})) // nothing new
		var scopes struct {
			Previous, Current []string
			Shop              int64 `json:"shop_id"`
		}
		got := r.hooks("app/scopes_update")
		if len(got) != 1 || json.Unmarshal([]byte(got[0].body), &scopes) != nil || len(scopes.Previous) != 3 ||
			len(scopes.Current) != 1 || scopes.Shop == 0 {
			t.Errorf("scopes: %v", got)
		}
		r.must(r.SetInfo(domain, shop.Info{Name: "Harbour", Currency: "EUR", Timezone: "Europe/Paris", Plan: "Shopify Plus"}))
		got = r.hooks("shop/update")
		for _, want := range []string{`"name":"Harbour"`, `"currency":"EUR"`, `"iana_timezone":"Europe/Paris"`,
			`"plan_display_name":"Shopify Plus"`, `"email":"owner@demo.example"`} {
			if len(got) != 1 || !strings.Contains(got[0].body, want) {
				t.Errorf("%s isn't in %v", want, got)
			}
		}
		if at(r.good("{shop{name}}"), "shop", "name") != "Harbour" {
			t.Error("the API has the old name")
		}
		if err := r.SetScopes(domain, []string{"nonsense"}); err == nil {
			t.Error("it takes any scopes")
		}
	})
}

func TestWebhooksAreLostAndLate(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.subscribed("ORDERS_CREATE", hooks)
		r.must(r.SetFaults(domain, shop.Faults{Dropped: 0.5}))
		r.must(r.MakeOrders(domain, simulate.ShopifyOptions{Orders: 200}))
		if n := len(r.hooks("")); n < 50 || n > 150 {
			t.Errorf("%d of 200 came, half are dropped", n)
		}
		r.must(r.SetFaults(domain, shop.Faults{Delayed: 1, DelaySeconds: 3600}))
		before := len(r.hooks(""))
		r.makeOrder()
		time.Sleep(time.Hour - time.Second)
		early := len(r.hooks("")) - before
		time.Sleep(time.Second)
		if n := len(r.hooks("")) - before; early != 0 || n != 1 {
			t.Errorf("%d came early, %d in time", early, n)
		}
		if n := len(r.ids()); n != 201 {
			t.Errorf("the shop has %d orders", n)
		}
	})
}

// TestOrdersComeByThemselves at their rate, in several shops.
func TestOrdersComeByThemselves(t *testing.T) {
	const other = "other.myshopify.com"
	inBubble(t, func(r *rig) {
		r.subscribed("ORDERS_CREATE", hooks)
		time.Sleep(50 * time.Second)
		got := r.hooks("orders/create")
		one, _ := r.State(domain)
		two, _ := r.State(other)
		if len(got) != one.Orders || one.Orders < 10 || one.Orders+two.Orders != 101 {
			t.Errorf("%d and %d orders, %d came", one.Orders, two.Orders, len(got))
		}
		// Those that are asked for are in the shop's own currency, too.
		r.must(r.MakeOrders(other, simulate.ShopifyOptions{Orders: 40}))
		r.must(r.Install(other))
		token := r.do("POST", "/_/token", "application/json", `{"shop":"`+other+`"}`).Body.String()
		if !strings.Contains(token, "shpat_") {
			t.Errorf("the token is %s", token)
		}
		if s := r.Ledger().Summary(); s.Acknowledged != len(got) || s.Orders != len(got) {
			t.Errorf("the ledger counts %v", s)
		}
	}, func(o *shop.Options) { o.Orders.Shops, o.Orders.Rate = []string{domain, other}, 2 })
}

func TestBadOptions(t *testing.T) {
	good := shop.Options{Secret: secret, App: app, Orders: simulate.ShopifyOptions{Shops: []string{domain}}}
	for name, spoil := range map[string]func(*shop.Options){
		"no secret": func(o *shop.Options) { o.Secret = "" },
		"no app":    func(o *shop.Options) { o.App = "" },
		"odd app":   func(o *shop.Options) { o.App = "bellhop" },
		"no shop":   func(o *shop.Options) { o.Orders.Shops = nil },
		"odd shop":  func(o *shop.Options) { o.Orders.Shops = []string{"example.com"} },
	} {
		o := good
		spoil(&o)
		if _, err := shop.New(o); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	r := installed(t)
	for _, f := range []shop.Faults{{Away: 500}, {Broken: "often"}, {Protected: "all"}, {Dropped: 2}, {LagSeconds: -1}} {
		if r.SetFaults(domain, f) == nil {
			t.Errorf("%+v is taken", f)
		}
	}
	for _, n := range []int{0, -1, shop.MaxOrders + 1} {
		if r.MakeOrders(domain, simulate.ShopifyOptions{Orders: n}) == nil {
			t.Errorf("%d orders are made", n)
		}
	}
	if r.Install("unknown.myshopify.com") == nil {
		t.Error("it installs in a shop that isn't there")
	}
}

// TestControls: what tests in other languages need is there over HTTP, too.
func TestControls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(o *shop.Options) { o.Orders.Shops = []string{domain, "other.myshopify.com"} })
		r.run()
		post := func(status int, action, body string) {
			t.Helper()
			if w := r.do("POST", "/_/"+action, "application/json", body); w.Code != status {
				t.Errorf("%s %s: %d %s", action, body, w.Code, w.Body)
			}
		}
		const one = `{"shop":"` + domain + `"`
		post(200, "install", "{}") // all shops
		post(200, "scopes", one+`,"scopes":["read_orders"]}`)
		post(200, "orders", one+`,"orders":5}`)
		post(200, "points", one+`,"points":7}`)
		post(200, "info", one+`,"info":{"name":"Harbour"}}`)
		post(200, "faults", one+`,"faults":{"away":423,"lag_seconds":0}}`)
		post(200, "faults", one+`,"faults":{"dropped":0.1}}`)
		post(200, "unsubscribe", one+`}`)
		synctest.Wait()
		st, err := r.State(domain)
		r.must(err)
		if !st.Installed || len(st.Scopes) != 1 || st.Orders != 5 || st.Points != 7 ||
			st.Faults.Away != 423 || st.Faults.Dropped != 0.1 {
			t.Errorf("the shop is %+v", st)
		}
		var listed struct{ Shops []shop.State }
		w := r.do("GET", "/_/shops", "", "")
		err = json.Unmarshal(w.Body.Bytes(), &listed)
		if err != nil || len(listed.Shops) != 2 || !listed.Shops[1].Installed {
			t.Errorf("the shops are %s", w.Body)
		}
		var minted map[string]string
		if json.Unmarshal(r.do("GET", "/_/id-token?shop="+domain+"&user=staff", "", "").Body.Bytes(), &minted) != nil ||
			strings.Count(minted["id_token"], ".") != 2 {
			t.Errorf("an ID token is %v", minted)
		}
		if w := r.do("POST", "/_/token", "application/json", one+"}"); !strings.Contains(w.Body.String(), "shpat_") {
			t.Errorf("a token is %s", w.Body)
		}
		if w := r.do("GET", "/_/deliveries", "", ""); !strings.Contains(w.Body.String(), `"deliveries":0`) {
			t.Errorf("the deliveries are %s", w.Body)
		}
		post(200, "uninstall", one+`,"late_seconds":5}`)
		post(400, "uninstall", one+`}`)
		post(400, "faults", one+`,"faults":{"away":1}}`)
		post(400, "faults", one+`,"faults":{"nonsense":1}}`)
		post(400, "faults", one+`}`)
		post(400, "install", `{"nonsense":1}`)
		post(404, "install", `{"shop":"x.myshopify.com"}`)
		post(404, "nonsense", one+"}")
		if w := r.do("POST", "/_/install", "text/plain", one+"}"); w.Code != 415 {
			t.Errorf("as text: %d", w.Code)
		}
	})
}

// TestTheAdminsPage has a button for each of it, which pages of other origins can't press.
func TestTheAdminsPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.run()
		page := func() string {
			w := r.do("GET", "/"+domain+"/admin", "", "")
			if w.Code != 200 || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("the page is %d %v", w.Code, w.Header())
			}
			return w.Body.String()
		}
		press := func(status int, form string) {
			t.Helper()
			if w := r.do("POST", "/"+domain+"/admin", "application/x-www-form-urlencoded", form); w.Code != status {
				t.Errorf("%s: %d %s", form, w.Code, w.Body)
			}
			synctest.Wait()
		}
		if p := page(); !strings.Contains(p, `href="admin/app"`) || strings.Contains(p, "Uninstall") {
			t.Errorf("the page is %s", p)
		}
		press(303, "do=install")
		press(303, "do=orders&orders=3")
		press(303, "do=scopes&scopes=read_orders")
		press(303, `do=faults&faults={"away":402}`)
		p := page()
		for _, want := range []string{"Uninstall", "#1001", "Orders: 3", "&#34;away&#34;: 402", `value="read_orders"`} {
			if !strings.Contains(p, want) {
				t.Errorf("%q is not on the page", want)
			}
		}
		press(400, "do=orders&orders=many")
		press(400, "do=nonsense")
		press(303, "do=uninstall&late=3")

		req := httptest.NewRequest(http.MethodPost, "/"+domain+"/admin", strings.NewReader("do=install"))
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		if w := r.serve(req); w.Code != 403 {
			t.Errorf("from another origin: %d", w.Code)
		}
		if w := r.do("GET", "/", "", ""); w.Code != 303 || w.Header().Get("Location") != "/"+domain+"/admin" {
			t.Errorf("one shop: %d", w.Code)
		}
	})
}

// TestServe serves on a port, and ends with its context.
func TestServe(t *testing.T) {
	r := newRig(t, func(o *shop.Options) { o.Orders.Shops = []string{domain, "other.myshopify.com"} })
	stop := errors.New("enough")
	err := r.Serve(t.Context(), "127.0.0.1:0", func(url string) error {
		if !strings.HasPrefix(url, "http://127.0.0.1:") {
			t.Errorf("it is at %s", url)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("it ended with %v", err)
	}
	if w := r.do("GET", "/", "", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "other.myshopify.com/admin") {
		t.Errorf("several shops: %d %s", w.Code, w.Body)
	}
}
