package sqlitequeue_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/queue"
)

// TestPrunesItsOwnFile prunes old events in every state: it drops those in no queue
// any more, where no store does that.
func TestPrunesItsOwnFile(t *testing.T) {
	b := harness.Broker(t)
	now := time.Now()
	var all []*bellhop.Event
	for i := range 1200 {
		all = append(all, &bellhop.Event{ID: bellhop.EventID(uuid.New()), Shop: string(rune('a'+i%3)) +
			".myshopify.com",
			Topic: "orders/create", AcceptedAt: now.Add(-time.Hour), Body: []byte(`{}`)})
	}
	young := *all[0]
	young.ID, young.AcceptedAt = bellhop.EventID(uuid.New()), now
	if err := b.Create(t.Context(), "orders", queue.DefaultAttributes()); err != nil {
		t.Fatal(err)
	}
	q := openOrders(t, b)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(q.Send(t.Context(), append(all, &young)...))
	settled := map[bellhop.EventID]bool{}
	for i := 0; i < 1000; {
		ds, err := q.Receive(t.Context(), min(250, 1000-i))
		must(err)
		for _, d := range ds {
			s := queue.Settlement{Receipt: d.Receipt, Reason: "for the test", Delay: time.Hour}
			switch i++; i % 100 {
			case 1:
				s.Verdict = queue.DeadLetter
			case 2:
				s.Verdict = queue.Retry
			case 3:
				continue // stays leased
			default:
				settled[d.Event.ID] = true
			}
			must(q.Settle(t.Context(), s))
		}
	}
	before := archived(t, b)
	n, err := q.(queue.Pruner).Prune(t.Context(), now.Add(-time.Minute))
	must(err)
	delete(settled, young.ID)
	if n != len(settled) || archived(t, b) != before-int64(n) {
		t.Errorf("dropped %d of %d, and %d are left of %d", n, len(settled), archived(t, b), before)
	}
	d, err := q.Depth(t.Context())
	must(err)
	if want := (queue.Depth{Waiting: 201 + 10, Leased: 10, Dead: 10, Oldest: d.Oldest}); d != want {
		t.Errorf("depth: %+v, want %+v", d, want)
	}
	for got := 0; got < 201; {
		ds, err := q.Receive(t.Context(), 100)
		must(err)
		got += len(ds)
		for _, d := range ds {
			if len(d.Event.Body) == 0 {
				t.Errorf("event %s lost its body", d.Event.ID)
			}
			must(q.Settle(t.Context(), queue.Settlement{Receipt: d.Receipt}))
		}
	}
	// A store in the same file drops them by its ledger.
	_, err = sqlitefile.Migrate(t.Context(), b.(opened).path, sqlitefile.Schema{Name: "store", FS: fstest.MapFS{
		"migrations/00001_a.sql": {Data: []byte("-- +goose Up\nSELECT 1;")}}})
	must(err)
	if n, err := q.(queue.Pruner).Prune(t.Context(), now); n > 0 || err != nil {
		t.Errorf("dropped %d of a file that a store is in: %v", n, err)
	}
}

// TestScrubLeavesNoBody looks for a dropped body in the queue's files.
func TestScrubLeavesNoBody(t *testing.T) {
	b := harness.Broker(t)
	if err := b.Create(t.Context(), "orders", queue.DefaultAttributes()); err != nil {
		t.Fatal(err)
	}
	q, now := openOrders(t, b), time.Now()
	secret := []byte("Rumpelstilzchen")
	e := &bellhop.Event{ID: bellhop.EventID(uuid.New()), Shop: "a.myshopify.com", Topic: "orders/create",
		AcceptedAt: now.Add(-time.Minute), Body: slices.Concat([]byte(`{"note":"`), secret, []byte(`"}`))}
	if err := q.Send(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	ds, err := q.Receive(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if n := inFiles(t, b, secret); n == 0 {
		t.Error("the body of a waiting event is in no file")
	}
	err = q.Settle(t.Context(), queue.Settlement{Receipt: ds[0].Receipt})
	if err == nil {
		_, err = q.(queue.Pruner).Prune(t.Context(), now)
	}
	if err = errors.Join(err, q.(queue.Pruner).Scrub(t.Context())); err != nil {
		t.Fatal(err)
	}
	if n := inFiles(t, b, secret); n > 0 {
		t.Errorf("a dropped body is in %d files", n)
	}
}

// inFiles counts the queue's files in which a text is.
func inFiles(t *testing.T, b queue.Broker, text []byte) (n int) {
	t.Helper()
	files, err := filepath.Glob(b.(opened).path + "*")
	for _, f := range files {
		data, readErr := os.ReadFile(f)
		if err = errors.Join(err, readErr); bytes.Contains(data, text) {
			n++
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPurgeDropsBodies checks that no body stays of events that nobody will settle.
func TestPurgeDropsBodies(t *testing.T) {
	b := harness.Broker(t)
	if err := b.Create(t.Context(), "orders", queue.DefaultAttributes()); err != nil {
		t.Fatal(err)
	}
	q := openOrders(t, b)
	for range 3 {
		e := &bellhop.Event{ID: bellhop.EventID(uuid.New()), Shop: "a.myshopify.com", Topic: "orders/create",
			AcceptedAt: time.Now(), Body: []byte("{}")}
		if err := q.Send(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := q.Purge(t.Context()); n != 3 || err != nil {
		t.Fatalf("purged %d, %v", n, err)
	}
	err := b.(opened).file.Read(t.Context(), func(c *sqlitefile.Conn) error {
		n, err := c.Prepare(`SELECT count(*) FROM events WHERE body IS NOT NULL`).One()
		if n > 0 {
			t.Errorf("%d bodies are left", n)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
