package pgstore

import (
	"context"
	"math"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// selectPushes selects a shop's pushes, for [rows.PushOf].
const selectPushes = `SELECT ` + rows.PushColumns + `
	FROM pushes p JOIN orders o USING (shop_id, order_id) LEFT JOIN devices d ON d.id = p.device_id `

// Pushes implements [store.Deliveries].
func (db *DB) Pushes(ctx context.Context, shop string, q store.PushQuery) (page store.PushPage, err error) {
	before := int64(math.MaxInt64)
	limit, err := driver.Page(q.Limit, q.Cursor, &before)
	if err != nil {
		return page, err
	}
	if q.Status != "" {
		if _, err := bellhop.ParsePushStatus(string(q.Status)); err != nil {
			return page, err
		}
	}
	ofOrder := `$4::bigint = 0`
	if q.OrderID != 0 { // by the order's own index
		ofOrder = `p.order_id = $4`
	}
	found, err := list(ctx, db.api, "list pushes", rows.PushOf[*postgres.Row](shop), selectPushes+`WHERE
		p.shop_id = (SELECT id FROM shops WHERE domain = $1) AND p.id < $2 AND ($3 = '' OR p.status = $3) AND `+ofOrder+`
		ORDER BY p.id DESC LIMIT $5`, shop, before, string(q.Status), q.OrderID, limit+1)
	page.Pushes, page.Next = driver.Cut(found, limit, func(p *bellhop.Push) string { return driver.Cursor(p.ID) })
	return page, err
}

// PushReceipt implements [store.Deliveries].
func (db *DB) PushReceipt(ctx context.Context, shop string, id int64, opened bool, at time.Time) error {
	query := `UPDATE pushes SET received_at = coalesce(received_at, $3)`
	if opened {
		query = `UPDATE pushes SET opened_at = coalesce(opened_at, $3)`
	}
	const ofShop = ` WHERE id = $2 AND shop_id = (SELECT id FROM shops WHERE domain = $1)`
	var there, n int64
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		value(b, &there, `SELECT count(*) FROM pushes`+ofShop, shop, id)
		b.Count(&n, query+ofShop+` AND `+rows.Tried, shop, id, postgres.Always(at))
	})
	switch {
	case err == nil && there == 0:
		err = driver.NotFound("push")
	case err == nil && n == 0:
		err = driver.NotSent()
	}
	return wrap("note a receipt", err)
}

// PushCounts implements [store.Statistics].
func (db *DB) PushCounts(ctx context.Context) (map[bellhop.PushStatus]int64, error) {
	return totals[bellhop.PushStatus](ctx, db.api, "count pushes", `SELECT status, n FROM push_totals WHERE n <> 0`)
}
