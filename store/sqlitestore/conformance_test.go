package sqlitestore_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/sqlitestore"
	"bellhop/store/storetest"
)

// opened remembers a store's file, so that the suite can open it again.
type opened struct {
	*sqlitestore.DB
	file *sqlitefile.File
}

func openAt(t testing.TB, path string) store.Store {
	f := openFile(t, path)
	db := sqlitestore.New(f)
	t.Cleanup(func() { db.Close() })
	return opened{db, f}
}

func openNew(t testing.TB) store.Store {
	return openAt(t, filepath.Join(t.TempDir(), "bellhop.db"))
}

// openOwn opens no copy of another store: a copy has the same identity.
func openOwn(t testing.TB) store.Store {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	_, err := sqlitefile.Migrate(context.Background(), path, sqlitestore.Schema())
	must(t, err)
	return openAt(t, path)
}

var driver = driverOf(openNew)

func driverOf(open func(testing.TB) store.Store) storetest.Driver {
	return storetest.Driver{
		Open: open,
		Reopen: func(t testing.TB, s store.Store) store.Store {
			o := s.(opened)
			must(t, o.Close())
			must(t, o.file.Close())
			return openAt(t, o.file.Path())
		},
		Another: func(t testing.TB, s store.Store) store.Store { return openAt(t, s.(opened).file.Path()) },
	}
}

func TestConformance(t *testing.T) { storetest.Run(t, driver) }

func TestMove(t *testing.T) { storetest.RunMove(t, driverOf(openOwn), driverOf(openOwn)) }

func BenchmarkStore(b *testing.B) { storetest.Bench(b, openNew) }

func TestSearches(t *testing.T) {
	storetest.Searches(t, driver, func(s store.Store) int64 {
		log, err := os.Stat(s.(opened).file.Path() + "-wal")
		must(t, err)
		return log.Size()
	})
}

func TestNothingStays(t *testing.T) {
	storetest.NothingStays(t, driver, func(t *testing.T, s store.Store) (files []string) {
		for _, end := range []string{"", "-wal", "-shm"} {
			files = append(files, s.(opened).file.Path()+end)
		}
		return files
	})
}
