package sqlitefile

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// Conn is a connection with its prepared statements. It serves one
// goroutine at a time.
type Conn struct {
	db    *sqlite3.Conn
	stmts map[string]*Stmt
}

// Stmt is a prepared statement whose parameters are bound one after the other.
// The first error sticks and is returned at the end.
type Stmt struct {
	s   *sqlite3.Stmt
	n   int // parameters bound
	col int // columns read of the current row
	err error
}

// Prepare returns the statement for sql, made once for the connection, with
// nothing bound to it. It must be finished before the same text is prepared
// again.
func (c *Conn) Prepare(sql string) *Stmt {
	st, ok := c.stmts[sql]
	if !ok {
		s, _, err := c.db.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
		if err != nil {
			return &Stmt{err: fmt.Errorf("prepare %q: %w", sql, err)}
		}
		st = &Stmt{s: s}
		c.stmts[sql] = st
	}
	st.n, st.err = 0, nil
	return st
}

// reset ends half-read statements, so that no snapshot stays open.
func (c *Conn) reset() {
	for _, st := range c.stmts {
		if st.s.Busy() {
			st.s.Reset()
		}
	}
}

func (c *Conn) close() error {
	for _, st := range c.stmts {
		st.s.Close()
	}
	return c.db.Close()
}

// Changes returns how many rows the last statement changed.
func (c *Conn) Changes() int64 { return c.db.Changes() }

// AllChanges returns how many rows the connection changed ever, those of virtual tables too.
func (c *Conn) AllChanges() int64 { return c.db.TotalChanges() }

// LastID returns the rowid of the last insert.
func (c *Conn) LastID() int64 { return c.db.LastInsertRowID() }

// Int binds an integer.
func (st *Stmt) Int(v int64) *Stmt {
	if st.err == nil {
		st.n++
		st.err = st.s.BindInt64(st.n, v)
	}
	return st
}

// IntOrNull binds an integer, and NULL for 0.
func (st *Stmt) IntOrNull(v int64) *Stmt {
	if v == 0 {
		return st.Null()
	}
	return st.Int(v)
}

// Bool binds 1 or 0.
func (st *Stmt) Bool(v bool) *Stmt {
	if v {
		return st.Int(1)
	}
	return st.Int(0)
}

// Text binds a string.
func (st *Stmt) Text(v string) *Stmt {
	if st.err == nil {
		st.n++
		st.err = st.s.BindText(st.n, v)
	}
	return st
}

// TextOrNull binds a string, and NULL for "".
func (st *Stmt) TextOrNull(v string) *Stmt {
	if v == "" {
		return st.Null()
	}
	return st.Text(v)
}

// Blob binds bytes.
func (st *Stmt) Blob(v []byte) *Stmt {
	if st.err == nil {
		st.n++
		st.err = st.s.BindBlob(st.n, v)
	}
	return st
}

// Time binds microseconds since 1970, and NULL for the zero time.
func (st *Stmt) Time(t time.Time) *Stmt {
	if t.IsZero() {
		return st.Null()
	}
	return st.Int(t.UnixMicro())
}

// Bind binds values of several kinds, where their number matters more than the time.
func (st *Stmt) Bind(args ...any) *Stmt {
	for _, a := range args {
		switch a := a.(type) {
		case int:
			st.Int(int64(a))
		case int64:
			st.Int(a)
		case string:
			st.Text(a)
		case []byte:
			st.Blob(a)
		case time.Time:
			st.Time(a)
		default:
			st.err = cmp.Or(st.err, fmt.Errorf("bind a %T", a))
		}
	}
	return st
}

// Null binds NULL.
func (st *Stmt) Null() *Stmt {
	if st.err == nil {
		st.n++
		st.err = st.s.BindNull(st.n)
	}
	return st
}

// Exec runs a statement that returns no rows.
func (st *Stmt) Exec() error {
	if st.err != nil {
		return st.err
	}
	return st.s.Exec()
}

// One returns the first column of the first row as an integer; 0 if there is no
// row or the value is NULL.
func (st *Stmt) One() (int64, error) {
	var v int64
	_, err := st.First(func(r Row) { v = r.Int() })
	return v, err
}

// First calls fn with the first row, if there is one.
func (st *Stmt) First(fn func(Row)) (found bool, err error) {
	if st.err != nil {
		return false, st.err
	}
	if found = st.s.Step(); found {
		st.col = 0
		fn(Row{st})
	}
	return found, errors.Join(st.s.Err(), st.s.Reset(), st.err)
}

// Each calls fn with each row.
func (st *Stmt) Each(fn func(Row) error) error {
	if st.err != nil {
		return st.err
	}
	for st.s.Step() {
		st.col = 0
		if err := cmp.Or(fn(Row{st}), st.err); err != nil {
			st.s.Reset()
			return err
		}
	}
	return errors.Join(st.s.Err(), st.s.Reset())
}

// All reads each row.
func All[T any](st *Stmt, read func(Row) T) (all []T, err error) {
	err = st.Each(func(r Row) error {
		all = append(all, read(r))
		return nil
	})
	return all, err
}

// Row is a row; read its columns one after the other. The caller may keep the values.
type Row struct{ st *Stmt }

// Fail says that a value is damaged: it ends the walk through the rows with err. nil is none.
func (r Row) Fail(err error) { r.st.err = cmp.Or(r.st.err, err) }

func (r Row) next() int { r.st.col++; return r.st.col - 1 }

// Int reads an integer; 0 for NULL.
func (r Row) Int() int64 { return r.st.s.ColumnInt64(r.next()) }

// Float reads a number that was stored as a text, in full.
func (r Row) Float() (f float64) {
	if s := r.Text(); s != "" {
		var err error
		f, err = strconv.ParseFloat(s, 64)
		r.Fail(err)
	}
	return f
}

// Bool reads whether a number is not 0.
func (r Row) Bool() bool { return r.Int() != 0 }

// Text reads a string; "" for NULL.
func (r Row) Text() string { return r.st.s.ColumnText(r.next()) }

// Blob reads bytes; nil for NULL.
func (r Row) Blob() []byte { return r.st.s.ColumnBlob(r.next(), nil) }

// Null reports whether the next column is NULL, without passing over it.
func (r Row) Null() bool { return r.st.s.ColumnType(r.st.col) == sqlite3.NULL }

// Time reads a time in UTC; zero for NULL.
func (r Row) Time() time.Time {
	if r.Null() {
		r.next()
		return time.Time{}
	}
	return time.UnixMicro(r.Int()).UTC()
}

// rawBlob reads bytes that are valid until the next step.
func (r Row) rawBlob() []byte { return r.st.s.ColumnRawBlob(r.next()) }

// uri names a file that is kept by the VFS of a name, under the [blanker].
func uri(path, vfs string) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	u.RawQuery = url.Values{"vfs": {blanking(vfs)}}.Encode()
	return u.String()
}

// IsConstraint reports whether err is a violated UNIQUE or other constraint.
func IsConstraint(err error) bool { return errors.Is(err, sqlite3.CONSTRAINT) }
