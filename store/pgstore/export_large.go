package pgstore

import (
	"fmt"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store/driver"
	"bellhop/store/move"
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
	b.Each(func(r pgx.Rows) error {
		if x.Full() {
			return nil
		}
		var coding int64
		var stored []byte
		l, err := readLine(behind{r, []any{&coding, &stored, &more}})
		if err == nil && stored != nil {
			l.Event.Body, err = x.db.unpack(coding, stored)
		}
		move.Took(&x.Filling, &x.Events, l.Event.ID.String(), l)
		return err
	}, `SELECT e.coding, e.body, e.more, `+lineColumns+` FROM `+
		upTo("events", "id", "id > $1", "400 + coalesce(octet_length(body), 0)", x.limit)+` e ORDER BY e.id`,
		postgres.ID(after))
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
	type key struct{ shop, order int64 }
	at := map[key]int{}
	more := false
	these := upTo("orders", "shop_id, order_id", "(shop_id, order_id) > ($1, $2)",
		"300 + coalesce(octet_length(note), 0) + 150 * coalesce(lines, 0)", x.limit)
	b.Each(func(r pgx.Rows) error {
		if x.Full() {
			return nil
		}
		var k key
		row, err := readOrderRow(behind{r, []any{&k.shop, &more}})
		k.order = row.ID
		at[k] = len(x.Orders)
		move.Took(&x.Filling, &x.Orders, fmt.Sprintf("%d.%d", k.shop, k.order), row)
		return err
	}, `SELECT o.shop_id, o.more, s.domain, `+exportedOrder+` FROM `+these+` o JOIN shops s ON s.id = o.shop_id
		ORDER BY o.shop_id, o.order_id`, shop, order)
	x.whenMore(b, &more)
	b.Each(func(r pgx.Rows) error {
		var k key
		item, err := readItem(behind{r, []any{&k.shop, &k.order}})
		if i, ok := at[k]; ok && x.Orders[i].Order != nil {
			o := x.Orders[i].Order
			o.Items = append(o.Items, item)
		}
		return err
	}, `SELECT i.shop_id, i.order_id, i.item_id, i.title, i.variant, i.sku, i.quantity, i.price, o.currency
		FROM `+these+` o JOIN items i ON i.shop_id = o.shop_id AND i.order_id = o.order_id
		ORDER BY i.shop_id, i.order_id, i.position`, shop, order)
}

const exportedOrder = `o.order_id, o.deleted, o.version_updated_at, o.version_triggered_at, o.version_hash, o.edit_at,
	o.edit_id, o.refund_at, o.refund_id, o.placed_at IS NOT NULL, o.placed_at, o.placed_offset, o.updated_at,
	o.updated_offset, o.cancelled_at, o.name, o.number, o.currency, o.total, o.presentment_currency, o.presentment_total,
	o.customer_name, o.customer_email, o.note, o.financial_status, o.fulfillment_status, o.test, o.handling,
	o.triggered_at, o.accepted_at, o.recorded_at, o.trace_parent`

// readOrderRow reads an order without its items.
func readOrderRow(r pgx.Rows) (row move.OrderRow, err error) {
	var o bellhop.Order
	var whole bool
	var placed, updated int64
	var currency, total, seenCurrency, seenTotal string
	v, t := &row.State.Version, &o.Trace
	err = r.Scan(&row.Shop, &row.ID, &row.State.Deleted, postgres.TimeTo(&v.UpdatedAt),
		postgres.TimeTo(&v.TriggeredAt), postgres.IntTo(&v.Hash), postgres.TimeTo(&row.State.Edit.At),
		postgres.IntTo(&row.State.Edit.ID), postgres.TimeTo(&row.State.Refund.At), postgres.IntTo(&row.State.Refund.ID),
		&whole, postgres.TimeTo(&o.PlacedAt), postgres.IntTo(&placed), postgres.TimeTo(&o.UpdatedAt),
		postgres.IntTo(&updated), postgres.TimeTo(&o.CancelledAt), postgres.TextTo(&o.Name), postgres.IntTo(&o.Number),
		postgres.TextTo(&currency), postgres.TextTo(&total), postgres.TextTo(&seenCurrency),
		postgres.TextTo(&seenTotal), postgres.TextTo(&o.CustomerName), postgres.TextTo(&o.CustomerEmail),
		postgres.TextTo(&o.Note), postgres.TextTo(&o.FinancialStatus), postgres.TextTo(&o.FulfillmentStatus),
		postgres.BoolTo(&o.Test), postgres.TextTo(&o.Handling),
		postgres.TimeTo(&t.TriggeredAt), postgres.TimeTo(&t.AcceptedAt), postgres.TimeTo(&t.RecordedAt),
		postgres.TextTo(&t.TraceParent))
	setKinds(&row.State)
	if err != nil || !whole {
		return row, err
	}
	o.Shop, o.ID = row.Shop, row.ID
	o.PlacedAt, o.UpdatedAt = driver.Zoned(o.PlacedAt, placed), driver.Zoned(o.UpdatedAt, updated)
	if o.Total, err = driver.ReadMoney(total, currency); err != nil {
		return row, err
	}
	if seenCurrency != "" {
		seen, err := driver.ReadMoney(seenTotal, seenCurrency)
		if err != nil {
			return row, err
		}
		o.Presentment = &seen
	}
	row.Order = &o
	return row, nil
}

// setKinds sets the kinds of the touches.
func setKinds(s *rules.State) {
	if s.Edit != (bellhop.Touch{}) {
		s.Edit.Kind = bellhop.TouchEdit
	}
	if s.Refund != (bellhop.Touch{}) {
		s.Refund.Kind = bellhop.TouchRefund
	}
}
