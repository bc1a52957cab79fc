package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/push"
	"bellhop/queue"
	"bellhop/store"
)

// Options are what the drivers are given beside the configuration. The zero
// value serves.
type Options struct {
	Log *slog.Logger
	Now func() time.Time
	// Committed is called after each commit to an SQLite file.
	Committed func(jobs int, took time.Duration)
	// Requested is called with the operation of each request to a service that
	// charges by the request.
	Requested func(operation string)
	// Rejected is called for each event that no message takes, since it is too large
	// and there is no bucket.
	Rejected func()
	// TraceHeader returns what a message of SQS is to say of its trace.
	TraceHeader func(context.Context) string
	// SendLimit is how long a queue may take to keep what it is sent. 0: as long
	// as the sender of a webhook waits, where the driver sets such a limit.
	SendLimit time.Duration
	// Existing refuses a database that isn't there, in place of making it.
	Existing bool
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
	QueueName string      // that BELLHOP_QUEUE names
	Notify    queue.Queue // nil until OpenNotify
	Loops     int         // see host.Options

	shared resources
	driver queueDriver
}

// storeDriver and queueDriver are what a driver's file here offers.
type storeDriver interface {
	migrate(ctx context.Context) (applied int, err error)
	open(ctx context.Context) (store.Store, error)
	// loops is how many batches are best recorded at once.
	loops() int
}

type queueDriver interface {
	migrate(ctx context.Context) (applied int, err error)
	open(ctx context.Context) (b queue.Broker, name string, err error)
}

// resource is what drivers of one vendor share within a process: SQLite's files,
// the connections to Postgres.
type resource interface {
	examiner
	// healthy returns an error once what is stored might not be kept.
	healthy() error
	// quickCheck reads through everything and says what is damaged.
	quickCheck(ctx context.Context) error
	close() error
}

// archiver is a resource that is backed up by its own means.
type archiver interface {
	backup(ctx context.Context, path string) error
	restore(ctx context.Context, path string) error
}

type resources []resource

// shared returns the resource of a type, and makes it when a driver first wants
// it.
func shared[T resource](d *drivers, create func() T) T {
	for _, r := range d.shared {
		if t, ok := r.(T); ok {
			return t
		}
	}
	t := create()
	d.shared = append(d.shared, t)
	return t
}

// drivers are what the settings name, not opened yet.
type drivers struct {
	*Storage
	opts   Options
	shared resources
	db     storeDriver
	queue  queueDriver
}

const (
	dbAccepted    = "give sqlite:, sqlite:/path/file.db or postgres://USER:PASSWORD@HOST/DATABASE"
	queueAccepted = "give sqlite:, sqlite:/path/file.db?queue=NAME, postgres: (the queue in BELLHOP_DB's database), postgres://USER:PASSWORD@HOST/DATABASE?queue=NAME, amqp://USER:PASSWORD@HOST/VHOST?queue=NAME or sqs://sqs.REGION.amazonaws.com/ACCOUNT/NAME"
	pushAccepted  = "give log:, fcm:/path/service-account.json or webpush:?subject=mailto:you@example.com, or several " +
		"with commas between"
)

// part says which of the two are needed.
type part uint8

const (
	theStore part = 1 << iota
	theQueue
	both = theStore | theQueue
)

// only returns the drivers of a part.
func (s *Storage) only(want part, o Options) (d *drivers, err error) {
	o.fill()
	d = &drivers{Storage: s, opts: o}
	if want&theStore != 0 {
		if d.db, err = d.storeDriver(); err != nil {
			return nil, err
		}
	}
	if want&theQueue != 0 {
		d.queue, err = d.queueDriver()
	}
	return d, err
}

func (d *drivers) storeDriver() (storeDriver, error) {
	u, err := parseURL("BELLHOP_DB", d.DB, dbAccepted)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "sqlite":
		return sqliteStore(d, u)
	case "postgres", "postgresql":
		return postgresStore(d)
	}
	return nil, WrongSetting("BELLHOP_DB", fmt.Sprintf("there is no database driver %q", u.Scheme), dbAccepted)
}

func (d *drivers) queueDriver() (queueDriver, error) {
	u, err := parseURL("BELLHOP_QUEUE", d.Queue, queueAccepted)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "sqlite":
		return sqliteQueue(d, u)
	case "postgres", "postgresql":
		return postgresQueue(d, u)
	case "amqp", "amqps":
		return amqpQueue(d)
	case "sqs", "sqs+http", "sqs+https":
		return sqsQueue(d)
	}
	return nil, WrongSetting("BELLHOP_QUEUE", fmt.Sprintf("there is no queue driver %q", u.Scheme), queueAccepted)
}

// Migrate brings the database and the queue up to date, and returns how many
// migrations it applied.
func (s *Storage) Migrate(ctx context.Context, o Options) (int, error) {
	d, err := s.only(both, o)
	if err != nil {
		return 0, err
	}
	n, err := d.db.migrate(ctx)
	if err != nil {
		return n, err
	}
	m, err := d.queue.migrate(ctx)
	return n + m, err
}

