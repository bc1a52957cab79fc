package pgstore

import (
	"context"
	"slices"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// putDevice inserts or refreshes. The budget stays, unless the form changes.
const putDevice = `WITH d AS (
	INSERT INTO devices AS d (shop_id, person_id, installation, kind, value, platform, form, locale, timezone, added_at,
	seen_at, name, session_id) SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM shops WHERE domain = ANY($1) ORDER BY id
	ON CONFLICT (shop_id, installation) DO UPDATE SET person_id = excluded.person_id, kind = excluded.kind,
		value = excluded.value, platform = excluded.platform, locale = excluded.locale, timezone = excluded.timezone,
		seen_at = excluded.seen_at, session_id = excluded.session_id, retired_at = NULL, retired_for = NULL, form = excluded.form,
		name = CASE WHEN excluded.name = '' AND d.person_id = excluded.person_id THEN d.name ELSE excluded.name END,
		free_at = CASE WHEN d.form = excluded.form THEN d.free_at END
	RETURNING *)
	SELECT ` + rows.DeviceColumns + ` FROM d JOIN shops s ON s.id = d.shop_id`

// The devices in use beyond a limit: of a shop, and of a person, whose phone is one device in several shops. The
// address that is being put counts first.
const (
	surplusOfShop = `id IN (SELECT id FROM devices WHERE shop_id = (SELECT id FROM shops WHERE domain = $1)
		AND retired_at IS NULL AND NOT (value = $2 AND kind = $3) ORDER BY seen_at DESC, id DESC OFFSET $4)`
	surplusOfPerson = `person_id = $1 AND retired_at IS NULL AND value NOT IN (SELECT value FROM devices
		WHERE person_id = $1 AND retired_at IS NULL GROUP BY value ORDER BY value = $2 DESC, max(seen_at) DESC, max(id) DESC
		LIMIT $3)`
)

// PutDevice implements [store.Devices].
func (db *DB) PutDevice(ctx context.Context, d bellhop.Device, most store.DeviceLimits) (bellhop.Device, error) {
	if err := driver.CheckDevice(d); err != nil {
		return d, err
	}
	var own bellhop.Device
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		shops, err := shopsOf(tx, d)
		if err != nil {
			return err
		}
		w := newWrites(db, &rules.Changes{})
		var put []bellhop.Device
		var surplus []int64
		err = tx.Do(func(b *postgres.Batch) {
			all(b, &put, rows.Device, putDevice,
				shops, d.PersonID, d.Installation, string(d.Kind), d.Value, string(d.Platform), string(d.Form),
				d.Locale, d.Timezone, postgres.Always(d.AddedAt), postgres.Always(d.SeenAt), d.Name, d.SessionID)
			w.lockDevices(b, `value = $1 AND kind = $2 AND retired_at IS NULL AND NOT (installation = $3 AND
				shop_id IN (SELECT id FROM shops WHERE domain = ANY($4)))`, d.Value, string(d.Kind), d.Installation, shops)
			if most.Person > 0 && d.PersonID != 0 {
				lockInto(b, &surplus, surplusOfPerson, d.PersonID, d.Value, most.Person)
			}
			for _, shop := range shops {
				if most.Shop > 0 {
					lockInto(b, &surplus, surplusOfShop, shop, d.Value, string(d.Kind), most.Shop-1)
				}
			}
		})
		if err != nil {
			return err
		}
		for _, one := range put {
			if one.Shop == d.Shop {
				own = one
			}
		}
		return w.makeRoom(ctx, tx, put, surplus, most)
	})
	if err != nil {
		return bellhop.Device{}, wrap("put a device", err)
	}
	return own, nil
}

