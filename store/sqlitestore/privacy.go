package sqlitestore

import (
	"context"
	"math"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

const selectRequests = `SELECT ` + rows.RequestColumns + ` FROM privacy_requests `

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
	where, args := `WHERE id < ?`, []any{before}
	if q.Shop != "" {
		where, args = where+` AND shop = ?`, append(args, q.Shop)
	}
	if q.Open {
		where += ` AND outcome = ''`
	}
	found, err := list(ctx, db.read, "list privacy requests", rows.Request[sqlitefile.Row],
		selectRequests+where+` ORDER BY id DESC LIMIT ?`, append(args, limit+1)...)
	page.Requests, page.Next = driver.Cut(found, limit, driver.RequestCursor)
	return page, err
}

// Request implements [store.Privacy].
func (db *DB) Request(ctx context.Context, shop string, id int64) (bellhop.PrivacyRequest, error) {
	return get(ctx, db.read, "look up a privacy request", func(c *sqlitefile.Conn) (bellhop.PrivacyRequest, error) {
		return readRequest(c, shop, id)
	})
}

func readRequest(c *sqlitefile.Conn, shop string, id int64) (bellhop.PrivacyRequest, error) {
	return first(c.Prepare(selectRequests+`WHERE id = ? AND (shop = ? OR ? = '')`).Int(id).Text(shop).Text(shop),
		"privacy_request", rows.Request)
}

// AddRequest implements [store.Privacy].
func (db *DB) AddRequest(ctx context.Context, r bellhop.PrivacyRequest) (bellhop.PrivacyRequest, error) {
	r, err := driver.CheckRequest(r)
	if err != nil {
		return bellhop.PrivacyRequest{}, err
	}
	return put(ctx, db, "add a privacy request", func(tx *sqlitefile.Tx) (bellhop.PrivacyRequest, error) {
		err := insertRequest(tx.Conn, &r)
		return r, err
	})
}

// insertRequest adds a request with its marks, and sets its id.
func insertRequest(c *sqlitefile.Conn, r *bellhop.PrivacyRequest) error {
	err := c.Prepare(`INSERT INTO privacy_requests (shop, kind, outcome, document) VALUES (?,?,?,?)`).Text(r.Shop).
		Text(string(r.Kind)).Text(string(r.Outcome)).Text(driver.WriteRequest(r)).Exec()
	if err != nil {
		return err
	}
	r.ID = c.LastID()
	for _, m := range r.Marks {
		if err := insertMark(c, r.Shop, m, rules.MarkUntil(m, r)); err != nil {
			return err
		}
	}
	r.Marks = nil
	return nil
}

func insertMark(c *sqlitefile.Conn, shop string, m bellhop.Mark, until time.Time) error {
	return c.Prepare(`INSERT INTO privacy_marks (shop, mark, until) VALUES (?,?,?) ON CONFLICT (shop, mark)
		DO UPDATE SET until = max(until, excluded.until)`). // NULL if one is
		Text(shop).Blob(m[:]).Time(until).Exec()
}

// UpdateRequest implements [store.Privacy].
func (db *DB) UpdateRequest(ctx context.Context, id int64, change func(*bellhop.PrivacyRequest) error) error {
	return db.write(ctx, "update a privacy request", func(tx *sqlitefile.Tx) error {
		r, err := readRequest(tx.Conn, "", id)
		if err != nil {
			return err
		}
		if r, err = driver.ChangeRequest(r, change); err != nil {
			return err
		}
		return tx.Prepare(`UPDATE privacy_requests SET outcome = ?, document = ? WHERE id = ?`).
			Text(string(r.Outcome)).Text(driver.WriteRequest(&r)).Int(id).Exec()
	})
}

// PutExport implements [store.Privacy].
func (db *DB) PutExport(ctx context.Context, id int64, export []byte, until time.Time) error {
	if err := driver.CheckExport(export); err != nil {
		return err
	}
	return db.write(ctx, "keep an export", func(tx *sqlitefile.Tx) error {
		if _, err := readRequest(tx.Conn, "", id); err != nil {
			return err
		}
		return tx.Prepare(`INSERT OR REPLACE INTO privacy_exports (request_id, until, export) VALUES (?,?,?)`).Int(id).
			Int(micros(until)).Blob(export).Exec()
	})
}

// PrivacyExport implements [store.Privacy].
func (db *DB) PrivacyExport(ctx context.Context, shop string, id int64) ([]byte, error) {
	return get(ctx, db.read, "read an export", func(c *sqlitefile.Conn) ([]byte, error) {
		return first(c.Prepare(`SELECT e.export FROM privacy_exports e JOIN privacy_requests q ON q.id = e.request_id
			WHERE q.id = ? AND (q.shop = ? OR ? = '')`).Int(id).Text(shop).Text(shop), "export", sqlitefile.Row.Blob)
	})
}

// DropExport implements [store.Privacy].
func (db *DB) DropExport(ctx context.Context, shop string, id int64) error {
	return db.write(ctx, "drop an export", func(tx *sqlitefile.Tx) error {
		return tx.Prepare(`DELETE FROM privacy_exports WHERE request_id IN (SELECT id FROM privacy_requests
			WHERE id = ? AND shop = ?)`).Int(id).Text(shop).Exec()
	})
}

// DropExports implements [store.Privacy].
func (db *DB) DropExports(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return 0, err
	}
	return put(ctx, db, "drop exports", func(tx *sqlitefile.Tx) (int, error) {
		err := tx.Prepare(`DELETE FROM privacy_exports WHERE request_id IN
			(SELECT request_id FROM privacy_exports WHERE until < ? ORDER BY until LIMIT ?)`).Int(micros(before)).
			Int(int64(limit)).Exec()
		return int(tx.Changes()), err
	})
}
