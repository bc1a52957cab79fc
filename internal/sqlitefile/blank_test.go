package sqlitefile_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"bellhop/internal/sqlitefile"
)

// gone checks that none of the texts is in the file or its log.
func gone(t *testing.T, path string, texts ...string) {
	t.Helper()
	for _, name := range []string{path, path + "-wal"} {
		content, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, text := range texts {
			if bytes.Contains(content, []byte(text)) {
				t.Errorf("%s still has %s", name, text)
			}
		}
	}
}

// TestNothingDeletedStays adds, changes and empties rows of many lengths.
func TestNothingDeletedStays(t *testing.T) {
	const rows = 1500
	f := open(t, temp(t), sqlitefile.Options{})
	r := rand.New(rand.NewPCG(1, 2))
	write := func(query string, args ...any) {
		t.Helper()
		err := f.Write(t.Context(), func(tx *sqlitefile.Tx) error { return tx.Prepare(query).Bind(args...).Exec() })
		if err != nil {
			t.Fatal(err)
		}
	}
	secrets := make([]string, rows)
	long := func(i int) string { return secrets[i] + strings.Repeat("x", r.IntN(1800)) }
	for i := range rows {
		secrets[i] = fmt.Sprintf("<secret-%d>", i)
		write(`INSERT INTO notes (id, text) VALUES (?,?)`, i, long(i))
		again := max(0, i-r.IntN(10))
		write(`UPDATE notes SET text = ? WHERE id = ?`, long(again), again)
	}
	for i := range rows {
		write(`UPDATE notes SET text = ? WHERE id = ?`, fmt.Sprint(i, strings.Repeat("y", r.IntN(900))), i)
	}
	if err := errors.Join(f.TruncateLog(t.Context()), f.QuickCheck(t.Context())); err != nil {
		t.Error(err)
	}
	if n := count(t, f); n != rows {
		t.Errorf("%d rows of %d are left", n, rows)
	}
	gone(t, f.Path(), secrets...)
}

// TestMigrateDropsWhatWasDeleted migrates a file in which an older program deleted something.
func TestMigrateDropsWhatWasDeleted(t *testing.T) {
	path, ctx := temp(t), t.Context()
	if _, err := sqlitefile.Migrate(ctx, path, notes); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", "file:"+path+"?_pragma=secure_delete(off)")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{`INSERT INTO notes (text) VALUES ('<secret>')`, `DELETE FROM notes`,
		`DELETE FROM schema_archive WHERE version_id = 3`} {
		if _, err := db.ExecContext(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(path); err != nil || !bytes.Contains(content, []byte("<secret>")) {
		t.Fatalf("the older program left nothing behind: %v", err)
	}
	if n, err := sqlitefile.Migrate(ctx, path, notes); n != 1 || err != nil {
		t.Errorf("migrate: %d, %v; want 1", n, err)
	}
	gone(t, path, "<secret>")
}

// TestTruncateLogWaitsForReads truncates the log while somebody reads, and after it.
func TestTruncateLogWaitsForReads(t *testing.T) {
	f := open(t, temp(t), sqlitefile.Options{})
	err := f.Read(t.Context(), func(c *sqlitefile.Conn) error {
		if _, err := c.Prepare(`SELECT count(*) FROM notes`).One(); err != nil { // a read begins with its first query
			return err
		}
		if err := add(t.Context(), f, "hello"); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if err := f.TruncateLog(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("truncated while somebody reads: %v", err)
		}
		return nil
	})
	if err == nil {
		err = f.TruncateLog(t.Context())
	}
	info, serr := os.Stat(f.Path() + "-wal")
	if err = errors.Join(err, serr); err != nil || info.Size() != 0 {
		t.Errorf("the log has %v bytes: %v", info, err)
	}
}
