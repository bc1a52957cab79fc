package postgres

import (
	"cmp"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Row is a row; read its columns one after the other. NULL is the zero value.
type Row struct {
	values []any
	err    error
}

// Rows adds a query; fn reads each row. It costs more than [Batch.Each] with Scan.
func (b *Batch) Rows(fn func(*Row), query string, args ...any) {
	b.Each(func(rows pgx.Rows) error {
		values, err := rows.Values()
		if err != nil {
			return err
		}
		r := Row{values: values}
		fn(&r)
		return r.err
	}, query, args...)
}

// Fail says that a value is damaged: it ends the transaction with err. nil is none.
func (r *Row) Fail(err error) { r.err = cmp.Or(r.err, err) }

func (r *Row) next() (v any) {
	v, r.values = r.values[0], r.values[1:]
	return v
}

func read[T any](r *Row) (v T) {
	next := r.next()
	v, ok := next.(T)
	if !ok && next != nil {
		r.Fail(fmt.Errorf("a column has a %T, not a %T", next, v))
	}
	return v
}

// Int reads an integer.
func (r *Row) Int() int64 {
	switch n := r.values[0].(type) {
	case int16:
		r.next()
		return int64(n)
	case int32:
		r.next()
		return int64(n)
	}
	return read[int64](r)
}

// Float reads a number.
func (r *Row) Float() float64 { return read[float64](r) }

// Bool reads yes or no.
func (r *Row) Bool() bool { return read[bool](r) }

// Text reads a string.
func (r *Row) Text() string { return read[string](r) }

// Time reads a time in UTC.
func (r *Row) Time() time.Time { return read[time.Time](r).UTC() }

// Blob reads bytes, or an id.
func (r *Row) Blob() []byte {
	if id, ok := r.values[0].([16]byte); ok {
		r.next()
		return id[:]
	}
	return read[[]byte](r)
}
