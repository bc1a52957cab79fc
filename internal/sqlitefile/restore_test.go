package sqlitefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"bellhop"
	"bellhop/internal/bodies"
)

// leasing is a schema with ids that must never come again.
func leasing(version int) Schema {
	files := fstest.MapFS{"migrations/00001_leases.sql": {Data: []byte(`-- +goose Up
CREATE TABLE leases (id INTEGER PRIMARY KEY AUTOINCREMENT, note TEXT);`)}}
	for v := 2; v <= version; v++ {
		files[fmt.Sprintf("migrations/%05d_more.sql", v)] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"-- +goose Up\nCREATE TABLE more%d (id INTEGER);", v)}
	}
	return Schema{Name: "leasing", FS: files}
}

func openAt(t *testing.T, path string, schemas ...Schema) *File {
	t.Helper()
	if _, err := Migrate(t.Context(), path, schemas...); err != nil {
		t.Fatal(err)
	}
	f, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func event(n int) *bellhop.Event {
	e := &bellhop.Event{Shop: "a.myshopify.com", Topic: "orders/create", WebhookID: "w", AcceptedAt: time.UnixMicro(1),
		Body: fmt.Appendf(nil, `{"id":%d,"admin_graphql_api_id":"gid:\/\/shopify\/Order\/%d","note":"%s"}`, n, n,
			strings.Repeat("x", 100))}
	e.ID[0], e.ID[15] = 1, byte(n)
	return e
}

func add(t *testing.T, f *File, n int) (seq int64) {
	t.Helper()
	err := f.Write(t.Context(), func(tx *Tx) (err error) {
		seq, err = tx.Append(event(n))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func lease(t *testing.T, f *File) (id int64) {
	t.Helper()
	err := f.Write(t.Context(), func(tx *Tx) error {
		err := tx.Prepare(`INSERT INTO leases (note) VALUES ('')`).Exec()
		id = tx.LastID()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func allBodies(t *testing.T, f *File) (out [][]byte) {
	t.Helper()
	err := f.Read(t.Context(), func(c *Conn) error {
		for seq := int64(1); ; seq++ {
			e, err := f.Event(c, seq)
			if err != nil || e == nil {
				return err
			}
			out = append(out, e.Body)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRestoreUnderAnOpenFile(t *testing.T) {
	dir := t.TempDir()
	live, backup := filepath.Join(dir, "live.db"), filepath.Join(dir, "backup.db")
	f := openAt(t, live, leasing(1))
	add(t, f, 1)
	lease(t, f)
	if err := f.Backup(t.Context(), backup, nil); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(backup); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("a backup holds secrets: its mode is %v, %v", info.Mode(), err)
	}
	add(t, f, 2)
	last := lease(t, f)

	changed := f.Changed()
	if err := Restore(t.Context(), live, Backup{Path: backup}, time.Now(), anyBackup, leasing(1)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	case <-time.After(time.Minute):
		t.Fatal("those waiting for changes did not hear of the restore")
	}
	if got := allBodies(t, f); len(got) != 1 || !bytes.Equal(got[0], event(1).Body) {
		t.Fatalf("after the restore there are %d events: %q", len(got), got)
	}
	add(t, f, 3)
	if got := allBodies(t, f); len(got) != 2 || !bytes.Equal(got[1], event(3).Body) {
		t.Fatalf("after one more there are %q", got)
	}
	if id := lease(t, f); id <= last {
		t.Errorf("lease %d was given out, and %d before: an old receipt would fit it", id, last)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.restore*")); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}

// TestOneEncryptedBackupAtATime begins a backup while another one encrypts.
func TestOneEncryptedBackupAtATime(t *testing.T) {
	if !locks {
		t.Skip("this system has no locks on files")
	}
	dir := t.TempDir()
	live, first := filepath.Join(dir, "live.db"), filepath.Join(dir, "first")
	f := openAt(t, live)
	if err := os.WriteFile(live+".backup", []byte("what a killed process left"), 0o600); err != nil {
		t.Fatal(err)
	}
	var second error
	err := f.Backup(t.Context(), first, func(path, to string) error {
		second = f.Backup(t.Context(), filepath.Join(dir, "second"), func(string, string) error { return nil })
		b, err := os.ReadFile(path)
		if err != nil || !bytes.HasPrefix(b, []byte("SQLite format 3")) {
			t.Errorf("it encrypts %.20q, %v", b, err)
		}
		return os.WriteFile(to, []byte("encrypted"), 0o600)
	})
	if err != nil || bellhop.KindOf(second) != bellhop.Conflict {
		t.Errorf("the first one: %v; the second one: %v", err, second)
	}
	fails := fmt.Errorf("no room")
	err = f.Backup(t.Context(), filepath.Join(dir, "third"), func(string, string) error { return fails })
	if !errors.Is(err, fails) {
		t.Errorf("one that fails: %v", err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	if b, err := os.ReadFile(first); err != nil || string(b) != "encrypted" || len(left) > 4 { // with -wal and -shm
		t.Errorf("wrote %q, %v; there are %v", b, err, left)
	}
}

// TestRestoreKeepsDictionaries gives the backup and the running program dictionaries
// of their own.
func TestRestoreKeepsDictionaries(t *testing.T) {
	dir := t.TempDir()
	live, backup := filepath.Join(dir, "live.db"), filepath.Join(dir, "backup.db")
	other := openAt(t, backup)
	err := other.Write(t.Context(), func(tx *Tx) error {
		tx.file.bodies = bodies.With([]byte(
			strings.Repeat(`{"id":0,"note":"","admin_graphql_api_id":"gid:\/\/shopify\/Order\/"}`, 9)))
		return keepDictionary(tx.Conn, tx.file.bodies)
	})
	if err != nil {
		t.Fatal(err)
	}
	add(t, other, 1)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	f := openAt(t, live)
	add(t, f, 2)
	if err := Restore(t.Context(), live, Backup{Path: backup}, time.Now(), anyBackup); err != nil {
		t.Fatal(err)
	}
	add(t, f, 3)
	got := allBodies(t, f)
	if len(got) != 2 || !bytes.Equal(got[0], event(1).Body) || !bytes.Equal(got[1], event(3).Body) {
		t.Fatalf("the bodies are %q", got)
	}
}

func TestRestoreBringsAnOlderBackupUpToDate(t *testing.T) {
	dir := t.TempDir()
	live, backup := filepath.Join(dir, "live.db"), filepath.Join(dir, "backup.db")
	add(t, openAt(t, backup, leasing(1)), 1)
	if err := Restore(t.Context(), live, Backup{Path: backup}, time.Now(), anyBackup, leasing(2)); err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), live, leasing(2)); err != nil {
		t.Error(err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	dir := t.TempDir()
	live := filepath.Join(dir, "live.db")
	f := openAt(t, live, leasing(1))
	add(t, f, 1)
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	newer := filepath.Join(dir, "newer.db")
	openAt(t, newer, leasing(3)).Close()
	foreign := filepath.Join(dir, "foreign.db")
	if _, err := Migrate(t.Context(), foreign, Schema{Name: "other", FS: leasing(1).FS}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		says string
	}{
		{filepath.Join(dir, "none.db"), "there is no file"},
		{file("empty.db", ""), "not a backup"},
		{file("text.db", strings.Repeat("this is no database\n", 100)), "not a backup"},
		{foreign, "not a backup"},
		{newer, "newer than this bellhop"},
		{live, "the database itself"},
		{dir, "not a backup"},
	} {
		err := Restore(t.Context(), live, Backup{Path: c.path}, time.Now(), anyBackup, leasing(1))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: the error is %v, and should say %q", filepath.Base(c.path), err, c.says)
		}
	}
	if err := Restore(canceled(), live, Backup{Path: newer}, time.Now(), anyBackup, leasing(3)); err == nil {
		t.Error("a restore that was called off returned nil")
	}
	if got := allBodies(t, f); len(got) != 1 {
		t.Errorf("refused restores changed the database: %d events", len(got))
	}
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestBackupSparesTheDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "live.db")
	f := openAt(t, path)
	if err := f.Backup(t.Context(), path, nil); err == nil {
		t.Fatal("a backup over the database itself was taken")
	}
	if err := f.QuickCheck(t.Context()); err != nil {
		t.Error(err)
	}
}

// anyBackup accepts every backup.
func anyBackup(string) error { return nil }
