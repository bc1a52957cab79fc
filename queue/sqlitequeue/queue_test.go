package sqlitequeue_test

import (
	"context"
	"path/filepath"
	"testing"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/queue"
	"bellhop/queue/queuetest"
	"bellhop/queue/sqlitequeue"
)

func TestMain(m *testing.M) {
	queuetest.Main(m, func(ctx context.Context, path string) (queue.Broker, error) {
		f, err := sqlitefile.Open(ctx, path, sqlitefile.Options{})
		if err != nil {
			return nil, err
		}
		return sqlitequeue.NewBroker(f, nil), nil
	})
}

// opened remembers the file of each broker.
type opened struct {
	queue.Broker
	path string
	file *sqlitefile.File
}

func open(t testing.TB, path string) queue.Broker {
	t.Helper()
	f, err := sqlitefile.Open(t.Context(), path, sqlitefile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("close the file: %v", err)
		}
	})
	return opened{sqlitequeue.NewBroker(f, nil), path, f}
}

var harness = queuetest.Harness{
	Broker: func(t testing.TB) queue.Broker {
		path := filepath.Join(t.TempDir(), "bellhop.db")
		if _, err := sqlitefile.Migrate(t.Context(), path, sqlitequeue.Schema()); err != nil {
			t.Fatal(err)
		}
		return open(t, path)
	},
	Again:   func(t testing.TB, b queue.Broker) queue.Broker { return open(t, b.(opened).path) },
	Address: func(b queue.Broker) string { return b.(opened).path },
	Damage: func(t testing.TB, b queue.Broker, e *bellhop.Event) {
		err := b.(opened).file.Write(t.Context(), func(tx *sqlitefile.Tx) error {
			return tx.Prepare(`UPDATE events SET coding = (SELECT id FROM dictionaries), body = X'FFFFFF' WHERE id = ?`).Blob(
				e.ID[:]).Exec()
		})
		if err != nil {
			t.Fatal(err)
		}
	},
}

func TestConformance(t *testing.T) { queuetest.Run(t, harness) }

func BenchmarkQueue(b *testing.B) { queuetest.Bench(b, harness) }
