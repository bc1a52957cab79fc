package api

import (
	"context"
	"slices"
	"strconv"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
)

// Tombstone is an order that was deleted.
type Tombstone struct {
	ID        string    `json:"id"`
	Shop      string    `json:"shop" example:"demo.myshopify.com"`
	DeletedAt time.Time `json:"deleted_at" doc:"When bellhop heard of it."`
}

var (
	errTooLongAgo = bellhop.Errorf(bellhop.Conflict, "too_long_ago",
		"what changed since then is no longer kept: load all orders anew, and go on from the now of that list")
	errSinceAlone = bellhop.Invalidf("updated_since",
		"updated_since takes no filters, sort and cursor beside it: an order that leaves a filter would be missed")
)

// place is a place in the stream.
func place(text, code, words string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, bellhop.Invalidf(code, "%s", words)
	}
	return n, nil
}

// clocksApart is how far the clocks of bellhop's processes may be apart: so much of the stream is not sorted by time.
const clocksApart = time.Minute

// placeSince finds the place that a client means: a place itself, or a time, behind which lies all that changed since.
func (a *API) placeSince(ctx context.Context, text string) (int64, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return place(text, "updated_since",
			"updated_since is the now of an earlier page, or a time such as 2026-11-22T09:00:00Z")
	}
	first, err := a.Store.FirstChange(ctx)
	if err != nil {
		return 0, err
	}
	last, err := a.Store.LastChange(ctx)
	if err != nil {
		return 0, err
	}
	oldest := max(first-1, 0)
	from, to := oldest, last
	for from < to {
		middle := from + (to-from)/2
		next, err := a.Store.Changes(ctx, "", middle, 1)
		switch {
		case err != nil:
			return 0, err
		case len(next) > 0 && next[0].At.Before(t.Add(-clocksApart)):
			from = next[0].Seq
		default:
			to = middle
		}
	}
	if from == oldest && oldest > 0 {
		return 0, errTooLongAgo // nobody knows what changed before the oldest that is kept
	}
	return from, nil
}

// ordersSince is a page of what changed since a place in the stream, oldest first. It looks at a bounded number of
// changes, so that a page may be empty.
func (a *API) ordersSince(ctx context.Context, who web.Principal, in *listOrders) (*orderPage, error) {
	if in.Cursor != "" || in.OrderFilter != (web.OrderFilter{}) {
		return nil, errSinceAlone
	}
	since, err := a.placeSince(ctx, in.UpdatedSince)
	if err != nil {
		return nil, err
	}
	c, err := a.changesSince(ctx, who.Shop, since, in.Limit)
	if err != nil {
		return nil, err
	}
	page := OrderPage{Orders: []Order{}, Deleted: []Tombstone{}, Now: strconv.FormatInt(c.to, 10)}
	if c.more {
		page.Next = page.Now
	}
	for some := range slices.Chunk(c.orders, store.WholeMost) {
		if err := a.addChanged(ctx, who, &page, some); err != nil {
			return nil, err
		}
	}
	a.reads.note(ctx, who, len(page.Orders))
	return &orderPage{page}, nil
}

// addChanged adds orders to a page as they are now.
func (a *API) addChanged(ctx context.Context, who web.Principal, to *OrderPage, some []store.Change) error {
	there := map[int64]*bellhop.Order{}
	found, err := a.Store.WholeOrders(ctx, who.Shop, web.Each(some, func(c *store.Change) int64 { return c.OrderID }))
	for i := range found {
		there[found[i].ID] = &found[i]
	}
	for _, c := range some {
		if o := there[c.OrderID]; o != nil {
			to.Orders = append(to.Orders, orderShape(seenBy(who, o)))
		} else {
			to.Deleted = append(to.Deleted, Tombstone{web.ID(c.OrderID), c.Shop, c.At.UTC()})
		}
	}
	return err
}

// changedSince are the newest changes of some orders, each once and oldest first, up to a place in the stream.
type changedSince struct {
	orders []store.Change
	to     int64
	more   bool // behind it
}

// One page looks at so many changes, most of which may be pushes'.
const (
	sinceBatch   = 500
	sinceBatches = 10
)

func (a *API) changesSince(ctx context.Context, shop string, since int64, limit int) (c changedSince, err error) {
	last, err := a.Store.LastChange(ctx)
	if err != nil {
		return c, err
	}
	c.to, c.more = since, true
	for range sinceBatches {
		changes, err := a.Store.Changes(ctx, shop, c.to, sinceBatch)
		if err != nil {
			return c, err
		}
		if !c.add(changes, limit) {
			break
		}
		if len(changes) < sinceBatch {
			c.to, c.more = max(c.to, last), false
			break
		}
	}
	// Whoever drops changes meanwhile drops the oldest first.
	first, err := a.Store.FirstChange(ctx)
	if err == nil && (since > last || since < first-1) {
		err = errTooLongAgo
	}
	return c, err
}

// add adds changes while there is room for their orders, and reports whether there was for all.
func (c *changedSince) add(changes []store.Change, limit int) bool {
	for _, ch := range changes {
		if ch.Kind != store.ChangeSettled {
			was := slices.IndexFunc(c.orders, func(o store.Change) bool { return o.OrderID == ch.OrderID })
			if was < 0 && len(c.orders) == limit {
				return false
			}
			if was >= 0 {
				c.orders = slices.Delete(c.orders, was, was+1)
			}
			c.orders = append(c.orders, ch)
		}
		c.to = ch.Seq
	}
	return true
}
