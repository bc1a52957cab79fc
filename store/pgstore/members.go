package pgstore

import (
	"context"
	"strings"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// saveMembership is by e-mail address: a new person's id is not known yet.
const saveMembership = `INSERT INTO memberships AS m (person_id, shop_id, role)
	SELECT p.id, s.id, $3 FROM people p, shops s WHERE p.email = $1 AND s.domain = $2
	ON CONFLICT (person_id, shop_id) DO UPDATE SET role = excluded.role`

// copyPhones gives a person's phones to a shop, with what they have used of their budget.
const copyPhones = `INSERT INTO devices (shop_id, person_id, installation, kind, value, platform, form, locale, timezone,
		added_at, seen_at, spent, spent_at, free_at, name)
	SELECT (SELECT id FROM shops WHERE domain = $2), person_id, installation, kind, value, platform, form, locale,
		timezone, added_at, seen_at, spent, spent_at, free_at, name FROM devices WHERE id IN (SELECT max(id) FROM devices
		WHERE person_id = $1 AND retired_at IS NULL GROUP BY installation)
	ON CONFLICT (shop_id, installation) DO NOTHING`

// lockMember locks a person with their devices, and the memberships of a shop.
func (w *writes) lockMember(tx *postgres.Tx, id int64, shop string) (p bellhop.Person, r rules.Roster, err error) {
	if p, err = w.lockPerson(tx, id); err != nil {
		return p, r, err
	}
	if p.ID == 0 {
		return p, r, driver.NotFound("person")
	}
	r, there, err := lockRoster(tx, shop)
	if r.Shops = len(p.Shops); err == nil && !there {
		err = driver.NotFound("shop")
	}
	return p, r, err
}

// lockRoster locks the memberships of a shop. It does not count anybody's shops.
func lockRoster(tx *postgres.Tx, shop string) (r rules.Roster, there bool, err error) {
	var own int64
	r.Members = map[int64]bellhop.Role{}
	err = tx.Do(func(b *postgres.Batch) {
		value(b, &own, `SELECT id FROM shops WHERE domain = $1`, shop)
		b.Rows(func(row *postgres.Row) { r.Members[row.Int()] = bellhop.Role(row.Text()) }, `SELECT person_id, role
			FROM memberships WHERE shop_id = (SELECT id FROM shops WHERE domain = $1) ORDER BY person_id FOR UPDATE`, shop)
	})
	return r, own != 0, err
}

// SetMembership implements [store.People].
func (db *DB) SetMembership(ctx context.Context, id int64, m bellhop.Membership) error {
	if err := driver.CheckMembership(m); err != nil {
		return err
	}
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		w := newWrites(db, &rules.Changes{})
		p, r, err := w.lockMember(tx, id, m.Shop)
		if err == nil {
			err = driver.CheckMember(p)
		}
		if err != nil {
			return err
		}
		joins, err := r.Set(id, m.Role)
		if err != nil {
			return err
		}
		if joins && p.Unproven {
			return w.disown(ctx, tx, p, func(b *postgres.Batch) { join(b, p, m, false) })
		}
		return tx.Commit(func(b *postgres.Batch) { join(b, p, m, joins) })
	})
	return wrap("set a membership", err)
}

// SetRole implements [store.People].
func (db *DB) SetRole(ctx context.Context, id int64, m bellhop.Membership) error {
	if err := driver.CheckMembership(m); err != nil {
		return err
	}
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		p, r, err := newWrites(db, &rules.Changes{}).lockMember(tx, id, m.Shop)
		if err == nil {
			err = r.SetRole(id, m.Role)
		}
		if err != nil {
			return err
		}
		return tx.Commit(func(b *postgres.Batch) { join(b, p, m, false) })
	})
	return wrap("set a role", err)
}

