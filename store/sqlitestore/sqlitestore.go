// Package sqlitestore keeps the store in a SQLite file, which it may share with the queue.
// All changes go through the file's one writer; reads have connections of their own and
// wait for nobody.
package sqlitestore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"bellhop/internal/sqlitefile"
	"bellhop/internal/wait"
	"bellhop/store"
	"bellhop/store/driver"
)

// DB is the store in one file.
type DB struct {
	file *sqlitefile.File

	turns driver.Turns // of searches

	stop chan struct{}
	wg   sync.WaitGroup // the watcher

	owed wait.Broadcast // pushes may have become due

	mu       sync.Mutex
	watching bool
	closed   bool
}

var _ store.Store = (*DB)(nil)

// New returns the store in f, which was migrated to [Schema].
func New(f *sqlitefile.File) *DB {
	return &DB{file: f, stop: make(chan struct{})}
}

// Close ends the store's background work. The file stays open: its opener closes it.
func (db *DB) Close() error {
	db.mu.Lock()
	if !db.closed {
		db.closed = true
		close(db.stop)
	}
	db.mu.Unlock()
	db.wg.Wait()
	return nil
}

// Ready implements [store.Store].
func (db *DB) Ready(ctx context.Context) error {
	return wrap("see whether the database takes changes", db.file.Writable(ctx))
}

//go:embed migrations/*.sql
var migrations embed.FS

// Schema is the store's part of the file.
func Schema() sqlitefile.Schema {
	return sqlitefile.Schema{Name: "store", FS: migrations, Oldest: 12, CarryOver: carryOver}
}

// read is for queries that a person waits for.
func (db *DB) read(ctx context.Context, what string, fn func(*sqlitefile.Conn) error) error {
	return wrap(what, db.file.ReadFor(ctx, sqlitefile.People, fn))
}

// search is for queries that may read many rows.
func (db *DB) search(ctx context.Context, what string, fn func(*sqlitefile.Conn) error) error {
	return wrap(what, db.file.ReadFor(ctx, sqlitefile.Search, fn))
}

// proceed is for background work, which does not wait for people's queries.
func (db *DB) proceed(ctx context.Context, what string, fn func(*sqlitefile.Conn) error) error {
	return wrap(what, db.file.Read(ctx, fn))
}

func (db *DB) write(ctx context.Context, what string, fn func(*sqlitefile.Tx) error) error {
	return wrap(what, db.file.Write(ctx, fn))
}

func wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// reading is read, search or proceed.
type reading func(ctx context.Context, what string, fn func(*sqlitefile.Conn) error) error

// get returns the result of fn, or nothing with an error.
func get[T any](ctx context.Context, read reading, what string, fn func(*sqlitefile.Conn) (T, error)) (T, error) {
	var found, none T
	err := read(ctx, what, func(c *sqlitefile.Conn) (err error) {
		found, err = fn(c)
		return err
	})
	if err != nil {
		return none, err
	}
	return found, nil
}

// put is get inside the writer.
func put[T any](ctx context.Context, db *DB, what string, fn func(*sqlitefile.Tx) (T, error)) (T, error) {
	made, err := sqlitefile.Put(ctx, db.file, fn)
	return made, wrap(what, err)
}

// list reads the rows of one query with row.
func list[T any](
	ctx context.Context, read reading, what string, row func(sqlitefile.Row) T, query string, args ...any,
) ([]T, error) {
	return get(ctx, read, what, func(c *sqlitefile.Conn) ([]T, error) {
		return sqlitefile.All(c.Prepare(query).Bind(args...), row)
	})
}

// room checks that there are fewer than most of something.
func room(st *sqlitefile.Stmt, what string, most int64) error {
	n, err := st.One()
	if err == nil && n >= most {
		err = driver.TooMany(what, int(most))
	}
	return err
}

// first reads the first row; [driver.NotFound] of what if there is none.
func first[T any](st *sqlitefile.Stmt, what string, row func(sqlitefile.Row) T) (one T, err error) {
	found, err := st.First(func(r sqlitefile.Row) { one = row(r) })
	if err == nil && !found {
		err = driver.NotFound(what)
	}
	return one, err
}

// change runs a statement that must change something; [driver.NotFound] of what if it does not.
func change(tx *sqlitefile.Tx, what, query string, args ...any) error {
	err := tx.Prepare(query).Bind(args...).Exec()
	if err == nil && tx.Changes() == 0 {
		err = driver.NotFound(what)
	}
	return err
}

// taken turns a violated constraint into [driver.Exists].
func taken(what string, err error) error {
	if sqlitefile.IsConstraint(err) {
		return driver.Exists(what)
	}
	return err
}

// shopID returns 0 for a missing shop.
func shopID(c *sqlitefile.Conn, domain string) (int64, error) {
	return c.Prepare(`SELECT id FROM shops WHERE domain = ?`).Text(domain).One()
}

// ownShop is shopID, with an error for a missing shop.
func ownShop(c *sqlitefile.Conn, domain string) (int64, error) {
	id, err := shopID(c, domain)
	if err == nil && id == 0 {
		err = driver.NotFound("shop")
	}
	return id, err
}

// micros is a time for a column that is never NULL.
func micros(t time.Time) int64 { return t.UnixMicro() }

// errEnough ends a walk through rows early.
var errEnough = errors.New("enough")

func ignore(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return err
}
