package rows

import (
	"bellhop"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rules"
)

// Statement reads the document of a statement.
func Statement[R Row](r R) bellhop.Statement {
	s, err := driver.ReadStatement(r.Text())
	r.Fail(err)
	return s
}

// Stamp reads an event's id, its outcome and the outcome's time.
func Stamp[R Row](r R) (l store.LedgerStamp) {
	copy(l.Event[:], r.Blob())
	l.Outcome, l.At = bellhop.Outcome(r.Text()), r.Time()
	return l
}

// Created is when the order of an alias o was created: an older bellhop kept only when it was placed.
const Created = `coalesce(o.created_at, o.placed_at)`

// FateColumns are the columns for [Fates], of an alias o.
const FateColumns = `o.order_id, ` + Created + ` AS created, o.recorded_at`

// Fates collects fates of rows with the columns of an order, whether it has a fan-out, and the status, the reason and
// the number of some of its pushes. An order's rows come one after the other.
type Fates struct {
	all   []store.Fate
	rings []rules.Rings
}

// Add reads a row.
func (f *Fates) Add(r Row) {
	o := store.Fate{Order: r.Int(), CreatedAt: r.Time(), RecordedAt: r.Time()}
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
