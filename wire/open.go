package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/queue"
	"bellhop/shopify"
	"bellhop/store"
)

// Options are the drivers' options beside the configuration. The zero value serves.
type Options struct {
	Log *slog.Logger
	Now func() time.Time
	// SQLite calls Committed after each commit.
	Committed func(jobs int, took time.Duration)
	// A service that charges by the request calls Requested with each operation.
	Requested func(operation string)
	// A queue without a bucket calls Rejected for each event too large for a message.
	Rejected func()
	// TraceHeader returns the trace header of a message of SQS.
	TraceHeader func(context.Context) string
	// FCMCredentials returns the service account of an fcm: that names no file.
	FCMCredentials func(context.Context) ([]byte, error)
	// Dial connects to SQS and FCM; nil connects as Go does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// SendLimit bounds how long a queue may take to keep an event. 0: the driver's own
	// limit, if any: as long as the sender of a webhook waits.
	SendLimit time.Duration
	// Existing refuses a missing database in place of making it.
	Existing bool
	// NeedKey refuses to go on without a key for secrets. Without it, what needs one fails by itself.
	NeedKey bool
	// LostKey restores a backup also when the key of its secrets is lost.
	LostKey bool
	// Identity is the file with the secret key of a recipient of the backup to restore; "" for a plain one.
	Identity string
	// VFS names the VFS of SQLite files, for tests that make disks fail.
	VFS string
}

func (o *Options) fill() {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
}

// opener reads messages that a server of one's own put into the queue.
func (o *Options) opener() queue.Opener {
	return func(h http.Header, body []byte, sent time.Time) (*bellhop.Event, error) {
		return shopify.Open(h, body, cmp.Or(sent, o.Now()))
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

// storeDriver and queueDriver are implemented in a driver's file here.
type storeDriver interface {
	migrate(ctx context.Context) (applied int, err error)
	open(ctx context.Context) (store.Store, error)
	// loops is the best number of batches to record at once.
	loops() int
	// file is the SQLite file; "" for another database.
	file() string
}

type queueDriver interface {
	migrate(ctx context.Context) (applied int, err error)
	open(ctx context.Context) (b queue.Broker, name string, err error)
}

// resource is shared by a vendor's drivers within a process: SQLite's files, the
// connections to Postgres.
type resource interface {
	examiner
	io.Closer
	// healthy returns an error once the resource might lose what it stored.
	healthy() error
	// quickCheck reads everything and names the damage.
	quickCheck(ctx context.Context) error
}

type resources []resource

// shared returns the resource of a type, and makes it at the first call.
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

// drivers are the settings' drivers, not opened yet.
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

// part names the store, the queue or both.
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

// Open opens the database and the queue. It makes the tables of an empty database,
// unless [Options.Existing]. It refuses an older one, and says what to run, and an
// unfinished copy.
func (s *Storage) Open(ctx context.Context, o Options) (*Parts, error) {
	d, err := s.only(both, o)
	if err != nil {
		return nil, err
	}
	steps := []func(context.Context, *Parts) error{d.openQueue, d.openStore}
	if inFile(s.Queue) {
		// The store first: if it is elsewhere and away, no new file stays behind.
		slices.Reverse(steps)
	}
	return d.open(func(p *Parts) error {
		return firstOf(slices.Values(steps), func(step func(context.Context, *Parts) error) error { return step(ctx, p) })
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

// OpenQueue opens the queue without the database: Store is nil.
func (s *Storage) OpenQueue(ctx context.Context, o Options) (*Parts, error) {
	return s.openPart(ctx, o, (*drivers).openQueue)
}

// OpenBroker opens the broker without the queue, which need not exist.
func (s *Storage) OpenBroker(ctx context.Context, o Options) (*Parts, error) {
	return s.openPart(ctx, o, (*drivers).openBroker)
}

func (s *Storage) openPart(ctx context.Context, o Options,
	open func(*drivers, context.Context, *Parts) error) (*Parts, error) {
	d, err := s.only(s.queueWithFile(), o)
	if err != nil {
		return nil, err
	}
	return d.open(func(p *Parts) error { return open(d, ctx, p) })
}

// queueWithFile is the queue alone, unless the store may share its file or database:
// opening those makes the tables of both.
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

// openStoreUnchecked opens the store alone, also an unfinished copy, with its secrets as they are kept.
func (d *drivers) openStoreUnchecked(ctx context.Context) (*Parts, error) {
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
	if err := usable(ctx, p.Store); err != nil {
		return err
	}
	return d.sealStore(ctx, p)
}

func (d *drivers) sealStore(ctx context.Context, p *Parts) error {
	s, err := d.seal(ctx, p.Store)
	if err == nil {
		p.Store = s
	}
	return err
}

func (d *drivers) openBroker(ctx context.Context, p *Parts) (err error) {
	p.driver = d.queue
	p.Broker, p.QueueName, err = d.queue.open(ctx)
	return err
}

// createDefault creates the default queue if it is missing. It creates no other: a
// typing error in its name should show when the queue opens.
func createDefault(ctx context.Context, b queue.Broker, name string) error {
	_, err := b.URL(ctx, name)
	switch {
	case bellhop.KindOf(err) != bellhop.NotFound:
		return err
	case name != queue.DefaultName:
		return nil
	}
	return b.Create(ctx, name, queue.DefaultAttributes())
}

func (d *drivers) openQueue(ctx context.Context, p *Parts) (err error) {
	if err := d.openBroker(ctx, p); err != nil {
		return err
	}
	p.Queue, err = p.Broker.Open(ctx, p.QueueName)
	return err
}

// Healthy returns nil while the resources keep what they store.
func (p *Parts) Healthy() error {
	return firstOf(slices.Values(p.shared), resource.healthy)
}

// Close closes the queues, the store and their resources.
func (p *Parts) Close() error {
	var all []io.Closer
	if p.Notify != nil {
		all = append(all, p.Notify)
	}
	if p.Queue != nil {
		all = append(all, p.Queue)
	}
	if p.Store != nil {
		all = append(all, p.Store)
	}
	for _, r := range p.shared {
		all = append(all, r)
	}
	return closeAll(all...)
}

// firstOf returns the first error of fn.
func firstOf[T any](all iter.Seq[T], fn func(T) error) error {
	for t := range all {
		if err := fn(t); err != nil {
			return err
		}
	}
	return nil
}

// closeAll closes all, also after an error.
func closeAll[C interface{ Close() error }](all ...C) error {
	var errs []error
	for _, c := range all {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
