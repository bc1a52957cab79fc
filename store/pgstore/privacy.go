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
	"bellhop/store/rules"
)

const (
	selectRequests = `SELECT ` + rows.RequestColumns + ` FROM privacy_requests `
	oneRequest     = selectRequests + `WHERE id = $1 AND (shop = $2 OR $2 = '')`
)

// Requests implements [store.Privacy].
func (db *DB) Requests(ctx context.Context, q store.RequestQuery) (page store.RequestPage, err error) {
	if err := driver.CheckRequestQuery(q); err != nil {
		return page, err
	}
	before := int64(math.MaxInt64)
	limit, err := driver.Page(q.Limit, q.Cursor, &before)
	if err != nil {
		return page, err
	}
	where, args := `WHERE id < $1`, []any{before, int64(limit + 1)}
	if q.Shop != "" {
		where, args = where+` AND shop = $3`, append(args, q.Shop)
	}
	if q.Open {
		where += ` AND outcome = ''`
	}
	found, err := list(ctx, db.api, "list privacy requests", rows.Request[*postgres.Row],
		selectRequests+where+` ORDER BY id DESC LIMIT $2`, args...)
	page.Requests, page.Next = driver.Cut(found, limit, driver.RequestCursor)
	return page, err
}

// Request implements [store.Privacy].
func (db *DB) Request(ctx context.Context, shop string, id int64) (bellhop.PrivacyRequest, error) {
	return only(ctx, db.api, "privacy_request", rows.Request[*postgres.Row], oneRequest, id, shop)
}

// AddRequest implements [store.Privacy].
func (db *DB) AddRequest(ctx context.Context, r bellhop.PrivacyRequest) (bellhop.PrivacyRequest, error) {
	r, err := driver.CheckRequest(r)
	if err != nil {
		return bellhop.PrivacyRequest{}, err
	}
	err = db.api.Once(ctx, func(b *postgres.Batch) {
		one(b, &r.ID, (*postgres.Row).Int, insertRequests+` RETURNING id`, requestRow(&r).Args()...)
		exec(b, insertMarks, marksOf(&r))
	})
	r.Marks = nil
	return r, wrap("add a privacy request", err)
}

var (
	insertRequests = `INSERT INTO privacy_requests (shop, kind, outcome, document) SELECT * FROM ` +
		postgres.Unnest("text text text text")
	// One mark may come twice.
	insertMarks = `INSERT INTO privacy_marks AS m (mark, shop, until) SELECT n.mark, n.shop,
		CASE WHEN bool_and(n.until IS NOT NULL) THEN max(n.until) END FROM ` + postgres.Unnest("bytea text timestamptz") +
		` AS n(mark, shop, until) GROUP BY n.mark, n.shop ORDER BY n.mark, n.shop ON CONFLICT (mark, shop) DO UPDATE
		SET until = CASE WHEN m.until IS NOT NULL AND excluded.until IS NOT NULL
			THEN greatest(m.until, excluded.until) END`
)

func requestRow(all ...*bellhop.PrivacyRequest) *postgres.Rows {
	var r postgres.Rows
	for _, q := range all {
		r.Next().Text(q.Shop).Text(string(q.Kind)).Text(string(q.Outcome)).Text(driver.WriteRequest(q))
	}
	return &r
}

func marksOf(all ...*bellhop.PrivacyRequest) *postgres.Rows {
	var r postgres.Rows
	for _, q := range all {
		for _, m := range q.Marks {
			r.Next().Bytes(m[:]).Text(q.Shop).Time(rules.MarkUntil(m, q))
		}
	}
	return &r
}

// saveRequests queues requests with their marks.
func saveRequests(b *postgres.Batch, all []*bellhop.PrivacyRequest) {
	exec(b, insertRequests, requestRow(all...))
	exec(b, insertMarks, marksOf(all...))
}

// UpdateRequest implements [store.Privacy].
func (db *DB) UpdateRequest(ctx context.Context, id int64, change func(*bellhop.PrivacyRequest) error) error {
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		var r bellhop.PrivacyRequest
		err := tx.Do(func(b *postgres.Batch) {
			one(b, &r, rows.Request, selectRequests+`WHERE id = $1 FOR NO KEY UPDATE`, id)
		})
		if err == nil && r.ID == 0 {
			err = driver.NotFound("privacy_request")
		}
		if err != nil {
			return err
		}
		if r, err = driver.ChangeRequest(r, change); err != nil {
			return err
		}
		return tx.Commit(func(b *postgres.Batch) {
			b.Exec(`UPDATE privacy_requests SET outcome = $2, document = $3 WHERE id = $1`, id, string(r.Outcome),
				driver.WriteRequest(&r))
		})
	})
	return wrap("update a privacy request", err)
}

// PutExport implements [store.Privacy].
func (db *DB) PutExport(ctx context.Context, id int64, export []byte, until time.Time) error {
	if err := driver.CheckExport(export); err != nil {
		return err
	}
	return once(ctx, db.api, "privacy_request", "keep an export", `INSERT INTO privacy_exports AS e (request_id, until,
		export) SELECT q.id, $2, $3 FROM privacy_requests q WHERE q.id = $1
		ON CONFLICT (request_id) DO UPDATE SET until = excluded.until, export = excluded.export`, id,
		postgres.Always(until), export)
}

// PrivacyExport implements [store.Privacy].
func (db *DB) PrivacyExport(ctx context.Context, shop string, id int64) ([]byte, error) {
	return only(ctx, db.api, "export", (*postgres.Row).Blob, `SELECT e.export FROM privacy_exports e
		JOIN privacy_requests q ON q.id = e.request_id WHERE q.id = $1 AND (q.shop = $2 OR $2 = '')`, id, shop)
}

// DropExport implements [store.Privacy].
func (db *DB) DropExport(ctx context.Context, shop string, id int64) error {
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`DELETE FROM privacy_exports WHERE request_id IN (SELECT id FROM privacy_requests
			WHERE id = $1 AND shop = $2)`, id, shop)
	})
	return wrap("drop an export", err)
}

// DropExports implements [store.Privacy].
func (db *DB) DropExports(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return 0, err
	}
	var n int64
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		b.Count(&n, `DELETE FROM privacy_exports WHERE request_id IN
			(SELECT request_id FROM privacy_exports WHERE until < $1 ORDER BY until LIMIT $2)`, postgres.Always(before),
			min(limit, math.MaxInt32))
	})
	return int(n), wrap("drop exports", err)
}
