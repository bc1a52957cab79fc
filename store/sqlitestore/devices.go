package sqlitestore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// PutDevice implements [store.Devices].
func (db *DB) PutDevice(ctx context.Context, d bellhop.Device, most store.DeviceLimits) (bellhop.Device, error) {
	if err := driver.CheckDevice(d); err != nil {
		return d, err
	}
	return put(ctx, db, "put a device", func(tx *sqlitefile.Tx) (bellhop.Device, error) {
		shop, err := ownShop(tx.Conn, d.Shop)
		if err != nil {
			return d, err
		}
		if err := putDevice(tx.Conn, shop, d); err != nil {
			return d, err
		}
		kept, err := first(tx.Prepare(`SELECT `+rows.DeviceColumns+` FROM devices d JOIN shops s ON s.id = d.shop_id
			WHERE d.shop_id = ? AND d.installation = ?`).Int(shop).Text(d.Installation), "device", rows.Device)
		if err != nil {
			return d, err
		}
		return kept, makeRoom(tx.Conn, shop, kept, most)
	})
}

// putDevice inserts or refreshes. The budget stays, unless the form changes.
func putDevice(c *sqlitefile.Conn, shop int64, d bellhop.Device) error {
	return c.Prepare(`INSERT INTO devices (shop_id, person_id, installation, kind, value, platform, form, locale, timezone,
			added_at, seen_at) VALUES (?,?,?,?,?,?,?,?,?,?,?)
		ON CONFLICT (shop_id, installation) DO UPDATE SET person_id = excluded.person_id, kind = excluded.kind,
			value = excluded.value, platform = excluded.platform, locale = excluded.locale, timezone = excluded.timezone,
			seen_at = excluded.seen_at, retired_at = NULL, retired_for = NULL, form = excluded.form,
			free_at = CASE WHEN form = excluded.form THEN free_at END`).
		Int(shop).Int(d.PersonID).Text(d.Installation).Text(string(d.Kind)).Text(d.Value).Text(string(d.Platform)).
		Text(string(d.Form)).Text(d.Locale).Text(d.Timezone).Int(micros(d.AddedAt)).Int(micros(d.SeenAt)).Exec()
}

// makeRoom retires other devices with the same address, in any shop, and surplus ones.
func makeRoom(c *sqlitefile.Conn, shop int64, d bellhop.Device, most store.DeviceLimits) error {
	moved := c.Prepare(`SELECT id FROM devices WHERE value = ? AND kind = ? AND id <> ? AND retired_at IS NULL`).
		Text(d.Value).Text(string(d.Kind)).Int(d.ID)
	if err := retireAll(c, moved, store.RetiredMoved, d.SeenAt); err != nil {
		return err
	}
	const others = ` = ? AND id <> ? AND retired_at IS NULL ORDER BY seen_at DESC, id DESC LIMIT -1 OFFSET ?`
	if most.Person > 0 && d.PersonID != 0 {
		st := c.Prepare(`SELECT id FROM devices WHERE person_id` + others).Int(d.PersonID).Int(d.ID).
			Int(int64(most.Person - 1))
		if err := retireAll(c, st, store.RetiredLimit, d.SeenAt); err != nil {
			return err
		}
	}
	if most.Shop == 0 {
		return nil
	}
	st := c.Prepare(`SELECT id FROM devices WHERE shop_id` + others).Int(shop).Int(d.ID).Int(int64(most.Shop - 1))
	if err := retireAll(c, st, store.RetiredLimit, d.SeenAt); err != nil || !d.AddedAt.Equal(d.SeenAt) {
		return err
	}
	return c.Prepare(`DELETE FROM devices WHERE id IN (SELECT id FROM devices WHERE shop_id = ? AND retired_at IS NOT NULL
		ORDER BY retired_at DESC, id DESC LIMIT -1 OFFSET ?)`).Int(shop).Int(int64(most.Shop)).Exec()
}

func retireAll(c *sqlitefile.Conn, st *sqlitefile.Stmt, reason string, at time.Time) error {
	ids, err := sqlitefile.All(st, sqlitefile.Row.Int)
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := retire(c, id, reason, at)
		if err == nil {
			err = skipOwed(c, id, store.ReasonDeviceRetired, at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func retire(c *sqlitefile.Conn, id int64, reason string, at time.Time) error {
	return c.Prepare(`UPDATE devices SET retired_at = ?, retired_for = ? WHERE id = ?`).Time(at).Text(reason).Int(id).
		Exec()
}

// skipOwed skips a device's owed pushes.
func skipOwed(c *sqlitefile.Conn, device int64, reason string, at time.Time) error {
	owed, err := owedToDevice(c, device)
	if err != nil {
		return err
	}
	var ch rules.Changes
	ch.Skip(owed, reason, at)
	return saveChanges(c, &ch)
}

// Devices implements [store.Devices].
func (db *DB) Devices(ctx context.Context, shop string) ([]bellhop.Device, error) {
	return list(ctx, db.read, "list devices", rows.Device,
		`SELECT `+rows.DeviceColumns+` FROM shops s JOIN devices d ON d.shop_id = s.id WHERE s.domain = ?
			ORDER BY d.id`, shop)
}

// RemoveDevice implements [store.Devices].
func (db *DB) RemoveDevice(ctx context.Context, shop, installation string) error {
	return db.write(ctx, "remove a device", func(tx *sqlitefile.Tx) error {
		id, err := first(tx.Prepare(`SELECT d.id FROM devices d JOIN shops s ON s.id = d.shop_id
			WHERE s.domain = ? AND d.installation = ?`).Text(shop).Text(installation), "device", sqlitefile.Row.Int)
		if err != nil {
			return err
		}
		return dropDevice(tx.Conn, id)
	})
}

// dropDevice deletes a device and skips its owed pushes. The port gives no time for it: the
// newest change's is the nearest.
func dropDevice(c *sqlitefile.Conn, id int64) error {
	var at time.Time
	_, err := c.Prepare(`SELECT at FROM changes ORDER BY seq DESC LIMIT 1`).First(func(r sqlitefile.Row) { at = r.Time() })
	if err != nil {
		return err
	}
	if err := skipOwed(c, id, store.ReasonDeviceRemoved, at); err != nil {
		return err
	}
	return c.Prepare(`DELETE FROM devices WHERE id = ?`).Int(id).Exec()
}
