package wire

import (
	"context"
	"errors"
	"io/fs"

	"bellhop"
	"bellhop/internal/agefile"
	"bellhop/pipeline"
	"bellhop/store"
)

// archiver is a resource with a backup of its own.
type archiver interface {
	// backup writes a backup, encrypted by encrypt unless that is nil.
	backup(ctx context.Context, path string, encrypt func(path, to string) error) error
	// restore restores a backup, decrypted by decrypt unless that is nil. prepare gets the store that is replaced
	// and the one in the backup; its error refuses the backup.
	restore(ctx context.Context, path string, decrypt func(to string) error, prepare func(was, is store.Store) error) error
}

// Restore replaces the whole state by a backup's, also while others use it. What the replaced state was asked to
// forget or erase since is taken out of the backup's first; it returns how much that was.
func (s *Storage) Restore(ctx context.Context, backup string, o Options) (done pipeline.Again, err error) {
	d, err := s.only(both, o)
	if err != nil {
		return done, err
	}
	a, err := d.shared.archiver()
	if err != nil {
		return done, err
	}
	decrypt, err := decrypter(backup, o.Identity)
	if err != nil {
		return done, err
	}
	err = a.restore(ctx, backup, decrypt, func(was, is store.Store) (err error) {
		if !o.LostKey {
			err = d.fits(ctx, is)
		}
		if err == nil {
			done, err = d.redactAgain(ctx, was, is)
		}
		return err
	})
	return done, err
}

// decrypter decrypts a backup by the keys in the file identity; nil for a plain backup.
func decrypter(backup, identity string) (func(to string) error, error) {
	encrypted, err := agefile.Is(backup)
	switch {
	case errors.Is(err, fs.ErrNotExist): // the restore says so
		return nil, nil
	case err != nil:
		return nil, err
	case !encrypted && identity != "":
		return nil, bellhop.Invalidf("identity", "%s is not encrypted: leave --identity out", backup)
	case !encrypted:
		return nil, nil
	case identity == "":
		return nil, bellhop.Invalidf("identity",
			"%s is encrypted: give --identity with the file of the secret key of one of its recipients", backup)
	}
	keys, err := agefile.ReadIdentities(identity)
	if err != nil {
		return nil, err
	}
	return func(to string) error { return keys.Decrypt(backup, to) }, nil
}

// Backup writes everything to a file, also while others use it, encrypted to age's recipients if there
// are any. The note stays if it fails: better one too many than one too few.
func (p *Parts) Backup(ctx context.Context, path string, note bellhop.BackupNote, recipients ...string) error {
	to, err := agefile.ParseRecipients(recipients)
	if err != nil {
		return err
	}
	a, err := p.shared.archiver()
	if err != nil {
		return err
	}
	if err := p.Store.AddBackup(ctx, note); err != nil {
		return err
	}
	if len(to) == 0 {
		return a.backup(ctx, path, nil)
	}
	return a.backup(ctx, path, to.Encrypt)
}

// archiver returns the resource that holds the whole state, if one does.
func (r resources) archiver() (archiver, error) {
	if len(r) == 1 {
		if a, ok := r[0].(archiver); ok {
			return a, nil
		}
	}
	return nil, bellhop.Errorf(bellhop.Conflict, "backup_elsewhere",
		"the state is not in an SQLite file alone: back up the database with its own tools, such as pg_dump")
}
