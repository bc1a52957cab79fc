package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
)

// ask adds a request with all that its record may have.
func (r *rig) ask(shop string, kind bellhop.RequestKind) string {
	r.Helper()
	q, err := r.DB.AddRequest(r.Context(), bellhop.PrivacyRequest{Shop: shop, Kind: kind, RequestedAt: day,
		ReceivedAt: day, DueAt: day.AddDate(0, 0, 30), Subject: bellhop.Subject{CustomerID: 7, Email: "ada@example.com"},
		Steps:   []bellhop.PrivacyStep{{What: "orders", N: 2, At: day, Note: "all"}},
		Backups: []bellhop.BackupNote{{Name: "monday.age", MadeAt: day}}})
	must(r, err)
	return web.ID(q.ID)
}

// give keeps an export of a request.
func (r *rig) give(id string) {
	r.Helper()
	n, err := web.ParseID(id, "privacy_request")
	must(r, err)
	must(r, r.DB.PutExport(r.Context(), n, []byte(`{"format":"x","orders":[]}`), day.AddDate(0, 0, 30)))
	must(r, r.DB.UpdateRequest(r.Context(), n, func(q *bellhop.PrivacyRequest) error {
		q.ExportAt, q.ExportUntil, q.Outcome, q.DoneAt = day, day.AddDate(0, 0, 30), bellhop.RequestDone, day
		return nil
	}))
}

func TestPrivacyRequests(t *testing.T) {
	r := newRig(t)
	own, others := r.ask(demo, bellhop.RequestGive), r.ask(other, bellhop.RequestForget)
	const requests = "/v1/privacy/requests"
	a := r.Call("GET", requests+"?open=true", ownerSession, "")
	if all := a.JSON(t)["requests"].([]any); len(all) != 1 || strings.Contains(a.Body, "ada@example.com") {
		t.Fatalf("%d %s", a.StatusCode, a.Body)
	}
	a = r.Call("GET", requests+"/"+own, ownerSession, "")
	for _, want := range []string{`"id":"` + own + `"`, `"kind":"customers/data_request"`, `"outcome":""`,
		`"due_at":"2026-12-22T09:00:00Z"`, `"steps":[{"what":"orders","n":2,"at":"2026-11-22T09:00:00Z","note":"all"}]`,
		`"backups":[{"name":"monday.age","made_at":"2026-11-22T09:00:00Z","until":null}]`, `"fetched_at":null`} {
		if !strings.Contains(a.Body, want) {
			t.Errorf("no %s in %s", want, a.Body)
		}
	}
	// Those of another shop are not there, staff and tokens see none, and operators see all.
	staff := r.member("staff@example.com", staffOf(demo))
	r.Problem(r.Call("GET", requests+"/"+others, ownerSession, ""), 404, "privacy_request_not_found")
	r.Problem(r.Call("GET", requests+"/"+own+"?shop="+other, ownerSession, ""), 404, "shop_not_found")
	r.Problem(r.Call("GET", requests+"/x", ownerSession, ""), 404, "privacy_request_not_found")
	for _, who := range []string{staff, demoToken} {
		r.Problem(r.Call("GET", requests, who, ""), 403, "owners_only")
		r.Problem(r.Call("GET", requests+"/"+own, who, ""), 403, "owners_only")
	}
	a = r.Call("GET", requests, operatorSession, "")
	if all := a.JSON(t)["requests"].([]any); len(all) != 2 {
		t.Errorf("%s", a.Body)
	}
	if a := r.Call("GET", requests+"?limit=1", operatorSession, ""); a.JSON(t)["next"] == "" {
		t.Errorf("%s", a.Body)
	} else if a = r.Call("GET", requests+"?cursor="+url.QueryEscape(fmt.Sprint(a.JSON(t)["next"])), operatorSession,
		""); !strings.Contains(a.Body, own) || strings.Contains(a.Body, other) {
		t.Errorf("%s", a.Body)
	}
	if a := r.Call("GET", requests+"/"+others, operatorSession, ""); a.JSON(t)["shop"] != other {
		t.Errorf("%s", a.Body)
	}
}

