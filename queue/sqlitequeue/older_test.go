package sqlitequeue_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/queue"
	"bellhop/queue/sqlitequeue"
)

// TestOlderFile opens a file from before events had a trace, with waiting events
// and dead letters: the error says what to run, and after that nothing is missing.
func TestOlderFile(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "bellhop.db")
	if _, err := sqlitefile.Migrate(ctx, path, sqlitequeue.Schema()); err != nil {
		t.Fatal(err)
	}
	sendTwoAndKillOne(t, path)
	makeOlder(t, path)
	if err := sqlitefile.Check(ctx, path, sqlitequeue.Schema()); err == nil ||
		!strings.Contains(err.Error(), "bellhop migrate") {
		t.Errorf("an older file: %v; want what to run", err)
	}
	if n, err := sqlitefile.Migrate(ctx, path, sqlitequeue.Schema()); n != 2 || err != nil {
		t.Fatalf("migrate: %d, %v; want 2", n, err)
	}
	q := openOrders(t, open(t, path))
	if n, err := q.Redrive(ctx); n != 1 || err != nil {
		t.Errorf("redrive: %d, %v; want 1", n, err)
	}
	for got := 0; got < 2; {
		ds, err := q.Receive(ctx, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range ds {
			if d.Event.TraceParent != "" || string(d.Event.Body) != "{}" {
				t.Errorf("received %+v", d.Event)
			}
		}
		got += len(ds)
	}
}

func openOrders(t *testing.T, b queue.Broker) queue.Queue {
	t.Helper()
	q, err := b.Open(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

func sendTwoAndKillOne(t *testing.T, path string) {
	t.Helper()
	ctx := t.Context()
	f, err := sqlitefile.Open(ctx, path, sqlitefile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := sqlitequeue.NewBroker(f, nil)
	if err := b.Create(ctx, "orders", queue.DefaultAttributes()); err != nil {
		t.Fatal(err)
	}
	q, err := b.Open(ctx, "orders")
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	for n := range byte(2) {
		e := &bellhop.Event{ID: bellhop.EventID{15: n + 1}, Shop: "a.myshopify.com", Topic: "orders/create",
			AcceptedAt: time.Now(),
			SignedBy:   bellhop.SignerApp, Body: []byte("{}")}
		if err := q.Send(ctx, e); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
		ds, err := q.Receive(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.Settle(ctx, queue.Settlement{Receipt: ds[0].Receipt, Verdict: queue.DeadLetter,
			Reason: "a test"}); err != nil {
			t.Fatal(err)
		}
	}
}

// makeOlder undoes the migrations of the archive that came after the first.
func makeOlder(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range []string{`ALTER TABLE events DROP COLUMN trace_parent`,
		`DELETE FROM schema_archive WHERE version_id >= 2`} {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}
