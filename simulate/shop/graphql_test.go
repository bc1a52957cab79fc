package shop_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"bellhop/shopify/admin/schema"
	"bellhop/simulate"
	"bellhop/simulate/shop"
)

func TestTheShopAndItsInstallation(t *testing.T) {
	r := installed(t)
	for _, version := range schema.Versions() {
		a := r.askVersion(version, `query Q($yes: Boolean!) {
			shop { ...S __typename no: name @skip(if: $yes) }
			currentAppInstallation @include(if: $yes) { accessScopes { handle } }
		} fragment S on Shop { name myshopifyDomain email currencyCode ianaTimezone ... on Shop { plan { publicDisplayName } } }`,
			map[string]any{"yes": true})
		const want = `{"data":{"shop":{"name":"Demo","myshopifyDomain":"demo.myshopify.com","email":"owner@demo.example",` +
			`"currencyCode":"USD","ianaTimezone":"America/New_York","plan":{"publicDisplayName":"Basic"},"__typename":"Shop"},` +
			`"currentAppInstallation":{"accessScopes":[{"handle":"read_customers"},{"handle":"read_fulfillments"},{"handle":"read_orders"}]}}`
		if !strings.HasPrefix(a.text, want) || a.Version != version {
			t.Errorf("%s by %s: %s", version, a.Version, a.text)
		}
	}
}

func TestVersionsFallForward(t *testing.T) {
	r := installed(t)
	known := schema.Versions()
	oldest := known[len(known)-1]
	for version, want := range map[string]string{"2026-10": "2026-10", "2026-07": "2026-07", "2024-01": oldest} {
		if a := r.askVersion(version, "{shop{name}}", nil); a.Status != 200 || a.Version != want {
			t.Errorf("%s: %d by %s, want %s", version, a.Status, a.Version, want)
		}
	}
	r.must(r.SetFaults(domain, shop.Faults{Oldest: "2026-10"}))
	if a := r.askVersion("2026-07", "{shop{name}}", nil); a.Version != "2026-10" {
		t.Errorf("a retired version is served by %s", a.Version)
	}
	for _, version := range []string{"2099-01", "2026-11", "latest", "unstable"} {
		if a := r.askVersion(version, "{shop{name}}", nil); a.Status != 404 {
			t.Errorf("%s: %d", version, a.Status)
		}
	}
}

func TestInvalidQueries(t *testing.T) {
	r := installed(t)
	for _, query := range []string{"", "{", "{shop{nonsense}}", "{nonsense}", "{shop}",
		"{orders(first:1,bad:2){nodes{id}}}", "query A{shop{name}} query B{shop{name}}",
		"query($a:Int!){orders(first:$a){nodes{id}}}",
		"mutation{webhookSubscriptionDelete(id:1.5){userErrors{message}}}"} {
		if a := r.ask(query); a.Status != 200 || len(a.Errors) == 0 || a.Data != nil {
			t.Errorf("%s: %d %s", query, a.Status, a.text)
		}
	}
	if w := r.do("POST", "/"+domain+"/admin/api/2026-10/graphql.json", "application/json", "{"); w.Code != 400 {
		t.Errorf("half an object: %d", w.Code)
	}
}

// TestWhoIsLetIn has the answers that tell one lost access from another.
func TestWhoIsLetIn(t *testing.T) {
	r := installed(t)
	for _, c := range []struct {
		faults shop.Faults
		status int
		text   string
	}{
		{shop.Faults{}, 200, "Demo"},
		{shop.Faults{Away: 402}, 402, "Unavailable"},
		{shop.Faults{Away: 404}, 404, "Not Found"},
		{shop.Faults{Away: 423}, 423, "Locked"},
		{shop.Faults{NotAllowed: true}, 403, "IP address"},
		{shop.Faults{MustExpire: true}, 200, "Demo"},
		{shop.Faults{Broken: shop.BrokenServer}, 500, "Error"},
		{shop.Faults{Broken: shop.BrokenUnknown}, 520, "520"},
		{shop.Faults{Broken: shop.BrokenHTML}, 200, "not JSON"},
		{shop.Faults{Broken: shop.BrokenCut}, 0, `{"data":{`},
	} {
		r.must(r.SetFaults(domain, c.faults))
		if a := r.ask("{shop{name}}"); a.Status != c.status || !strings.Contains(a.text, c.text) {
			t.Errorf("%+v: %d %s", c.faults, a.Status, a.text)
		}
	}
	r.must(r.SetFaults(domain, shop.Faults{}))
	r.must(r.Uninstall(domain, time.Hour))
	const gone = "[API] Invalid API key or access token (unrecognized login or wrong password)"
	for _, token := range []string{r.token, "", "shpat_other"} {
		r.token = token
		if a := r.ask("{shop{name}}"); a.Status != 401 || !strings.Contains(a.text, gone) {
			t.Errorf("%q: %d %s", token, a.Status, a.text)
		}
	}
}

