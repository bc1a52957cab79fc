package sqlitefile_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"bellhop"
	"bellhop/internal/faultyvfs"
	"bellhop/internal/sqlitefile"
)

var notes = sqlitefile.Schema{Name: "notes", FS: fstest.MapFS{
	"migrations/00001_notes.sql": {Data: []byte("-- +goose Up\n" +
		"CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE);\n")},
}}

func open(t testing.TB, path string, o sqlitefile.Options) *sqlitefile.File {
	t.Helper()
	if _, err := sqlitefile.Migrate(t.Context(), path, notes); err != nil {
		t.Fatal(err)
	}
	f, err := sqlitefile.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return f
}

func temp(t testing.TB) string { return filepath.Join(t.TempDir(), "bellhop.db") }

func add(ctx context.Context, f *sqlitefile.File, text string) error {
	return f.Write(ctx, func(tx *sqlitefile.Tx) error {
		return tx.Prepare(`INSERT INTO notes (text) VALUES (?)`).Text(text).Exec()
	})
}

func count(t testing.TB, f *sqlitefile.File) (n int64) {
	t.Helper()
	err := f.Read(t.Context(), func(c *sqlitefile.Conn) (err error) {
		n, err = c.Prepare(`SELECT count(*) FROM notes`).One()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestConcurrentWritesShareCommits(t *testing.T) {
	var mu sync.Mutex
	commits, jobs := 0, 0
	f := open(t, temp(t), sqlitefile.Options{Committed: func(n int, _ time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		commits, jobs = commits+1, jobs+n
	}})
	// A first job holds the writer until all others have gathered.
	gathered := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		f.Write(t.Context(), func(*sqlitefile.Tx) error { <-gathered; return nil })
	})
	var queued sync.WaitGroup
	for i := range 100 {
		queued.Add(1)
		wg.Go(func() {
			queued.Done()
			if err := add(t.Context(), f, fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
		})
	}
	queued.Wait()
	close(gathered)
	wg.Wait()
	if n := count(t, f); n != 100 {
		t.Errorf("%d notes, want 100", n)
	}
	if err := f.Close(); err != nil { // it reports the last commit after the callers' return
		t.Error(err)
	}
	if jobs != 101 || commits > 60 {
		t.Errorf("%d jobs in %d commits: they were not gathered", jobs, commits)
	}
}

// TestFailedJobKeepsOthers checks that a job that fails loses its changes, and
// nobody else's.
func TestFailedJobKeepsOthers(t *testing.T) {
	f := open(t, temp(t), sqlitefile.Options{})
	var wg sync.WaitGroup
	failures := make([]error, 50)
	for i := range failures {
		wg.Go(func() {
			failures[i] = f.Write(t.Context(), func(tx *sqlitefile.Tx) error {
				if err := tx.Prepare(`INSERT INTO notes (text) VALUES (?)`).Text(fmt.Sprint("first of ",
					i)).Exec(); err != nil {
					return err
				}
				switch i % 5 {
				case 0: // violates UNIQUE, after having written
					return tx.Prepare(`INSERT INTO notes (text) VALUES (?)`).Text(fmt.Sprint("first of ", i)).Exec()
				case 1:
					panic("a job that panics")
				}
				return nil
			})
		})
	}
	wg.Wait()
	for i, err := range failures {
		if failed := i%5 < 2; failed != (err != nil) {
			t.Errorf("job %d: %v", i, err)
		}
		if i%5 == 0 && !sqlitefile.IsConstraint(err) {
			t.Errorf("job %d: %v, want a constraint", i, err)
		}
	}
	if n := count(t, f); n != 30 {
		t.Errorf("%d notes, want 30", n)
	}
}

func TestCancelledWriteIsNotRun(t *testing.T) {
	f := open(t, temp(t), sqlitefile.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := add(ctx, f, "never"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled write returned %v", err)
	}
	if err := add(t.Context(), f, "after"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, f); n != 1 {
		t.Errorf("%d notes, want 1", n)
	}
}

func TestReadsDontWaitForTheWriter(t *testing.T) {
	f := open(t, temp(t), sqlitefile.Options{})
	inside, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		f.Write(t.Context(), func(tx *sqlitefile.Tx) error {
			err := tx.Prepare(`INSERT INTO notes (text) VALUES ('uncommitted')`).Exec()
			close(inside)
			<-release
			return err
		})
	})
	<-inside
	if n := count(t, f); n != 0 {
		t.Errorf("a read saw %d uncommitted notes", n)
	}
	close(release)
	wg.Wait()
	if n := count(t, f); n != 1 {
		t.Errorf("%d notes after the commit, want 1", n)
	}
}

func TestChangesOfOtherProcessesAreAnnounced(t *testing.T) {
	path := temp(t)
	f, other := open(t, path, sqlitefile.Options{}), open(t, path, sqlitefile.Options{})
	for n := int64(0); n < 3; {
		changed := f.Changed()
		if n == 0 {
			if err := add(t.Context(), other, "1"); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-changed:
		case <-time.After(time.Minute):
			t.Fatal("the other's commit was not noticed")
		}
		if n = count(t, f); n == 1 {
			return
		}
	}
}

func TestFullDisk(t *testing.T) {
	disk := faultyvfs.Register(t.Name())
	f := open(t, temp(t), sqlitefile.Options{VFS: t.Name()})
	if err := add(t.Context(), f, "before"); err != nil {
		t.Fatal(err)
	}
	disk.SetFull(true)
	for i := range 3 {
		err := add(t.Context(), f, strings.Repeat("x", 9000)+fmt.Sprint(i))
		if bellhop.KindOf(err) != bellhop.Unavailable {
			t.Errorf("a write to a full disk: %v, want Unavailable", err)
		}
	}
	if n := count(t, f); n != 1 {
		t.Errorf("%d notes can be read while the disk is full, want 1", n)
	}
	if err := f.Healthy(); err != nil {
		t.Errorf("a full disk passes, and yet: %v", err)
	}
	disk.SetFull(false)
	if err := add(t.Context(), f, "after"); err != nil {
		t.Errorf("a write once there is room: %v", err)
	}
	if n := count(t, f); n != 2 {
		t.Errorf("%d notes, want 2", n)
	}
}

// TestWritable fills a disk until nothing more fits.
func TestWritable(t *testing.T) {
	disk := faultyvfs.Register(t.Name())
	f := open(t, temp(t), sqlitefile.Options{VFS: t.Name()})
	if err := f.Writable(t.Context()); err != nil {
		t.Errorf("there is room: %v", err)
	}
	disk.SetFull(true)
	for i := 0; add(t.Context(), f, "small") == nil; i++ {
		if i == 100 {
			t.Fatal("a full disk takes anything")
		}
	}
	if err := f.Writable(t.Context()); bellhop.KindOf(err) != bellhop.Unavailable {
		t.Errorf("the disk is full: %v", err)
	}
	disk.SetFull(false)
	if err := f.Writable(t.Context()); err != nil {
		t.Errorf("there is room again: %v", err)
	}
}

func TestFailedSync(t *testing.T) {
	disk, path := faultyvfs.Register(t.Name()), temp(t)
	f := open(t, path, sqlitefile.Options{VFS: t.Name()})
	if err := add(t.Context(), f, "before"); err != nil {
		t.Fatal(err)
	}
	disk.FailSyncs(1)
	if err := add(t.Context(), f, "unsure"); bellhop.KindOf(err) != bellhop.Unavailable {
		t.Errorf("a commit whose fsync failed: %v, want Unavailable", err)
	}
	for range 3 {
		if err := add(t.Context(), f, "later"); bellhop.KindOf(err) != bellhop.Unavailable {
			t.Errorf("a write after a failed fsync: %v, want Unavailable, though the disk seems well", err)
		}
	}
	if f.Healthy() == nil {
		t.Error("the file says it is healthy after a failed fsync")
	}
	if n := count(t, f); n < 1 {
		t.Error("earlier rows can't be read")
	}
	again := open(t, path, sqlitefile.Options{})
	if err := add(t.Context(), again, "restarted"); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

// TestEveryWriteIsSynced checks that there is no commit without an fsync.
func TestEveryWriteIsSynced(t *testing.T) {
	disk := faultyvfs.Register(t.Name())
	f := open(t, temp(t), sqlitefile.Options{VFS: t.Name()})
	for i := range 10 {
		before := disk.Syncs()
		if err := add(t.Context(), f, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		if disk.Syncs() == before {
			t.Fatal("a commit was answered without an fsync")
		}
	}
}

// TestVersion keeps out the SQLite versions that can corrupt a database when the
// write-ahead log is reset (3.7.0 to 3.51.2).
func TestVersion(t *testing.T) {
	f := open(t, temp(t), sqlitefile.Options{})
	var version, mode string
	err := f.Read(t.Context(), func(c *sqlitefile.Conn) error {
		if _, err := c.Prepare(`SELECT sqlite_version()`).First(func(r sqlitefile.Row) { version = r.Text() }); err != nil {
			return err
		}
		_, err := c.Prepare(`PRAGMA journal_mode`).First(func(r sqlitefile.Row) { mode = r.Text() })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		t.Fatal(err)
	}
	if major*1_000_000+minor*1000+patch <= 3_051_002 {
		t.Errorf("SQLite %s has the WAL-reset bug", version)
	}
	if mode != "wal" {
		t.Errorf("journal mode %q", mode)
	}
}

func event(n int, body []byte) *bellhop.Event {
	e := &bellhop.Event{Shop: "a.myshopify.com", Topic: "orders/create", APIVersion: "2026-10", WebhookID: "w",
		AcceptedAt: time.UnixMicro(1), SignedBy: bellhop.SignerApp, Body: body}
	binary.BigEndian.PutUint64(e.ID[8:], uint64(n))
	return e
}

func TestArchive(t *testing.T) {
	f := open(t, temp(t), sqlitefile.Options{})
	bodies := [][]byte{[]byte(`{}`),
		[]byte(`{"id":1,"admin_graphql_api_id":"gid:\/\/shopify\/Order\/1","app_id":null,"browser_ip":null}`),
		bytes.Repeat([]byte("abc"), 500_000), {0xff, 0, 0xfe}}
	for i, body := range bodies {
		var first, second int64
		err := f.Write(t.Context(), func(tx *sqlitefile.Tx) (err error) {
			if first, err = tx.Append(event(i, body)); err != nil {
				return err
			}
			second, err = tx.Find(event(i, nil).ID)
			return err
		})
		if err != nil || first == 0 || first != second {
			t.Fatalf("body %d: places %d and %d, %v; want one place", i, first, second, err)
		}
		var got *bellhop.Event
		err = f.Read(t.Context(), func(c *sqlitefile.Conn) (err error) {
			got, err = f.Event(c, first)
			return err
		})
		if err != nil || !bytes.Equal(got.Body, body) {
			t.Errorf("body %d did not come back: %v", i, err)
		}
	}
}

func TestBackupWhileWriting(t *testing.T) {
	f := open(t, temp(t), sqlitefile.Options{})
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			add(ctx, f, fmt.Sprint(i))
		}
	})
	for count(t, f) < 100 {
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := f.Backup(t.Context(), copied, nil); err != nil {
		t.Fatal(err)
	}
	stop()
	wg.Wait()
	if err := sqlitefile.Check(t.Context(), copied, notes); err != nil {
		t.Error(err)
	}
	if n := count(t, open(t, copied, sqlitefile.Options{})); n < 100 {
		t.Errorf("the copy has %d notes, want at least 100", n)
	}
	if matches, _ := filepath.Glob(copied + ".part*"); len(matches) > 0 {
		t.Errorf("left behind: %v", matches)
	}
}

func TestSchemaVersions(t *testing.T) {
	path, ctx := temp(t), t.Context()
	if err := sqlitefile.Check(ctx, path, notes); !errors.Is(err, sqlitefile.ErrNoFile) {
		t.Errorf("no file: %v", err)
	}
	if n, err := sqlitefile.Migrate(ctx, path, notes); n != 4 || err != nil {
		t.Errorf("migrate: %d, %v; want 4", n, err)
	}
	if n, err := sqlitefile.Migrate(ctx, path, notes); n != 0 || err != nil {
		t.Errorf("migrate again: %d, %v; want 0", n, err)
	}
	if err := sqlitefile.Check(ctx, path, notes); err != nil {
		t.Error(err)
	}
	longer := sqlitefile.Schema{Name: "notes", FS: fstest.MapFS{
		"migrations/00001_notes.sql": notes.FS.(fstest.MapFS)["migrations/00001_notes.sql"],
		"migrations/00002_more.sql":  {Data: []byte("-- +goose Up\nCREATE TABLE more (id INTEGER);\n")},
	}}
	if err := sqlitefile.Check(ctx, path, longer); err == nil || !strings.Contains(err.Error(), "bellhop migrate") {
		t.Errorf("an older file: %v; want what to run", err)
	}
	if _, err := sqlitefile.Migrate(ctx, path, longer); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{sqlitefile.Check(ctx, path, notes),
		func() error { _, err := sqlitefile.Migrate(ctx, path, notes); return err }()} {
		if err == nil || !strings.Contains(err.Error(), "newer") {
			t.Errorf("a newer file: %v; want it refused", err)
		}
	}
	for _, oldest := range []int64{1, 2, 1} { // it is never lowered
		longer.Oldest = max(longer.Oldest, oldest)
		lowered := longer
		lowered.Oldest = oldest
		if n, err := sqlitefile.Migrate(ctx, path, lowered); n != 0 || err != nil {
			t.Fatalf("migrate again: %d, %v; want 0", n, err)
		}
		err := sqlitefile.Check(ctx, path, notes)
		n, merr := sqlitefile.Migrate(ctx, path, notes)
		if works := longer.Oldest == 1; (err == nil) != works || (merr == nil) != works || n != 0 {
			t.Errorf("a newer file that version %d can work with: %v, %d, %v", longer.Oldest, err, n, merr)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v: others can read it", info.Mode(), err)
	}
}

// TestOtherPrograms reads the file with the sqlite3 shell, where there is one, and with
// database/sql.
func TestOtherPrograms(t *testing.T) {
	path := temp(t)
	f := open(t, path, sqlitefile.Options{})
	if err := add(t.Context(), f, "hello"); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `INSERT INTO notes (text) VALUES ('from outside')`); err != nil {
		t.Fatal(err)
	}
	if n := count(t, f); n != 2 {
		t.Errorf("%d notes, want 2", n)
	}
	shell, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Log("there is no sqlite3 shell here")
		return
	}
	out, err := exec.CommandContext(t.Context(), shell, path, "SELECT text FROM notes ORDER BY id").CombinedOutput()
	if err != nil || string(out) != "hello\nfrom outside\n" {
		t.Errorf("the sqlite3 shell says %q, %v", out, err)
	}
}

// A write's result that comes after its context ended is nobody's.
func TestPutAfterItsContext(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "put.db"), sqlitefile.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	started, goOn := make(chan struct{}), make(chan struct{})
	go func() {
		<-started
		cancel()
	}()
	n, err := sqlitefile.Put(ctx, f, func(*sqlitefile.Tx) (int, error) {
		close(started)
		<-goOn
		return 1, nil
	})
	close(goOn)
	if n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("a write without its context gave %d, %v", n, err)
	}
	n, err = sqlitefile.Put(t.Context(), f, func(*sqlitefile.Tx) (int, error) { return 2, nil })
	if n != 2 || err != nil {
		t.Errorf("the next write gave %d, %v", n, err)
	}
	failed := errors.New("failed")
	n, err = sqlitefile.Put(t.Context(), f, func(*sqlitefile.Tx) (int, error) { return 3, failed })
	if n != 0 || !errors.Is(err, failed) {
		t.Errorf("a write that failed gave %d, %v", n, err)
	}
}
