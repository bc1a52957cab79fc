package sqlitestore

import (
	"github.com/cespare/xxhash/v2"

	"bellhop/internal/sqlitefile"
	"bellhop/store/driver"
	"bellhop/store/rules"
)

// fewFound is up to how many orders a search reads and sorts. Beyond it, the list is walked from its
// newest order on until a page is full.
const fewFound = 10_000

// saveTokens brings an order's tokens into the index. Its own texts have those without the history
// that was known before.
func saveTokens(c *sqlitefile.Conn, o *rules.OrderChange, tokens string) error {
	parcels := len(o.State.History.Fulfillments) > 0
	switch {
	case o.Wiped:
		return c.Prepare(`DELETE FROM search WHERE rowid = ?`).Int(o.Row).Exec()
	case o.Content == nil && (!o.Happened || !parcels || o.State.Version.IsZero()):
		return nil
	case o.Content == nil:
		whole, err := readNo(c, o.Row, o.Domain)
		if err == nil {
			whole.Details, _, err = readDocuments(c, o.Row)
		}
		if err != nil {
			return err
		}
		tokens = driver.TokenText(&whole, &o.State.History)
	case parcels:
		tokens = driver.TokenText(o.Content.Order, &o.State.History)
	}
	return index(c, o.Row, tokens, o.First != nil)
}

// index replaces an order's tokens. An order's changes seldom change them.
func index(c *sqlitefile.Conn, no int64, tokens string, first bool) error {
	sum := int64(xxhash.Sum64String(tokens))
	if !first {
		was, err := c.Prepare(`SELECT coalesce(sought, 0) FROM orders WHERE no = ?`).Int(no).One()
		if err != nil || was == sum {
			return err
		}
		if was != 0 {
			if err := c.Prepare(`DELETE FROM search WHERE rowid = ?`).Int(no).Exec(); err != nil {
				return err
			}
		}
	}
	if err := c.Prepare(`INSERT INTO search (rowid, tokens) VALUES (?,?)`).Int(no).Text(tokens).Exec(); err != nil {
		return err
	}
	return c.Prepare(`UPDATE orders SET sought = ? WHERE no = ?`).Int(sum).Int(no).Exec()
}
