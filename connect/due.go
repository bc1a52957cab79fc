package connect

import (
	"cmp"
	"context"
	"slices"
	"time"

	"bellhop"
)

// Watch knows which shops are due for a look.
type Watch struct {
	*Connector
	quiet map[string]Quiet // by shop, as measured after its last event
}

// Due lists the connections to look after, the longest due first, and when the next one is; zero for never. It is for
// one goroutine.
func (w *Watch) Due(ctx context.Context) (due []bellhop.Connection, next time.Time, err error) {
	connections, err := w.Store.Connections(ctx)
	if err != nil || len(connections) == 0 {
		return nil, next, err
	}
	shops, err := w.Store.Shops(ctx)
	if err != nil {
		return nil, next, err
	}
	byDomain := make(map[string]bellhop.Shop, len(shops))
	for _, s := range shops {
		byDomain[s.Domain] = s
	}
	since, now := map[string]time.Time{}, w.now()
	for _, conn := range connections {
		silent, err := w.silentAt(ctx, conn, byDomain[conn.Shop], now)
		if err != nil {
			return nil, next, err
		}
		at := earlier(dueAt(conn), silent)
		if isDue(at, now) {
			due, since[conn.Shop] = append(due, conn), at
		} else {
			next = earlier(next, at)
		}
	}
	slices.SortFunc(due, func(a, b bellhop.Connection) int {
		return cmp.Or(since[a.Shop].Compare(since[b.Shop]), cmp.Compare(a.Shop, b.Shop))
	})
	return due, next, nil
}

// dueAt is when a connection needs a look; zero for never.
func dueAt(conn bellhop.Connection) time.Time {
	switch conn.Access {
	case bellhop.AccessUninstalled:
		return time.Time{}
	case bellhop.AccessGood:
		return earlier(conn.CheckDue, renewAt(conn))
	}
	return conn.CheckDue // a token that Shopify refuses is asked for at the pace of the refusal
}

// silentAt is when a quiet shop deserves a look: once for each silence. Zero for no need.
func (w *Watch) silentAt(ctx context.Context, conn bellhop.Connection, shop bellhop.Shop, now time.Time) (
	time.Time, error) {
	last := quietSince(shop)
	if conn.Access != bellhop.AccessGood || shop.Disabled || !last.Overdue(now) {
		return time.Time{}, nil
	}
	q, measured := w.quiet[conn.Shop]
	if !measured || !q.Since.Equal(last.Since) {
		var err error
		if q, err = Silence(ctx, w.Store, shop, now); err != nil {
			return time.Time{}, err
		}
		if w.quiet == nil {
			w.quiet = map[string]Quiet{}
		}
		w.quiet[conn.Shop] = q
	}
	if !q.Overdue(now) {
		return time.Time{}, nil
	}
	if conn.CheckedAt.Before(q.At()) {
		return q.At(), nil
	}
	return time.Time{}, nil
}

// earlier is the earlier of two times, where zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Keep checks a connection that was due. It does nothing if another process works on it or did so since. Many
// goroutines may call it at once.
func (w *Watch) Keep(ctx context.Context, due bellhop.Connection) error {
	err := w.hold(ctx, due.Shop, 0, func(ctx context.Context) error {
		now, err := w.Store.Connection(ctx, due.Shop)
		if err != nil || !now.CheckDue.Equal(due.CheckDue) || now.Token != due.Token {
			return err
		}
		if err := w.check(ctx, due.Shop); err != nil || isDue(dueAt(due), w.now()) {
			return err
		}
		return w.askLook(ctx, due.Shop) // its silence made it due
	})
	if IsBusy(err) || bellhop.KindOf(err) == bellhop.NotFound { // or it was erased
		return nil
	}
	return err
}