// Open opens the database and the queue. A database with nothing in it is made
// ready, unless [Options.Existing]; an older one is refused, with what to run, and so is an unfinished copy.
func (s *Storage) Open(ctx context.Context, o Options) (*Parts, error) {
	d, err := s.only(both, o)
	if err != nil {
		return nil, err
	}
	steps := []func(context.Context, *Parts) error{d.openQueue, d.openStore}
	if inFile(s.Queue) {
		// What is elsewhere comes first: if it can't be reached, no new file is
		// left behind.
		slices.Reverse(steps)
	}
	return d.open(func(p *Parts) error {
		for _, step := range steps {
			if err := step(ctx, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// inFile reports whether a setting means an SQLite file.
func inFile(setting string) bool { return strings.HasPrefix(setting, "sqlite:") }

// inPostgres reports whether a setting means PostgreSQL.
func inPostgres(setting string) bool {
	return strings.HasPrefix(setting, "postgres:") || strings.HasPrefix(setting, "postgresql:")
}

// inStoresDatabase reports whether BELLHOP_QUEUE means the database that
// BELLHOP_DB names.
func inStoresDatabase(queue string) bool { return inPostgres(queue) && !strings.Contains(queue, "://") }

// OpenQueue opens the queue alone, without the database. The Store of
// its parts is nil.
func (s *Storage) OpenQueue(ctx context.Context, o Options) (*Parts, error) {
	d, err := s.only(s.queueWithFile(), o)
	if err != nil {
		return nil, err
	}
	return d.open(func(p *Parts) error { return d.openQueue(ctx, p) })
}

// OpenBroker opens the broker, and no queue: the one that BELLHOP_QUEUE names
// need not be there.
func (s *Storage) OpenBroker(ctx context.Context, o Options) (*Parts, error) {
	d, err := s.only(s.queueWithFile(), o)
	if err != nil {
		return nil, err
	}
	return d.open(func(p *Parts) error { return d.openBroker(ctx, p) })
}

// queueWithFile is the queue alone, unless it is in a file or a database that the
// store may share: opening that makes all of it.
func (s *Storage) queueWithFile() part {
	if inFile(s.Queue) || inStoresDatabase(s.Queue) {
		return both
	}
	return theQueue
}

func (d *drivers) open(parts func(*Parts) error) (*Parts, error) {
	p := &Parts{shared: d.shared}
	if err := parts(p); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// openStoreAlone opens the store also if it is the unfinished copy of another.
func (d *drivers) openStoreAlone(ctx context.Context) (*Parts, error) {
	return d.open(func(p *Parts) (err error) {
		p.Store, err = d.db.open(ctx)
		return err
	})
}

func (d *drivers) openStore(ctx context.Context, p *Parts) (err error) {
	if p.Store, err = d.db.open(ctx); err != nil {
		return err
	}
	p.Loops = d.db.loops()
	return usable(ctx, p.Store)
}

func (d *drivers) openBroker(ctx context.Context, p *Parts) (err error) {
	p.driver = d.queue
	p.Broker, p.QueueName, err = d.queue.open(ctx)
	return err
}

func (d *drivers) openQueue(ctx context.Context, p *Parts) (err error) {
	if err := d.openBroker(ctx, p); err != nil {
		return err
	}
	p.Queue, err = p.Broker.Open(ctx, p.QueueName)
	return err
}

// Restore makes the whole state that of a backup, also while others use it.
func (s *Storage) Restore(ctx context.Context, backup string, o Options) error {
	d, err := s.only(both, o)
	if err != nil {
		return err
	}
	a, err := d.shared.archiver()
	if err != nil {
		return err
	}
	return a.restore(ctx, backup)
}

// Backup writes everything to a file, also while others use it.
func (p *Parts) Backup(ctx context.Context, path string) error {
	a, err := p.shared.archiver()
	if err != nil {
		return err
	}
	return a.backup(ctx, path)
}

// archiver returns what holds the whole state, if one resource does.
func (r resources) archiver() (archiver, error) {
	if len(r) == 1 {
		if a, ok := r[0].(archiver); ok {
			return a, nil
		}
	}
	return nil, bellhop.Errorf(bellhop.Conflict, "backup_elsewhere",
		"the state is not in an SQLite file alone: back up the database with its own tools, such as pg_dump")
}

// Healthy returns nil while what is stored would be kept.
func (p *Parts) Healthy() error {
	for _, r := range p.shared {
		if err := r.healthy(); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the queue, the store and what is under them.
func (p *Parts) Close() error {
	var errs []error
	if p.Notify != nil {
		errs = append(errs, p.Notify.Close())
	}
	if p.Queue != nil {
		errs = append(errs, p.Queue.Close())
	}
	if p.Store != nil {
		errs = append(errs, p.Store.Close())
	}
	for _, r := range p.shared {
		errs = append(errs, r.close())
	}
	return errors.Join(errs...)
}

// OpenPush opens what rings the phones.
func (w *Working) OpenPush(ctx context.Context, o Options) (push.Sender, error) {
	o.fill()
	return w.openPush(ctx, o)
}
