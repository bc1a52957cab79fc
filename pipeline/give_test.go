package pipeline_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/store"
)

func (d *desk) export(r bellhop.PrivacyRequest) (e pipeline.Export) {
	d.Helper()
	text, err := d.store.PrivacyExport(d.Context(), domain, r.ID)
	d.must(err)
	d.must(json.Unmarshal(text, &e))
	return e
}

// TestGive exports all of one of two customers, also after a crash before the request said so.
func TestGive(t *testing.T) {
	d := openDesk(t)
	d.fill()
	r := d.request(bellhop.RequestGive, bellhop.Subject{CustomerID: joID, Email: jo, Phone: "+1 555 0117"})
	func() {
		defer func() { _ = recover() }()
		p := d.privacy()
		p.Probe = func(at pipeline.Point) {
			if at == pipeline.PointExported {
				panic("killed")
			}
		}
		d.must(p.Round(t.Context()))
	}()
	if r = d.after(r); !r.Open() {
		t.Fatalf("before it is saved: %q", r.Outcome)
	}
	d.must(d.privacy().Round(t.Context()))
	r = d.after(r)
	d.same("the steps", counts(r), map[string]int{"orders": 2, "bodies": 4, "dead_letters": 1})
	if r.Outcome != bellhop.RequestDone || !r.ExportAt.Equal(d.now) || !r.ExportUntil.Equal(d.now.Add(30*24*time.Hour)) {
		t.Errorf("ended as %q, export at %v until %v", r.Outcome, r.ExportAt, r.ExportUntil)
	}
	e := d.export(r)
	if len(e.Orders) != 2 || len(e.Webhooks) != 4 || len(e.DeadLetters) != 1 || len(e.LeftOut) != 0 ||
		e.Customer != (pipeline.ExportCustomer{ID: fmt.Sprint(joID), Email: jo, Phone: "+1 555 0117"}) ||
		e.Orders[0].Customer.Name != "Jo Lee" || !strings.HasPrefix(e.DeadLetters[0].Text, `{"id":299938000009`) ||
		!strings.Contains(string(e.Webhooks[0].Body), "1 Quay of Lee") {
		t.Errorf("the export has %d orders, %d webhooks, %d dead letters, and is of %+v", len(e.Orders), len(e.Webhooks),
			len(e.DeadLetters), e.Customer)
	}
	text, err := d.store.PrivacyExport(t.Context(), domain, r.ID)
	d.must(err)
	if strings.Contains(string(text), "Ann") || strings.Contains(string(text), "ajo.lee") {
		t.Error("the export names the other customer")
	}
	if _, err := d.store.PrivacyExport(t.Context(), "other.myshopify.com", r.ID); bellhop.KindOf(err) != bellhop.NotFound {
		t.Errorf("another shop's owner: %v", err)
	}
	d.now = d.now.Add(30*24*time.Hour + time.Second)
	d.must(d.privacy().Retain(t.Context(), pipeline.Keep{}))
	if _, err := d.store.PrivacyExport(t.Context(), domain, r.ID); bellhop.KindOf(err) != bellhop.NotFound {
		t.Errorf("after 30 days: %v", err)
	}
}

func TestGiveNothing(t *testing.T) {
	d := openDesk(t)
	d.fill()
	for _, who := range []bellhop.Subject{{Email: "nobody@example.com"}, {CustomerID: 4}, {}} {
		r := d.request(bellhop.RequestGive, who)
		d.must(d.privacy().Round(t.Context()))
		if r = d.after(r); r.Outcome != bellhop.RequestNothingFound || !r.ExportAt.IsZero() {
			t.Errorf("%+v: %q, export at %v", who, r.Outcome, r.ExportAt)
		}
	}
}

// TestGiveABoundedExport names what has no room.
func TestGiveABoundedExport(t *testing.T) {
	d := openDesk(t)
	for range 5 {
		d.record("customers/update", `{"email":"jo.lee@example.com","note":"`+strings.Repeat("x", 7<<20)+`"}`)
	}
	r := d.request(bellhop.RequestGive, bellhop.Subject{Email: jo})
	d.must(d.privacy().Round(t.Context()))
	text, err := d.store.PrivacyExport(t.Context(), domain, r.ID)
	d.must(err)
	e := d.export(r)
	if len(e.Webhooks) != 4 || len(e.LeftOut) != 1 || e.LeftOut[0].What != "webhook" || len(text) > store.MaxExport {
		t.Errorf("an export of %d bytes has %d webhooks, and leaves out %v", len(text), len(e.Webhooks), e.LeftOut)
	}
}
