//go:build !nosqlite

package wire

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"bellhop/internal/sqlitefile"
	"bellhop/store/sqlitestore"
)

// lowSpace is the room on a nearly full disk: about 100,000 orders with their bodies.
const lowSpace = 500 << 20

// examine looks at each file from outside.
func (s *sqliteFiles) examine(ctx context.Context) (found []Finding, there bool) {
	v, err := sqlitefile.Version()
	if err != nil {
		return []Finding{Fail("sqlite", err.Error(), "this program is damaged: install it again")}, false
	}
	found = append(found, OK("sqlite", "version "+v))
	there = true
	for path, schemas := range s.schemas {
		part := nameOf(schemas)
		found = append(found, examineFolder(filepath.Dir(path)))
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, os.ErrNotExist), err == nil && info.Size() == 0:
			there = false
			found = append(found, Warn(part, "there is none yet at "+path,
				"start bellhop serve, or run bellhop migrate: both make it"))
			continue
		case err != nil:
			there = false
			found = append(found, Fail(part, err.Error(), "let the user that bellhop runs as read it"))
			continue
		}
		found = append(found, examineMode(part, path, info))
		if err := sqlitefile.Check(ctx, path, schemas...); err != nil {
			there = false
			found = append(found, Fail("schema", err.Error(), "run bellhop migrate, with the newest bellhop"))
			continue
		}
		found = append(found, OK("schema", "of the "+part+": up to date"))
	}
	return found, there
}

// nameOf names a file by its contents.
func nameOf(schemas []sqlitefile.Schema) string {
	for _, s := range schemas {
		if s.Name == sqlitestore.Schema().Name {
			return "database"
		}
	}
	return "queue's file"
}

func examineFolder(dir string) Finding {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir) // bellhop makes the folders below
	}
	h, err := os.CreateTemp(dir, ".bellhop-check-*")
	if err != nil {
		return Fail("folder", "can't write to "+dir, "let the user that bellhop runs as write there, or set BELLHOP_DIR")
	}
	h.Close()
	os.Remove(h.Name())
	free, known := freeSpace(dir)
	switch {
	case !known:
		return OK("folder", dir+" can be written to")
	case free < lowSpace:
		return Warn("folder", fmt.Sprintf("%s has %d MiB left", dir, free>>20),
			"make room: without any, webhooks are answered 503")
	}
	return OK("folder", fmt.Sprintf("%s can be written to and has %d MiB left", dir, free>>20))
}

func examineMode(part, path string, info os.FileInfo) Finding {
	if info.Mode().Perm()&0o077 != 0 {
		return Warn(part, fmt.Sprintf("others than its owner can open %s, which holds customers' data", path),
			"chmod 600 "+path)
	}
	return OK(part, path)
}

func (s *sqliteFiles) quickCheck(ctx context.Context) error {
	return firstOf(maps.Values(s.open), func(f *sqlitefile.File) error { return f.QuickCheck(ctx) })
}
