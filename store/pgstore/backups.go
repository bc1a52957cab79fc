package pgstore

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/store/driver"
	"bellhop/store/rows"
)

// AddBackup implements [store.Backups].
func (db *DB) AddBackup(ctx context.Context, note bellhop.BackupNote) error {
	if err := driver.CheckBackup(note); err != nil {
		return err
	}
	err := db.api.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`DELETE FROM backups WHERE until < $1`, postgres.Always(note.MadeAt))
		b.Exec(`INSERT INTO backups (`+rows.BackupColumns+`) VALUES ($1, $2, $3)`, note.Name, postgres.Always(note.MadeAt),
			postgres.Time(note.Until))
		b.Exec(`DELETE FROM backups WHERE id IN (SELECT id FROM backups ORDER BY made_at DESC, id DESC OFFSET $1)`,
			bellhop.MaxRequestBackups)
	})
	return wrap("note a backup", err)
}

// Backups implements [store.Backups].
func (db *DB) Backups(ctx context.Context, at time.Time) ([]bellhop.BackupNote, error) {
	return list(ctx, db.api, "list backups", rows.Backup, `SELECT `+rows.BackupColumns+` FROM backups
		WHERE until IS NULL OR until > $1 ORDER BY made_at DESC, id DESC`, postgres.Always(at))
}