func TestFetchingAnExport(t *testing.T) {
	r := newRig(t)
	id := r.ask(demo, bellhop.RequestGive)
	at := "/v1/privacy/requests/" + id + "/export"
	r.Problem(r.Call("GET", at, ownerSession, ""), 404, "export_not_found")
	r.give(id)
	for _, who := range []string{r.member("staff@example.com", staffOf(demo)), demoToken} {
		r.Problem(r.Call("GET", at, who, ""), 403, "owners_only")
	}
	r.Problem(r.Call("GET", at+"?shop="+demo, operatorSession, ""), 403, "owners_only")
	r.Problem(r.Call("GET", at, otherSession, ""), 404, "privacy_request_not_found")
	r.Problem(r.Call("GET", at, "", ""), 401, "unauthenticated")
	second := r.member("second@example.com", ownerOf(demo))
	for _, who := range []string{ownerSession, second} {
		if a := r.Call("GET", at, who, ""); a.StatusCode != 200 || strings.TrimSpace(a.Body) != `{"format":"x","orders":[]}` {
			t.Fatalf("%d %s", a.StatusCode, a.Body)
		}
	}
	a := r.Call("GET", "/v1/privacy/requests/"+id, ownerSession, "")
	if v := a.JSON(t); v["fetched_by"] != "jo@example.com" || v["fetched_at"] != "2026-11-22T10:00:00Z" {
		t.Errorf("%s", a.Body)
	}
	seen, err := r.DB.Accesses(r.Context(), store.AccessQuery{Shop: demo, About: id})
	must(t, err)
	if all := seen.Accesses; len(all) != 2 || all[0].By != "second@example.com" || all[1].What != bellhop.AccessGiven {
		t.Errorf("%+v", all)
	}
	r.Clock.Add(12 * time.Hour)
	n, err := r.DB.DropExports(r.Context(), day.AddDate(0, 0, 31), 10)
	must(t, err)
	if n != 1 {
		t.Errorf("dropped %d", n)
	}
	r.Problem(r.Call("GET", at, ownerSession, ""), 404, "export_not_found")
}

func TestErasingAShop(t *testing.T) {
	r := newRig(t)
	token := r.operatorToken()
	at := "/v1/shops/" + demo + "/erase"
	for _, who := range []string{ownerSession, demoToken} {
		r.Problem(r.Call("POST", at, who, ""), 403, "operator_required")
	}
	r.Problem(r.Call("POST", "/v1/shops/nobody.myshopify.com/erase", token, ""), 404, "shop_not_found")
	first := r.Call("POST", at, token, "")
	v := first.JSON(t)
	if first.StatusCode != 202 || v["kind"] != "erase" || v["by"] != "token ops" || v["outcome"] != "" ||
		first.Header.Get("Location") != "/v1/privacy/requests/"+v["id"].(string) {
		t.Fatalf("%d %s %v", first.StatusCode, first.Body, first.Header)
	}
	if again := r.Call("POST", at, operatorSession, ""); again.JSON(t)["id"] != v["id"] {
		t.Errorf("a second one: %s", again.Body)
	}
}

// TestARedactedOrder says when and why its customer's data was taken away.
func TestARedactedOrder(t *testing.T) {
	r := newRig(t)
	o := r.Order(demo, 1)
	if a := r.Call("GET", "/v1/orders/"+web.ID(o.ID), ownerSession, ""); strings.Contains(a.Body, "redacted") {
		t.Errorf("%s", a.Body)
	}
	_, err := r.DB.RedactOrders(r.Context(), demo, []int64{o.ID}, bellhop.RedactedForRequest, day)
	must(t, err)
	for _, path := range []string{"/v1/orders", "/v1/orders/" + web.ID(o.ID)} {
		a := r.Call("GET", path, ownerSession, "")
		if !strings.Contains(a.Body, `"redacted_at":"2026-11-22T09:00:00Z","redacted_for":"request"`) ||
			strings.Contains(a.Body, "jo@example.com") {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
}
