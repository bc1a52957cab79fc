// Package sqlitestore keeps the store in a SQLite file, which it may share with
// the queue. Everything that changes goes through the file's one writer; reads
// have connections of their own and wait for nobody.
package sqlitestore

import (
	"context"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
)

// DB is the store in one file.
type DB struct {
	file *sqlitefile.File

	stop chan struct{}
	wg   sync.WaitGroup // the watcher

	mu       sync.Mutex
	owed     chan struct{} // closed when pushes may have become due
	watching bool
	closed   bool
}

var _ store.Store = (*DB)(nil)

// New returns the store in f, which must have been migrated to [Schema].
func New(f *sqlitefile.File) *DB {
	return &DB{file: f, stop: make(chan struct{}), owed: make(chan struct{})}
}

// Close ends what the store runs in the background. The file stays open: it is
// whoever opened it that closes it.
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

//go:embed migrations/*.sql
var migrations embed.FS

// Schema is the store's part of the file.
func Schema() sqlitefile.Schema {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the name is right or nothing works
	}
	return sqlitefile.Schema{Name: "store", FS: sub}
}

func (db *DB) read(ctx context.Context, what string, fn func(*sqlitefile.Conn) error) error {
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

func notFound(what string) error {
	return bellhop.Errorf(bellhop.NotFound, what+"_not_found", "there is no such %s", strings.ReplaceAll(what, "_", " "))
}

// found turns what [sqlitefile.Stmt.First] returns into an error of the port.
func found(what string) func(bool, error) error {
	return func(ok bool, err error) error {
		if err == nil && !ok {
			return notFound(what)
		}
		return err
	}
}

// conflict says so when err is a violated constraint.
func conflict(err error, code, message string) error {
	if sqlitefile.IsConstraint(err) {
		return &bellhop.Error{Kind: bellhop.Conflict, Code: code, Message: message, Cause: err}
	}
	return err
}

// Limits of a page.
const (
	defaultLimit = 50
	maxLimit     = 200
)

func pageLimit(n int) (int, error) {
	if n == 0 {
		return defaultLimit, nil
	}
	if n < 1 || n > maxLimit {
		return 0, bellhop.Invalidf("limit", "limit is %d: give 1 to %d", n, maxLimit)
	}
	return n, nil
}

// cursor packs where a page ended, so that nobody is tempted to make one up.
func cursor(at ...int64) string {
	var b []byte
	for i, v := range at {
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendInt(b, v, 36)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor fills at, and leaves it as it is when there is no cursor.
func parseCursor(s string, at ...*int64) error {
	if s == "" {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	parts := strings.Split(string(b), ".")
	if err != nil || len(parts) != len(at) {
		return badCursor()
	}
	for i, p := range parts {
		if *at[i], err = strconv.ParseInt(p, 36, 64); err != nil {
			return badCursor()
		}
	}
	return nil
}

func badCursor() error {
	return bellhop.Invalidf("cursor", "the cursor is damaged: take the one that the page before gave, or none to begin anew")
}

// shopID returns 0 for a shop that is not there.
func shopID(c *sqlitefile.Conn, domain string) (int64, error) {
	return c.Prepare(`SELECT id FROM shops WHERE domain = ?`).Text(domain).One()
}

// ownShop is shopID for those who need one.
func ownShop(c *sqlitefile.Conn, domain string) (int64, error) {
	id, err := shopID(c, domain)
	if err == nil && id == 0 {
		err = notFound("shop")
	}
	return id, err
}

// micros is a time as a column that is never NULL holds it.
func micros(t time.Time) int64 { return t.UnixMicro() }

// zoned is the reverse, with the offset that the time was written in.
func zoned(us, offset int64) time.Time {
	t := time.UnixMicro(us)
	if us == (time.Time{}).UnixMicro() {
		return time.Time{}
	}
	if offset == 0 {
		return t.UTC()
	}
	return t.In(time.FixedZone("", int(offset)))
}

func offsetOf(t time.Time) int64 {
	_, seconds := t.Zone()
	return int64(seconds)
}

// money reads an amount that was written by this program.
func money(amount, currency string) (bellhop.Money, error) {
	if currency == "" {
		return bellhop.Money{}, nil
	}
	m, err := bellhop.ParseMoney(amount, currency)
	if err != nil {
		return m, fmt.Errorf("the stored amount is damaged: %v", err)
	}
	return m, nil
}

// errEnough ends a walk through rows early.
var errEnough = errors.New("enough")

func ignore(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return err
}
