package sqlitefile

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3/driver" // goose goes through database/sql
	"github.com/ncruces/go-sqlite3/ext/fts5"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"bellhop"
)

// Schema is one set of migrations. Each user of the file numbers its own, so that a file may hold
// the queue, the store or both.
type Schema struct {
	Name string // lower case; part of a table's name
	FS   fs.FS  // goose's SQL files, in its folder migrations
	// Oldest is the oldest version whose program can work with the newest one, and so may start on it. Whoever adds a
	// migration that older programs can't bear raises it.
	Oldest int64
	// CarryOver copies into a backup the data that has to outlive the replaced state; nil for none.
	// above is larger than any id in use, if ids were always carried over.
	CarryOver func(from, to *Conn, above int64) error
}

//go:embed migrations/*.sql
var migrations embed.FS

// archive is the schema of the file's own tables. [Migrate] and [Check] add it
// by themselves.
func archive() Schema { return Schema{Name: "archive", FS: migrations, Oldest: 2} }

// Migrate brings the schemas in the file at path up to date, and makes the file
// with its folder if there is none. It returns how many migrations it applied.
func Migrate(ctx context.Context, path string, schemas ...Schema) (int, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return 0, fmt.Errorf("make the data folder: %w", err)
	}
	if err := touch(path); err != nil {
		return 0, fmt.Errorf("make %s: %w", path, err)
	}
	applied := 0
	err := eachSchema(path, schemas, func(s Schema, db *sql.DB, p *goose.Provider) error {
		if err := keepOldest(ctx, db, s); err != nil {
			return fmt.Errorf("keep the oldest version for %s in %s: %w", s.Name, path, err)
		}
		if ahead, err := newer(ctx, db, s, p); ahead || err != nil {
			return err
		}
		done, err := p.Up(ctx)
		applied += len(done)
		if err != nil {
			return fmt.Errorf("migrate %s in %s: %w", s.Name, path, err)
		}
		return nil
	})
	return applied, err
}

// touch makes the file readable for its owner alone: it holds secrets and
// customers' data.
func touch(path string) error {
	h, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return h.Close()
}

// ErrNoFile says that there is no file yet.
var ErrNoFile = errors.New("there is no database yet")

// Check returns nil when this program can work with the schemas in the file at
// path, [ErrNoFile] when there is none, and otherwise an error that names the
// command to run.
func Check(ctx context.Context, path string, schemas ...Schema) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return ErrNoFile
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	return eachSchema(path, schemas, func(s Schema, db *sql.DB, p *goose.Provider) error {
		if ahead, err := newer(ctx, db, s, p); ahead || err != nil {
			return err
		}
		pending, err := p.HasPending(ctx)
		if err != nil {
			return fmt.Errorf("look at the schema of %s: %w", path, err)
		}
		if pending {
			return bellhop.Errorf(bellhop.Conflict, "schema_older",
				"the database %s is older than this bellhop: run bellhop migrate", path)
		}
		return nil
	})
}

// oldestTable keeps the Oldest of each schema.
const oldestTable = "oldest_versions"

// keepOldest keeps s.Oldest in the file before the migrations that need it, unless a newer program keeps more.
func keepOldest(ctx context.Context, db *sql.DB, s Schema) error {
	_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS `+oldestTable+
		` (schema TEXT PRIMARY KEY, version INTEGER NOT NULL)`)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, `INSERT INTO `+oldestTable+` AS kept (schema, version) VALUES (?, ?)
		ON CONFLICT (schema) DO UPDATE SET version = max(kept.version, excluded.version)`, s.Name, s.Oldest)
	return err
}

// newer reports whether the file's schema is newer than this program, and fails when this program can't work with it.
func newer(ctx context.Context, db *sql.DB, s Schema, p *goose.Provider) (bool, error) {
	at, err := p.GetDBVersion(ctx)
	if err != nil {
		return false, fmt.Errorf("read the schema's version: %w", err)
	}
	sources := p.ListSources()
	known := sources[len(sources)-1].Version
	if at <= known {
		return false, nil
	}
	oldest, err := oldestOf(ctx, db, s)
	if err != nil {
		return false, fmt.Errorf("read the oldest version for %s: %w", s.Name, err)
	}
	if 0 < oldest && oldest <= known {
		return true, nil
	}
	return false, bellhop.Errorf(bellhop.Conflict, "schema_newer",
		"the database is newer than this bellhop can work with (%s schema %d, known up to %d): run the bellhop that "+
			"migrated it, or a later one", s.Name, at, known)
}

// oldestOf returns 0 for a file from before the oldest version was kept.
func oldestOf(ctx context.Context, db *sql.DB, s Schema) (oldest int64, err error) {
	err = db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = ?`, oldestTable).Scan(&oldest)
	if err != nil || oldest == 0 {
		return 0, err
	}
	err = db.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM `+oldestTable+` WHERE schema = ?`, s.Name).
		Scan(&oldest)
	return oldest, err
}

// eachSchema opens the file so that a migration does not wait for the disk: closing it waits once. A power cut before
// that may undo the last migrations as a whole, and whoever starts next applies them again.
func eachSchema(path string, schemas []Schema, fn func(Schema, *sql.DB, *goose.Provider) error) error {
	db, err := driver.Open(uri(path, "")+"&_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)"+
		"&_pragma=synchronous(normal)&_pragma=secure_delete(on)", fts5.Register)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range append([]Schema{archive()}, schemas...) {
		p, err := s.provider(db)
		if err != nil {
			return fmt.Errorf("prepare migrations of %s: %w", s.Name, err)
		}
		if err := fn(s, db, p); err != nil {
			return err
		}
	}
	return nil
}

func (s Schema) provider(db *sql.DB) (*goose.Provider, error) {
	versions, err := database.NewStore(database.DialectSQLite3, "schema_"+s.Name)
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(s.FS, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider("", db, files, goose.WithStore(versions))
}
