package pgstore

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/move"
)

// Rows of these tables can be large, so the database stops at the chunk's size.

// upTo selects a table's rows behind a place until they reach a size; more is set when
// others are behind them.
func upTo(table, key, where, size string, limit move.ChunkLimit) string {
	return fmt.Sprintf(`(SELECT *, n > count(*) OVER () AS more FROM
		(SELECT *, sum(size) OVER (ORDER BY %[2]s) - size AS before, count(*) OVER () AS n FROM
			(SELECT *, %[4]s AS size FROM %[1]s WHERE %[3]s ORDER BY %[2]s LIMIT %[5]d) near) sized
		WHERE before < %[6]d)`, table, key, where, size, limit.Rows+1, limit.Bytes)
}

// took notes a row of the chunk.
func (x *exporter) took(place string, size int) {
	x.n, x.bytes, x.last = x.n+1, x.bytes+size, place
}

// full reports whether the chunk is full, and makes the next begin here.
func (x *exporter) full() bool {
	if x.next == "" && x.limit.Reached(x.n, x.bytes) {
		x.next = x.last
	}
	return x.next != ""
}

func (x *exporter) events(b *postgres.Batch, after bellhop.EventID) {
	more := false
	b.Each(func(r pgx.Rows) error {
		if x.full() {
			return nil
		}
		var l store.Line
		var coding int64
		var stored []byte
		err := r.Scan(append(scanEvent(&l.Event), postgres.TextTo(&l.Outcome), &l.Reason, postgres.IntTo(&l.OrderID),
			postgres.TimeTo(&l.At), &coding, &stored, &more)...)
		if err == nil && stored != nil {
			l.Event.Body, err = x.db.unpack(coding, stored)
		}
		x.chunk.Events = append(x.chunk.Events, l)
		x.took(l.Event.ID.String(), 400+len(l.Event.Body))
		return err
	}, `SELECT `+eventColumns+`, e.outcome, e.reason, e.order_id, e.at, e.coding, e.body, e.more FROM `+
		upTo("events", "id", "id > $1", "400 + coalesce(octet_length(body), 0)", x.limit)+` e ORDER BY e.id`,
		postgres.ID(after))
	x.whenMore(b, &more)
}

// whenMore makes the next chunk begin behind the last row, when the database sent not all.
func (x *exporter) whenMore(b *postgres.Batch, more *bool) {
	b.Each(func(pgx.Rows) error {
		if *more && x.next == "" {
			x.next = x.last
		}
		return nil
	}, `SELECT 1`)
}

func (x *exporter) orders(b *postgres.Batch, shop, order int64) {
	type key struct{ shop, order int64 }
	at := map[key]int{}
	more := false
	these := upTo("orders", "shop_id, order_id", "(shop_id, order_id) > ($1, $2)",
		"300 + coalesce(octet_length(note), 0) + 150 * coalesce(lines, 0) + coalesce(octet_length(details::text), 0)", x.limit)
	b.Each(func(r pgx.Rows) error {
		if x.full() {
			return nil
		}
		var k key
		row, size, err := readOrderRow(r, &k.shop, &more)
		k.order = row.ID
		at[k] = len(x.chunk.Orders)
		x.chunk.Orders = append(x.chunk.Orders, row)
		x.took(fmt.Sprintf("%d.%d", k.shop, k.order), size)
		return err
	}, `SELECT o.shop_id, o.more, s.domain, o.deleted, o.placed_at IS NOT NULL, o.lines, o.details::text, o.history::text, `+
		orderColumns+` FROM `+these+` o JOIN shops s ON s.id = o.shop_id ORDER BY o.shop_id, o.order_id`, shop, order)
	x.whenMore(b, &more)
	b.Each(func(r pgx.Rows) error {
		var k key
		item, err := readItem(r, &k.shop, &k.order)
		if i, ok := at[k]; ok && x.chunk.Orders[i].Order != nil {
			o := x.chunk.Orders[i].Order
			o.Items = append(o.Items, item)
		}
		return err
	}, `SELECT i.shop_id, i.order_id, i.item_id, i.title, i.variant, i.sku, i.quantity, i.price
		FROM `+these+` o JOIN items i ON i.shop_id = o.shop_id AND i.order_id = o.order_id
		ORDER BY i.shop_id, i.order_id, i.position`, shop, order)
}

// readOrderRow reads an order, and about how large it is.
func readOrderRow(r pgx.Rows, shop *int64, more *bool) (row move.OrderRow, size int, err error) {
	var there bool
	var lines int
	o, err := readWhole(r, "", shop, more, &row.Shop, &row.State.Deleted, &there, postgres.IntTo(&lines))
	row.ID, row.State.Version, row.State.History = o.ID, o.Version, o.History
	row.State.EditedAt, row.State.RefundedAt = o.EditedAt, o.RefundedAt
	size = 300 + 150*lines
	if err == nil && there {
		size += len(o.Note) + 300*len(o.Items)
		o.Shop, o.Version, o.History = row.Shop, bellhop.Version{}, bellhop.History{}
		o.EditedAt, o.RefundedAt, o.Trace.PushedAt = time.Time{}, time.Time{}, time.Time{}
		row.Order = &o
	}
	return row, size, err
}
