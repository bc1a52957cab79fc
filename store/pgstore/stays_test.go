package pgstore_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"bellhop/internal/realserver"
	"bellhop/store"
	"bellhop/store/storetest"
)

// TestNothingStays cleans as docs/databases-and-queues.md says, on a server of its own, and looks into its data folder.
func TestNothingStays(t *testing.T) {
	realserver.Need(t, realserver.PostgresInstalled())
	server, err := realserver.StartPostgres(t.Context(), "wal_recycle=off")
	must(t, err)
	t.Cleanup(func() { must(t, server.Close()) })
	open := func(t testing.TB) store.Store {
		name, err := migrated(server)
		must(t, err)
		return openURL(t, server.URL(name))
	}
	storetest.NothingStays(t, driver(open), func(t *testing.T, s store.Store) []string {
		return clean(t, s.(opened).url)
	})
}

// clean rewrites the tables, drops the log's old segments, and lists the server's files.
func clean(t *testing.T, url string) (files []string) {
	ctx := context.Background()
	c, err := pgx.Connect(ctx, url)
	must(t, err)
	defer c.Close(ctx)
	for _, s := range []string{`VACUUM FULL`, `CHECKPOINT`, `SELECT pg_switch_wal()`, `CHECKPOINT`} {
		_, err := c.Exec(ctx, s)
		must(t, err)
	}
	var dir string
	must(t, c.QueryRow(ctx, `SHOW data_directory`).Scan(&dir))
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	}))
	return files
}
