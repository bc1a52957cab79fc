package pgstore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

const (
	selectConnections = `SELECT ` + rows.ConnectionColumns + ` FROM connections c JOIN shops s ON s.id = c.shop_id`

	connectionColumns = `grant_type, connected_at, scopes, token, expires_at, refresh_token, refresh_expires_at, access,
		reason, since, checked_at, check_due, uninstalled_at, subscriptions`
	connectionTypes = `text timestamptz text text timestamptz text timestamptz text text timestamptz timestamptz
		timestamptz timestamptz text`
)

var (
	importConnections = importInto("connections", connectionColumns, connectionTypes)
	putConnection     = importConnections + ` ON CONFLICT (shop_id) DO UPDATE SET ` +
		assignFrom("excluded", connectionColumns)
)

func fillConnection(r *postgres.Rows, c *bellhop.Connection) {
	r.Text(c.Shop).Text(string(c.Grant)).Always(c.ConnectedAt).Text(driver.WriteScopes(c)).Text(c.Token).
		Time(c.ExpiresAt).Text(c.RefreshToken).Time(c.RefreshExpiresAt).Text(string(c.Access)).Text(c.Reason).
		Always(c.Since).Time(c.CheckedAt).Always(c.CheckDue).Time(c.UninstalledAt).Text(driver.WriteSubscriptions(c))
}

func connectionRow(c *bellhop.Connection) *postgres.Rows {
	var r postgres.Rows
	fillConnection(r.Next(), c)
	return &r
}

// Connections implements [store.Connections].
func (db *DB) Connections(ctx context.Context) ([]bellhop.Connection, error) {
	return list(ctx, db.api, "list connections", rows.Connection, selectConnections+` ORDER BY s.domain COLLATE "C"`)
}

// Connection implements [store.Connections].
func (db *DB) Connection(ctx context.Context, shop string) (bellhop.Connection, error) {
	return only(ctx, db.api, "connection", rows.Connection, selectConnections+` WHERE s.domain = $1`, shop)
}

// PutConnection implements [store.Connections].
func (db *DB) PutConnection(ctx context.Context, c bellhop.Connection) error {
	if err := driver.CheckConnection(&c); err != nil {
		return err
	}
	return change(ctx, db.api, "shop", "keep a connection", func(b *postgres.Batch, n *int64) {
		b.Count(n, `UPDATE shops SET uninstalled_at = NULL WHERE domain = $1`, c.Shop)
		exec(b, putConnection, connectionRow(&c))
	})
}

// UpdateConnection implements [store.Connections].
func (db *DB) UpdateConnection(ctx context.Context, shop string, change func(*bellhop.Connection) error) error {
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		var c bellhop.Connection
		err := tx.Do(func(b *postgres.Batch) {
			one(b, &c, rows.Connection, selectConnections+` WHERE s.domain = $1 FOR NO KEY UPDATE OF c`, shop)
		})
		if err == nil && c.Shop == "" {
			err = driver.NotFound("connection")
		}
		if err != nil {
			return err
		}
		was := c.Access
		if err := change(&c); err != nil {
			return err
		}
		c.Shop = shop
		if err := driver.CheckConnection(&c); err != nil {
			return err
		}
		var owners []toOwe
		w := newWrites(db, &rules.Changes{Wake: rules.Disconnects(was, c.Access)})
		if w.Wake {
			if err := tx.Do(func(b *postgres.Batch) { findToOwe(b, &owners, ownersDevices, shop) }); err != nil {
				return err
			}
		}
		return w.commit(ctx, tx, func(b *postgres.Batch) {
			w.owe(b, bellhop.PushDisconnected, owners, c.Since)
			exec(b, putConnection, connectionRow(&c))
		})
	})
	return wrap("update a connection", err)
}

// Uninstall implements [store.Connections]. What the first transaction writes keeps new pushes from
// being sent, so that the owed ones may go in portions.
func (db *DB) Uninstall(ctx context.Context, shop string, at time.Time) error {
	err := db.uninstall(ctx, shop, at)
	for n := driver.SkipAtOnce; n == driver.SkipAtOnce && err == nil; {
		n, err = db.skipOwed(ctx, shop, at)
	}
	return wrap("uninstall a shop", err)
}