func TestThrottling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := installed(t)
		const query = "{orders(first:50){nodes{id lineItems(first:2){nodes{id}}}}}"
		a := r.ask(query)
		c := a.Extensions.Cost
		if c.Requested != 2+7*(1+2+2) || c.Actual != 37.0 || c.Throttle.Maximum != 2000 || c.Throttle.Rate != 100 ||
			c.Throttle.Available != 1963 {
			t.Errorf("the cost is %s", a.text)
		}
		r.must(r.SetPoints(domain, 17))
		a = r.ask(query)
		c = a.Extensions.Cost
		if a.Status != 200 || a.code() != "THROTTLED" || a.Errors[0].Message != "Throttled" || a.Data != nil ||
			c.Actual != nil || c.Requested != 37 || c.Throttle.Available != 17 {
			t.Errorf("over the budget: %d %s", a.Status, a.text)
		}
		time.Sleep(200 * time.Millisecond)
		if a := r.ask(query); a.code() != nil {
			t.Errorf("after (requested - available) / restoreRate: %s", a.text)
		}
		r.must(r.SetFaults(domain, shop.Faults{Budget: 40}))
		if c := r.ask("{shop{name}}").Extensions.Cost; c.Throttle.Maximum != 40 || c.Throttle.Rate != 2 ||
			c.Throttle.Available > 39 {
			t.Errorf("of a little budget there is %+v", c.Throttle)
		}
		if a := r.ask(query); a.code() != "THROTTLED" {
			t.Errorf("over a little budget: %s", a.text)
		}
		time.Sleep(20 * time.Second)
		if a := r.ask(query); a.code() != nil {
			t.Errorf("in a little budget: %s", a.text)
		}
		r.must(r.SetFaults(domain, shop.Faults{NoThrottle: true}))
		r.must(r.SetPoints(domain, 0))
		if a := r.ask(query); a.code() != "THROTTLED" || a.Extensions.Cost.Throttle != nil {
			t.Errorf("without throttleStatus: %s", a.text)
		}
		time.Sleep(time.Minute)
		const deep = `nodes{lineItems(first:250){nodes{discountAllocations{discountApplication{index}}}}
			refunds{refundLineItems(first:250){nodes{lineItem{taxLines{title} lineItemGroup{id}}}}}}`
		for _, dear := range []string{"{nodes(ids:[" + strings.Repeat(`"gid://shopify/Order/1" `, 250) +
			"]){...on Order{lineItems(first:10){nodes{id}}}}}",
			"{a:orders(first:250){" + deep + "} b:orders(first:250){" + deep + "}}"} {
			if a := r.ask(dear); a.code() != "MAX_COST_EXCEEDED" {
				t.Errorf("a dear one: %s", a.text)
			}
		}
	})
}

func TestAddresses(t *testing.T) {
	r := installed(t)
	const field = `["webhookSubscription","callbackUrl"]: `
	for uri, want := range map[string]string{
		"":                          field + "Address can't be blank",
		"http://bellhop.example/":   field + "Address protocol http:// is not supported",
		"kafka://bellhop.example/":  field + "Address protocol kafka:// is not supported",
		"nonsense":                  field + "Address is invalid",
		"https://nonsense/":         field + "Address is invalid",
		"https://:443/":             field + "Address is invalid",
		"https://a.myshopify.com/":  field + "Address cannot be a Shopify or an internal domain",
		"https://localhost/":        field + "Address cannot be a Shopify or an internal domain",
		"https://127.0.0.1/":        field + "Address cannot be a Shopify or an internal domain",
		"https://10.1.2.3/":         field + "Address cannot be a Shopify or an internal domain",
		"arn:aws:sqs:eu-west-1:1:q": field + "Address is not a valid AWS ARN",
		"pubsub://project":          field + "Address is not a valid GCP pub/sub format. Format should be pubsub://project:topic",
		"https://b.example/" + strings.Repeat("x", 64<<10):                     field + "Address is too big (maximum is 64 KB)",
		"https://bellhop.example/webhooks/shopify":                             "",
		"pubsub://project:topic":                                               "",
		"arn:aws:events:eu-west-1::event-source/aws.partner/shopify.com/1/bus": "",
	} {
		if _, wrong := r.subscribe("ORDERS_CREATE", uri); wrong != want {
			t.Errorf("%.60q: %q, want %q", uri, wrong, want)
		}
	}
	if _, wrong := r.subscribe("ORDERS_CREATE", hooks); wrong != field+"Address for this topic has already been taken" {
		t.Errorf("again: %q", wrong)
	}
	if _, wrong := r.subscribe("ORDERS_UPDATED", hooks); wrong != "" {
		t.Errorf("another topic: %q", wrong)
	}
	// The compliance topics are the configuration's.
	if a := r.ask(`mutation{webhookSubscriptionCreate(topic:SHOP_REDACT,webhookSubscription:{uri:"` + hooks +
		`"}){userErrors{message}}}`); len(a.Errors) == 0 {
		t.Errorf("shop/redact: %s", a.text)
	}
}

