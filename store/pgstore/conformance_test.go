package pgstore_test

import (
	"context"
	"log"
	"os"
	"slices"
	"sync"
	"testing"

	"bellhop/internal/postgres"
	"bellhop/internal/realserver"
	"bellhop/store"
	"bellhop/store/pgstore"
	"bellhop/store/storetest"
)

// server is the one PostgreSQL of this process.
var server = sync.OnceValues(func() (*realserver.Postgres, error) {
	return realserver.StartPostgres(context.Background(), "max_connections=400")
})

// atExit closes the servers of all tests, the last first.
var atExit []func() error

func TestMain(m *testing.M) {
	realserver.SkipExamples(realserver.PostgresInstalled())
	code := m.Run()
	for _, end := range slices.Backward(atExit) {
		if err := end(); err != nil {
			log.Print(err)
		}
	}
	os.Exit(code)
}

var serverOnce, bouncerOnce sync.Once

func need(t testing.TB) *realserver.Postgres {
	t.Helper()
	s, err := server()
	realserver.Need(t, err)
	serverOnce.Do(func() { atExit = append(atExit, s.Close) })
	return s
}

// opened remembers a store's URL, so that the suite can open it again.
type opened struct {
	*pgstore.DB
	pools *postgres.Pools
	url   string
}

func openURL(t testing.TB, url string) opened {
	t.Helper()
	pools, err := postgres.Open(context.Background(), postgres.Options{URL: url})
	must(t, err)
	o := opened{pgstore.New(pools), pools, url}
	t.Cleanup(o.close)
	return o
}

func (o opened) close() {
	o.DB.Close()
	o.pools.Close()
}

// empty is a database with an empty store. Tests get copies: a copy takes a fraction of the
// migrations' time.
var empty = sync.OnceValues(func() (string, error) {
	s, err := server()
	if err != nil {
		return "", err
	}
	return migrated(s)
})

// fresh makes a database with an empty store and returns its URL.
func fresh(t testing.TB) string {
	t.Helper()
	return need(t).URL(freshDatabase(t))
}

func freshDatabase(t testing.TB) (name string) {
	t.Helper()
	s := need(t)
	of, err := empty()
	must(t, err)
	name, err = s.CopyDatabase(context.Background(), of)
	must(t, err)
	return name
}

func migrated(s *realserver.Postgres) (name string, err error) {
	if name, err = s.NewDatabase(context.Background()); err != nil {
		return "", err
	}
	_, err = postgres.Migrate(context.Background(), s.URL(name), pgstore.Schema())
	return name, err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openNew(t testing.TB) store.Store { return openURL(t, fresh(t)) }

func driver(open func(testing.TB) store.Store) storetest.Driver {
	return storetest.Driver{
		Open: open,
		Reopen: func(t testing.TB, s store.Store) store.Store {
			s.(opened).close()
			return openURL(t, s.(opened).url)
		},
		Another: func(t testing.TB, s store.Store) store.Store { return openURL(t, s.(opened).url) },
	}
}

func TestConformance(t *testing.T) { storetest.Run(t, driver(openNew)) }

func TestSearches(t *testing.T) { storetest.Searches(t, driver(openNew), nil) }
