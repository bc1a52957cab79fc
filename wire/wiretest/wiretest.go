// Package wiretest gives tests a data folder whose database is up to date.
package wiretest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"bellhop/wire"
)

// name is what the default settings call the file.
const name = "bellhop.db"

// empty is the file of an empty store and queue. Tests get copies: a copy takes a fraction of the migrations' time.
var empty = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "bellhop-empty-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s := wire.Storage{Dir: dir, DB: "sqlite:", Queue: "sqlite:"}
	if _, err := s.Migrate(context.Background(), wire.Options{}); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, name))
})

// Fill makes a folder with an empty store and queue in the one SQLite file of the default settings.
func Fill(dir string) error {
	file, err := empty()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), file, 0o600)
}

// Dir returns a temporary folder that [Fill] has made.
func Dir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := Fill(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}