// shopsOf returns the shops that a device is put into: the person's, or its own. If two bring the same address at
// once, the later one gets it.
func shopsOf(tx *postgres.Tx, d bellhop.Device) (shops []string, err error) {
	err = tx.Do(func(b *postgres.Batch) {
		b.Exec(lockPerson, d.PersonID)
		all(b, &shops, (*postgres.Row).Text, `SELECT s.domain FROM shops s WHERE $1::bigint = 0 AND s.domain = $2
			UNION ALL SELECT s.domain FROM memberships m JOIN shops s ON s.id = m.shop_id WHERE m.person_id = $1`,
			d.PersonID, d.Shop)
		b.Exec(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, d.Value)
	})
	if err == nil && !slices.Contains(shops, d.Shop) {
		err = driver.NotFound("shop")
	}
	return shops, err
}

const (
	retireThese = `UPDATE devices SET retired_at = $2, retired_for = $3 WHERE id = ANY($1)`
	dropRetired = `DELETE FROM devices WHERE id IN (SELECT d.id FROM devices d JOIN shops s ON s.id = d.shop_id
		WHERE s.domain = $1 AND d.retired_at IS NOT NULL ORDER BY d.retired_at DESC, d.id DESC OFFSET $2)`
)

// makeRoom retires other devices with the same address, in any shop, and surplus ones.
func (w *writes) makeRoom(
	ctx context.Context, tx *postgres.Tx, put []bellhop.Device, surplus []int64, most store.DeviceLimits,
) error {
	var owed []*rules.Push
	if all := slices.Concat(w.devices, surplus); len(all) > 0 {
		if err := tx.Do(func(b *postgres.Batch) { owedPushes(b, &owed, all) }); err != nil {
			return err
		}
	}
	at := put[0].SeenAt
	w.Skip(owed, store.ReasonDeviceRetired, at)
	return w.commit(ctx, tx, func(b *postgres.Batch) {
		b.Exec(retireThese, w.devices, postgres.Always(at), store.RetiredMoved)
		b.Exec(retireThese, surplus, postgres.Always(at), store.RetiredLimit)
		for _, d := range put {
			if most.Shop > 0 && d.AddedAt.Equal(d.SeenAt) { // a new one
				b.Exec(dropRetired, d.Shop, most.Shop)
			}
		}
	})
}

// Devices implements [store.Devices].
func (db *DB) Devices(ctx context.Context, shop string) ([]bellhop.Device, error) {
	return list(ctx, db.api, "list devices", rows.Device,
		`SELECT `+rows.DeviceColumns+` FROM shops s JOIN devices d ON d.shop_id = s.id WHERE s.domain = $1
			ORDER BY d.id`, shop)
}

// Phones implements [store.Devices].
func (db *DB) Phones(ctx context.Context, person int64) ([]bellhop.Device, error) {
	return list(ctx, db.api, "list somebody's devices", rows.Device, rows.DevicesOf+`$1 ORDER BY d.id`, person)
}

// RenameDevice implements [store.Devices].
func (db *DB) RenameDevice(ctx context.Context, shop, installation, name string) error {
	return db.renameDevices(ctx, deviceOf, shop, installation, name)
}

// RenamePhone implements [store.Devices].
func (db *DB) RenamePhone(ctx context.Context, person int64, installation, name string) error {
	return db.renameDevices(ctx, phoneOf, person, installation, name)
}

func (db *DB) renameDevices(ctx context.Context, where string, whose any, installation, name string) error {
	if err := driver.CheckDeviceName(name); err != nil {
		return err
	}
	return once(ctx, db.api, "device", "rename a device",
		`UPDATE devices SET name = $3 WHERE id IN (SELECT id FROM devices WHERE `+where+` ORDER BY id FOR UPDATE)`,
		whose, installation, name)
}

// A shop's device, and a person's in all shops.
const (
	deviceOf = `shop_id = (SELECT id FROM shops WHERE domain = $1) AND installation = $2`
	phoneOf  = `person_id = $1 AND person_id <> 0 AND installation = $2`
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
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		w := newWrites(db, &rules.Changes{})
		err := tx.Do(func(b *postgres.Batch) { w.lockDevices(b, where, args...) })
		if err == nil && len(w.devices) == 0 {
			err = driver.NotFound("device")
		}
		if err != nil {
			return err
		}
		return w.dropDevices(ctx, tx)
	})
	return wrap("remove a device", err)
}
