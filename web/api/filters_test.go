package api_test

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/web"
)

// TestEachFilterNarrowsTheList asks for each parameter of the list, and for several at once.
func TestEachFilterNarrowsTheList(t *testing.T) {
	r := newRig(t)
	for n, change := range []func(*bellhop.Order){
		func(o *bellhop.Order) { o.FinancialStatus, o.Tags = "pending", []string{"VIP customer"} },
		func(o *bellhop.Order) { o.FulfillmentStatus, o.Current = "fulfilled", usd(1050) },
		func(o *bellhop.Order) { o.CancelledAt, o.Tags = day, []string{"vip"} },
		func(o *bellhop.Order) {
			o.Test, o.Items = true, []bellhop.Item{{ID: 1, Title: "양말", SKU: "SOCK-7"}}
		},
		func(o *bellhop.Order) { o.Current, o.UpdatedAt = usd(1049), day.Add(-time.Hour) },
	} {
		r.Order(demo, n, change, func(o *bellhop.Order) { o.Version.UpdatedAt = o.UpdatedAt.UTC() })
	}
	r.Call("PATCH", "/v1/orders/820982911946154509", ownerSession, `{"handling":"handled"}`)
	asked := map[string]bool{}
	for query, want := range map[string]string{
		"":                             "#1004 #1003 #1002 #1001 #1000",
		"handling=handled":             "#1001",
		"financial_status=pending":     "#1000",
		"financial_status=voided":      "",
		"fulfillment_status=fulfilled": "#1001",
		"cancelled=true":               "#1002",
		"cancelled=false":              "#1004 #1003 #1001 #1000",
		"test=true":                    "#1003",
		"test=false&limit=2":           "#1004 #1002",
		"found=webhook&limit=2":        "#1004 #1003",
		"found=backfill":               "",
		"found=reconcile":              "",
		"tag=VIP":                      "#1002",
		"tag=vip+customer":             "#1000",
		"since=2026-11-22T09:00:01Z&before=2026-11-22T18:00:03%2B09:00": "#1002 #1001",
		"before=2026-11-22T09:00:01Z":                                   "#1000",
		"at_least=10.50":                                                "#1003 #1002 #1001 #1000",
		"at_least=403.00&cancelled=false&test=false":                    "#1000",
		"at_least=403.01":                                               "",
		"q=" + url.QueryEscape("양말"):                                    "#1003",
		"q=sock&test=false":                                             "",
		"sort=updated":                                                  "#1003 #1002 #1001 #1000 #1004",
		"sort=placed&limit=1":                                           "#1004",
		"sort=updated&cancelled=false&limit=1":                          "#1003",
	} {
		values, err := url.ParseQuery(query)
		must(t, err)
		for name := range values {
			asked[name] = true
		}
		a := r.Call("GET", "/v1/orders?"+query, ownerSession, "")
		if a.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", query, a.Body)
		}
		names := []string{}
		for _, o := range a.JSON(t)["orders"].([]any) {
			names = append(names, o.(map[string]any)["name"].(string))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	for field := range reflect.TypeFor[web.OrderFilter]().Fields() {
		if name := field.Tag.Get("query"); !asked[name] {
			t.Errorf("nobody asked for %s", name)
		}
	}
}

// TestABadFilterIsNamed asks for orders with values that no filter takes.
func TestABadFilterIsNamed(t *testing.T) {
	r := newRig(t)
	long := strings.Repeat("x", 201)
	const when = "give a date and time such as 2026-11-22T09:00:00Z or 2026-11-22T18:00:00+09:00"
	for query, want := range map[string]struct{ code, detail string }{
		"handling=lost":                   {"invalid", "handling: give one of new, seen, handled, or several with commas"},
		"cancelled=maybe":                 {"invalid", "cancelled: give one of true, false"},
		"test=1":                          {"invalid", "test: give one of true, false"},
		"sort=total":                      {"invalid", "sort: give one of placed, updated"},
		"since=2026-11-22":                {"invalid", "since: " + when},
		"before=tomorrow":                 {"invalid", "before: " + when},
		"at_least=-1":                     {"invalid", "at_least: give an amount such as 100 or 49.90"},
		"at_least=1,000":                  {"invalid", "at_least: give an amount such as 100 or 49.90"},
		"at_least=1e9":                    {"invalid", "at_least: give an amount such as 100 or 49.90"},
		"at_least=1234567890123456789":    {"at_least", "at_least is no amount: give a number such as 100 or 49.90"},
		"tag=" + strings.Repeat("x", 201): {"invalid", "tag: it is too long: at most 200 characters"},
		"financial_status=" + long:        {"invalid", "financial_status: it is too long: at most 200 characters"},
		"fulfillment_status=" + long:      {"invalid", "fulfillment_status: it is too long: at most 200 characters"},
		"q=" + strings.Repeat("x", 201):   {"invalid", "q: it is too long: at most 200 characters"},
		"financial=paid":                  {"invalid", "financial: there is no such parameter"},
	} {
		a := r.Call("GET", "/v1/orders?"+query, ownerSession, "")
		r.Problem(a, 400, want.code)
		if got := a.JSON(t)["detail"]; got != want.detail {
			t.Errorf("%.60s: %q, want %q", query, got, want.detail)
		}
	}
}