func TestSubscriptions(t *testing.T) {
	r := installed(t, func(o *shop.Options) {
		o.APIVersion = "2026-07"
		o.Webhooks = shop.ComplianceWebhooks(hooks)
	})
	id, wrong := r.subscribe("ORDERS_CREATE", hooks)
	if wrong != "" {
		t.Fatal(wrong)
	}
	second, _ := r.subscribe("APP_SCOPES_UPDATE", hooks)
	// The version is the configuration's, whatever version asks; the configuration's own aren't listed.
	const list = `{webhookSubscriptions(first:1%s){nodes{id topic uri apiVersion{handle}} pageInfo{hasNextPage endCursor}}}`
	page := r.good(fmt.Sprintf(list, ""))["webhookSubscriptions"]
	if at(page, "nodes", 0, "id") != id || at(page, "nodes", 0, "topic") != "ORDERS_CREATE" ||
		at(page, "nodes", 0, "apiVersion", "handle") != "2026-07" || at(page, "pageInfo", "hasNextPage") != true {
		t.Errorf("the first page is %v", page)
	}
	page = r.good(fmt.Sprintf(list, `,after:"`+at(page, "pageInfo", "endCursor").(string)+`"`))["webhookSubscriptions"]
	if at(page, "nodes", 0, "id") != second || at(page, "pageInfo", "hasNextPage") != false {
		t.Errorf("the second page is %v", page)
	}
	of := r.good("{webhookSubscriptions(first:9,topics:[ORDERS_CREATE]){nodes{id}}}")["webhookSubscriptions"]
	if at(of, "nodes", 0) == nil || at(of, "nodes", 1) != nil {
		t.Errorf("of one topic: %v", of)
	}

	update := func(id, input string) any {
		return r.good(`mutation{webhookSubscriptionUpdate(id:"` + id + `",webhookSubscription:` + input + `){
			webhookSubscription{uri includeFields} userErrors{field message}}}`)["webhookSubscriptionUpdate"]
	}
	if u := update(id, `{includeFields:["id","customer.id"]}`); at(u, "webhookSubscription", "uri") != hooks ||
		at(u, "webhookSubscription", "includeFields", 1) != "customer.id" {
		t.Errorf("updated: %v", u)
	}
	if u := update(id, `{uri:"http://x.example"}`); at(u, "userErrors", 0, "message") != "Address protocol http:// is not supported" {
		t.Errorf("updated to what is wrong: %v", u)
	}
	remove := func() any {
		return r.good(`mutation{webhookSubscriptionDelete(id:"` + id + `"){
			deletedWebhookSubscriptionId userErrors{field message}}}`)["webhookSubscriptionDelete"]
	}
	if d := remove(); at(d, "deletedWebhookSubscriptionId") != id {
		t.Errorf("deleted: %v", d)
	}
	for _, d := range []any{remove(), update(id, "{}")} {
		e := at(d, "userErrors", 0)
		if at(e, "message") != "Webhook subscription does not exist" || at(e, "field", 0) != "id" {
			t.Errorf("what is gone: %v", d)
		}
	}
	if left, _ := r.Subscriptions(domain); len(left) != 1 || left[0].Topic != "app/scopes_update" {
		t.Errorf("left are %v", left)
	}
}

