package sqlitestore

import (
	"cmp"
	"context"
	"strings"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/rows"
	"bellhop/store/rules"
)

// loadRoster loads who belongs to a shop, and the number of a person's shops.
func loadRoster(c *sqlitefile.Conn, shop, person int64) (r rules.Roster, err error) {
	r.Members = map[int64]bellhop.Role{}
	err = c.Prepare(`SELECT person_id, role FROM memberships WHERE shop_id = ?`).Int(shop).Each(
		func(row sqlitefile.Row) error { r.Members[row.Int()] = bellhop.Role(row.Text()); return nil })
	if err != nil {
		return r, err
	}
	n, err := c.Prepare(`SELECT count(*) FROM memberships WHERE person_id = ?`).Int(person).One()
	r.Shops = int(n)
	return r, err
}

func saveMembership(c *sqlitefile.Conn, person, shop int64, role bellhop.Role) error {
	return c.Prepare(`INSERT INTO memberships (person_id, shop_id, role) VALUES (?,?,?)
		ON CONFLICT (person_id, shop_id) DO UPDATE SET role = excluded.role`).Int(person).Int(shop).Text(string(role)).Exec()
}

func person(c *sqlitefile.Conn, id int64) (bellhop.Person, error) {
	return first(c.Prepare(`SELECT `+rows.PersonColumns+rows.PersonJoin+`WHERE p.id = ?`).Int(id), "person", rows.Person)
}

// SetMembership implements [store.People].
func (db *DB) SetMembership(ctx context.Context, id int64, m bellhop.Membership) error {
	if err := driver.CheckMembership(m); err != nil {
		return err
	}
	return db.write(ctx, "set a membership", func(tx *sqlitefile.Tx) error {
		p, err := person(tx.Conn, id)
		if err == nil {
			err = driver.CheckMember(p)
		}
		if err != nil {
			return err
		}
		if p.Unproven && p.RoleIn(m.Shop) == "" {
			if err := disown(tx, id); err != nil {
				return err
			}
		}
		return setMembership(tx, id, m)
	})
}

// SetRole implements [store.People].
func (db *DB) SetRole(ctx context.Context, id int64, m bellhop.Membership) error {
	if err := driver.CheckMembership(m); err != nil {
		return err
	}
	return db.write(ctx, "set a role", func(tx *sqlitefile.Tx) error {
		shop, err := ownShop(tx.Conn, m.Shop)
		if err != nil {
			return err
		}
		r, err := loadRoster(tx.Conn, shop, id)
		if err == nil {
			err = r.SetRole(id, m.Role)
		}
		if err != nil {
			return err
		}
		return saveRole(tx.Conn, id, shop, m.Role)
	})
}

// saveRole ends the invitations of somebody who may no longer invite.
func saveRole(c *sqlitefile.Conn, person, shop int64, role bellhop.Role) error {
	err := saveMembership(c, person, shop, role)
	if err == nil && role == bellhop.RoleStaff {
		err = c.Prepare(dropInvitations).Int(person).Int(shop).Exec()
	}
	return err
}

// Reclaim implements [store.People].
func (db *DB) Reclaim(ctx context.Context, id int64) error {
	return db.write(ctx, "reclaim an account", func(tx *sqlitefile.Tx) error {
		p, err := person(tx.Conn, id)
		if err != nil || !p.Unproven {
			return err
		}
		return disown(tx, id)
	})
}

// disown takes an unproven account from whoever made it.
func disown(tx *sqlitefile.Tx, id int64) error {
	return cmp.Or(signOutEverywhere(tx.Conn, id), dropDevices(tx.Conn, `person_id = ?`, id),
		tx.Prepare(`UPDATE people SET password_hash = '', unproven = 0 WHERE id = ?`).Int(id).Exec())
}

func setMembership(tx *sqlitefile.Tx, id int64, m bellhop.Membership) error {
	shop, err := ownShop(tx.Conn, m.Shop)
	if err != nil {
		return err
	}
	r, err := loadRoster(tx.Conn, shop, id)
	if err != nil {
		return err
	}
	joins, err := r.Set(id, m.Role)
	if err == nil {
		err = saveRole(tx.Conn, id, shop, m.Role)
	}
	if err != nil || !joins {
		return err
	}
	return copyPhones(tx.Conn, id, shop)
}

// copyPhones gives a person's phones to a shop, with what they have used of their budget.
func copyPhones(c *sqlitefile.Conn, person, shop int64) error {
	return c.Prepare(`INSERT INTO devices (shop_id, person_id, installation, kind, value, platform, form, locale, timezone,
			added_at, seen_at, spent, spent_at, free_at, name)
		SELECT ?2, person_id, installation, kind, value, platform, form, locale, timezone, added_at, seen_at, spent,
			spent_at, free_at, name FROM devices WHERE id IN (SELECT max(id) FROM devices WHERE person_id = ?1
			AND retired_at IS NULL GROUP BY installation)
		ON CONFLICT (shop_id, installation) DO NOTHING`).Int(person).Int(shop).Exec()
}