func (db *DB) uninstall(ctx context.Context, shop string, at time.Time) error {
	return db.api.Write(ctx, func(tx *postgres.Tx) error {
		var n int64
		var was []bellhop.Connection
		err := tx.Do(func(b *postgres.Batch) {
			b.Count(&n, `UPDATE shops SET uninstalled_at = $2 WHERE domain = $1`, shop, postgres.Always(at))
			b.Exec(`DELETE FROM sessions WHERE person_id IN (SELECT m.person_id FROM memberships m
				JOIN shops s ON s.id = m.shop_id AND s.domain = $1 WHERE NOT EXISTS (SELECT FROM memberships o
				JOIN shops other ON other.id = o.shop_id AND other.uninstalled_at IS NULL
				WHERE o.person_id = m.person_id AND o.shop_id <> m.shop_id))`, shop)
			all(b, &was, rows.Connection, selectConnections+` WHERE s.domain = $1 FOR NO KEY UPDATE OF c`, shop)
		})
		if err == nil && n == 0 {
			err = driver.NotFound("shop")
		}
		if err != nil {
			return err
		}
		return tx.Commit(func(b *postgres.Batch) {
			for i := range was {
				was[i].End(at)
				exec(b, putConnection, connectionRow(&was[i]))
			}
		})
	})
}

const owedByShop = `SELECT ` + pushRowColumns + ` FROM pushes p WHERE p.shop_id = (SELECT id FROM shops WHERE domain = $1)
	AND p.next_at IS NOT NULL AND p.status <> 'sending' ORDER BY p.id LIMIT $2 FOR UPDATE`

// skipOwed ends some owed pushes of a shop, and returns their number.
func (db *DB) skipOwed(ctx context.Context, shop string, at time.Time) (n int, err error) {
	err = db.api.Write(ctx, func(tx *postgres.Tx) error {
		var owed []*rules.Push
		err := tx.Do(func(b *postgres.Batch) { all(b, &owed, rows.Owed, owedByShop, shop, driver.SkipAtOnce) })
		if n = len(owed); err != nil || n == 0 {
			return err
		}
		w := newWrites(db, &rules.Changes{})
		w.Skip(owed, store.ReasonUninstalled, at)
		return w.commit(ctx, tx, func(*postgres.Batch) {})
	})
	return n, err
}

// KeyCheck implements [store.KeyChecks].
func (db *DB) KeyCheck(ctx context.Context) (string, error) { return db.oneValue(ctx, "key_check") }

// PutKeyCheck implements [store.KeyChecks].
func (db *DB) PutKeyCheck(ctx context.Context, was, is string) error {
	return db.putValue(ctx, "key_check", was, is)
}

// MarkKey implements [store.KeyChecks].
func (db *DB) MarkKey(ctx context.Context) (string, error) { return db.oneValue(ctx, "mark_key") }

// PutMarkKey implements [store.KeyChecks].
func (db *DB) PutMarkKey(ctx context.Context, was, is string) error {
	return db.putValue(ctx, "mark_key", was, is)
}

// SigningKey implements [store.KeyChecks].
func (db *DB) SigningKey(ctx context.Context) (string, error) { return db.oneValue(ctx, "signing_key") }

// PutSigningKey implements [store.KeyChecks].
func (db *DB) PutSigningKey(ctx context.Context, was, is string) error {
	return db.putValue(ctx, "signing_key", was, is)
}

// oneValue reads a table of one value.
func (db *DB) oneValue(ctx context.Context, table string) (value string, err error) {
	err = db.api.Read(ctx, func(b *postgres.Batch) {
		one(b, &value, (*postgres.Row).Text, `SELECT value FROM `+table)
	})
	return value, wrap("read a key's value", err)
}

func (db *DB) putValue(ctx context.Context, table, was, is string) error {
	var n int64
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		if was == "" {
			b.Count(&n, `INSERT INTO `+table+` (one, value) VALUES (true, $1) ON CONFLICT DO NOTHING`, is)
		} else {
			b.Count(&n, `UPDATE `+table+` SET value = $2 WHERE value = $1`, was, is)
		}
	})
	if err == nil && n == 0 {
		err = driver.KeyChanged()
	}
	return wrap("keep a key's value", err)
}
