// Package pgstore keeps the store in a PostgreSQL database, for any number of
// processes at once.
//
// One round trip loads all that a batch of facts needs, the rules decide in Go, and another
// round trip saves the changes with the COMMIT, however large the batch. Transactions lock
// in one order: events, orders, devices, pushes, shops, what was heard, the stream, totals. They
// lock the stream last and then commit one after the other: so small writes are gathered into one
// transaction.
package pgstore

import (
	"context"
	"embed"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"bellhop/internal/bodies"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
)

// DB is the store in one database.
type DB struct {
	webhooks, api, worker *postgres.Pool

	pools    *postgres.Pools
	settling *postgres.Group[[]store.Settled]
	bodies   archive
	watch    watch
	turns    driver.Turns // of searches

	stop context.CancelFunc
	ctx  context.Context // ends with Close
	wg   sync.WaitGroup
}

var _ store.Store = (*DB)(nil)

// New returns the store in a database that was migrated to [Schema].
func New(p *postgres.Pools) *DB {
	db := &DB{webhooks: p.Webhooks, api: p.API, worker: p.Worker, pools: p,
		bodies: archive{Packer: bodies.New()}}
	db.ctx, db.stop = context.WithCancel(context.Background())
	db.settling = postgres.NewGroup(db.settleAll, nil)
	db.watch.init()
	db.wg.Go(func() { db.settling.Serve(db.ctx) })
	db.wg.Go(func() { db.lookAround(db.ctx) })
	return db
}

// Close ends the store's background work. The pools stay open: their opener closes them.
func (db *DB) Close() error {
	db.stop()
	db.wg.Wait()
	return nil
}

// Ready implements [store.Store].
func (db *DB) Ready(ctx context.Context) error {
	return wrap("see whether the database takes changes", db.pools.Writable(ctx, db.api, Schema()))
}

//go:embed migrations/*.sql
var migrations embed.FS

// Schema is the store's part of the database.
func Schema() postgres.Schema {
	return postgres.Schema{Name: "store", FS: migrations, Oldest: 12}
}

func wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// list reads the rows of one query.
func list[T any](
	ctx context.Context, p *postgres.Pool, what string, read func(*postgres.Row) T, query string, args ...any,
) ([]T, error) {
	var found []T
	err := p.Read(ctx, func(b *postgres.Batch) {
		found = nil
		all(b, &found, read, query, args...)
	})
	if err != nil {
		return nil, wrap(what, err)
	}
	return found, nil
}

// all queues a query, and adds its rows to found.
func all[T any](b *postgres.Batch, found *[]T, read func(*postgres.Row) T, query string, args ...any) {
	b.Rows(func(r *postgres.Row) { *found = append(*found, read(r)) }, query, args...)
}

// one queues a query, and sets found to its row, if there is one.
func one[T any](b *postgres.Batch, found *T, read func(*postgres.Row) T, query string, args ...any) {
	b.Rows(func(r *postgres.Row) { *found = read(r) }, query, args...)
}

// value queues a query, and scans its row, if there is one.
func value(b *postgres.Batch, to any, query string, args ...any) {
	b.Each(func(r pgx.Rows) error { return r.Scan(to) }, query, args...)
}

// only is list for a single row; [driver.NotFound] of kind if there is none.
func only[T any](
	ctx context.Context, p *postgres.Pool, kind string, read func(*postgres.Row) T, query string, args ...any,
) (T, error) {
	found, err := list(ctx, p, "look up a "+kind, read, query, args...)
	if err == nil && len(found) == 0 {
		err = driver.NotFound(kind)
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return found[0], nil
}

// once runs a statement that must change something; [driver.NotFound] of kind if it does
// not.
func once(ctx context.Context, p *postgres.Pool, kind, what, query string, args ...any) error {
	return change(ctx, p, kind, what, func(b *postgres.Batch, n *int64) { b.Count(n, query, args...) })
}

// change is once for several statements; n is what one of them changed.
func change(ctx context.Context, p *postgres.Pool, kind, what string, fn func(b *postgres.Batch, n *int64)) error {
	var n int64
	err := p.Once(ctx, func(b *postgres.Batch) { fn(b, &n) })
	if err == nil && n == 0 {
		err = driver.NotFound(kind)
	}
	return wrap(what, err)
}

// added checks that a row was added to those of a shop, which has n of at most most.
func added(err error, id, n, most int64, what string) error {
	switch {
	case err != nil || id != 0:
		return err
	case n >= most:
		return driver.TooMany(what, int(most))
	}
	return driver.NotFound("shop")
}

// taken turns a violated constraint into [driver.Exists].
func taken(kind string, err error) error {
	if postgres.IsUnique(err) {
		return driver.Exists(kind)
	}
	return err
}
