package pgstore_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"bellhop/internal/realserver"
	"bellhop/store"
	"bellhop/store/storetest"
)

// bouncer stands before the server of this process. Its sessions are few, so
// that many clients use each in turn.
var bouncer = sync.OnceValues(func() (*realserver.PgBouncer, error) {
	s, err := server()
	if err != nil {
		return nil, err
	}
	return realserver.StartPgBouncer(context.Background(), s, "default_pool_size=4")
})

// throughBouncer returns the same database's URL there.
func throughBouncer(t testing.TB, url string) string {
	t.Helper()
	b, err := bouncer()
	realserver.Need(t, err)
	bouncerOnce.Do(func() { atExit = append(atExit, b.Close) })
	return strings.Replace(url, need(t).Addr, b.Addr, 1)
}

// TestConformanceThroughPgBouncer runs the whole suite in transaction mode.
func TestConformanceThroughPgBouncer(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as the suite itself")
	}
	storetest.Run(t, driver(func(t testing.TB) store.Store { return openURL(t, throughBouncer(t, fresh(t))) }))
}
