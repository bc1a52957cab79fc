package wire

import (
	"context"

	"bellhop"
	"bellhop/store"
)

// archiver is a resource with a backup of its own.
type archiver interface {
	backup(ctx context.Context, path string) error
	// restore restores a backup, unless accept refuses the store in it.
	restore(ctx context.Context, path string, accept func(store.Store) error) error
}

// Restore replaces the whole state by a backup's, also while others use it.
func (s *Storage) Restore(ctx context.Context, backup string, o Options) error {
	d, err := s.only(both, o)
	if err != nil {
		return err
	}
	a, err := d.shared.archiver()
	if err != nil {
		return err
	}
	return a.restore(ctx, backup, func(s store.Store) error {
		if o.LostKey {
			return nil
		}
		return d.fits(ctx, s)
	})
}

// Backup writes everything to a file, also while others use it.
func (p *Parts) Backup(ctx context.Context, path string) error {
	a, err := p.shared.archiver()
	if err != nil {
		return err
	}
	return a.backup(ctx, path)
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