// RemoveMembership implements [store.People].
func (db *DB) RemoveMembership(ctx context.Context, id int64, domain string) error {
	return db.write(ctx, "remove a membership", func(tx *sqlitefile.Tx) error {
		shop, err := ownShop(tx.Conn, domain)
		if err != nil {
			return err
		}
		r, err := loadRoster(tx.Conn, shop, id)
		if err != nil {
			return err
		}
		last, err := r.Remove(id)
		if err == nil {
			err = tx.Prepare(dropInvitations).Int(id).Int(shop).Exec()
		}
		if err != nil {
			return err
		}
		if last {
			return removePerson(tx, id)
		}
		return cmp.Or(
			tx.Prepare(`DELETE FROM memberships WHERE person_id = ? AND shop_id = ?`).Int(id).Int(shop).Exec(),
			tx.Prepare(`UPDATE people SET shop_id = (SELECT min(shop_id) FROM memberships WHERE person_id = ?1) WHERE id = ?1`).
				Int(id).Exec(),
			dropDevices(tx.Conn, `person_id = ? AND shop_id = ?`, id, shop))
	})
}

// dropInvitations drops a member's own invitations to a shop, and those that they made: nobody comes back by one, or
// becomes an owner again.
const dropInvitations = `DELETE FROM invitations WHERE (SELECT email FROM people WHERE id = ?1) IN (email, invited_by)
	AND shop_id = ?2`

const findInvitation = `SELECT ` + rows.InvitationColumns + ` FROM invitations i JOIN shops s ON s.id = i.shop_id `

// Invite implements [store.Invitations].
func (db *DB) Invite(ctx context.Context, i bellhop.Invitation) error {
	i, err := driver.CheckInvitation(i)
	if err != nil {
		return err
	}
	return db.write(ctx, "invite somebody", func(tx *sqlitefile.Tx) error {
		shop, err := ownShop(tx.Conn, i.Shop)
		if err != nil {
			return err
		}
		err = tx.Prepare(`DELETE FROM invitations WHERE shop_id = ? AND (expires_at <= ? OR email = ?)`).Int(shop).
			Int(micros(i.CreatedAt)).Text(i.Email).Exec()
		if err != nil {
			return err
		}
		open := tx.Prepare(`SELECT count(*) FROM invitations WHERE shop_id = ?`).Int(shop)
		if err := room(open, "invitations", store.MaxInvitations); err != nil {
			return err
		}
		return taken("invitation", insertInvitation(tx.Conn, shop, &i))
	})
}

func insertInvitation(c *sqlitefile.Conn, shop int64, i *bellhop.Invitation) error {
	return c.Prepare(`INSERT INTO invitations (hash, shop_id, email, role, invited_by, created_at, expires_at)
		VALUES (?,?,?,?,?,?,?)`).Blob(i.Hash[:]).Int(shop).Text(i.Email).Text(string(i.Role)).Text(i.InvitedBy).
		Int(micros(i.CreatedAt)).Int(micros(i.ExpiresAt)).Exec()
}

// Invitations implements [store.Invitations].
func (db *DB) Invitations(ctx context.Context, shop string, now time.Time) ([]bellhop.Invitation, error) {
	return list(ctx, db.read, "list invitations", rows.Invitation,
		findInvitation+`WHERE s.domain = ? AND i.expires_at > ? ORDER BY i.email`, shop, now)
}

// Invitation implements [store.Invitations].
func (db *DB) Invitation(ctx context.Context, hash [32]byte, now time.Time) (bellhop.Invitation, error) {
	return get(ctx, db.read, "look up an invitation", func(c *sqlitefile.Conn) (bellhop.Invitation, error) {
		return invitation(c, hash, now)
	})
}

func invitation(c *sqlitefile.Conn, hash [32]byte, now time.Time) (bellhop.Invitation, error) {
	return first(c.Prepare(findInvitation+`WHERE i.hash = ? AND i.expires_at > ?`).Blob(hash[:]).Time(now), "invitation",
		rows.Invitation)
}

// Accept implements [store.Invitations].
func (db *DB) Accept(ctx context.Context, hash [32]byte, p bellhop.Person, now time.Time) (bellhop.Person, error) {
	return put(ctx, db, "accept an invitation", func(tx *sqlitefile.Tx) (bellhop.Person, error) {
		i, err := invitation(tx.Conn, hash, now)
		if err != nil {
			return p, err
		}
		if err := tx.Prepare(`DELETE FROM invitations WHERE hash = ?`).Blob(hash[:]).Exec(); err != nil {
			return p, err
		}
		if p.ID == 0 {
			return acceptAsNew(tx, p, i, now)
		}
		if p, err = person(tx.Conn, p.ID); err != nil {
			return p, err
		}
		if err := driver.CheckInvited(p, i); err != nil {
			return p, err
		}
		if p.RoleIn(i.Shop) == "" {
			if err := setMembership(tx, p.ID, bellhop.Membership{Shop: i.Shop, Role: i.Role}); err != nil {
				return p, err
			}
		}
		return person(tx.Conn, p.ID)
	})
}

func acceptAsNew(tx *sqlitefile.Tx, p bellhop.Person, i bellhop.Invitation, now time.Time) (bellhop.Person, error) {
	p, err := driver.Invited(p, i, now)
	if err == nil {
		err = roomForPerson(tx.Conn, p)
	}
	if err != nil {
		return p, err
	}
	return insertPerson(tx, p)
}

// RemoveInvitation implements [store.Invitations].
func (db *DB) RemoveInvitation(ctx context.Context, shop, email string) error {
	return db.write(ctx, "withdraw an invitation", func(tx *sqlitefile.Tx) error {
		return change(tx, "invitation", `DELETE FROM invitations WHERE email = ? AND shop_id =
			(SELECT id FROM shops WHERE domain = ?)`, strings.ToLower(email), shop)
	})
}
