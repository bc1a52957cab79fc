package pipeline_test

import (
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"bellhop"
	"bellhop/internal/realserver"
	"bellhop/pipeline"
	"bellhop/simulate"
	"bellhop/simulate/simulatetest"
	"bellhop/store"
	"bellhop/wire"
)

// TestEveryShuffleConverges records 500 orders, delivered as 2,500 shuffled
// creations, updates, edits, refunds, parcels, risks, deletions and duplicates, from
// several goroutines in batches of any size, and compares the whole orders of both
// databases with a model. make converge records as many orders as it is asked to,
// 20,000 by default.
func TestEveryShuffleConverges(t *testing.T) {
	orders := 500
	if s := os.Getenv("CONVERGE_ORDERS"); s != "" {
		var err error
		if orders, err = strconv.Atoi(s); err != nil {
			t.Fatalf("CONVERGE_ORDERS: %v", err)
		}
	}
	t.Run("sqlite", func(t *testing.T) { converge(t, "sqlite:", orders) })
	t.Run("postgres", func(t *testing.T) {
		server, err := realserver.StartPostgres(t.Context())
		realserver.Need(t, err)
		t.Cleanup(func() { server.Close() })
		converge(t, server.URL("postgres"), orders)
	})
}

func converge(t *testing.T, db string, orders int) {
	shops := []string{"a.myshopify.com", "b.myshopify.com", "c.myshopify.com", "d.myshopify.com"}
	r := openRecorder(t, db, shops)
	deliveries, err := simulate.Generate(simulate.ShopifyOptions{Shops: shops, Secret: app, Seed: 42,
		Orders: orders, Updates: 0.4, FollowUps: 4, Duplicates: 0.3})
	if err != nil {
		t.Fatal(err)
	}
	model := simulate.NewModel()
	var events []*bellhop.Event
	for d := range deliveries {
		model.Take(d)
		events = append(events, d.Event(newID(t), time.Now()))
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for len(events) < 5*orders { // and the same deliveries once more
		e := *events[rng.IntN(len(events))]
		e.ID = newID(t)
		events = append(events, &e)
	}
	rng.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	recordAll(t, r, rng, events)
	compare(t, r.Store.(store.Store), model.Expect(), len(events))
}

func newID(t *testing.T) bellhop.EventID {
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return bellhop.EventID(id)
}

func openRecorder(t *testing.T, db string, shops []string) *pipeline.Recorder {
	t.Helper()
	s := wire.Storage{Dir: filepath.Join(t.TempDir(), "data"), DB: db, Queue: "sqlite:"}
	parts, err := s.Open(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { parts.Close() })
	for _, domain := range shops {
		if err := parts.Store.AddShop(t.Context(), bellhop.Shop{Domain: domain, AddedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	return &pipeline.Recorder{Store: parts.Store, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
}

func recordAll(t *testing.T, r *pipeline.Recorder, rng *rand.Rand, events []*bellhop.Event) {
	t.Helper()
	batches := make(chan []*bellhop.Event)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for batch := range batches {
				for i, done := range r.Record(t.Context(), batch) {
					if done.Err != nil {
						t.Errorf("event %s: %v", batch[i].ID, done.Err)
					}
				}
			}
		})
	}
	for len(events) > 0 {
		n := min(len(events), 1+rng.IntN(300))
		batches <- events[:n]
		events = events[n:]
	}
	close(batches)
	workers.Wait()
}

func compare(t *testing.T, s store.Store, expect map[simulate.OrderKey]simulate.Expected, events int) {
	t.Helper()
	known, wrong := 0, 0
	for key, want := range expect {
		got, err := s.Order(t.Context(), key.Shop, key.ID)
		shown := want.Known && !want.Deleted
		if shown {
			known++
		}
		diff := ""
		if shown && err == nil {
			diff = simulatetest.Diff(want, got)
		}
		if shown != (err == nil) || !shown && bellhop.KindOf(err) != bellhop.NotFound || diff != "" {
			if wrong++; wrong <= 5 {
				t.Errorf("order %d of %s: %v; want it shown: %v\n%s", key.ID, key.Shop, err, shown, diff)
			}
		}
		lines := map[bellhop.PushKind]int{}
		for _, p := range got.Pushes {
			lines[p.Kind]++
		}
		if shown && lines[bellhop.PushOrderNew] != 1 || len(lines) != len(got.Pushes) {
			t.Errorf("the delivery log has for order %d: %v", key.ID, lines)
		}
	}
	checkCoverage(t, expect)
	totals, err := s.Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, n := range totals {
		sum += n
	}
	if sum != int64(events) {
		t.Errorf("the ledger has %d lines for %d events", sum, events)
	}
	t.Logf("%d events, %d orders shown, %d wrong; ledger: %v", events, known, wrong, totals)
}

// checkCoverage fails the test where no order has one of what must converge.
func checkCoverage(t *testing.T, expect map[simulate.OrderKey]simulate.Expected) {
	t.Helper()
	n := map[string]int{"refunds": 0, "parcels": 0, "edits": 0, "risks": 0, "unsent pieces": 0}
	for _, e := range expect {
		h := &e.Order.History
		n["refunds"] += len(h.Refunds)
		n["parcels"] += len(h.Fulfillments)
		n["edits"] += len(h.Edits)
		n["risks"] += len(h.Risks)
		for i := range e.Order.Items {
			n["unsent pieces"] += int(e.Order.Items[i].ToFulfil)
		}
	}
	for what, n := range n {
		if n == 0 {
			t.Errorf("the run has no %s", what)
		}
	}
}
