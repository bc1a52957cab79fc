package sqlitestore

import (
	"cmp"
	"context"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// Connections implements [store.Connections].
func (db *DB) Connections(ctx context.Context) ([]bellhop.Connection, error) {
	return list(ctx, db.proceed, "list connections", rows.Connection, `SELECT `+rows.ConnectionColumns+`
		FROM connections c JOIN shops s ON s.id = c.shop_id ORDER BY s.domain`)
}

const oneConnection = `SELECT ` + rows.ConnectionColumns + ` FROM shops s JOIN connections c ON c.shop_id = s.id
	WHERE s.domain = ?`

// Connection implements [store.Connections].
func (db *DB) Connection(ctx context.Context, shop string) (bellhop.Connection, error) {
	return get(ctx, db.read, "look up a connection", func(c *sqlitefile.Conn) (bellhop.Connection, error) {
		return first(c.Prepare(oneConnection).Text(shop), "connection", rows.Connection)
	})
}

// PutConnection implements [store.Connections].
func (db *DB) PutConnection(ctx context.Context, c bellhop.Connection) error {
	if err := driver.CheckConnection(&c); err != nil {
		return err
	}
	return db.write(ctx, "keep a connection", func(tx *sqlitefile.Tx) error {
		shop, err := ownShop(tx.Conn, c.Shop)
		if err != nil {
			return err
		}
		if err := putConnection(tx.Conn, shop, &c); err != nil {
			return err
		}
		return tx.Prepare(`UPDATE shops SET uninstalled_at = NULL WHERE id = ?`).Int(shop).Exec()
	})
}

func putConnection(c *sqlitefile.Conn, shop int64, n *bellhop.Connection) error {
	return c.Prepare(`INSERT OR REPLACE INTO connections (shop_id, grant_type, connected_at, scopes, token, expires_at,
		refresh_token, refresh_expires_at, access, reason, since, checked_at, check_due, uninstalled_at, subscriptions)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`).Int(shop).Text(string(n.Grant)).Int(micros(n.ConnectedAt)).
		Text(driver.WriteScopes(n)).Text(n.Token).Time(n.ExpiresAt).Text(n.RefreshToken).Time(n.RefreshExpiresAt).
		Text(string(n.Access)).Text(n.Reason).Int(micros(n.Since)).Time(n.CheckedAt).Int(micros(n.CheckDue)).
		Time(n.UninstalledAt).Text(driver.WriteSubscriptions(n)).Exec()
}

// UpdateConnection implements [store.Connections].
func (db *DB) UpdateConnection(ctx context.Context, shop string, change func(*bellhop.Connection) error) error {
	lost := false
	err := db.write(ctx, "update a connection", func(tx *sqlitefile.Tx) error {
		id, err := shopID(tx.Conn, shop)
		if err != nil {
			return err
		}
		c, err := first(tx.Prepare(oneConnection).Text(shop), "connection", rows.Connection)
		if err != nil {
			return err
		}
		was := c.Access
		if err := change(&c); err != nil {
			return err
		}
		if err := driver.CheckConnection(&c); err != nil {
			return err
		}
		if lost = rules.Disconnects(was, c.Access); lost {
			if err := oweDisconnected(tx.Conn, id, c.Since); err != nil {
				return err
			}
		}
		return putConnection(tx.Conn, id, &c)
	})
	if err == nil && lost {
		db.wake()
	}
	return err
}

// Uninstall implements [store.Connections]. What the first transaction writes keeps new pushes from
// being sent, so that the owed ones may go in portions.
func (db *DB) Uninstall(ctx context.Context, shop string, at time.Time) error {
	id, err := put(ctx, db, "note that the app was removed", func(tx *sqlitefile.Tx) (int64, error) {
		id, err := ownShop(tx.Conn, shop)
		if err != nil {
			return 0, err
		}
		return id, uninstall(tx.Conn, id, shop, at)
	})
	for n := driver.SkipAtOnce; n == driver.SkipAtOnce && err == nil; {
		n, err = put(ctx, db, "end the pushes of a shop", func(tx *sqlitefile.Tx) (int, error) {
			owed, err := loadPushes(tx.Conn, owedByShop, id, int64(driver.SkipAtOnce))
			if err != nil {
				return 0, err
			}
			var c rules.Changes
			c.Skip(owed, store.ReasonUninstalled, at)
			return len(owed), saveChanges(tx.Conn, &c)
		})
	}
	return err
}

const owedByShop = `WHERE p.shop_id = ? AND p.next_at IS NOT NULL AND p.status <> 'sending' LIMIT ?`

func uninstall(c *sqlitefile.Conn, id int64, shop string, at time.Time) error {
	if err := c.Prepare(`UPDATE shops SET uninstalled_at = ? WHERE id = ?`).Time(at).Int(id).Exec(); err != nil {
		return err
	}
	err := c.Prepare(`DELETE FROM sessions WHERE person_id IN (SELECT m.person_id FROM memberships m WHERE m.shop_id = ?1
		AND NOT EXISTS (SELECT 1 FROM memberships o JOIN shops s ON s.id = o.shop_id AND s.uninstalled_at IS NULL
		WHERE o.person_id = m.person_id AND o.shop_id <> ?1))`).Int(id).Exec()
	if err != nil {
		return err
	}
	was, err := sqlitefile.All(c.Prepare(oneConnection).Text(shop), rows.Connection)
	for i := range was {
		was[i].End(at)
		err = putConnection(c, id, &was[i])
	}
	return err
}

// carryConnections keeps the connections of a file that a backup replaces, of shops that the backup has: its tokens are
// over once newer ones were used. Those that another key sealed would be of no use.
func carryConnections(from, to *sqlitefile.Conn) error {
	was, err := keyCheck(from)
	if err != nil {
		return err
	}
	if is, err := keyCheck(to); err != nil || is != was {
		return err
	}
	all, err := sqlitefile.All(from.Prepare(`SELECT `+rows.ConnectionColumns+` FROM connections c
		JOIN shops s ON s.id = c.shop_id`), rows.Connection)
	for i := range all {
		err = cmp.Or(err, carryConnection(from, to, &all[i]))
	}
	return err
}

// carryConnection keeps a connection, and whether the app was removed from the shop.
func carryConnection(from, to *sqlitefile.Conn, c *bellhop.Connection) error {
	shop, err := shopID(to, c.Shop)
	if err != nil || shop == 0 {
		return err
	}
	if err := putConnection(to, shop, c); err != nil {
		return err
	}
	var gone time.Time
	_, err = from.Prepare(`SELECT uninstalled_at FROM shops WHERE domain = ?`).Text(c.Shop).First(
		func(r sqlitefile.Row) { gone = r.Time() })
	if err != nil {
		return err
	}
	return to.Prepare(`UPDATE shops SET uninstalled_at = ? WHERE id = ?`).Time(gone).Int(shop).Exec()
}

// KeyCheck implements [store.KeyChecks].
func (db *DB) KeyCheck(ctx context.Context) (string, error) {
	return get(ctx, db.read, "read the key's check value", keyCheck)
}

// MarkKey implements [store.KeyChecks].
func (db *DB) MarkKey(ctx context.Context) (string, error) {
	return get(ctx, db.read, "read the key of marks", markKey)
}

func keyCheck(c *sqlitefile.Conn) (string, error) { return oneValue(c, "key_check") }
func markKey(c *sqlitefile.Conn) (string, error)  { return oneValue(c, "mark_key") }

// oneValue reads a table of one value.
func oneValue(c *sqlitefile.Conn, table string) (value string, err error) {
	_, err = c.Prepare(`SELECT value FROM ` + table).First(func(r sqlitefile.Row) { value = r.Text() })
	return value, err
}

// PutKeyCheck implements [store.KeyChecks].
func (db *DB) PutKeyCheck(ctx context.Context, was, is string) error {
	return db.putValue(ctx, "key_check", was, is)
}

// PutMarkKey implements [store.KeyChecks].
func (db *DB) PutMarkKey(ctx context.Context, was, is string) error {
	return db.putValue(ctx, "mark_key", was, is)
}

// SigningKey implements [store.KeyChecks].
func (db *DB) SigningKey(ctx context.Context) (string, error) {
	return get(ctx, db.read, "read the key that signs", signingKey)
}

func signingKey(c *sqlitefile.Conn) (string, error) { return oneValue(c, "signing_key") }

// PutSigningKey implements [store.KeyChecks].
func (db *DB) PutSigningKey(ctx context.Context, was, is string) error {
	return db.putValue(ctx, "signing_key", was, is)
}

func (db *DB) putValue(ctx context.Context, table, was, is string) error {
	return db.write(ctx, "keep a key's value", func(tx *sqlitefile.Tx) error {
		now, err := oneValue(tx.Conn, table)
		if err == nil && now != was {
			err = driver.KeyChanged()
		}
		if err != nil {
			return err
		}
		return tx.Prepare(`INSERT OR REPLACE INTO ` + table + ` (one, value) VALUES (1, ?)`).Text(is).Exec()
	})
}
