package shop

import (
	"cmp"
	"slices"
	"time"

	"bellhop/simulate"
)

// index is what lists of orders are made of. It lags behind the orders themselves.
type index struct {
	keep    int // changes that wait, at most
	shown   map[int64]*entry
	waiting []change             // that it doesn't show yet, oldest first
	sorted  map[sortKey][]*entry // of all that is shown; made when a key is first asked for
}

// change is an entry that the index shows some time after it was made.
type change struct {
	made time.Time
	*entry
}

// entry is an order in one state: what it is sorted by in seconds, and the delivery that knows the rest.
type entry struct {
	id, number, created, updated, processed int64
	d                                       *simulate.Delivery
}

func newEntry(d *simulate.Delivery) *entry {
	f := d.Facts()
	return &entry{f.ID, f.Number, f.Created.Unix(), f.Updated.Unix(), f.Processed.Unix(), d}
}

// add notes a change.
func (x *index) add(e *entry, now time.Time) {
	x.waiting = append(x.waiting, change{now, e})
	if len(x.waiting) > x.keep {
		x.show(x.waiting[0].made)
	}
}

// show shows all that was made by a time.
func (x *index) show(until time.Time) {
	n := 0
	for n < len(x.waiting) && !x.waiting[n].made.After(until) {
		x.set(x.waiting[n].entry)
		n++
	}
	x.waiting = slices.Delete(x.waiting, 0, n)
}

// set shows an order as an entry has it; not at all once it is deleted.
func (x *index) set(e *entry) {
	x.drop(e.id)
	if !e.d.Known() {
		return
	}
	x.shown[e.id] = e
	for key, all := range x.sorted {
		i, _ := find(all, key, key.position(e))
		x.sorted[key] = slices.Insert(all, i, e)
	}
}

func (x *index) drop(id int64) {
	e := x.shown[id]
	if e == nil {
		return
	}
	delete(x.shown, id)
	for key, all := range x.sorted {
		i, _ := find(all, key, key.position(e))
		x.sorted[key] = slices.Delete(all, i, i+1)
	}
}

// forget shows nothing more of an order, nor what waits of it.
func (x *index) forget(id int64) {
	x.drop(id)
	x.waiting = slices.DeleteFunc(x.waiting, func(c change) bool { return c.id == id })
}

// fill shows one of many orders at once.
func (x *index) fill(e *entry) {
	x.shown[e.id] = e
	clear(x.sorted) // sorted anew, which is faster than one by one
}

// by returns all orders in the order of a key.
func (x *index) by(key sortKey) []*entry {
	all, ok := x.sorted[key]
	if !ok {
		for _, e := range x.shown {
			all = append(all, e)
		}
		slices.SortFunc(all, func(a, b *entry) int { return key.position(a).compare(key.position(b)) })
		x.sorted[key] = all
	}
	return all
}

// find returns the first place of a sorted list that is not before a position.
func find(all []*entry, key sortKey, at position) (int, bool) {
	return slices.BinarySearchFunc(all, at, func(e *entry, at position) int { return key.position(e).compare(at) })
}

// sortKey is what orders are sorted by; orders of one value are by id.
type sortKey string

// sortKeys are those that the twin can sort by. PROCESSED_AT is Shopify's default.
var sortKeys = []sortKey{"PROCESSED_AT", "CREATED_AT", "UPDATED_AT", "ORDER_NUMBER", "ID"}

// position is the place of an order in a sorted list.
type position struct {
	Value int64 `json:"v"`
	ID    int64 `json:"i"`
}

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.Value, q.Value), cmp.Compare(p.ID, q.ID))
}

func (k sortKey) position(e *entry) position {
	p := position{ID: e.id}
	switch k {
	case "CREATED_AT":
		p.Value = e.created
	case "UPDATED_AT":
		p.Value = e.updated
	case "ORDER_NUMBER":
		p.Value = e.number
	case "PROCESSED_AT":
		p.Value = e.processed
	}
	return p
}

// found is a page of what a search found.
type found struct {
	entries       []*entry
	before, after bool // there are others on this side
}

// walk goes over a sorted list from a cursor, no further than it must. reversed is the list from its end.
func (p page) walk(all []*entry, key sortKey, reversed bool, match func(*entry) bool) (f found, err error) {
	from, to, err := p.bounds(all, key, reversed)
	if err != nil {
		return f, err
	}
	at := func(i int) *entry {
		if reversed {
			i = len(all) - 1 - i
		}
		return all[i]
	}
	// some walks from one place to another, and reports whether it found more than size.
	some := func(from, to, step, size int) (got []*entry, more bool) {
		for i := from; i != to; i += step {
			if e := at(i); match(e) {
				if len(got) == size {
					return got, true
				}
				got = append(got, e)
			}
		}
		return got, false
	}
	if p.last {
		f.entries, f.before = some(to-1, from-1, -1, p.size)
		slices.Reverse(f.entries)
		_, f.after = some(to, len(all), 1, 0)
		return f, nil
	}
	f.entries, f.after = some(from, to, 1, p.size)
	_, f.before = some(from-1, -1, -1, 0)
	return f, nil
}

// bounds returns the places of a sorted list that after and before leave.
func (p page) bounds(all []*entry, key sortKey, reversed bool) (from, to int, err error) {
	// place is the first place that is not before a cursor, or past it.
	place := func(cursor string, past bool) (int, error) {
		at, err := readCursor(cursor)
		if past != reversed { // one past it; reversed, what is before it is behind it
			at.ID++
		}
		i, _ := find(all, key, at)
		if reversed {
			i = len(all) - i
		}
		return i, err
	}
	to = len(all)
	if p.after != "" {
		if from, err = place(p.after, true); err != nil {
			return 0, 0, err
		}
	}
	if p.before != "" {
		if to, err = place(p.before, false); err != nil {
			return 0, 0, err
		}
	}
	return from, max(from, to), nil
}
