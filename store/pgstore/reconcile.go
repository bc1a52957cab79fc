package pgstore

import (
	"context"
	"slices"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

const (
	oneReconciliation = `SELECT ` + rows.ReconciliationColumns + ` FROM shops s
		LEFT JOIN reconciliations r ON r.shop_id = s.id WHERE s.domain = $1`
	reconciliations = `SELECT ` + rows.ReconciliationColumns + ` FROM reconciliations r JOIN shops s ON s.id = r.shop_id `

	putReconciliation = `INSERT INTO reconciliations AS r (shop_id, due, state) SELECT s.id, $2::timestamptz, $3::jsonb
		FROM shops s WHERE s.domain = $1 ON CONFLICT (shop_id) DO UPDATE SET due = excluded.due, state = excluded.state`
)

// Reconciliation implements [store.Reconciling].
func (db *DB) Reconciliation(ctx context.Context, shop string) (bellhop.Reconciliation, error) {
	return only(ctx, db.worker, "shop", rows.Reconciliation, oneReconciliation, shop)
}

// Reconciliations implements [store.Reconciling].
func (db *DB) Reconciliations(ctx context.Context, due time.Time, limit int) ([]bellhop.Reconciliation, error) {
	if due.IsZero() {
		return list(ctx, db.worker, "list reconciliations", rows.Reconciliation,
			reconciliations+`ORDER BY s.domain COLLATE "C"`)
	}
	if err := driver.CheckLimit(limit); err != nil {
		return nil, wrap("list due reconciliations", err)
	}
	return list(ctx, db.worker, "list due reconciliations", rows.Reconciliation,
		reconciliations+`WHERE r.due <= $1 ORDER BY r.due LIMIT $2`, postgres.Always(due), limit)
}

// UpdateReconciliation implements [store.Reconciling]. A new row is there to be locked.
func (db *DB) UpdateReconciliation(ctx context.Context, shop string, change func(*bellhop.Reconciliation) error) error {
	err := db.worker.Write(ctx, func(tx *postgres.Tx) error {
		var r bellhop.Reconciliation
		err := tx.Do(func(b *postgres.Batch) {
			b.Exec(`INSERT INTO reconciliations (shop_id, state) SELECT id, '{}' FROM shops WHERE domain = $1
				ON CONFLICT DO NOTHING`, shop)
			one(b, &r, rows.Reconciliation, reconciliations+`WHERE s.domain = $1 FOR NO KEY UPDATE OF r`, shop)
		})
		if err == nil && r.Shop == "" {
			err = driver.NotFound("shop")
		}
		if err != nil {
			return err
		}
		if r, err = driver.ChangeReconciliation(r, change); err != nil {
			return err
		}
		return tx.Commit(func(b *postgres.Batch) {
			b.Exec(putReconciliation, shop, postgres.Time(r.Due), driver.WriteReconciliation(&r))
		})
	})
	return wrap("update a reconciliation", err)
}

func fillReconciliation(r *postgres.Rows, c *bellhop.Reconciliation) {
	r.Text(c.Shop).Time(c.Due).Bytes(document(driver.WriteReconciliation(c)))
}

// OrderHeads implements [store.Reconciling].
func (db *DB) OrderHeads(ctx context.Context, shop string, ids []int64) ([]store.OrderHead, error) {
	if err := driver.CheckHeads(ids, store.HeadsMost); err != nil {
		return nil, err
	}
	return list(ctx, db.worker, "look up orders' heads", rows.Head, `SELECT `+rows.HeadColumns+` FROM orders o
		WHERE o.shop_id = (SELECT id FROM shops WHERE domain = $1) AND o.order_id = ANY($2)
		AND (o.placed_at IS NOT NULL OR o.deleted) ORDER BY o.order_id`, shop, ids)
}

// HeadsBetween implements [store.Reconciling]. + 0 keeps PostgreSQL from walking through all orders by their ids.
func (db *DB) HeadsBetween(
	ctx context.Context, shop string, by store.Sort, from, to time.Time, after int64, limit int,
) ([]store.OrderHead, error) {
	column, err := driver.WindowColumn(by, limit)
	if err != nil {
		return nil, err
	}
	return list(ctx, db.worker, "look up the orders of a time", rows.Head, headsBetween(column), shop,
		postgres.Always(from), postgres.Always(to), after, limit)
}

// headsBetween finds the rows first, so that it reads the documents of a page alone.
func headsBetween(column string) string {
	return `SELECT ` + rows.HeadColumns + ` FROM (SELECT o.shop_id, o.order_id FROM orders o
		WHERE o.shop_id = (SELECT id FROM shops WHERE domain = $1) AND o.placed_at IS NOT NULL AND ` + column + ` >= $2
		AND ` + column + ` < $3 AND o.order_id + 0 > $4 ORDER BY o.order_id + 0 LIMIT $5) page
		JOIN orders o USING (shop_id, order_id) ORDER BY o.order_id`
}

// WholeOrders implements [store.Reconciling].
func (db *DB) WholeOrders(ctx context.Context, shop string, ids []int64) ([]bellhop.Order, error) {
	if err := driver.CheckHeads(ids, store.WholeMost); err != nil {
		return nil, err
	}
	all := make([]whole, len(ids))
	err := db.worker.Read(ctx, func(b *postgres.Batch) {
		for i, id := range slices.Sorted(slices.Values(ids)) {
			all[i].loadDocumented(b, shop, id)
		}
	})
	if err != nil {
		return nil, wrap("read orders", err)
	}
	var found []bellhop.Order
	for i := range all {
		if o := &all[i]; o.there && (len(found) == 0 || found[len(found)-1].ID != o.order.ID) {
			found = append(found, o.order)
		}
	}
	return found, nil
}
