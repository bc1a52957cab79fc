package driver

import (
	"cmp"
	"context"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"bellhop"
	"bellhop/store"
)

// maxText bounds the text of a search, in bytes.
const maxText = 200

// maxValues is more than Shopify has statuses of one sort.
const maxValues = 20

// turnWait bounds a search's wait for another one of its shop.
const turnWait = 2 * time.Second

// Turns makes the searches of a shop run one at a time. The zero value serves.
type Turns struct {
	mu    sync.Mutex
	shops map[string]chan struct{} // closed when the running one is done
}

// Take waits for the shop's turn. The caller calls done after the search.
func (t *Turns) Take(ctx context.Context, shop string) (done func(), err error) {
	late := time.NewTimer(turnWait)
	defer late.Stop()
	for {
		t.mu.Lock()
		before, busy := t.shops[shop]
		if !busy {
			if t.shops == nil {
				t.shops = map[string]chan struct{}{}
			}
			mine := make(chan struct{})
			t.shops[shop] = mine
			t.mu.Unlock()
			return func() { t.end(shop, mine) }, nil
		}
		t.mu.Unlock()
		select {
		case <-before:
		case <-late.C:
			return nil, bellhop.Errorf(bellhop.Unavailable, "search_busy",
				"other searches in this shop are under way: try again later")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (t *Turns) end(shop string, mine chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.shops, shop)
	close(mine)
}

// List is the query of a page of orders, checked and ready for a driver.
type List struct {
	store.OrderQuery
	At, ID int64    // it begins behind this order: by its time in microseconds, and its id
	Words  []Wanted // all of which an order must have; nil without a search
	// Hopeless is a search for no letter and no digit: no order matches.
	Hopeless bool
}

// ParseList refuses a query that can't be asked.
func ParseList(q store.OrderQuery) (l List, err error) {
	l = List{OrderQuery: q, At: math.MaxInt64, ID: math.MaxInt64}
	l.Depth = cmp.Or(q.Depth, store.SearchDepth)
	if l.Limit, err = Page(q.Limit, q.Cursor, &l.At, &l.ID); err != nil {
		return l, err
	}
	for _, h := range q.Handling {
		if _, err := bellhop.ParseHandling(string(h)); err != nil {
			return l, err
		}
	}
	switch m, err := bellhop.ParseMoney(cmp.Or(q.AtLeast, "0"), "USD"); {
	case len(q.Text) > maxText:
		return l, bellhop.Invalidf("q", "the text to search for has %d bytes: give at most %d", len(q.Text), maxText)
	case len(q.Tag) > maxText:
		return l, bellhop.Invalidf("tag", "the tag has %d bytes: give at most %d", len(q.Tag), maxText)
	case max(len(q.Handling), len(q.Financial), len(q.Fulfillment)) > maxValues:
		return l, bellhop.Invalidf("filter", "a filter takes at most %d values", maxValues)
	case q.Sort != "" && q.Sort != store.SortPlaced && q.Sort != store.SortUpdated:
		return l, bellhop.Invalidf("sort", "orders are sorted by placed or updated")
	case err != nil || m.Units < 0:
		return l, bellhop.Invalidf("at_least", "at_least is no amount: give a number such as 100 or 49.90")
	}
	l.Words = ParseQuery(q.Text)
	l.Hopeless = q.Text != "" && l.Words == nil
	if before := q.Before.UnixMicro(); !q.Before.IsZero() && q.Sort != store.SortUpdated && before <= l.At {
		l.At, l.ID = before, math.MinInt64
	}
	if q.Tag != "" {
		l.Words = append(l.Words, Tagged(q.Tag))
	}
	return l, nil
}

// Narrow reports whether the list may pass over many orders.
func (l *List) Narrow() bool {
	filters := len(l.filters())
	if l.Sort == store.SortUpdated && !(l.Since.IsZero() && l.Before.IsZero()) {
		filters++
	}
	// Several values are several parts of an index, each in the list's order.
	several := max(len(l.Handling), len(l.Financial), len(l.Fulfillment)) > 1
	return several || l.Words != nil || l.AtLeast != "" || l.Found != "" || l.NotCancelled || l.NotTest || filters > 1 ||
		filters == 1 && l.Sort == store.SortUpdated
}

// Column is what a list is sorted by.
func (l *List) Column() string {
	if l.Sort == store.SortUpdated {
		return "o.updated_at"
	}
	return "o.placed_at"
}

// Cursor is that of a page that ends with o.
func (l *List) Cursor(o *bellhop.Order) string {
	at := o.PlacedAt
	if l.Sort == store.SortUpdated {
		at = o.UpdatedAt
	}
	return Cursor(at.UnixMicro(), o.ID)
}

// Until is the cursor behind the last order that a page looks at; "" if nothing behind it matches.
func (l *List) Until(at, id int64) string {
	if l.Sort != store.SortUpdated && !l.Since.IsZero() && at < l.Since.UnixMicro() {
		return ""
	}
	return Cursor(at, id)
}

// Page makes a page of the orders that were found, one more than it has room for at most. Behind
// until, if that is a cursor, nobody looked.
func (l *List) Page(found []bellhop.Order, until string) (p store.OrderPage) {
	p.Orders, p.Next = Cut(found, l.Limit, l.Cursor)
	p.Next = cmp.Or(p.Next, until)
	return p
}

// Order sorts a list.
func (l *List) Order() string { return ` ORDER BY ` + l.Column() + ` DESC, o.order_id DESC` }

// Query is text of SQL with its arguments, which it calls $1, $2 and so on.
type Query struct {
	Text string
	Args []any
}

// Add adds text whose question marks stand for arguments.
func (q *Query) Add(text string, args ...any) {
	for _, a := range args {
		q.Args = append(q.Args, a)
		text = strings.Replace(text, "?", "$"+strconv.Itoa(len(q.Args)), 1)
	}
	q.Text += text
}

// Behind adds the condition that orders come behind the page's begin.
func (l *List) Behind(q *Query, at func(int64) any) {
	q.Add(` AND o.placed_at IS NOT NULL AND (`+l.Column()+`, o.order_id) < (?, ?)`, at(l.At), l.ID)
}

// Where adds the conditions for orders of a table or alias o, behind the one for the shop. All
// databases understand them; at makes an argument of a time in microseconds. Each filter that an
// index serves comes with that index's condition, so that few orders are found without passing
// over the others.
func (l *List) Where(q *Query, at func(int64) any) {
	l.Behind(q, at)
	if !l.Since.IsZero() {
		q.Add(` AND o.placed_at >= ?`, at(l.Since.UnixMicro()))
	}
	if !l.Before.IsZero() {
		q.Add(` AND o.placed_at < ?`, at(l.Before.UnixMicro()))
	}
	for _, f := range l.filters() {
		q.Add(f.text, f.args...)
	}
	switch l.Found { // no index has it
	case "":
	case store.FoundByWebhook:
		q.Add(` AND o.found IS NULL`)
	default:
		q.Add(` AND o.found = ?`, l.Found)
	}
	if l.AtLeast != "" {
		q.Add(` AND CAST(coalesce(o.current_total, o.total) AS numeric) >= CAST(? AS numeric)`, l.AtLeast)
	}
}

type filter struct {
	text string
	args []any
}

func (l *List) filters() (all []filter) {
	add := func(when bool, text string, args ...any) {
		if when {
			all = append(all, filter{text, args})
		}
	}
	add(l.Cancelled, ` AND o.cancelled_at IS NOT NULL`)
	add(l.NotCancelled, ` AND o.cancelled_at IS NULL`)
	add(l.Test, ` AND o.test`)
	add(l.NotTest, ` AND o.test IS NOT TRUE`)
	addAny(&all, `o.handling`, l.Handling)
	addAny(&all, `o.financial_status`, l.Financial)
	addAny(&all, `o.fulfillment_status`, l.Fulfillment)
	return all
}

// addAny adds the condition that a column has one of some values, if there are any.
func addAny[T ~string](all *[]filter, column string, values []T) {
	var args []any
	for _, v := range values {
		args = append(args, string(v))
	}
	switch n := len(args); n {
	case 0:
	case 1:
		*all = append(*all, filter{` AND ` + column + ` = ?`, args})
	default:
		*all = append(*all, filter{` AND ` + column + ` IN (?` + strings.Repeat(`, ?`, n-1) + `)`, args})
	}
}
