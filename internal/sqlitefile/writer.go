package sqlitefile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"bellhop"
)

// Tx is the writer's transaction, as one job sees it.
type Tx struct {
	*Conn
	file    *File
	scratch []byte
}

type job struct {
	fn   func(*Tx) error
	ctx  context.Context
	done chan error // has room for one, so that the writer never waits
	err  error      // the job's own, when it failed without having changed anything
}

// maxJobs bounds one transaction, and with it how long the last to come waits.
const maxJobs = 512

var errClosed = bellhop.Errorf(bellhop.Unavailable, "closed", "the database is closed")

// Write runs fn in the writer's next transaction, together with other waiting writes, and returns
// once it is committed and synced. If fn returns an error, Write undoes fn's changes and returns
// the error.
//
// fn may run more than once, since the writer repeats a transaction without the job that failed in
// it. fn must not wait for anything. If ctx is done first, Write returns without waiting for fn,
// which may still run: see [Put].
func (f *File) Write(ctx context.Context, fn func(*Tx) error) error {
	j := &job{fn: fn, ctx: ctx, done: make(chan error, 1)}
	if err := f.hand(ctx, j); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Put is Write for an fn with a result, and returns none with an error. A caller that shared a
// variable with fn would read or set it while fn may still run.
func Put[T any](ctx context.Context, f *File, fn func(*Tx) (T, error)) (T, error) {
	var made, none T
	err := f.Write(ctx, func(tx *Tx) (err error) {
		made, err = fn(tx)
		return err
	})
	if err != nil {
		return none, err
	}
	return made, nil
}

// tryWrite is Write without waiting. It drops fn while many others wait.
func (f *File) tryWrite(fn func(*Tx) error) {
	f.closing.RLock()
	defer f.closing.RUnlock()
	if f.closed {
		return
	}
	select {
	case f.jobs <- &job{fn: fn, ctx: context.Background(), done: make(chan error, 1)}:
	default:
	}
}

func (f *File) hand(ctx context.Context, j *job) error {
	if err := f.Healthy(); err != nil {
		return err
	}
	f.closing.RLock()
	defer f.closing.RUnlock()
	if f.closed {
		return errClosed
	}
	select {
	case f.jobs <- j:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write is the one writer.
func (f *File) write(c *Conn) {
	defer f.wg.Done()
	defer c.close()
	c.db.WALHook(func(_ *sqlite3.Conn, _ string, n int) error { f.log.pages = n; return nil })
	tx := &Tx{Conn: c, file: f}
	batch := make([]*job, 0, maxJobs)
	for first := range f.jobs {
		batch = f.gather(append(batch[:0], first))
		f.commit(tx, batch)
		if f.log.pages >= checkpointPages || f.log.wanted.Load() {
			f.checkpoint(tx)
		}
		if f.log.pages < f.log.limit && f.log.long.Load() && !f.log.wanted.Load() {
			f.log.open() // it restarted by itself
		}
	}
	f.checkpoint(tx)
}

// gather adds the waiting jobs, without waiting for more.
func (f *File) gather(batch []*job) []*job {
	for len(batch) < maxJobs {
		select {
		case j, ok := <-f.jobs:
			if !ok {
				return batch
			}
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

// commit runs a batch in one transaction, again and again without the jobs that
// fail, and answers each.
func (f *File) commit(tx *Tx, batch []*job) {
	start := time.Now()
	for len(batch) > 0 {
		if err := f.Healthy(); err != nil {
			answer(batch, err)
			return
		}
		bad, err := f.try(tx, batch)
		if err == nil {
			answer(batch, nil)
			f.changed.Fire()
			f.written.Store(&start)
			if f.opts.Committed != nil {
				f.opts.Committed(len(batch), time.Since(start))
			}
			return
		}
		if bad < 0 {
			answer(batch, f.broken(err))
			return
		}
		batch[bad].done <- err
		batch = append(batch[:bad], batch[bad+1:]...)
	}
}

func answer(batch []*job, err error) {
	for _, j := range batch {
		if err == nil {
			j.done <- j.err
		} else {
			j.done <- err
		}
	}
}

// try returns the failed job's index, or -1 when the file itself failed.
func (f *File) try(tx *Tx, batch []*job) (bad int, err error) {
	if err := tx.Prepare("BEGIN IMMEDIATE").Exec(); err != nil {
		return -1, err
	}
	for i, j := range batch {
		before := tx.db.TotalChanges()
		j.err = f.run(tx, j)
		if j.err == nil {
			continue
		}
		tx.reset()
		if broken := fileError(j.err); broken || tx.db.TotalChanges() != before {
			f.rollback(tx)
			if broken {
				i = -1
			}
			return i, j.err
		}
	}
	if err := tx.Prepare("COMMIT").Exec(); err != nil {
		f.rollback(tx)
		return -1, err
	}
	return -1, nil
}

// run keeps a job that panics from taking the writer, and everybody's events,
// with it.
func (f *File) run(tx *Tx, j *job) (err error) {
	if err := j.ctx.Err(); err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a write: %v", p)
		}
	}()
	return j.fn(tx)
}

func (f *File) rollback(tx *Tx) {
	if !tx.db.GetAutocommit() {
		if err := tx.Prepare("ROLLBACK").Exec(); err != nil {
			f.opts.Logger.Error("roll back", "file", f.path, "err", err)
		}
	}
}

// fileError reports whether err is trouble with the file, which every job would
// meet, not a job's own.
func fileError(err error) bool {
	for _, code := range []sqlite3.ErrorCode{sqlite3.FULL, sqlite3.IOERR, sqlite3.NOMEM,
		sqlite3.CORRUPT, sqlite3.BUSY, sqlite3.READONLY, sqlite3.CANTOPEN, sqlite3.NOTADB, sqlite3.PROTOCOL} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// broken turns the file's trouble into the error for waiting callers.
func (f *File) broken(err error) error {
	f.written.Store(nil)
	switch {
	case errors.Is(err, sqlite3.IOERR_FSYNC), errors.Is(err, sqlite3.IOERR_DIR_FSYNC):
		e := &bellhop.Error{Kind: bellhop.Unavailable, Code: "fsync_failed",
			Message: "the disk failed to sync; repair the disk and restart bellhop", Cause: err}
		f.failed.Store(e)
		f.opts.Logger.Error("the disk failed to sync: bellhop accepts nothing more until a restart", "file", f.path,
			"err", err)
		return e
	case errors.Is(err, sqlite3.FULL), errors.Is(err, sqlite3.IOERR_WRITE), errors.Is(err, sqlite3.IOERR_SHMSIZE):
		f.opts.Logger.Error("the disk is full or can't be written", "file", f.path, "err", err)
		return &bellhop.Error{Kind: bellhop.Unavailable, Code: "disk_full",
			Message: "the disk is full or can't be written; make room", Cause: err}
	}
	f.opts.Logger.Error("the database can't be written", "file", f.path, "err", err)
	return &bellhop.Error{Kind: bellhop.Unavailable, Code: "database", Message: "the database can't be written now",
		Cause: err}
}
