package postgres

import (
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// Rows are rows to be written by one statement, as the arrays that unnest takes:
// a statement for each row would cost the server a plan for each. A row is begun
// by Next and filled column by column, each column always by the same method.
type Rows struct {
	columns []column
	next    int
	n       int
}

type column interface{ values() any }

type columnOf[T any] struct{ all []T }

func (c *columnOf[T]) values() any { return c.all }

func put[T any](r *Rows, v T) *Rows {
	if r.next == len(r.columns) {
		r.columns = append(r.columns, &columnOf[T]{})
	}
	c := r.columns[r.next].(*columnOf[T])
	c.all = append(c.all, v)
	r.next++
	return r
}

// Next begins a row.
func (r *Rows) Next() *Rows {
	r.next = 0
	r.n++
	return r
}

// Len returns how many rows there are.
func (r *Rows) Len() int { return r.n }

// Text fills a column; see [Text].
func (r *Rows) Text(s string) *Rows { return put(r, Text(s)) }

// TextOrNull fills a column; "" is NULL.
func (r *Rows) TextOrNull(s string) *Rows {
	return put(r, pgtype.Text{String: Text(s), Valid: s != ""})
}

// Int fills a column.
func (r *Rows) Int(n int64) *Rows { return put(r, n) }

// IntOrNull fills a column; 0 is NULL.
func (r *Rows) IntOrNull(n int64) *Rows { return put(r, Int(n)) }

// Float fills a column.
func (r *Rows) Float(f float64) *Rows { return put(r, f) }

// Bool fills a column.
func (r *Rows) Bool(b bool) *Rows { return put(r, b) }

// Time fills a column; a zero time is NULL.
func (r *Rows) Time(t time.Time) *Rows { return put(r, Time(t)) }

// Always fills a column that is never NULL with a time.
func (r *Rows) Always(t time.Time) *Rows { return put(r, Always(t)) }

// ID fills a column.
func (r *Rows) ID(id [16]byte) *Rows { return put(r, ID(id)) }

// Bytes fills a column; nil is NULL.
func (r *Rows) Bytes(b []byte) *Rows { return put(r, b) }

// Args returns the columns as the arguments of a statement that has [Unnest] in
// it.
func (r *Rows) Args(more ...any) []any {
	args := make([]any, len(r.columns), len(r.columns)+len(more))
	for i, c := range r.columns {
		args[i] = c.values()
	}
	return append(args, more...)
}

// Unnest returns the call of unnest that makes rows of arguments of types, which
// are separated by spaces: "bigint text" is unnest($1::bigint[],$2::text[]). A tsvector is sent as
// text.
func Unnest(types string) string {
	var b strings.Builder
	for i, t := range strings.Fields(types) {
		if t == "tsvector" {
			t = "text[]::tsvector"
		}
		fmt.Fprintf(&b, ",$%d::%s[]", i+1, t)
	}
	return "unnest(" + strings.TrimPrefix(b.String(), ",") + ")"
}
