package wire_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"bellhop/internal/realserver"
	"bellhop/internal/sqlitefile"
	"bellhop/wire"
)

// TestOpenTogether starts several processes at once without a database.
func TestOpenTogether(t *testing.T) {
	for name, storage := range storages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storage(t)
			var all sync.WaitGroup
			for range 6 {
				all.Go(func() {
					p, err := s.Open(t.Context(), wire.Options{})
					if err == nil {
						err = p.Close()
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if left, _ := filepath.Glob(s.Dir + "/*-migrate"); len(left) > 0 {
				t.Errorf("it left %v", left)
			}
		})
	}
}

// TestOpenWaits opens a database without its last migration while somebody migrates it.
func TestOpenWaits(t *testing.T) {
	const lose, add = `UPDATE schema_store SET version_id = -version_id WHERE version_id = (SELECT max(version_id) FROM ` +
		`schema_store)`,
		`UPDATE schema_store SET version_id = -version_id WHERE version_id < 0`
	for name, storage := range storages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storage(t)
			if _, err := s.Migrate(t.Context(), wire.Options{}); err != nil {
				t.Fatal(err)
			}
			exec, unlock := holdLock(t, s)
			exec(lose)
			waits, opened := make(signals, 10), make(chan error)
			go func() {
				p, err := s.Open(t.Context(), wire.Options{Log: slog.New(waits)})
				if err == nil {
					err = p.Close()
				}
				opened <- err
			}()
			select {
			case <-waits:
			case err := <-opened:
				t.Fatalf("it did not wait: %v", err)
			}
			exec(add)
			unlock()
			if err := <-opened; err != nil {
				t.Error(err)
			}
		})
	}
}

var storages = map[string]func(*testing.T) wire.Storage{
	"SQLite": func(t *testing.T) wire.Storage {
		return wire.Storage{Dir: filepath.Join(t.TempDir(), "new"), DB: "sqlite:", Queue: "sqlite:"}
	},
	"Postgres": func(t *testing.T) wire.Storage {
		s, err := realserver.StartPostgres(t.Context())
		realserver.Need(t, err)
		t.Cleanup(func() { s.Close() })
		return wire.Storage{Dir: t.TempDir(), DB: s.URL("postgres"), Queue: "postgres:"}
	},
}

// holdLock holds a migration's lock. exec runs a statement past it.
func holdLock(t *testing.T, s wire.Storage) (exec func(string), unlock func()) {
	t.Helper()
	if s.DB == "sqlite:" {
		path := filepath.Join(s.Dir, "bellhop.db")
		unlock, err := sqlitefile.Lock(t.Context(), path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		f, err := sqlitefile.Open(t.Context(), path, sqlitefile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return func(statement string) {
			err := f.Write(t.Context(), func(tx *sqlitefile.Tx) error { return tx.Prepare(statement).Exec() })
			if err != nil {
				t.Error(err)
			}
		}, unlock
	}
	var conns [2]*pgx.Conn
	for i := range conns {
		c, err := pgx.Connect(t.Context(), s.DB)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(context.Background()) })
		conns[i] = c
	}
	run := func(c *pgx.Conn) func(string) {
		return func(statement string) {
			if _, err := c.Exec(t.Context(), statement); err != nil {
				t.Error(err)
			}
		}
	}
	run(conns[0])(`BEGIN; SELECT pg_advisory_xact_lock(hashtext('bellhop migrate'))`)
	return run(conns[1]), func() { run(conns[0])(`ROLLBACK`) }
}

// signals signals each log line about waiting.
type signals chan struct{}

func (signals) Enabled(context.Context, slog.Level) bool { return true }
func (s signals) WithAttrs([]slog.Attr) slog.Handler     { return s }
func (s signals) WithGroup(string) slog.Handler          { return s }
func (s signals) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "waiting") {
		s <- struct{}{}
	}
	return nil
}
