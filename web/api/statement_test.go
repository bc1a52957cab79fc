package api_test

import (
	"bytes"
	"crypto/ed25519"
	"net/http"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/statement"
)

// TestStatement gets a month of which two hours are closed and one is open.
func TestStatement(t *testing.T) {
	r := newRig(t)
	now := r.Clock.Now()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	last := bellhop.Statement{Shop: demo}
	for i, n := range []int{3, 2} {
		hour := now.Add(time.Duration(i-3) * time.Hour).Truncate(time.Hour)
		s := bellhop.Statement{Shop: demo, From: hour, To: hour.Add(time.Hour), MadeAt: now, CheckedAt: now, Shopify: n,
			Here: n, Webhook: n - 1, Reconciled: 1, Differed: 1, Rung: n - 1, Quiet: map[string]int{"quiet_hours": 1},
			P50: time.Second, P99: 2 * time.Second, Worst: 3 * time.Second}
		var err error
		last, err = statement.Make(s, last, nil, key)
		must(t, err)
		must(t, r.DB.AddStatement(t.Context(), last, nil))
	}
	r.Order(demo, 0)
	must(t, r.DB.UpdateReconciliation(t.Context(), demo, func(s *bellhop.Reconciliation) error {
		s.Due, s.From, s.ConnectedAt = now, now.AddDate(0, 0, -2), now.AddDate(0, 0, -2)
		s.CheckedAt, s.LookedTo, s.ClosedTo = now, now, now.Add(-time.Hour)
		s.Backfill = bellhop.Walk{StartedAt: now, Total: 500, Seen: 20, Found: 10}
		s.Pending = []bellhop.PendingOrder{{ID: 1, Backfill: true, Missing: true}}
		return nil
	}))
	got := r.want(200, r.Call("GET", "/v1/statement?month=2026-11&hours=true", demoToken, ""))
	total := got["total"].(map[string]any)
	if got["verdict"] != "all_here" || got["missing"] != 0. || got["timezone"] != "UTC" || total["here"] != 6. ||
		total["shopify"] != 5. || total["reconciled"] != 2. || total["worst_us"] != 3e6 ||
		total["quiet"].(map[string]any)["quiet_hours"] != 2. {
		t.Errorf("%v", got)
	}
	days, hours := got["days"].([]any), got["hours"].([]any)
	if len(days) != 3 || days[0].(map[string]any)["day"] != "2026-11-22" || days[0].(map[string]any)["closed"] != false ||
		days[1].(map[string]any)["closed"] != true || days[0].(map[string]any)["here"] != 6. {
		t.Errorf("%v", days)
	}
	if h := hours[1].(map[string]any); len(hours) != 3 || h["number"] != 2. || h["hash"] != last.Hash.String() ||
		h["p50_us"] != 1e6 || hours[2].(map[string]any)["number"] != 0. {
		t.Errorf("%v", hours)
	}
	got = r.want(200, r.Call("GET", "/v1/statement", demoToken, ""))
	if got["hours"] != nil || got["month"] != "2026-11" {
		t.Errorf("%v", got)
	}
	must(t, r.DB.UpdateReconciliation(t.Context(), demo, func(s *bellhop.Reconciliation) error {
		s.Reason, s.Since, s.CheckedAt = "access_revoked", now.Add(-time.Hour), now.Add(-2*time.Hour)
		return nil
	}))
	if got := r.want(200, r.Call("GET", "/v1/statement", demoToken, "")); got["verdict"] != "not_checked" ||
		got["reason"] != "access_revoked" {
		t.Errorf("%v", got)
	}
}

func TestStatementIsOfOneShop(t *testing.T) {
	r := newRig(t)
	if got := r.want(200, r.Call("GET", "/v1/statement", demoToken, "")); got["verdict"] != "not_connected" {
		t.Errorf("%v", got)
	}
	r.Problem(r.Call("GET", "/v1/statement?shop="+other, demoToken, ""), http.StatusNotFound, "shop_not_found")
	r.Problem(r.Call("GET", "/v1/statement", operatorSession, ""), http.StatusBadRequest, "shop_required")
	if got := r.want(200, r.operate("GET", "/v1/statement?shop="+other, "")); got["shop"] != other {
		t.Errorf("%v", got)
	}
	for _, month := range []string{"2026-12", "2026-1", "1999-01"} {
		a := r.Call("GET", "/v1/statement?month="+month, demoToken, "")
		r.Problem(a, http.StatusBadRequest, "month")
		if !strings.Contains(a.Body, "month") {
			t.Errorf("%s: %s", month, a.Body)
		}
	}
}

// TestConnectionSaysHowFarItWasCompared shows a shop to its operator.
func TestConnectionSaysHowFarItWasCompared(t *testing.T) {
	r := newRig(t)
	now := r.Clock.Now()
	must(t, r.DB.PutConnection(t.Context(), bellhop.Connection{Shop: demo, Grant: bellhop.GrantToken, ConnectedAt: now,
		Token: "shpat_secret", Access: bellhop.AccessGood, Since: now, CheckedAt: now}))
	must(t, r.DB.UpdateReconciliation(t.Context(), demo, func(s *bellhop.Reconciliation) error {
		s.Due, s.From, s.CheckedAt, s.Reason, s.Since = now, now, now, "queue_behind", now
		s.Backfill = bellhop.Walk{StartedAt: now, Total: 500, Seen: 20, Found: 10}
		s.Pending = []bellhop.PendingOrder{{ID: 1, Missing: true}, {ID: 2}}
		s.Requests, s.Points = 40, 90
		return nil
	}))
	check := func(shop map[string]any) {
		t.Helper()
		c := shop["connection"].(map[string]any)["comparison"].(map[string]any)
		b := c["backfill"].(map[string]any)
		if c["reason"] != "queue_behind" || c["missing"] != 1. || c["on_their_way"] != 2. || c["points"] != 90. ||
			b["running"] != true || b["seen"] != 20. || b["total"] != 500. || c["checked_at"] == nil {
			t.Errorf("%v", c)
		}
	}
	check(r.want(200, r.operate("GET", "/v1/shops/"+demo, "")))
	for _, s := range r.want(200, r.operate("GET", "/v1/shops", ""))["shops"].([]any) {
		if s := s.(map[string]any); s["domain"] == demo {
			check(s)
		}
	}
}
