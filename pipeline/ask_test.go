package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bellhop"
	"bellhop/shopify"
	"bellhop/store"
)

func notice(t *testing.T, id int64) *bellhop.Event {
	return &bellhop.Event{ID: newID(t), Shop: domain, Topic: shopify.TopicEventUpdate, SignedBy: bellhop.SignerApp,
		AcceptedAt: noon, Body: fmt.Appendf(nil, `{"topic":"Order","action":"update","query_variables":`+
			`{"orderId":"gid://shopify/Order/%d"},"data":{"order":null}}`, id)}
}

// TestNoticesAsk for their orders, each time that they come, and only in a connected shop.
func TestNoticesAsk(t *testing.T) {
	r := openRecorder(t, "sqlite:", []string{domain})
	s := r.Store.(store.Store)
	events := []*bellhop.Event{notice(t, 7), notice(t, 8), notice(t, 7)}
	record := func() (is bellhop.Reconciliation) {
		t.Helper()
		for _, done := range r.Record(t.Context(), events) {
			if done.Err != nil || done.Outcome != bellhop.OutcomeSkipped || done.Reason != "incomplete: data.order" {
				t.Errorf("%+v", done)
			}
		}
		is, err := s.Reconciliation(t.Context(), domain)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	if diff := cmp.Diff(bellhop.Reconciliation{Shop: domain}, record()); diff != "" {
		t.Errorf("in a shop that nobody connected: %s", diff)
	}
	later := r.Now().Add(1e12).UTC()
	connect := func(is *bellhop.Reconciliation) error { is.Due, is.Asked.Orders = later, nil; return nil }
	for range 2 {
		if err := s.UpdateReconciliation(t.Context(), domain, connect); err != nil {
			t.Fatal(err)
		}
		is := record()
		if diff := cmp.Diff([]int64{7, 8}, is.Asked.Orders); diff != "" || !is.Due.Before(later) {
			t.Errorf("due %v: %s", is.Due, diff)
		}
	}
}

// counting is a store that counts how often the state of a comparison is written.
type counting struct {
	store.Store
	writes int
}

func (c *counting) UpdateReconciliation(
	ctx context.Context, shop string, change func(*bellhop.Reconciliation) error,
) error {
	c.writes++
	return c.Store.UpdateReconciliation(ctx, shop, change)
}

// TestNoticesWriteOnce for a batch, and nothing while their orders are asked for.
func TestNoticesWriteOnce(t *testing.T) {
	r := openRecorder(t, "sqlite:", []string{domain})
	s := &counting{Store: r.Store.(store.Store)}
	due := func(is *bellhop.Reconciliation) error { is.Due = r.Now(); return nil }
	if err := s.Store.UpdateReconciliation(t.Context(), domain, due); err != nil {
		t.Fatal(err)
	}
	r.Store = s
	for range 3 {
		r.Record(t.Context(), []*bellhop.Event{notice(t, 7), notice(t, 8), notice(t, 9)})
	}
	if s.writes != 1 {
		t.Errorf("it was written %d times", s.writes)
	}
}

var errAway = errors.New("the database is away")

// deaf is a store that records, and says nothing of how far a shop was compared.
type deaf struct{ store.Store }

func (deaf) Reconciliation(context.Context, string) (is bellhop.Reconciliation, err error) {
	return is, errAway
}

// TestNoticeComesAgain when nobody could ask for its order: the host tries it again.
func TestNoticeComesAgain(t *testing.T) {
	r := openRecorder(t, "sqlite:", []string{domain})
	r.Store = deaf{r.Store.(store.Store)}
	if done := r.Record(t.Context(), []*bellhop.Event{notice(t, 7)})[0]; !errors.Is(done.Err, errAway) {
		t.Errorf("%+v", done)
	}
}
