package move

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"bellhop"
	"bellhop/store"
)

// Filling is a chunk that a driver's Export fills row by row.
type Filling struct {
	Chunk
	Next string // see [Mover.Export]

	limit    ChunkLimit
	n, bytes int
	last     string // the place of the last row
}

// Fill begins a chunk.
func Fill(limit ChunkLimit) Filling { return Filling{limit: limit} }

// Took adds a row to a table of the chunk.
func Took[T any](f *Filling, table *[]T, place string, row T) {
	*table = append(*table, row)
	f.n, f.bytes, f.last = f.n+1, f.bytes+sizeOf(&row), place
}

// Full reports whether a row has to wait for the next chunk, which then begins behind the last row.
func (f *Filling) Full() bool {
	if f.limit.Reached(f.n, f.bytes) {
		f.End()
	}
	return f.Next != ""
}

// End ends the chunk: there are more rows.
func (f *Filling) End() { f.Next = f.last }

// sizeOf is about how many bytes a row takes.
func sizeOf(row any) int {
	switch row := row.(type) {
	case *bellhop.Session:
		return 250 + len(row.Agent)
	case *bellhop.Token:
		return 150
	case *DeviceRow:
		return 400 + len(row.Value) + len(row.Name)
	case *OrderRow:
		if row.Order == nil {
			return 300
		}
		return 300 + len(row.Order.Note) + 150*len(row.Order.Items)
	case *PushRow:
		return 250
	case *FanOutRow:
		return 80
	case *store.Line:
		return 400 + len(row.Event.Body)
	case *store.Change:
		return 120
	case *HeardRow:
		return 80
	case *bellhop.Connection, *bellhop.Reconciliation, *bellhop.PrivacyRequest:
		return 2000
	case *ExportRow:
		return 100 + len(row.Export)
	case *StatementRow:
		return 100 + len(row.Document) + len(row.Lines)
	}
	return 200
}

// HeardPlace is a place in [TableHeard], for drivers: the shop's id, the slot and the topic.
type HeardPlace struct {
	Shop, Slot int64
	Topic      string
}

func (p HeardPlace) String() string { return fmt.Sprintf("%d.%d.%s", p.Shop, p.Slot, p.Topic) }

// ParseHeardPlace reads the result of [HeardPlace.String]; "" is the beginning.
func ParseHeardPlace(s string) (p HeardPlace, err error) {
	if s == "" {
		return p, nil
	}
	parts := strings.SplitN(s, ".", 3)
	if len(parts) < 3 {
		return p, BadPlace()
	}
	p.Shop, err = strconv.ParseInt(parts[0], 10, 64)
	if err == nil {
		p.Slot, err = strconv.ParseInt(parts[1], 10, 64)
	}
	if p.Topic = parts[2]; err != nil {
		err = BadPlace()
	}
	return p, err
}

// MarkPlace is a place in [TableMarks], for drivers.
type MarkPlace struct {
	Mark bellhop.Mark
	Shop string
}

func (p MarkPlace) String() string { return hex.EncodeToString(p.Mark[:]) + "." + p.Shop }

// ParseMarkPlace reads the result of [MarkPlace.String]; "" is the beginning.
func ParseMarkPlace(s string) (p MarkPlace, err error) {
	if s == "" {
		return p, nil
	}
	mark, shop, ok := strings.Cut(s, ".")
	b, err := hex.DecodeString(mark)
	if err != nil || !ok || len(b) != len(p.Mark) {
		return p, BadPlace()
	}
	copy(p.Mark[:], b)
	p.Shop = shop
	return p, nil
}

// BadPlace is a driver's error for a place that no Export returned.
func BadPlace() error {
	return bellhop.Invalidf("place", "the place in the table is not one that was given out")
}

// NoTable is a driver's error for a table that is not in [Tables].
func NoTable(t Table) error { return bellhop.Invalidf("table", "there is no table %q", t) }
