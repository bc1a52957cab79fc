//go:build !nosqlite

package wire

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/queue"
	"bellhop/queue/sqlitequeue"
	"bellhop/store"
	"bellhop/store/sqlitestore"
)

// SQLiteVersion returns the version of the SQLite in this program.
func SQLiteVersion() (string, error) { return sqlitefile.Version() }

// sqliteFiles opens each file once, for the store, the queue or both: a shared writer
// makes them fast.
type sqliteFiles struct {
	opts    Options
	schemas map[string][]sqlitefile.Schema // by path
	open    map[string]*sqlitefile.File
}

func filesOf(d *drivers) *sqliteFiles {
	return shared(d, func() *sqliteFiles {
		return &sqliteFiles{opts: d.opts, schemas: map[string][]sqlitefile.Schema{}, open: map[string]*sqlitefile.File{}}
	})
}

// at returns a place in a file, which gets a schema.
func (s *sqliteFiles) at(path string, schema sqlitefile.Schema, queue string) sqliteAt {
	s.schemas[path] = append(s.schemas[path], schema)
	return sqliteAt{s, path, queue}
}

func (s *sqliteFiles) migrate(ctx context.Context, path string) (int, error) {
	unlock, err := sqlitefile.Lock(ctx, path, s.opts.Log)
	if err != nil {
		return 0, err
	}
	defer unlock()
	return sqlitefile.Migrate(ctx, path, s.schemas[path]...)
}

// prepare makes a missing file; an existing one must be up to date once nobody migrates
// it.
func (s *sqliteFiles) prepare(ctx context.Context, path string) error {
	if s.opts.Existing && errors.Is(sqlitefile.Check(ctx, path), sqlitefile.ErrNoFile) {
		return bellhop.Errorf(bellhop.NotFound, "no_database",
			"there is no database %s: set BELLHOP_DIR or BELLHOP_DB to where it is, or create one with bellhop migrate or "+
				"bellhop serve", path)
	}
	unlock, err := sqlitefile.Lock(ctx, path, s.opts.Log)
	if err != nil {
		return err
	}
	defer unlock()
	err = sqlitefile.Check(ctx, path, s.schemas[path]...)
	if errors.Is(err, sqlitefile.ErrNoFile) {
		_, err = sqlitefile.Migrate(ctx, path, s.schemas[path]...)
	}
	return err
}

func (s *sqliteFiles) get(ctx context.Context, path string) (*sqlitefile.File, error) {
	if f := s.open[path]; f != nil {
		return f, nil
	}
	if err := s.prepare(ctx, path); err != nil {
		return nil, err
	}
	f, err := sqlitefile.Open(ctx, path, sqlitefile.Options{VFS: s.opts.VFS, Logger: s.opts.Log,
		Committed: s.opts.Committed})
	if err == nil {
		s.open[path] = f
	}
	return f, err
}

func (s *sqliteFiles) healthy() error {
	return firstOf(maps.Values(s.open), (*sqlitefile.File).Healthy)
}

func (s *sqliteFiles) backup(ctx context.Context, path string, encrypt func(path, to string) error) error {
	if len(s.open) != 1 {
		return severalFiles(len(s.open))
	}
	return firstOf(maps.Values(s.open), func(f *sqlitefile.File) error { return f.Backup(ctx, path, encrypt) })
}

func (s *sqliteFiles) restore(
	ctx context.Context, backup string, decrypt func(to string) error, prepare func(was, is store.Store) error,
) error {
	if len(s.schemas) != 1 {
		return severalFiles(len(s.schemas))
	}
	for path, schemas := range s.schemas {
		look := func(tmp string) error {
			return s.with(ctx, path, func(was store.Store) error {
				return s.with(ctx, tmp, func(is store.Store) error { return prepare(was, is) })
			})
		}
		b := sqlitefile.Backup{Path: backup, Decrypt: decrypt}
		return sqlitefile.Restore(ctx, path, b, s.opts.Now(), look, schemas...)
	}
	return nil
}

// with opens the store in a file while fn runs.
func (s *sqliteFiles) with(ctx context.Context, path string, fn func(store.Store) error) error {
	f, err := sqlitefile.Open(ctx, path, sqlitefile.Options{Logger: s.opts.Log})
	if err != nil {
		return err
	}
	db := sqlitestore.New(f)
	return cmp.Or(fn(db), db.Close(), f.Close())
}

func severalFiles(n int) error {
	return bellhop.Errorf(bellhop.Conflict, "several_files",
		"the database and the queue are in %d files: keep each with its own tools, or let them share one", n)
}

// Close closes the files.
func (s *sqliteFiles) Close() error { return closeAll(slices.Collect(maps.Values(s.open))...) }

// sqliteAt is a driver's place in a file.
type sqliteAt struct {
	files *sqliteFiles
	path  string
	queue string
}

func (a sqliteAt) migrate(ctx context.Context) (int, error) { return a.files.migrate(ctx, a.path) }

type storeInSQLite struct{ sqliteAt }

func sqliteStore(d *drivers, u *url.URL) (storeDriver, error) {
	path, err := d.sqlitePath(u)
	if err != nil || u.RawQuery != "" || u.Host != "" {
		return nil, WrongSetting("BELLHOP_DB", "it is not the address of an SQLite file", dbAccepted)
	}
	return storeInSQLite{filesOf(d).at(path, sqlitestore.Schema(), "")}, nil
}

func (d storeInSQLite) open(ctx context.Context) (store.Store, error) {
	f, err := d.files.get(ctx, d.path)
	if err != nil {
		return nil, err
	}
	return sqlitestore.New(f), nil
}

func (d storeInSQLite) file() string { return d.path }

// loops is one: a file has one writer, and the fuller a transaction is, the less
// each order in it costs.
func (storeInSQLite) loops() int { return 1 }

type queueInSQLite struct{ sqliteAt }

func sqliteQueue(d *drivers, u *url.URL) (queueDriver, error) {
	path, err := d.sqlitePath(u)
	query := u.Query()
	name := cmp.Or(query.Get("queue"), queue.DefaultName)
	query.Del("queue")
	if err != nil || len(query) > 0 || u.Host != "" {
		return nil, WrongSetting("BELLHOP_QUEUE", "it is not the address of a queue in an SQLite file", queueAccepted)
	}
	return queueInSQLite{filesOf(d).at(path, sqlitequeue.Schema(), name)}, nil
}

func (d queueInSQLite) open(ctx context.Context) (queue.Broker, string, error) {
	f, err := d.files.get(ctx, d.path)
	if err != nil {
		return nil, "", err
	}
	b := sqlitequeue.NewBroker(f, d.files.opts.Now)
	return b, d.queue, createDefault(ctx, b, d.queue)
}
