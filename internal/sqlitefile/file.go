// Package sqlitefile is one SQLite file with one writer, shared by the queue's and the store's
// SQLite drivers. Writes that arrive during a commit go into the next transaction, so that one
// fsync serves all that wait: arriving events, leases, records and acknowledgements.
//
// The file also holds the archive of events, keyed by event id: both drivers need the same bodies
// and neither should know the other. Each puts an event there unless it is there already.
//
// A commit is an fsync (WAL, synchronous=FULL). Readers have connections of their own and never
// wait for the writer. Other processes may use the file at the same time.
package sqlitefile

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"bellhop"
	"bellhop/internal/bodies"
	"bellhop/internal/wait"
)

// Options are the settings of a [File]. The zero value serves.
type Options struct {
	VFS    string // the name of a registered VFS; "" means the system's
	Logger *slog.Logger
	// Committed, if set, is called after each commit with its number of jobs and its duration.
	Committed func(jobs int, took time.Duration)
}

// File is an open SQLite file.
type File struct {
	path    string
	opts    Options
	jobs    chan *job
	readers [purposes]readers
	bodies  *bodies.Packer
	log     wal

	failed  atomic.Pointer[bellhop.Error] // set by a failed fsync, for good
	written atomic.Pointer[time.Time]     // of the last commit; nil once one failed
	changed wait.Broadcast                // it was committed to

	stop    chan struct{} // closed by Close
	closing sync.RWMutex  // held for reading while a job is handed over
	closed  bool
	wg      sync.WaitGroup
}

// Open opens the file, and makes it with its folder if there is none. The
// schemas must be there already: see [Migrate].
func Open(ctx context.Context, path string, opts Options) (*File, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	f := &File{
		path: path, opts: opts,
		jobs: make(chan *job, 4096),
		stop: make(chan struct{}),
	}
	writer, err := f.connect(ctx, writerPragmas)
	if err != nil {
		return nil, err
	}
	if f.bodies, err = loadDictionaries(writer); err != nil {
		writer.db.Close()
		return nil, fmt.Errorf("read the dictionaries of %s: %w", path, err)
	}
	f.log.limit = longLog
	f.log.open()
	watcher, err := f.connect(ctx, readerPragmas)
	if err != nil {
		writer.db.Close()
		return nil, err
	}
	for p, n := range connections {
		f.readers[p] = newReaders(n)
	}
	f.wg.Add(2)
	go f.write(writer)
	go f.watch(watcher)
	return f, nil
}

// secure_delete costs 0.5 % more written bytes, and no time that was measurable.
const writerPragmas = `PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
	PRAGMA secure_delete=ON; PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=16777216;
	PRAGMA foreign_keys=OFF; PRAGMA cache_size=-16000; PRAGMA temp_store=MEMORY`

func (f *File) connect(ctx context.Context, pragmas string) (*Conn, error) {
	db, err := sqlite3.OpenContext(ctx, uri(f.path, f.opts.VFS))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", f.path, err)
	}
	db.SetInterrupt(context.Background())
	// Stable plans: otherwise SQLite prepares some statements again each time they run.
	_, err = db.Config(sqlite3.DBCONFIG_ENABLE_QPSG, true)
	if err == nil {
		err = db.Exec(pragmas)
	}
	if err == nil { // it may read the file, so that it needs the time to wait for others
		err = fts5.Register(db)
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("open %s: %w", f.path, err)
	}
	return &Conn{db: db, stmts: map[string]*Stmt{}}, nil
}

// Path returns where the file is.
func (f *File) Path() string { return f.path }

// Changed returns a channel that is closed at the next commit, whichever
// process makes it. Commits of other processes are noticed within 50 ms.
func (f *File) Changed() <-chan struct{} { return f.changed.Next() }

// watch announces the commits of other processes.
func (f *File) watch(c *Conn) {
	defer f.wg.Done()
	defer c.close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last int64
	for {
		select {
		case <-f.stop:
			return
		case <-tick.C:
		}
		if f.log.long.Load() || f.log.wanted.Load() {
			f.tryWrite(func(*Tx) error { return nil }) // else only the next write makes it shorter
		}
		now, err := c.Prepare("PRAGMA data_version").One()
		if err == nil && now != last {
			last = now
			f.changed.Fire()
		}
	}
}

// Healthy returns nil while the file can be written to. After a failed fsync it always fails: the
// kernel may have dropped the data, and only a new process, which reads the disk again, can be
// trusted.
func (f *File) Healthy() error {
	if e := f.failed.Load(); e != nil {
		return e
	}
	return nil
}

// writtenLately is how long a commit says that the file can be written to.
const writtenLately = 5 * time.Second

// Writable returns nil while the file takes changes: unless something was committed
// in the last seconds it changes a number in the header that nobody reads, since
// only a real write shows a full disk.
func (f *File) Writable(ctx context.Context) error {
	if last := f.written.Load(); last != nil && time.Since(*last) < writtenLately {
		return f.Healthy()
	}
	return f.Write(ctx, func(tx *Tx) error {
		version, err := tx.Prepare(`PRAGMA user_version`).One()
		if err != nil {
			return err
		}
		return tx.Prepare(fmt.Sprintf(`PRAGMA user_version = %d`, 1-version&1)).Exec()
	})
}

// Close waits for the transaction under way, refuses further ones, and closes the file.
func (f *File) Close() error {
	f.closing.Lock()
	if f.closed {
		f.closing.Unlock()
		return nil
	}
	f.closed = true
	close(f.stop)
	close(f.jobs)
	f.closing.Unlock()
	f.wg.Wait()
	return f.closeReaders()
}
