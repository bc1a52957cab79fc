package lambdahost

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"bellhop"
	"bellhop/store"
)

// Database is the store of a function. It opens at the first use, stays open between
// invocations, and opens anew after a refused login: a rotated password looks like
// that.
type Database struct {
	// Open opens the store with the login of now.
	Open func(ctx context.Context) (store.Store, error)
	// LoginRefused reports whether an error says that the login was wrong.
	LoginRefused func(error) bool
	Log          *slog.Logger

	mu   sync.Mutex
	open store.Store
}

// Get returns the store. Its error is never permanent, so that it makes no event a
// dead letter.
func (d *Database) Get(ctx context.Context) (store.Store, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open != nil {
		return d.open, nil
	}
	s, err := d.Open(ctx)
	if err != nil {
		return nil, &bellhop.Error{Kind: bellhop.Unavailable, Code: "database", Message: "the database can't be opened",
			Cause: err}
	}
	d.open = s
	return s, nil
}

// Check reaches the database before the first event comes. It returns only permanent
// errors, logs the others, and leaves the next try to Get. A refused login is none: the
// deployment that changes it may not have ended yet.
func (d *Database) Check(ctx context.Context) error {
	_, err := d.Get(ctx)
	if err == nil {
		return nil
	}
	if cause := errors.Unwrap(err); bellhop.IsPermanent(cause) && !d.LoginRefused(cause) {
		return cause
	}
	d.Log.Warn("the database is not there yet", "err", err)
	return nil
}

// use calls do with the store, and once more with a reopened store after a refused
// login. do must bear that.
func (d *Database) use(ctx context.Context, do func(store.Store) error) error {
	s, err := d.Get(ctx)
	if err == nil {
		err = do(s)
	}
	if err == nil || !d.LoginRefused(err) {
		return err
	}
	d.Log.Warn("the database refused the login: opening it again", "err", err)
	d.forget()
	if s, err = d.Get(ctx); err != nil {
		return err
	}
	return do(s)
}

func (d *Database) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		return
	}
	if err := d.open.Close(); err != nil {
		d.Log.Warn("close the database", "err", err)
	}
	d.open = nil
}
