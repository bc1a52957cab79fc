package sqlitestore

import (
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// saveChanges saves changes of pushes, the stream and the counts.
func saveChanges(c *sqlitefile.Conn, ch *rules.Changes) error {
	for id, p := range ch.Pushes {
		err := c.Prepare(`UPDATE pushes SET status = ?, reason = ?, next_at = ?, sent_at = coalesce(sent_at, ?)
			WHERE id = ?`).Text(string(p.Status)).TextOrNull(p.Reason).Time(p.Next).Time(p.Sent).Int(id).Exec()
		if err != nil {
			return err
		}
	}
	for i := range ch.Stream {
		if err := addChange(c, &ch.Stream[i]); err != nil {
			return err
		}
	}
	if err := flush(c, ledgerTotals, &ch.Outcomes); err != nil {
		return err
	}
	return flush(c, pushTotals, &ch.Statuses)
}

const (
	pushByID = `WHERE p.id = ?`
	owedOf   = `WHERE p.shop_id = ? AND p.order_no = ? AND p.next_at IS NOT NULL`
	owedTo   = `WHERE p.id IN (SELECT id FROM (SELECT id, device_id FROM pushes WHERE next_at IS NOT NULL
		ORDER BY next_at LIMIT ?) WHERE device_id = ?)`
)

// loadPushes finds pushes by one of the conditions above.
func loadPushes(c *sqlitefile.Conn, where string, args ...int64) ([]*rules.Push, error) {
	st := c.Prepare(`SELECT p.id, p.shop_id, o.order_id, p.device_id, p.status, p.next_at IS NULL
		FROM pushes p LEFT JOIN orders o ON o.no = p.order_no ` + where)
	for _, a := range args {
		st.Int(a)
	}
	return sqlitefile.All(st, rows.Owed)
}

// owedToDevice finds a device's owed pushes, with those being sent.
func owedToDevice(c *sqlitefile.Conn, device int64) ([]*rules.Push, error) {
	return loadPushes(c, owedTo, driver.LookAhead, device)
}

// addChange adds to the stream. The write that fills a chunk drops old ones.
func addChange(c *sqlitefile.Conn, ch *rules.StreamRow) error {
	err := c.Prepare(`INSERT INTO changes (kind, shop_id, order_id, push_id, at, trace_parent) VALUES (?,?,?,?,?,?)`).
		Text(string(ch.Kind)).Int(ch.Shop).Int(ch.Order).IntOrNull(ch.Push).Time(ch.At).TextOrNull(ch.TraceParent).Exec()
	if err != nil {
		return err
	}
	if seq := c.LastID(); seq%store.ChangeChunk == 0 && seq > store.KeepChanges {
		return trim(c, seq)
	}
	return nil
}
