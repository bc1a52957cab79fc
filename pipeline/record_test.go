package pipeline_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/store"
)

// books is a store with a test's own recording.
type books struct {
	store.Store
	record    func(facts []bellhop.Fact) ([]bellhop.Result, error)
	uninstall func(shop string, at time.Time) error
}

func (b *books) Uninstall(_ context.Context, shop string, at time.Time) error {
	return b.uninstall(shop, at)
}

func (b *books) Record(_ context.Context, facts []bellhop.Fact) ([]bellhop.Result, error) {
	return b.record(facts)
}

func order(body string) *bellhop.Event {
	return &bellhop.Event{Shop: domain, Topic: "orders/create", Body: []byte(body)}
}

func TestRecordReturnsAResultForEachEvent(t *testing.T) {
	refused := errors.New("the database refuses order 2")
	together := true
	b := &books{record: func(facts []bellhop.Fact) ([]bellhop.Result, error) {
		results := make([]bellhop.Result, len(facts))
		for i, f := range facts {
			if f.OrderID == 2 {
				return nil, refused
			}
			results[i] = bellhop.Result{Outcome: bellhop.OutcomeRecorded, Pushes: int(f.OrderID)}
		}
		together = together && len(facts) > 1
		return results, nil
	}}
	r := &pipeline.Recorder{Store: b, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	const rest = `,"currency":"USD","total_price":"1.00","line_items":[],"created_at":"2026-11-22T09:00:00Z",` +
		`"updated_at":"2026-11-22T09:00:00Z"}`
	all := r.Record(t.Context(), []*bellhop.Event{order(`{"id":1` + rest), order(`{`), order(`{"id":2` + rest),
		order(`{"id":3` + rest)})
	for i, want := range []struct {
		id   int64
		gone error
	}{{1, nil}, {0, nil}, {2, refused}, {3, nil}} {
		got := all[i]
		switch {
		case i == 1:
			if !bellhop.IsPermanent(got.Err) {
				t.Errorf("a body that makes no sense: %+v", got)
			}
		case !errors.Is(got.Err, want.gone) || got.OrderID != want.id || got.Err == nil && got.Pushes != int(want.id):
			t.Errorf("event %d: %+v", i, got)
		}
	}
	if together {
		t.Error("they were not tried one by one")
	}
}

// TestRecordUninstalls ends what a shop had once its app/uninstalled is recorded. Until that is done the event
// is not.
func TestRecordUninstalls(t *testing.T) {
	away := errors.New("the database is away")
	for _, fails := range []error{away, nil} {
		var ended []string
		b := &books{record: func(facts []bellhop.Fact) ([]bellhop.Result, error) {
			return []bellhop.Result{{Outcome: bellhop.OutcomeRecorded, Uninstalls: true}}, nil
		}, uninstall: func(shop string, at time.Time) error {
			ended = append(ended, shop+at.Format(time.RFC3339))
			return fails
		}}
		r := &pipeline.Recorder{Store: b, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
		e := &bellhop.Event{Shop: domain, Topic: "app/uninstalled", Body: []byte(`{"id":1,"domain":"x"}`),
			TriggeredAt: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
		all := r.Record(t.Context(), []*bellhop.Event{e})
		if !errors.Is(all[0].Err, fails) || len(ended) != 1 || ended[0] != domain+"2026-11-22T09:00:00Z" {
			t.Errorf("%+v, ended %v", all, ended)
		}
	}
}

// TestRecordWithoutABody records an event again after its body was dropped: it becomes no
// dead letter.
func TestRecordWithoutABody(t *testing.T) {
	var got []bellhop.Fact
	b := &books{record: func(facts []bellhop.Fact) ([]bellhop.Result, error) {
		got = facts
		return []bellhop.Result{{Outcome: bellhop.OutcomeDuplicate}}, nil
	}}
	r := &pipeline.Recorder{Store: b, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	if all := r.Record(t.Context(), []*bellhop.Event{order("")}); all[0].Err != nil {
		t.Error(all[0].Err)
	}
	if len(got) != 1 || got[0].Skip != bellhop.ReasonBodyDropped || got[0].OrderID != 0 {
		t.Errorf("recorded %+v", got)
	}
}
