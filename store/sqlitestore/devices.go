package sqlitestore

import (
	"context"
	"slices"
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
		own, err := ownShop(tx.Conn, d.Shop)
		shops := []int64{own}
		if err == nil && d.PersonID != 0 {
			shops, err = sqlitefile.All(tx.Prepare(`SELECT shop_id FROM memberships WHERE person_id = ?`).Int(d.PersonID),
				sqlitefile.Row.Int)
		}
		if err == nil && !slices.Contains(shops, own) {
			err = driver.NotFound("shop")
		}
		if err != nil {
			return d, err
		}
		var kept bellhop.Device
		var ids []int64
		for _, shop := range shops {
			one, err := putDevice(tx.Conn, shop, d)
			if err != nil {
				return d, err
			}
			if ids = append(ids, one.ID); shop == own {
				kept = one
			}
		}
		return kept, makeRoom(tx.Conn, shops, ids, d, most)
	})
}

// putDevice inserts or refreshes. The budget stays, unless the form changes.
func putDevice(c *sqlitefile.Conn, shop int64, d bellhop.Device) (bellhop.Device, error) {
	err := c.Prepare(`INSERT INTO devices (shop_id, person_id, installation, kind, value, platform, form, locale, timezone,
			added_at, seen_at, name, session_id) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)
		ON CONFLICT (shop_id, installation) DO UPDATE SET person_id = excluded.person_id, kind = excluded.kind,
			value = excluded.value, platform = excluded.platform, locale = excluded.locale, timezone = excluded.timezone,
			seen_at = excluded.seen_at, session_id = excluded.session_id, retired_at = NULL, retired_for = NULL, form = excluded.form,
			name = CASE WHEN excluded.name = '' AND person_id = excluded.person_id THEN name ELSE excluded.name END,
			free_at = CASE WHEN form = excluded.form THEN free_at END`).
		Int(shop).Int(d.PersonID).Text(d.Installation).Text(string(d.Kind)).Text(d.Value).Text(string(d.Platform)).
		Text(string(d.Form)).Text(d.Locale).Text(d.Timezone).Int(micros(d.AddedAt)).Int(micros(d.SeenAt)).
		Text(d.Name).Int(d.SessionID).Exec()
	if err != nil {
		return d, err
	}
	return first(c.Prepare(`SELECT `+rows.DeviceColumns+` FROM devices d JOIN shops s ON s.id = d.shop_id
		WHERE d.shop_id = ? AND d.installation = ?`).Int(shop).Text(d.Installation), "device", rows.Device)
}

// makeRoom retires other devices than these with the same address, in any shop, and surplus ones.
func makeRoom(c *sqlitefile.Conn, shops, these []int64, d bellhop.Device, most store.DeviceLimits) error {
	same, err := sqlitefile.All(c.Prepare(`SELECT id FROM devices WHERE value = ? AND kind = ? AND retired_at IS NULL`).
		Text(d.Value).Text(string(d.Kind)), sqlitefile.Row.Int)
	if err != nil {
		return err
	}
	moved := slices.DeleteFunc(same, func(id int64) bool { return slices.Contains(these, id) })
	if err := retireAll(c, moved, store.RetiredMoved, d.SeenAt); err != nil {
		return err
	}
	if most.Person > 0 && d.PersonID != 0 {
		st := c.Prepare(`SELECT id FROM devices WHERE person_id = ?1 AND retired_at IS NULL AND value NOT IN (
			SELECT value FROM devices WHERE person_id = ?1 AND retired_at IS NULL GROUP BY value
			ORDER BY value = ?2 DESC, max(seen_at) DESC, max(id) DESC LIMIT ?3)`).
			Int(d.PersonID).Text(d.Value).Int(int64(most.Person))
		if err := retireSurplus(c, st, d.SeenAt); err != nil {
			return err
		}
	}
	for i := 0; i < len(shops) && most.Shop > 0; i++ {
		if err := makeRoomIn(c, shops[i], these[i], d, most.Shop); err != nil {
			return err
		}
	}
	return nil
}

