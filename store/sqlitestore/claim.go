package sqlitestore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
)

// ClaimPushes implements [store.Outbox].
func (db *DB) ClaimPushes(ctx context.Context, now time.Time, max int, lease time.Duration) ([]store.Owed, error) {
	if max < 1 || lease <= 0 {
		return nil, bellhop.Invalidf("claim", "a claim takes at least one push for longer than nothing, not %d for %v", max, lease)
	}
	now = now.Truncate(time.Microsecond)
	if next, err := db.NextPush(ctx); err != nil || next.IsZero() || next.After(now) {
		return nil, err // without a turn of the writer
	}
	var owed []store.Owed
	err := db.write(ctx, "claim pushes", func(tx *sqlitefile.Tx) error {
		cl := claim{c: tx.Conn, now: now, lease: lease, phones: map[int64]*phone{}}
		if err := cl.run(max); err != nil {
			return err
		}
		owed = cl.owed
		return cl.counts.flush(tx.Conn, pushTotals)
	})
	if err != nil {
		return nil, err
	}
	return owed, nil
}

// claim is one call of ClaimPushes inside the writer.
type claim struct {
	c      *sqlitefile.Conn
	now    time.Time
	lease  time.Duration
	phones map[int64]*phone
	counts totals[bellhop.PushStatus]
	owed   []store.Owed
}

// due is a push whose time has come.
type due struct {
	pushRow
	device   int64
	kind     bellhop.PushKind
	attempts int
	created  time.Time
	gathered time.Time // since when the digest runs that counts it
	deleted  bool      // its order
	brief    store.OrderBrief
}

// heap is what is due to one device and of one kind, oldest first.
type heap struct {
	device int64
	kind   bellhop.PushKind
	pushes []due
}

func (cl *claim) run(max int) error {
	pushes, err := cl.load(`p.next_at <= ?`, max, cl.now.UnixMicro())
	if err != nil {
		return err
	}
	full := len(pushes) == max
	for _, h := range heaps(pushes) {
		p, err := cl.phone(h.device)
		if err != nil {
			return err
		}
		if err := cl.ration(p, h, full); err != nil {
			return err
		}
	}
	return nil
}

func heaps(pushes []due) []*heap {
	type key struct {
		device int64
		kind   bellhop.PushKind
	}
	by := map[key]*heap{}
	var all []*heap
	for _, p := range pushes {
		k := key{p.device, p.kind}
		h := by[k]
		if h == nil {
			h = &heap{device: p.device, kind: p.kind}
			by[k] = h
			all = append(all, h)
		}
		h.pushes = append(h.pushes, p)
	}
	return all
}

// load finds what is due, in the order in which it became so.
func (cl *claim) load(where string, limit int, args ...int64) (pushes []due, err error) {
	st := cl.c.Prepare(`SELECT p.id, p.shop_id, p.device_id, p.kind, p.status, p.attempts, p.created_at, p.gathered_since,
		o.order_id, o.deleted, o.name, o.currency, o.total, o.lines, o.customer_name
		FROM pushes p CROSS JOIN orders o ON o.no = p.order_no WHERE ` + where + ` ORDER BY p.next_at, p.id LIMIT ?`)
	for _, a := range args {
		st.Int(a)
	}
	err = st.Int(int64(limit)).Each(func(r sqlitefile.Row) (err error) {
		d := due{pushRow: pushRow{id: r.Int(), shop: r.Int()}, device: r.Int(), kind: bellhop.PushKind(r.Text())}
		d.status, d.attempts, d.created, d.gathered = bellhop.PushStatus(r.Text()), int(r.Int()), r.Time(), r.Time()
		d.order, d.deleted = r.Int(), r.Bool()
		d.brief = store.OrderBrief{ID: d.order, Name: r.Text()}
		currency, total := r.Text(), r.Text()
		d.brief.Items, d.brief.CustomerName = int(r.Int()), r.Text()
		d.brief.Total, err = money(total, currency)
		pushes = append(pushes, d)
		return err
	})
	return pushes, err
}

// digestMax bounds how many pushes one digest takes in, since each costs the
// writer time.
const digestMax = 5_000

