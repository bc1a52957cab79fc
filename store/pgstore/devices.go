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
	seen_at) SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM shops WHERE domain = $1
	ON CONFLICT (shop_id, installation) DO UPDATE SET person_id = excluded.person_id, kind = excluded.kind,
		value = excluded.value, platform = excluded.platform, locale = excluded.locale, timezone = excluded.timezone,
		seen_at = excluded.seen_at, retired_at = NULL, retired_for = NULL, form = excluded.form,
		free_at = CASE WHEN d.form = excluded.form THEN d.free_at END
	RETURNING *)
	SELECT ` + rows.DeviceColumns + ` FROM d JOIN shops s ON s.id = d.shop_id`

// tooMany ends a query for devices in use, without the moving address: it returns those
// beyond the limit.
const tooMany = ` AND retired_at IS NULL AND NOT (value = $2 AND kind = $3) ORDER BY seen_at DESC, id DESC OFFSET $4`

// PutDevice implements [store.Devices].
func (db *DB) PutDevice(ctx context.Context, d bellhop.Device, most store.DeviceLimits) (bellhop.Device, error) {
	if err := driver.CheckDevice(d); err != nil {
		return d, err
	}
	var put bellhop.Device
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		put = bellhop.Device{}
		w := newWrites(db, &rules.Changes{})
		var surplus []int64
		err := tx.Do(func(b *postgres.Batch) {
			// If two bring the same address at once, the later one gets it.
			b.Exec(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, d.Value)
			one(b, &put, rows.Device, putDevice,
				d.Shop, d.PersonID, d.Installation, string(d.Kind), d.Value, string(d.Platform), string(d.Form),
				d.Locale, d.Timezone, postgres.Always(d.AddedAt), postgres.Always(d.SeenAt))
			w.lockDevices(b, `value = $1 AND kind = $2 AND retired_at IS NULL AND
				id <> (SELECT d.id FROM devices d JOIN shops s ON s.id = d.shop_id WHERE s.domain = $3 AND d.installation = $4)`,
				d.Value, string(d.Kind), d.Shop, d.Installation)
			if most.Person > 0 && d.PersonID != 0 {
				lockInto(b, &surplus, `id IN (SELECT id FROM devices WHERE person_id = $1`+tooMany+`)`,
					d.PersonID, d.Value, string(d.Kind), most.Person-1)
			}
			if most.Shop > 0 {
				lockInto(b, &surplus, `id IN (SELECT id FROM devices WHERE shop_id = (SELECT id FROM shops
					WHERE domain = $1)`+tooMany+`)`, d.Shop, d.Value, string(d.Kind), most.Shop-1)
			}
		})
		if err == nil && put.ID == 0 {
			err = driver.NotFound("shop")
		}
		if err != nil {
			return err
		}
		return w.makeRoom(ctx, tx, put, surplus, most)
	})
	if err != nil {
		return bellhop.Device{}, wrap("put a device", err)
	}
	return put, nil
}

const (
	retireThese = `UPDATE devices SET retired_at = $2, retired_for = $3 WHERE id = ANY($1)`
	dropRetired = `DELETE FROM devices WHERE id IN (SELECT d.id FROM devices d JOIN shops s ON s.id = d.shop_id
		WHERE s.domain = $1 AND d.retired_at IS NOT NULL ORDER BY d.retired_at DESC, d.id DESC OFFSET $2)`
)

// makeRoom retires other devices with the same address, in any shop, and surplus ones.
func (w *writes) makeRoom(
	ctx context.Context, tx *postgres.Tx, d bellhop.Device, surplus []int64, most store.DeviceLimits,
) error {
	var owed []*rules.Push
	if all := slices.Concat(w.devices, surplus); len(all) > 0 {
		if err := tx.Do(func(b *postgres.Batch) { owedPushes(b, &owed, all) }); err != nil {
			return err
		}
	}
	w.Skip(owed, store.ReasonDeviceRetired, d.SeenAt)
	return w.commit(ctx, tx, func(b *postgres.Batch) {
		b.Exec(retireThese, w.devices, postgres.Always(d.SeenAt), store.RetiredMoved)
		b.Exec(retireThese, surplus, postgres.Always(d.SeenAt), store.RetiredLimit)
		if most.Shop > 0 && d.AddedAt.Equal(d.SeenAt) { // a new one
			b.Exec(dropRetired, d.Shop, most.Shop)
		}
	})
}

// Devices implements [store.Devices].
func (db *DB) Devices(ctx context.Context, shop string) ([]bellhop.Device, error) {
	return list(ctx, db.api, "list devices", rows.Device,
		`SELECT `+rows.DeviceColumns+` FROM shops s JOIN devices d ON d.shop_id = s.id WHERE s.domain = $1
			ORDER BY d.id`, shop)
}

// RemoveDevice implements [store.Devices].
func (db *DB) RemoveDevice(ctx context.Context, shop, installation string) error {
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		w := newWrites(db, &rules.Changes{})
		err := tx.Do(func(b *postgres.Batch) {
			w.lockDevices(b, `shop_id = (SELECT id FROM shops WHERE domain = $1) AND installation = $2`, shop, installation)
		})
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
