package sqlitestore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// AddBackup implements [store.Backups].
func (db *DB) AddBackup(ctx context.Context, b bellhop.BackupNote) error {
	if err := driver.CheckBackup(b); err != nil {
		return err
	}
	return db.write(ctx, "note a backup", func(tx *sqlitefile.Tx) error {
		if err := tx.Prepare(`DELETE FROM backups WHERE until < ?`).Int(micros(b.MadeAt)).Exec(); err != nil {
			return err
		}
		if err := insertBackup(tx.Conn, &b); err != nil {
			return err
		}
		return tx.Prepare(`DELETE FROM backups WHERE id IN (SELECT id FROM backups ORDER BY made_at DESC, id DESC
			LIMIT -1 OFFSET ?)`).Int(bellhop.MaxRequestBackups).Exec()
	})
}

func insertBackup(c *sqlitefile.Conn, b *bellhop.BackupNote) error {
	return c.Prepare(`INSERT INTO backups (` + rows.BackupColumns + `) VALUES (?,?,?)`).Text(b.Name).
		Int(micros(b.MadeAt)).Time(b.Until).Exec()
}

// Backups implements [store.Backups].
func (db *DB) Backups(ctx context.Context, at time.Time) ([]bellhop.BackupNote, error) {
	return list(ctx, db.read, "list backups", rows.Backup, `SELECT `+rows.BackupColumns+` FROM backups
		WHERE until IS NULL OR until > ? ORDER BY made_at DESC, id DESC`, micros(at))
}

// carryBackups keeps the notes of a file that a backup replaces.
func carryBackups(from, to *sqlitefile.Conn) error {
	return from.Prepare(`SELECT ` + rows.BackupColumns + ` FROM backups ORDER BY id`).Each(func(r sqlitefile.Row) error {
		b := rows.Backup(r)
		n, err := to.Prepare(`SELECT count(*) FROM backups WHERE name = ? AND made_at = ?`).Text(b.Name).
			Int(micros(b.MadeAt)).One()
		if err != nil || n > 0 {
			return err
		}
		return insertBackup(to, &b)
	})
}