// ration hands out what is due to one device as far as its budget goes.
func (cl *claim) ration(p *phone, h *heap, full bool) error {
	if err := cl.weed(p, h); err != nil || len(h.pushes) == 0 {
		return err
	}
	portions, left, next := store.Ration(p.budget(), p.left, h.briefs(p), cl.now)
	if n := len(portions); full && n > 0 && portions[n-1].Gathered != nil {
		var err error
		h.pushes, err = cl.load(`p.next_at <= ? AND p.device_id = ? AND p.kind = '`+string(bellhop.PushOrderNew)+`'`,
			digestMax, cl.now.UnixMicro(), h.device)
		if err == nil {
			err = cl.weed(p, h)
		}
		if err != nil {
			return err
		}
		portions, left, next = store.Ration(p.budget(), p.left, h.briefs(p), cl.now)
	}
	rest := h.pushes
	for _, portion := range portions {
		if err := cl.take(p, h.kind, rest[:portion.Count], portion.Gathered); err != nil {
			return err
		}
		rest = rest[portion.Count:]
	}
	if err := p.keep(cl.c, left); err != nil || next.IsZero() {
		return err
	}
	return cl.postpone(h.device, rest, full, p.freeAt())
}

// weed skips what is of no use any more.
func (cl *claim) weed(p *phone, h *heap) error {
	kept := h.pushes[:0]
	for _, d := range h.pushes {
		reason := p.gone
		if d.deleted {
			reason = reasonDeleted
		}
		if reason == "" {
			kept = append(kept, d)
		} else if err := d.end(cl.c, bellhop.PushSkipped, reason, cl.now, &cl.counts); err != nil {
			return err
		}
	}
	h.pushes = kept
	return nil
}

func (h *heap) briefs(p *phone) []store.OrderBrief {
	briefs := make([]store.OrderBrief, len(h.pushes))
	for i, d := range h.pushes {
		briefs[i] = d.brief
		briefs[i].Gathered = p.left.Gathering != nil && d.gathered.Equal(p.left.Gathering.Since)
	}
	return briefs
}

// take claims pushes for one message.
func (cl *claim) take(p *phone, kind bellhop.PushKind, pushes []due, g *store.Gathering) error {
	o := store.Owed{Device: p.Device, Shop: p.shop, Kind: kind, CreatedAt: pushes[0].created, Gathered: g}
	var since time.Time
	if g != nil {
		since = g.Since
	}
	for _, d := range pushes {
		err := cl.c.Prepare(`UPDATE pushes SET status = 'sending', attempts = attempts + 1, next_at = ?, gathered_since = ? WHERE id = ?`).
			Time(cl.now.Add(cl.lease)).Time(since).Int(d.id).Exec()
		if err != nil {
			return err
		}
		cl.counts.move(d.status, bellhop.PushSending)
		o.Pushes, o.Orders = append(o.Pushes, d.id), append(o.Orders, d.brief)
		o.Attempt = max(o.Attempt, d.attempts+1)
		if d.created.Before(o.CreatedAt) {
			o.CreatedAt = d.created
		}
	}
	cl.owed = append(cl.owed, o)
	return nil
}

// postpone puts off what there is no budget for, and when the claim was full
// also what waits behind it, so that the next claims need not look at it. One
// whose lease ran out is unknown from now on.
func (cl *claim) postpone(device int64, rest []due, full bool, next time.Time) error {
	ids := make([]int64, len(rest))
	for i, d := range rest {
		ids[i] = d.id
		if d.status == bellhop.PushSending {
			cl.counts.move(d.status, bellhop.PushUnknown)
		}
	}
	if full {
		err := cl.c.Prepare(owedTo).Int(soon).Int(device).Each(func(r sqlitefile.Row) error {
			ids = append(ids, r.Int())
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, id := range ids {
		err := cl.c.Prepare(`UPDATE pushes SET next_at = max(next_at, ?), status = CASE status WHEN 'sending' THEN 'unknown' ELSE status END
			WHERE id = ?`).Time(next).Int(id).Exec()
		if err != nil {
			return err
		}
	}
	return nil
}
