package host_test

import (
	"net/http"
	"strings"
	"testing"

	"bellhop/internal/realserver"
	"bellhop/wire"
)

// TestPostgresFailsOver ends the primary and promotes its standby. The URL has both
// addresses: everything goes on by itself.
func TestPostgresFailsOver(t *testing.T) {
	t.Parallel()
	primary, err := realserver.StartPostgres(t.Context())
	realserver.Need(t, err)
	t.Cleanup(func() { primary.Close() })
	standby, err := primary.StartStandby(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { standby.Close() })
	both := strings.Replace(primary.URL("postgres"), primary.Addr, standby.Addr+","+primary.Addr, 1)
	a := &alone{served: serveOn(t, wire.Storage{Dir: t.TempDir(), DB: both, Queue: "postgres:"}, wire.Options{}, nil)}
	a.direct = a.parts.Store
	a.place()
	a.untilKept()
	primary.Stop() // once the standby has all of it
	if status := a.knock(); status != http.StatusServiceUnavailable {
		t.Errorf("a webhook without a primary is answered %d", status)
	}
	untilReady(t, a.url, http.StatusServiceUnavailable, "database", "queue")
	if err := standby.Exec(t.Context(), "postgres", `SELECT pg_promote()`); err != nil {
		t.Fatal(err)
	}
	a.place()
	a.untilKept()
	untilReady(t, a.url, http.StatusOK)
}

// TestSessionsThatTakeNoChanges makes a database read-only while all sessions begin:
// /readyz says so. Once it takes changes again, a new session keeps the next webhook.
func TestSessionsThatTakeNoChanges(t *testing.T) {
	t.Parallel()
	s, db := postgres(t), newDatabase(t)
	proxy := realserver.StartProxy(t, s.Addr)
	a := serveAlone(t, proxy.Addr, db)
	a.place()
	a.untilKept()
	set := func(statement string) {
		t.Helper()
		if err := s.Exec(t.Context(), "postgres", `ALTER DATABASE `+db+` `+statement); err != nil {
			t.Fatal(err)
		}
	}
	set(`SET default_transaction_read_only = on`)
	proxy.Stop() // ends the old sessions
	proxy.Start()
	untilReady(t, a.url, http.StatusServiceUnavailable, "database", "queue")
	if status := a.knock(); status != http.StatusServiceUnavailable {
		t.Errorf("a webhook while nothing is changed is answered %d", status)
	}
	set(`RESET default_transaction_read_only`)
	a.place() // right after a failure it refuses without a try
	for range 20 {
		if status := a.knock(); status != http.StatusOK {
			t.Errorf("a webhook once there are changes again is answered %d", status)
		}
	}
	a.untilKept()
	untilReady(t, a.url, http.StatusOK)
}
