package sqlitestore

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

const (
	oneReconciliation = `SELECT ` + rows.ReconciliationColumns + ` FROM shops s
		LEFT JOIN reconciliations r ON r.shop_id = s.id WHERE s.domain = ?`
	reconciliations = `SELECT ` + rows.ReconciliationColumns + ` FROM reconciliations r JOIN shops s ON s.id = r.shop_id `
)

// Reconciliation implements [store.Reconciling].
func (db *DB) Reconciliation(ctx context.Context, shop string) (bellhop.Reconciliation, error) {
	return get(ctx, db.read, "look up a reconciliation", func(c *sqlitefile.Conn) (bellhop.Reconciliation, error) {
		return first(c.Prepare(oneReconciliation).Text(shop), "shop", rows.Reconciliation)
	})
}

// Reconciliations implements [store.Reconciling].
func (db *DB) Reconciliations(ctx context.Context, due time.Time, limit int) ([]bellhop.Reconciliation, error) {
	if due.IsZero() {
		return list(ctx, db.proceed, "list reconciliations", rows.Reconciliation, reconciliations+`ORDER BY s.domain`)
	}
	if err := driver.CheckLimit(limit); err != nil {
		return nil, err
	}
	return list(ctx, db.proceed, "list due reconciliations", rows.Reconciliation,
		reconciliations+`WHERE r.due <= ? ORDER BY r.due LIMIT ?`, micros(due), int64(limit))
}

// UpdateReconciliation implements [store.Reconciling].
func (db *DB) UpdateReconciliation(ctx context.Context, shop string, change func(*bellhop.Reconciliation) error) error {
	return db.write(ctx, "update a reconciliation", func(tx *sqlitefile.Tx) error {
		id, err := ownShop(tx.Conn, shop)
		if err != nil {
			return err
		}
		r, err := first(tx.Prepare(oneReconciliation).Text(shop), "shop", rows.Reconciliation)
		if err != nil {
			return err
		}
		if r, err = driver.ChangeReconciliation(r, change); err != nil {
			return err
		}
		return putReconciliation(tx.Conn, id, &r)
	})
}

func putReconciliation(c *sqlitefile.Conn, shop int64, r *bellhop.Reconciliation) error {
	return c.Prepare(`INSERT OR REPLACE INTO reconciliations (shop_id, due, state) VALUES (?,?,?)`).Int(shop).Time(r.Due).
		Text(driver.WriteReconciliation(r)).Exec()
}

// OrderHeads implements [store.Reconciling].
func (db *DB) OrderHeads(ctx context.Context, shop string, ids []int64) ([]store.OrderHead, error) {
	if err := driver.CheckHeads(ids, store.HeadsMost); err != nil {
		return nil, err
	}
	all, _ := json.Marshal(ids) // plain numbers
	return list(ctx, db.proceed, "look up orders' heads", rows.Head, `SELECT `+rows.HeadColumns+` FROM orders o
		WHERE o.shop_id = (SELECT id FROM shops WHERE domain = ?) AND o.order_id IN (SELECT value FROM json_each(?))
		AND (o.placed_at IS NOT NULL OR o.deleted) ORDER BY o.order_id`, shop, string(all))
}

// HeadsBetween implements [store.Reconciling]. + keeps SQLite from walking through all orders by their ids.
func (db *DB) HeadsBetween(
	ctx context.Context, shop string, by store.Sort, from, to time.Time, after int64, limit int,
) ([]store.OrderHead, error) {
	column, err := driver.WindowColumn(by, limit)
	if err != nil {
		return nil, err
	}
	return list(ctx, db.proceed, "look up the orders of a time", rows.Head, headsBetween(column), shop, micros(from),
		micros(to), after, int64(limit))
}

// headsBetween finds the rows first, so that it reads the documents of a page alone.
func headsBetween(column string) string {
	return `SELECT ` + rows.HeadColumns + ` FROM (SELECT o.no FROM orders o
		WHERE o.shop_id = (SELECT id FROM shops WHERE domain = ?) AND o.placed_at IS NOT NULL AND ` + column + ` >= ?
		AND ` + column + ` < ? AND +o.order_id > ? ORDER BY +o.order_id LIMIT ?) page CROSS JOIN orders o ON o.no = page.no
		ORDER BY o.order_id`
}

// WholeOrders implements [store.Reconciling].
func (db *DB) WholeOrders(ctx context.Context, shop string, ids []int64) ([]bellhop.Order, error) {
	if err := driver.CheckHeads(ids, store.WholeMost); err != nil {
		return nil, err
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	return get(ctx, db.proceed, "read orders", func(c *sqlitefile.Conn) (found []bellhop.Order, err error) {
		for _, id := range ids {
			_, no, err := findOrder(c, shop, id)
			if err != nil {
				return nil, err
			}
			if no == 0 {
				continue
			}
			o, err := readDocumented(c, shop, no)
			if err != nil {
				return nil, err
			}
			found = append(found, o)
		}
		return found, nil
	})
}
