package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"bellhop/push"
	"bellhop/queue"
	"bellhop/store"
)

// Options are what the drivers are given beside the configuration. The zero
// value serves.
type Options struct {
	Log *slog.Logger
	Now func() time.Time
	// Committed is told of each commit to an SQLite file.
	Committed func(jobs int, took time.Duration)
	// VFS names the VFS that SQLite files are opened through, for tests that
	// make disks fail.
	VFS string
}

func (o *Options) fill() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// Parts are the opened drivers.
type Parts struct {
	Store     store.Store
	Broker    queue.Broker
	Queue     queue.Queue
	QueueName string // that BELLHOP_QUEUE names

	files *sqliteFiles
}

// storeDriver and queueDriver are what a driver's file here offers.
type storeDriver interface {
	migrate(ctx context.Context) (applied int, err error)
	open(ctx context.Context) (store.Store, error)
}

type queueDriver interface {
	migrate(ctx context.Context) (applied int, err error)
	open(ctx context.Context) (b queue.Broker, name string, err error)
}

const (
	dbAccepted    = "give sqlite: or sqlite:/path/file.db"
	queueAccepted = "give sqlite: or sqlite:/path/file.db?queue=NAME"
	pushAccepted  = "give log: or fcm:/path/service-account.json"
)

func (s *Storage) storeDriver(files *sqliteFiles) (storeDriver, error) {
	u, err := parseURL("BELLHOP_DB", s.DB, dbAccepted)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "sqlite":
		return s.sqliteStore(files, u)
	}
	return nil, setting("BELLHOP_DB", fmt.Sprintf("there is no database driver %q", u.Scheme), dbAccepted)
}

func (s *Storage) queueDriver(files *sqliteFiles) (queueDriver, error) {
	u, err := parseURL("BELLHOP_QUEUE", s.Queue, queueAccepted)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "sqlite":
		return s.sqliteQueue(files, u)
	}
	return nil, setting("BELLHOP_QUEUE", fmt.Sprintf("there is no queue driver %q", u.Scheme), queueAccepted)
}

func (s *Storage) drivers(o Options) (*sqliteFiles, storeDriver, queueDriver, error) {
	files := newSQLiteFiles(o)
	db, err := s.storeDriver(files)
	if err != nil {
		return nil, nil, nil, err
	}
	q, err := s.queueDriver(files)
	return files, db, q, err
}

// Migrate brings the database and the queue up to date, and returns how many
// migrations it applied.
func (s *Storage) Migrate(ctx context.Context, o Options) (int, error) {
	o.fill()
	_, db, q, err := s.drivers(o)
	if err != nil {
		return 0, err
	}
	n, err := db.migrate(ctx)
	if err != nil {
		return n, err
	}
	m, err := q.migrate(ctx)
	return n + m, err
}

// Open opens the database and the queue. One that is not there yet is made; an
// older one is refused, with what to run.
func (s *Storage) Open(ctx context.Context, o Options) (*Parts, error) {
	o.fill()
	files, db, q, err := s.drivers(o)
	if err != nil {
		return nil, err
	}
	p := &Parts{files: files}
	if err = p.open(ctx, db, q); err == nil {
		p.Queue, err = p.Broker.Open(ctx, p.QueueName)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// OpenBroker opens the database and the broker, and no queue: the one that
// BELLHOP_QUEUE names need not be there.
func (s *Storage) OpenBroker(ctx context.Context, o Options) (*Parts, error) {
	o.fill()
	files, db, q, err := s.drivers(o)
	if err != nil {
		return nil, err
	}
	p := &Parts{files: files}
	if err := p.open(ctx, db, q); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Parts) open(ctx context.Context, db storeDriver, q queueDriver) (err error) {
	if p.Store, err = db.open(ctx); err != nil {
		return err
	}
	p.Broker, p.QueueName, err = q.open(ctx)
	return err
}

// Restore makes the whole state that of a backup, also while others use it.
func (s *Storage) Restore(ctx context.Context, backup string, o Options) error {
	o.fill()
	files, _, _, err := s.drivers(o)
	if err != nil {
		return err
	}
	return files.restore(ctx, backup)
}

// Healthy returns nil while what is stored would be kept.
func (p *Parts) Healthy() error { return p.files.healthy() }

// Backup writes everything to a file, also while others use it.
func (p *Parts) Backup(ctx context.Context, path string) error { return p.files.backup(ctx, path) }

// Close closes the queue, the store and the files under them.
func (p *Parts) Close() error {
	var errs []error
	if p.Queue != nil {
		errs = append(errs, p.Queue.Close())
	}
	if p.Store != nil {
		errs = append(errs, p.Store.Close())
	}
	return errors.Join(append(errs, p.files.close())...)
}

// OpenPush opens what rings the phones.
func (c *Config) OpenPush(ctx context.Context, o Options) (push.Sender, error) {
	o.fill()
	return c.openPush(ctx, o)
}
