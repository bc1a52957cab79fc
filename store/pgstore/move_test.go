package pgstore_test

import (
	"path/filepath"
	"testing"

	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/sqlitestore"
	"bellhop/store/storetest"
)

// inFile is a store in a SQLite file.
type inFile struct {
	*sqlitestore.DB
	file *sqlitefile.File
}

func openFile(t testing.TB, path string) store.Store {
	t.Helper()
	_, err := sqlitefile.Migrate(t.Context(), path, sqlitestore.Schema())
	must(t, err)
	f, err := sqlitefile.Open(t.Context(), path, sqlitefile.Options{})
	must(t, err)
	s := inFile{sqlitestore.New(f), f}
	t.Cleanup(s.close)
	return s
}

func (s inFile) close() {
	s.DB.Close()
	s.file.Close()
}

var files = storetest.Driver{
	Open: func(t testing.TB) store.Store { return openFile(t, filepath.Join(t.TempDir(), "bellhop.db")) },
	Reopen: func(t testing.TB, s store.Store) store.Store {
		s.(inFile).close()
		return openFile(t, s.(inFile).file.Path())
	},
	Another: func(t testing.TB, s store.Store) store.Store { return openFile(t, s.(inFile).file.Path()) },
}

// openOwn opens a store with an identity of its own: a copy has that of the copied one.
func openOwn(t testing.TB) store.Store {
	name := freshDatabase(t)
	must(t, need(t).Exec(t.Context(), name, `UPDATE identity SET id = gen_random_uuid()::text`))
	return openURL(t, need(t).URL(name))
}

// TestMove moves stores from and to files and databases.
func TestMove(t *testing.T) {
	databases := driver(openOwn)
	t.Run("FileToDatabase", func(t *testing.T) { storetest.RunMove(t, files, databases) })
	t.Run("DatabaseToFile", func(t *testing.T) { storetest.RunMove(t, databases, files) })
	t.Run("DatabaseToDatabase", func(t *testing.T) { storetest.RunMove(t, databases, databases) })
}

func BenchmarkMove(b *testing.B) {
	b.Run("FileToDatabase", func(b *testing.B) { storetest.BenchMove(b, files.Open, openOwn) })
	b.Run("DatabaseToFile", func(b *testing.B) { storetest.BenchMove(b, openOwn, files.Open) })
}
