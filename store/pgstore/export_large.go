package pgstore

import (
	"fmt"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store/move"
	"bellhop/store/rows"
	"bellhop/store/rules"
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

func (x *exporter) events(b *postgres.Batch, after bellhop.EventID) {
	more := false
	b.Rows(func(r *postgres.Row) {
		if x.Full() {
			return
		}
		more = r.Bool()
		coding, stored := r.Int(), r.Blob()
		l := readLine(r)
		if stored != nil {
			var err error
			l.Event.Body, err = x.db.unpack(coding, stored)
			r.Fail(err)
		}
		move.Took(&x.Filling, &x.Events, l.Event.ID.String(), l)
	}, `SELECT e.more, e.coding, e.body, `+lineColumns+` FROM `+
		upTo("events", "id", "id > $1", "400 + coalesce(octet_length(body), 0)", x.limit)+` e ORDER BY e.id`,
		postgres.ID(after))
	x.whenMore(b, &more)
}

// sized exports a table whose rows are about as large as one column.
func sized[T any](
	x *exporter, b *postgres.Batch, to *[]T, read func(*postgres.Row) T, columns, table, key, column string, after int64,
) {
	more := false
	b.Rows(func(r *postgres.Row) {
		if x.Full() {
			return
		}
		more = r.Bool()
		at := byID(r)
		move.Took(&x.Filling, to, at, read(r))
	}, `SELECT more, `+key+`, `+columns+` FROM `+upTo(table, key, key+" > $1", "octet_length("+column+")", x.limit)+
		` rows ORDER BY `+key, after)
	x.whenMore(b, &more)
}

// whenMore makes the next chunk begin behind the last row, when the database sent not all.
func (x *exporter) whenMore(b *postgres.Batch, more *bool) {
	b.Each(func(pgx.Rows) error {
		if *more && x.Next == "" {
			x.End()
		}
		return nil
	}, `SELECT 1`)
}

func (x *exporter) orders(b *postgres.Batch, shop, order int64) {
	at := map[rules.OrderKey]int{}
	more := false
	these := upTo("orders", "shop_id, order_id", "(shop_id, order_id) > ($1, $2)",
		"300 + coalesce(octet_length(note), 0) + 150 * coalesce(lines, 0) + coalesce(octet_length(details::text), 0)",
		x.limit)
	b.Rows(func(r *postgres.Row) {
		if x.Full() {
			return
		}
		more = r.Bool()
		k := rules.OrderKey{Shop: r.Int()}
		row := rows.WholeOrder(r)
		k.ID = row.ID
		at[k] = len(x.Orders)
		move.Took(&x.Filling, &x.Orders, fmt.Sprintf("%d.%d", k.Shop, k.ID), row)
	}, `SELECT o.more, o.shop_id, `+rows.WholeOrderColumns+` FROM `+these+` o JOIN shops s ON s.id = o.shop_id
		ORDER BY o.shop_id, o.order_id`, shop, order)
	x.whenMore(b, &more)
	b.Rows(func(r *postgres.Row) {
		i, ok := at[rules.OrderKey{Shop: r.Int(), ID: r.Int()}]
		if ok && x.Orders[i].Order != nil {
			o := x.Orders[i].Order
			o.Items = append(o.Items, rows.Item(r))
		}
	}, `SELECT i.shop_id, i.order_id, `+rows.ItemColumns+`
		FROM `+these+` o JOIN items i ON i.shop_id = o.shop_id AND i.order_id = o.order_id
		ORDER BY i.shop_id, i.order_id, i.position`, shop, order)
}
