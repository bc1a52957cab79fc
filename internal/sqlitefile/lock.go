package sqlitefile

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"bellhop"
)

// How long another process may take to make or migrate a file, and how often to check.
const (
	lockPatience = time.Minute
	lockPause    = 20 * time.Millisecond
)

// Lock keeps other processes from making or migrating the file at path until unlock is called, and
// waits while one of them does. So nobody sees a file between old and new.
func Lock(ctx context.Context, path string, log *slog.Logger) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	name := path + "-migrate"
	enough := time.Now().Add(lockPatience)
	for told := false; ; told = true {
		unlock, err := tryLock(name)
		switch {
		case err != nil || unlock != nil:
			return unlock, err
		case !told:
			log.Info("another process makes or migrates the database: waiting for it", "file", path)
		case time.Now().After(enough):
			return nil, bellhop.Errorf(bellhop.Unavailable, "database_busy",
				"another process has been migrating %s for %v: see what it waits for, or end it", path, lockPatience)
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tryLock takes the lock that a file of this name is, and returns nil if another process has it.
func tryLock(name string) (unlock func(), err error) {
	if !locks {
		return func() {}, nil
	}
	h, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	free, err := TryLock(h)
	if err == nil && free && isAt(h, name) {
		return func() { os.Remove(name); h.Close() }, nil
	}
	h.Close()
	if err != nil {
		err = fmt.Errorf("lock %s: %w", name, err)
	}
	return nil, err
}

// isAt reports whether h is still the file at path: the lock's previous holder may have removed it.
func isAt(h *os.File, path string) bool {
	mine, err1 := h.Stat()
	there, err2 := os.Stat(path)
	return err1 == nil && err2 == nil && os.SameFile(mine, there)
}