// makeRoomIn retires a shop's surplus devices. With a new one it drops those retired the longest.
func makeRoomIn(c *sqlitefile.Conn, shop, id int64, d bellhop.Device, most int) error {
	st := c.Prepare(`SELECT id FROM devices WHERE shop_id = ? AND id <> ? AND retired_at IS NULL
		ORDER BY seen_at DESC, id DESC LIMIT -1 OFFSET ?`).Int(shop).Int(id).Int(int64(most - 1))
	if err := retireSurplus(c, st, d.SeenAt); err != nil || !d.AddedAt.Equal(d.SeenAt) {
		return err
	}
	return c.Prepare(`DELETE FROM devices WHERE id IN (SELECT id FROM devices WHERE shop_id = ? AND retired_at IS NOT NULL
		ORDER BY retired_at DESC, id DESC LIMIT -1 OFFSET ?)`).Int(shop).Int(int64(most)).Exec()
}

func retireSurplus(c *sqlitefile.Conn, st *sqlitefile.Stmt, at time.Time) error {
	ids, err := sqlitefile.All(st, sqlitefile.Row.Int)
	if err != nil {
		return err
	}
	return retireAll(c, ids, store.RetiredLimit, at)
}

func retireAll(c *sqlitefile.Conn, ids []int64, reason string, at time.Time) error {
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

// Phones implements [store.Devices].
func (db *DB) Phones(ctx context.Context, person int64) ([]bellhop.Device, error) {
	return list(ctx, db.read, "list somebody's devices", rows.Device, rows.DevicesOf+`? ORDER BY d.id`, person)
}

// RenameDevice implements [store.Devices].
func (db *DB) RenameDevice(ctx context.Context, shop, installation, name string) error {
	return db.renameDevices(ctx, name, deviceOf, shop, installation)
}

// RenamePhone implements [store.Devices].
func (db *DB) RenamePhone(ctx context.Context, person int64, installation, name string) error {
	return db.renameDevices(ctx, name, phoneOf, person, installation)
}

func (db *DB) renameDevices(ctx context.Context, name, where string, args ...any) error {
	if err := driver.CheckDeviceName(name); err != nil {
		return err
	}
	return db.write(ctx, "rename a device", func(tx *sqlitefile.Tx) error {
		return change(tx, "device", `UPDATE devices SET name = ? WHERE `+where, append([]any{name}, args...)...)
	})
}

// A shop's device, and a person's in all shops.
const (
	deviceOf = `shop_id = (SELECT id FROM shops WHERE domain = ?) AND installation = ?`
	phoneOf  = `person_id = ? AND person_id <> 0 AND installation = ?`
)

// RemoveDevice implements [store.Devices].
func (db *DB) RemoveDevice(ctx context.Context, shop, installation string) error {
	return db.removeDevices(ctx, deviceOf, shop, installation)
}

// RemovePhone implements [store.Devices].
func (db *DB) RemovePhone(ctx context.Context, person int64, installation string) error {
	return db.removeDevices(ctx, phoneOf, person, installation)
}

func (db *DB) removeDevices(ctx context.Context, where string, args ...any) error {
	return db.write(ctx, "remove a device", func(tx *sqlitefile.Tx) error {
		found, err := tx.Prepare(`SELECT 1 FROM devices WHERE ` + where).Bind(args...).First(func(sqlitefile.Row) {})
		if err == nil && !found {
			err = driver.NotFound("device")
		}
		if err != nil {
			return err
		}
		return dropDevices(tx.Conn, where, args...)
	})
}

// dropDevices deletes devices and skips their owed pushes.
func dropDevices(c *sqlitefile.Conn, where string, args ...any) error {
	ids, err := sqlitefile.All(c.Prepare(`SELECT id FROM devices WHERE `+where).Bind(args...), sqlitefile.Row.Int)
	for _, id := range ids {
		if err == nil {
			err = dropDevice(c, id)
		}
	}
	return err
}

// dropDevice deletes a device and skips its owed pushes. The port gives no time for it: the
// newest change's is the nearest, or that of its last push where nothing changed yet.
func dropDevice(c *sqlitefile.Conn, id int64) error {
	var at time.Time
	_, err := c.Prepare(`SELECT coalesce((SELECT at FROM changes ORDER BY seq DESC LIMIT 1),
		(SELECT max(created_at) FROM pushes WHERE device_id = ?))`).Int(id).First(func(r sqlitefile.Row) { at = r.Time() })
	if err != nil {
		return err
	}
	if err := skipOwed(c, id, store.ReasonDeviceRemoved, at); err != nil {
		return err
	}
	return c.Prepare(`DELETE FROM devices WHERE id = ?`).Int(id).Exec()
}