func join(b *postgres.Batch, p bellhop.Person, m bellhop.Membership, joins bool) {
	b.Exec(saveMembership, p.Email, m.Shop, string(m.Role))
	if m.Role == bellhop.RoleStaff {
		b.Exec(dropInvitations, p.ID, m.Shop)
	}
	if joins {
		b.Exec(copyPhones, p.ID, m.Shop)
	}
}

// Reclaim implements [store.People].
func (db *DB) Reclaim(ctx context.Context, id int64) error {
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		w := newWrites(db, &rules.Changes{})
		p, err := w.lockPerson(tx, id)
		switch {
		case err != nil:
			return err
		case p.ID == 0:
			return driver.NotFound("person")
		case !p.Unproven:
			return nil
		}
		return w.disown(ctx, tx, p, func(*postgres.Batch) {})
	})
	return wrap("reclaim an account", err)
}

// disown takes an unproven account from whoever made it, does more with it, and ends the transaction.
func (w *writes) disown(ctx context.Context, tx *postgres.Tx, p bellhop.Person, more func(*postgres.Batch)) error {
	err := tx.Do(func(b *postgres.Batch) {
		b.Exec(`DELETE FROM sessions WHERE person_id = $1`, p.ID)
		b.Exec(`DELETE FROM links WHERE person_id = $1`, p.ID)
		b.Exec(`DELETE FROM networks WHERE person_id = $1`, p.ID)
		b.Exec(`UPDATE people SET password_hash = '', unproven = false WHERE id = $1`, p.ID)
		more(b)
	})
	if err != nil {
		return err
	}
	return w.dropDevices(ctx, tx)
}

// RemoveMembership implements [store.People].
func (db *DB) RemoveMembership(ctx context.Context, id int64, shop string) error {
	err := db.api.Write(ctx, func(tx *postgres.Tx) error {
		w := newWrites(db, &rules.Changes{})
		_, r, err := w.lockMember(tx, id, shop)
		if err != nil {
			return err
		}
		last, err := r.Remove(id)
		if err == nil {
			err = tx.Do(func(b *postgres.Batch) { b.Exec(dropInvitations, id, shop) })
		}
		if err != nil {
			return err
		}
		if last {
			return w.removePerson(ctx, tx, id)
		}
		err = tx.Do(func(b *postgres.Batch) {
			b.Exec(`DELETE FROM memberships WHERE person_id = $1 AND shop_id = (SELECT id FROM shops WHERE domain = $2)`, id, shop)
			b.Exec(`UPDATE people SET shop_id = (SELECT min(shop_id) FROM memberships WHERE person_id = $1) WHERE id = $1`, id)
			w.lockDevices(b, `person_id = $1 AND shop_id = (SELECT id FROM shops WHERE domain = $2)`, id, shop)
		})
		if err != nil {
			return err
		}
		return w.dropDevices(ctx, tx)
	})
	return wrap("remove a membership", err)
}

// dropInvitations drops a member's own invitations to a shop, and those that they made: nobody comes back by one, or
// becomes an owner again.
const dropInvitations = `DELETE FROM invitations WHERE (SELECT email FROM people WHERE id = $1) IN (email, invited_by)
	AND shop_id = (SELECT id FROM shops WHERE domain = $2)`

const findInvitation = `SELECT ` + rows.InvitationColumns + ` FROM invitations i JOIN shops s ON s.id = i.shop_id `

// Invite implements [store.Invitations].
func (db *DB) Invite(ctx context.Context, i bellhop.Invitation) error {
	i, err := driver.CheckInvitation(i)
	if err != nil {
		return err
	}
	var there, n int64
	err = db.api.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`DELETE FROM invitations WHERE shop_id = (SELECT id FROM shops WHERE domain = $1)
			AND (expires_at <= $2 OR email = $3)`, i.Shop, postgres.Always(i.CreatedAt), i.Email)
		value(b, &n, `SELECT count(*) FROM invitations i JOIN shops s ON s.id = i.shop_id WHERE s.domain = $1`, i.Shop)
		b.Count(&there, `INSERT INTO invitations (hash, shop_id, email, role, invited_by, created_at, expires_at)
			SELECT $2, s.id, $3, $4, $5, $6, $7 FROM shops s WHERE domain = $1 AND (SELECT count(*) FROM invitations
			WHERE shop_id = s.id) < $8`, i.Shop, i.Hash[:], i.Email, string(i.Role), i.InvitedBy,
			postgres.Always(i.CreatedAt), postgres.Always(i.ExpiresAt), store.MaxInvitations)
	})
	return wrap("invite somebody", taken("invitation", added(err, there, n, store.MaxInvitations, "invitations")))
}

