package rows

import (
	"bellhop"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/move"
	"bellhop/store/rules"
)

// Statement reads the document of a statement.
func Statement[R Row](r R) bellhop.Statement {
	s, err := driver.ReadStatement(r.Text())
	r.Fail(err)
	return s
}

// StatementColumns are the columns for [StatementRow].
const StatementColumns = `(SELECT domain FROM shops WHERE id = shop_id), number, from_at, to_at, document,
	lines IS NULL, lines`

// StatementRow reads a statement as it is kept.
func StatementRow[R Row](r R) move.StatementRow {
	s := move.StatementRow{Shop: r.Text(), Number: r.Int(), From: r.Time(), To: r.Time(), Document: r.Text()}
	pruned := r.Bool()
	if s.Lines = r.Blob(); !pruned && s.Lines == nil {
		s.Lines = []byte{}
	}
	return s
}

// NewStatement makes the row of a statement.
func NewStatement(s *bellhop.Statement, lines []byte) *move.StatementRow {
	return &move.StatementRow{Shop: s.Shop, Number: s.Number, From: s.From, To: s.To,
		Document: driver.WriteStatement(s), Lines: append([]byte{}, lines...)}
}

// WhereStated is a condition for the key that signs statements, which is of no use in another store without them.
const WhereStated = ` WHERE EXISTS (SELECT 1 FROM statements)`

// Stamp reads an event's id, its outcome and the outcome's time.
func Stamp[R Row](r R) (l store.LedgerStamp) {
	copy(l.Event[:], r.Blob())
	l.Outcome, l.At = bellhop.Outcome(r.Text()), r.Time()
	return l
}

// Created is when the order of an alias o was created: an older bellhop kept only when it was placed.
const Created = `coalesce(o.created_at, o.placed_at)`

// FateColumns are the columns for [Fates], of an alias o.
const FateColumns = `o.order_id, ` + Created + ` AS created, o.recorded_at, o.found`

// RungFor is a condition for the pushes p that tell of a new order: those of the rota stand for it.
const RungFor = `(p.kind = '` + string(bellhop.PushOrderNew) + `'
	OR p.kind LIKE '` + string(bellhop.PushOrderRing) + `:%')`

// Fates collects fates of rows with the columns of an order, whether it has a fan-out, and the status, the reason and
// the number of some of its pushes. An order's rows come one after the other.
type Fates struct {
	all   []store.Fate
	rings []rules.Rings
}

// Add reads a row.
func (f *Fates) Add(r Row) {
	o := store.Fate{Order: r.Int(), CreatedAt: r.Time(), RecordedAt: r.Time(), Found: r.Text()}
	fanOut := r.Bool()
	some := rules.Rings{Status: bellhop.PushStatus(r.Text()), Reason: r.Text(), N: r.Int()}
	if n := len(f.all); n == 0 || f.all[n-1].Order != o.Order {
		f.end()
		f.all = append(f.all, o)
		if fanOut {
			f.rings = append(f.rings, rules.Rings{Status: bellhop.PushPending, N: 1})
		}
	}
	if some.Status != "" {
		f.rings = append(f.rings, some)
	}
}

func (f *Fates) end() {
	if n := len(f.all); n > 0 {
		rules.Fate(&f.all[n-1], f.rings)
	}
	f.rings = f.rings[:0]
}

// All returns them.
func (f *Fates) All() []store.Fate {
	f.end()
	return f.all
}
