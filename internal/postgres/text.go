package postgres

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"
)

// Text returns s as PostgreSQL can store it: U+0000, and bytes that are not
// UTF-8, become U+FFFD. A webhook with such a character in it would otherwise
// fail for ever, and with it all that are recorded together.
func Text(s string) string {
	if strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func storable(args []any) []any {
	for i, a := range args {
		switch a := a.(type) {
		case string:
			args[i] = Text(a)
		case []string:
			for k := range a {
				a[k] = Text(a[k])
			}
		}
	}
	return args
}

// Time is a time as an argument; a zero one is NULL.
func Time(t time.Time) pgtype.Timestamptz {
	return pgtype.Timestamptz{Time: t, Valid: !t.IsZero()}
}

// Always is a time for a column that is never NULL.
func Always(t time.Time) pgtype.Timestamptz { return pgtype.Timestamptz{Time: t, Valid: true} }

// Int is a number as an argument; 0 is NULL.
func Int(n int64) pgtype.Int8 { return pgtype.Int8{Int64: n, Valid: n != 0} }

// ID is an id of 16 bytes as an argument.
func ID(id [16]byte) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }

// TimeTo scans a time in UTC; NULL is a zero one.
func TimeTo(t *time.Time) pgtype.TimestamptzScanner { return timeTo{t} }

// TextTo scans a text; NULL is "".
func TextTo[T ~string](s *T) pgtype.TextScanner { return textTo[T]{s} }

// IntTo scans a number; NULL is 0.
func IntTo[T ~int | ~int64 | ~uint64](n *T) pgtype.Int64Scanner { return intTo[T]{n} }

type timeTo struct{ t *time.Time }

func (d timeTo) ScanTimestamptz(v pgtype.Timestamptz) error {
	if *d.t = (time.Time{}); v.Valid {
		*d.t = v.Time.UTC()
	}
	return nil
}

type textTo[T ~string] struct{ s *T }

func (d textTo[T]) ScanText(v pgtype.Text) error {
	*d.s = T(v.String)
	return nil
}

type intTo[T ~int | ~int64 | ~uint64] struct{ n *T }

func (d intTo[T]) ScanInt64(v pgtype.Int8) error {
	*d.n = T(v.Int64)
	return nil
}
