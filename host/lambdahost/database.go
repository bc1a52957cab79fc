package lambdahost

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"bellhop"
	"bellhop/store"
)

// Database is the store of a function. It is opened when it is first needed,
// kept between invocations, and opened anew when its login was refused, since
// that is what a rotated password looks like.
type Database struct {
	// Open opens the store with the login as it is now.
	Open func(ctx context.Context) (store.Store, error)
	// LoginRefused reports whether an error says that the login was wrong.
	LoginRefused func(error) bool
	Log          *slog.Logger

	mu   sync.Mutex
	open store.Store
}

// Get returns the store. Its error never condemns an event, whatever is wrong
// with the database or the settings.
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

// Check reaches the database before the first event comes. Only what can't work
// until somebody mends it is an error; whatever may pass is logged, and asked
// for again.
func (d *Database) Check(ctx context.Context) error {
	_, err := d.Get(ctx)
	if err == nil {
		return nil
	}
	if cause := errors.Unwrap(err); bellhop.IsPermanent(cause) {
		return cause
	}
	d.Log.Warn("the database is not there yet", "err", err)
	return nil
}

// use calls do with the store, and once more with a store opened anew if the login
// was refused. do must bear that.
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
