package sqlitefile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"bellhop"
)

// Backup writes a copy of the whole file to path while others go on reading and writing. The copy
// is complete and synced, or it is not there. It replaces a file at path. encrypt, if set, writes one
// file encrypted to another: the plain copy is beside the database meanwhile, and nowhere else.
func (f *File) Backup(ctx context.Context, path string, encrypt func(path, to string) error) error {
	if same(f.path, path) {
		return bellhop.Invalidf("backup", "%s is the database itself: name another file", path)
	}
	tmp := path + ".part"
	defer removeAll(tmp)
	write := f.copyTo
	if encrypt != nil {
		write = func(ctx context.Context, tmp string) error { return f.encryptTo(ctx, tmp, encrypt) }
	}
	if err := write(ctx, tmp); err != nil {
		return fmt.Errorf("copy %s: %w", f.path, err)
	}
	if err := syncPath(tmp); err != nil {
		return fmt.Errorf("sync the copy: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("name the copy: %w", err)
	}
	return syncPath(filepath.Dir(path))
}

func (f *File) copyTo(ctx context.Context, tmp string) error {
	c, err := f.connect(ctx, copierPragmas)
	if err != nil {
		return err
	}
	defer c.close()
	return copyTo(ctx, c, tmp)
}

// encryptTo writes an encrypted copy. What a killed process left of a plain one goes with the next.
func (f *File) encryptTo(ctx context.Context, tmp string, encrypt func(path, to string) error) error {
	plain := f.path + ".backup"
	unlock, err := tryLock(plain + "-lock")
	if err != nil {
		return err
	}
	if unlock == nil {
		return bellhop.Errorf(bellhop.Conflict, "backup_runs",
			"another encrypted backup of %s is being written: wait until it is done", f.path)
	}
	defer unlock()
	defer removeAll(plain)
	if err := f.copyTo(ctx, plain); err != nil {
		return err
	}
	return encrypt(plain, tmp)
}

func syncPath(path string) error {
	h, err := os.Open(path)
	if err != nil {
		return err
	}
	defer h.Close()
	return h.Sync()
}