func TestScopesAndProtectedData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := withOrders(t, simulate.ShopifyOptions{Orders: 40})
		const query = `{orders(first:40){nodes{email customer{email} shippingAddress{name city}}}}`
		personal := func() (emails, customers, cities int) {
			a := r.ask(query)
			nodes, _ := at(a.Data, "orders", "nodes").([]any)
			for _, n := range nodes {
				if at(n, "email") != nil || at(n, "shippingAddress", "name") != nil || at(n, "customer", "email") != nil {
					emails++
				}
				if at(n, "customer") != nil {
					customers++
				}
				if at(n, "shippingAddress", "city") != nil {
					cities++
				}
			}
			return emails, customers, cities
		}
		if e, c, _ := personal(); e < 20 || c < 20 {
			t.Errorf("%d orders have personal data, %d a customer", e, c)
		}
		r.must(r.SetFaults(domain, shop.Faults{Protected: shop.ProtectedFields}))
		if e, c, cities := personal(); e != 0 || c < 20 || cities < 20 {
			t.Errorf("withheld: %d orders have personal data, %d a customer, %d a city", e, c, cities)
		}

		r.must(r.SetFaults(domain, shop.Faults{Protected: shop.ProtectedOrders}))
		a := r.ask(query)
		if a.Status != 200 || a.Data != nil || a.code() != "ACCESS_DENIED" ||
			!strings.HasPrefix(a.Errors[0].Message, "This app is not approved to access the Order object. ") {
			t.Errorf("not approved: %d %s", a.Status, a.text)
		}
		if _, wrong := r.subscribe("ORDERS_PAID", hooks); !strings.HasPrefix(wrong,
			`["webhookSubscription"]: This app is not approved to subscribe to webhook topics containing protected customer data. `) {
			t.Errorf("subscribing: %s", wrong)
		}
		if _, wrong := r.subscribe("SHOP_UPDATE", hooks); wrong != "" {
			t.Errorf("what isn't protected: %s", wrong)
		}

		r.must(r.SetFaults(domain, shop.Faults{}))
		r.must(r.SetScopes(domain, []string{"read_orders"}))
		a = r.ask(query)
		if a.code() != "ACCESS_DENIED" || at(a.Data, "orders", "nodes", 0) == nil ||
			!strings.Contains(fmt.Sprint(a.Errors[0].Extensions["requiredAccess"]), "read_customers") ||
			fmt.Sprint(a.Errors[0].Path) != "[orders nodes 0 customer]" {
			t.Errorf("without read_customers: %.300s", a.text)
		}
		r.must(r.SetScopes(domain, []string{"write_products"}))
		for _, q := range []string{query, `{order(id:"gid://shopify/Order/1"){id}}`, "{ordersCount{count}}",
			`mutation{webhookSubscriptionCreate(topic:REFUNDS_CREATE,webhookSubscription:{uri:"` + hooks + `"}){userErrors{message}}}`} {
			a := r.ask(q)
			if a.code() != "ACCESS_DENIED" ||
				!strings.Contains(fmt.Sprint(a.Errors[0].Extensions["requiredAccess"]), "read_orders") {
				t.Errorf("without read_orders: %s", a.text)
			}
		}
		r.must(r.SetScopes(domain, []string{"write_orders"}))
		if a := r.ask("{ordersCount{count}}"); len(a.Errors) > 0 {
			t.Errorf("who may write may read: %s", a.text)
		}
	})
}

// everything selects all fields of a type, as deep as its types go without coming again.
func everything(sdl *ast.Schema, kind string, above ...string) string {
	var b strings.Builder
	for _, f := range sdl.Types[kind].Fields {
		name := f.Type.Name()
		if strings.HasPrefix(f.Name, "__") || contains(above, name) {
			continue
		}
		args := ""
		if f.Arguments.ForName("first") != nil {
			args = "(first:1)"
		}
		if d := sdl.Types[name]; d.IsCompositeType() {
			inner := everything(sdl, name, append(above, kind)...)
			if inner == "" {
				continue
			}
			fmt.Fprintf(&b, "%s%s{%s} ", f.Name, args, inner)
			continue
		}
		b.WriteString(f.Name + args + " ")
	}
	return b.String()
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}

// TestEveryFieldIsThere asks for each field of the schema, in each version, of orders of all kinds.
func TestEveryFieldIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := withOrders(t, simulate.ShopifyOptions{Orders: 30, Updates: 1, FollowUps: 8})
		r.must(r.SetScopes(domain, []string{"read_customers", "read_orders", "read_products"}))
		if _, wrong := r.subscribe("ORDERS_CREATE", hooks); wrong != "" {
			t.Fatal(wrong)
		}
		ids := r.ids()
		for _, version := range schema.Versions() {
			sdl, err := schema.Load(version)
			r.must(err)
			asked := []string{"{shop{" + everything(sdl, "Shop") + "} currentAppInstallation{" +
				everything(sdl, "AppInstallation") + "}}", "{webhookSubscriptions(first:1){" +
				everything(sdl, "WebhookSubscriptionConnection") + "} webhookSubscriptionsCount{count precision}}",
				"{orders(first:1){pageInfo{" + everything(sdl, "PageInfo") + "} edges{cursor node{id}} nodes{id}} ordersCount{" +
					everything(sdl, "Count") + "}}"}
			for _, id := range ids {
				asked = append(asked, `{order(id:"`+id+`"){`+everything(sdl, "Order")+`}}`)
			}
			for _, query := range asked {
				r.must(r.SetPoints(domain, 2000))
				if a := r.askVersion(version, query, nil); a.Status != 200 || len(a.Errors) > 0 || len(a.text) < 100 {
					t.Fatalf("%s: %.500s: %.500s", version, query, a.text)
				}
			}
		}
	})
}