// Invitations implements [store.Invitations].
func (db *DB) Invitations(ctx context.Context, shop string, now time.Time) ([]bellhop.Invitation, error) {
	return list(ctx, db.api, "list invitations", rows.Invitation,
		findInvitation+`WHERE s.domain = $1 AND i.expires_at > $2 ORDER BY i.email COLLATE "C"`, shop, postgres.Always(now))
}

const invitationByHash = findInvitation + `WHERE i.hash = $1 AND i.expires_at > $2`

// Invitation implements [store.Invitations].
func (db *DB) Invitation(ctx context.Context, hash [32]byte, now time.Time) (bellhop.Invitation, error) {
	return only(ctx, db.api, "invitation", rows.Invitation, invitationByHash, hash[:], postgres.Always(now))
}

// Accept implements [store.Invitations].
func (db *DB) Accept(ctx context.Context, hash [32]byte, p bellhop.Person, now time.Time) (
	accepted bellhop.Person, err error) {
	err = db.api.Write(ctx, func(tx *postgres.Tx) error {
		w := newWrites(db, &rules.Changes{})
		var i bellhop.Invitation
		err := tx.Do(func(b *postgres.Batch) {
			one(b, &i, rows.Invitation, invitationByHash+` FOR UPDATE OF i`, hash[:], postgres.Always(now))
			b.Exec(`DELETE FROM invitations WHERE hash = $1`, hash[:])
		})
		if err == nil && i.Shop == "" {
			err = driver.NotFound("invitation")
		}
		if err != nil {
			return err
		}
		if p.ID == 0 {
			accepted, err = w.acceptAsNew(tx, p, i, now)
		} else {
			accepted, err = w.acceptAs(tx, p.ID, i)
		}
		return err
	})
	if err != nil {
		return bellhop.Person{}, wrap("accept an invitation", err)
	}
	return accepted, nil
}

func (w *writes) acceptAsNew(tx *postgres.Tx, p bellhop.Person, i bellhop.Invitation, now time.Time) (
	bellhop.Person, error) {
	p, err := driver.Invited(p, i, now)
	if err == nil {
		err = roomForPerson(tx, p)
	}
	if err == nil {
		p.ID, err = insertPerson(tx, p)
	}
	return p, err
}

func (w *writes) acceptAs(tx *postgres.Tx, id int64, i bellhop.Invitation) (bellhop.Person, error) {
	p, r, err := w.lockMember(tx, id, i.Shop)
	if err == nil {
		err = driver.CheckInvited(p, i)
	}
	if err != nil {
		return p, err
	}
	m := bellhop.Membership{Shop: i.Shop, Role: i.Role}
	if r.Members[id] != "" { // already, with a role of their own
		return p, tx.Commit(func(*postgres.Batch) {})
	}
	if _, err := r.Set(id, m.Role); err != nil {
		return p, err
	}
	p.SetShops(append(p.Shops, m))
	return p, tx.Commit(func(b *postgres.Batch) { join(b, p, m, true) })
}

// RemoveInvitation implements [store.Invitations].
func (db *DB) RemoveInvitation(ctx context.Context, shop, email string) error {
	return once(ctx, db.api, "invitation", "withdraw an invitation", `DELETE FROM invitations WHERE email = $2
		AND shop_id = (SELECT id FROM shops WHERE domain = $1)`, shop, strings.ToLower(email))
}
