package move

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/bits"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// Sum identifies a set of rows: the sum of the rows' SHA-256, modulo 2^256, in any order.
type Sum struct {
	Rows int64
	hash [4]uint64 // the least significant first
}

// Add adds a chunk's rows.
func (s *Sum) Add(c *Chunk) {
	var row canon
	for _, table := range c.tables() {
		for i := range table.Len() {
			row.b = row.b[:0]
			row.value(table.Index(i))
			s.add(sha256.Sum256(row.b))
		}
	}
}

func (s *Sum) add(h [sha256.Size]byte) {
	var carry uint64
	for i := range s.hash {
		s.hash[i], carry = bits.Add64(s.hash[i], binary.LittleEndian.Uint64(h[8*i:]), carry)
	}
	s.Rows++
}

// String returns the sum of hashes in 64 hexadecimal digits.
func (s Sum) String() string {
	var b [32]byte
	for i, word := range s.hash {
		binary.BigEndian.PutUint64(b[8*(3-i):], word)
	}
	return hex.EncodeToString(b[:])
}

// canon writes a row, field by field, so that two rows are the same bytes exactly when they
// are the same row, from any driver.
type canon struct{ b []byte }

func (w *canon) value(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		w.time(v.Addr().Interface().(*time.Time))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			w.value(v.Field(i))
		}
	case v.Kind() == reflect.Pointer:
		w.bool(!v.IsNil())
		if !v.IsNil() {
			w.value(v.Elem())
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		w.int(int64(v.Len()))
		for i := range v.Len() {
			w.value(v.Index(i))
		}
	case v.Kind() == reflect.Slice:
		w.bool(!v.IsNil())
		fallthrough
	case v.Kind() == reflect.Array: // of bytes
		w.int(int64(v.Len()))
		w.b = append(w.b, v.Bytes()...)
	case v.Kind() == reflect.String:
		w.text(v.String())
	case v.Kind() == reflect.Bool:
		w.bool(v.Bool())
	case v.CanInt():
		w.int(v.Int())
	case v.CanUint():
		w.int(int64(v.Uint()))
	default:
		w.int(int64(math.Float64bits(v.Float())))
	}
}

func (w *canon) int(n int64) { w.b = binary.BigEndian.AppendUint64(w.b, uint64(n)) }

// time writes a time with its offset.
func (w *canon) time(t *time.Time) {
	_, offset := t.Zone()
	w.int(t.UnixMicro())
	w.int(int64(offset))
}

func (w *canon) bool(v bool) {
	if v {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

// text writes a text as every database can store it: PostgreSQL keeps U+FFFD in the place
// of U+0000 and of invalid UTF-8.
func (w *canon) text(s string) {
	if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	}
	w.int(int64(len(s)))
	w.b = append(w.b, s...)
}
