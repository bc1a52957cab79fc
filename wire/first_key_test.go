package wire

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"bellhop"
	"bellhop/store"
)

type inOneFile struct {
	storeDriver
	path string
}

func (f inOneFile) file() string { return f.path }

// sealedMeanwhile is a store that another process seals at the first look.
type sealedMeanwhile struct {
	store.Store
	makeKey func()
}

func (s sealedMeanwhile) KeyCheck(context.Context) (string, error) {
	s.makeKey()
	return "a check value", nil
}

// TestFirstKeyOfTwo starts two processes without a database: the key of the one that was first is for both.
func TestFirstKeyOfTwo(t *testing.T) {
	d := &drivers{Storage: &Storage{}, db: inOneFile{path: filepath.Join(t.TempDir(), "bellhop.db")}}
	if err := os.WriteFile(d.db.file(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := d.firstKey(t.Context(), sealedMeanwhile{makeKey: func() {
		if _, err := d.makeKey(); err != nil {
			t.Error(err)
		}
	}})
	if err != nil || len(keys) != 1 {
		t.Errorf("%d keys: %v", len(keys), err)
	}
	os.Remove(d.keyPath())
	if _, err = d.firstKey(t.Context(), sealedMeanwhile{makeKey: func() {}}); bellhop.KindOf(err) != bellhop.Conflict {
		t.Errorf("a key that is lost: %v", err)
	}
}
