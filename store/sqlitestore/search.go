package sqlitestore

import (
	"context"

	"github.com/cespare/xxhash/v2"

	"bellhop/internal/sqlitefile"
	"bellhop/store/driver"
	"bellhop/store/rules"
)

// fewFound is up to how many orders a search reads and sorts. Beyond it, the list is walked from its
// newest order on until a page is full.
const fewFound = 10_000

// saveSought brings an order with new content into the search index, before its row has the hash of
// its tokens. An order's changes seldom change those.
func saveSought(c *sqlitefile.Conn, o *rules.OrderChange, t *texts) error {
	if len(o.State.History.Fulfillments) > 0 { // of what was known before, too
		t.seek(driver.TokenText(o.Content.Order, &o.State.History))
	}
	if o.Row == 0 {
		return nil // insertSought adds it
	}
	return replaceSought(c, o.Row, t)
}

// insertSought adds an order that was not there.
func insertSought(c *sqlitefile.Conn, no int64, t *texts) error {
	return c.Prepare(`INSERT INTO search (rowid, tokens) VALUES (?,?)`).Int(no).Text(t.tokens).Exec()
}

func replaceSought(c *sqlitefile.Conn, no int64, t *texts) error {
	was, err := c.Prepare(`SELECT sought FROM orders WHERE no = ?`).Int(no).One()
	if err != nil || was == t.sought {
		return err
	}
	if was != 0 {
		if err := deleteSought(c, no); err != nil {
			return err
		}
	}
	return insertSought(c, no, t)
}

func deleteSought(c *sqlitefile.Conn, no int64) error {
	return c.Prepare(`DELETE FROM search WHERE rowid = ?`).Int(no).Exec()
}

// seekParcels brings the numbers of an order's parcels into the index, when they came without the
// order.
func seekParcels(c *sqlitefile.Conn, o *rules.OrderChange) error {
	if !o.Happened || len(o.State.History.Fulfillments) == 0 || o.State.Version.IsZero() {
		return nil
	}
	return seekStored(c, o.Row, o.Domain)
}

// seekStored brings a stored order into the index.
func seekStored(c *sqlitefile.Conn, no int64, domain string) error {
	o, err := readNo(c, no, domain)
	if err == nil {
		o.Details, o.History, err = readDocuments(c, no)
	}
	if err != nil {
		return err
	}
	var t texts
	t.seek(driver.TokenText(&o, &o.History))
	if err := replaceSought(c, no, &t); err != nil {
		return err
	}
	return c.Prepare(`UPDATE orders SET sought = ? WHERE no = ?`).Int(t.sought).Int(no).Exec()
}

// seek sets the tokens, and their hash, which is never 0.
func (t *texts) seek(tokens string) {
	t.tokens, t.sought = tokens, int64(xxhash.Sum64String(tokens)|1)
}

// CatchUp implements [store.Recorder].
func (db *DB) CatchUp(ctx context.Context, limit int) (int, error) {
	if err := driver.CheckLimit(limit); err != nil {
		return 0, err
	}
	type older struct {
		no     int64
		domain string
	}
	return put(ctx, db, "bring older orders into the search index", func(tx *sqlitefile.Tx) (int, error) {
		all, err := sqlitefile.All(tx.Prepare(`SELECT o.no, s.domain FROM orders o CROSS JOIN shops s ON s.id = o.shop_id
			WHERE o.sought IS NULL AND o.placed_at IS NOT NULL ORDER BY o.no DESC LIMIT ?`).Int(int64(limit)),
			func(r sqlitefile.Row) older { return older{r.Int(), r.Text()} })
		for _, o := range all {
			if err := seekStored(tx.Conn, o.no, o.domain); err != nil {
				return 0, err
			}
		}
		return len(all), err
	})
}
