package pgstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"bellhop"
	"bellhop/internal/realserver"
	"bellhop/store"
)

// link is the network between a store and its database.
type link struct {
	*toxiproxy.Proxy
	t *testing.T
}

// linked opens a store in a new database through a link, and the same store without it.
func linked(t *testing.T) (link, opened, opened) {
	t.Helper()
	past := openURL(t, fresh(t))
	p := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "pg",
		realserver.FreeAddress(t), need(t).Addr)
	must(t, p.Start())
	t.Cleanup(p.Stop)
	addShop(t, past, 1, bellhop.FormData)
	return link{p, t}, openURL(t, strings.Replace(past.url, need(t).Addr, p.Listen, 1)), past
}

func (l link) toxic(json string) {
	l.t.Helper()
	_, err := l.Toxics.AddToxicJson(strings.NewReader(json))
	must(l.t, err)
}

func (l link) heal() { l.Toxics.ResetToxics(context.Background()) }

// calls are a use of each pool.
func calls(s store.Store, no int) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"read": func(ctx context.Context) error { _, err := s.Orders(ctx, shop, store.OrderQuery{}); return err },
		"record": func(ctx context.Context) error {
			_, err := s.Record(ctx, freshFacts(no, 3))
			return err
		},
		"shops": func(ctx context.Context) error { _, err := s.Shops(ctx); return err },
	}
}

// recovers waits until everything works again, by itself.
func recovers(t *testing.T, s store.Store, no int) {
	t.Helper()
	for name, call := range calls(s, no) {
		var err error
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
			if err = call(t.Context()); err == nil {
				break
			}
			unavailable(t, err)
		}
		if err != nil {
			t.Errorf("%s does not work again: %v", name, err)
		}
	}
}

// fails checks that all calls end in time with an error saying that the database is away.
func fails(t *testing.T, s store.Store, no int) {
	t.Helper()
	for name, call := range calls(s, no) {
		began := time.Now()
		unavailable(t, call(t.Context()))
		if took := time.Since(began); took > 12*time.Second || name == "read" && took > 7*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
}

func TestBrokenNetwork(t *testing.T) {
	for name, toxic := range map[string]string{
		"black hole":      `{"name":"x","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`,
		"black hole both": `{"name":"x","type":"timeout","stream":"upstream","attributes":{"timeout":0}}`,
		"reset":           `{"name":"x","type":"reset_peer","stream":"downstream","attributes":{"timeout":0}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, s, _ := linked(t)
			record(t, s, freshFacts(1, 2)...)
			l.toxic(toxic)
			fails(t, s, 100)
			l.heal()
			recovers(t, s, 200)
		})
	}
	t.Run("stopped and started", func(t *testing.T) {
		t.Parallel()
		l, s, _ := linked(t)
		record(t, s, freshFacts(1, 2)...)
		address := l.Listen
		l.Stop()
		fails(t, s, 100)
		l.Listen = address
		must(t, l.Start())
		recovers(t, s, 200)
	})
	t.Run("slow", func(t *testing.T) {
		t.Parallel()
		l, s, _ := linked(t)
		l.toxic(`{"name":"x","type":"latency","stream":"downstream","attributes":{"latency":300}}`)
		began := time.Now()
		recovers(t, s, 100)
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// TestCutWhileIdle breaks the idle connections in the pool: the next caller does not
// notice.
func TestCutWhileIdle(t *testing.T) {
	_, s, past := linked(t)
	for _, call := range calls(s, 1) {
		must(t, call(t.Context()))
	}
	exec(t, past.url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname `+
		`= current_database()`)
	for name, call := range calls(s, 10) {
		if err := call(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnswerToCommitIsLost records through a network that from some point on carries
// everything to the database and nothing back: wherever that point is, recording again ends
// with everything there once.
func TestAnswerToCommitIsLost(t *testing.T) {
	for _, bytes := range []string{"0", "200", "400", "1000"} {
		t.Run(bytes, func(t *testing.T) {
			t.Parallel()
			l, s, past := linked(t)
			record(t, s, freshFacts(1, 2)...)
			facts := freshFacts(10, 5)
			l.toxic(`{"name":"x","type":"limit_data","stream":"downstream","attributes":{"bytes":` + bytes + `}}`)
			if _, err := s.Record(t.Context(), facts); err != nil {
				unavailable(t, err)
			}
			l.heal()
			for range 2 {
				for i, r := range record(t, past, facts...) {
					if r.Outcome != bellhop.OutcomeRecorded && r.Reason != "redelivered" {
						t.Errorf("fact %d: %+v", i, r)
					}
				}
			}
			totals, err := past.Totals(t.Context())
			must(t, err)
			counts, err := past.PushCounts(t.Context())
			must(t, err)
			if totals[bellhop.OutcomeRecorded] != 7 || counts[bellhop.PushPending] != 7 {
				t.Errorf("totals %v, pushes %v", totals, counts)
			}
			recovers(t, s, 100)
		})
	}
}

// TestRestart stops the server in the midst of the work and starts it again.
func TestRestart(t *testing.T) {
	server, err := realserver.StartPostgres(t.Context())
	realserver.Need(t, err)
	t.Cleanup(func() { server.Close() })
	name, err := migrated(server)
	must(t, err)
	s := openURL(t, server.URL(name))
	addShop(t, s, 1, bellhop.FormData)
	var kept int
	ended := make(chan struct{})
	began := make(chan struct{})
	go func() {
		defer close(ended)
		for i := range 1_000_000 {
			if i == 20 {
				close(began)
			}
			if _, err := s.Record(context.Background(), freshFacts(1+i*3, 3)); err != nil {
				unavailable(t, err)
				return
			}
			kept += 3
		}
	}()
	<-began
	server.Stop()
	<-ended
	fails(t, s, 5_000_000)
	must(t, server.Restart(t.Context()))
	recovers(t, s, 6_000_000)
	totals, err := s.Totals(t.Context())
	must(t, err)
	if n := int(totals[bellhop.OutcomeRecorded]); n < kept+3 || n > kept+6 { // the last may have been committed
		t.Errorf("%d recorded, %d were confirmed", n, kept+3)
	}
}

// TestServerRefusesChanges makes the database take none, as a standby does.
func TestServerRefusesChanges(t *testing.T) {
	s := openURL(t, fresh(t))
	addShop(t, s, 0, "")
	name := s.url[strings.LastIndex(s.url, "/")+1 : strings.Index(s.url, "?")]
	exec(t, s.url, `ALTER DATABASE `+name+` SET default_transaction_read_only = on`)
	exec(t, s.url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = `+
		`current_database()`)
	_, err := s.Record(t.Context(), freshFacts(1, 1))
	unavailable(t, err)
	if _, err := s.Shops(t.Context()); err != nil {
		t.Errorf("reading: %v", err)
	}
}

// TestPoolsDoNotStarveEachOther locks the rows that one pool's calls need until all its
// connections are in use.
func TestPoolsDoNotStarveEachOther(t *testing.T) {
	s := openURL(t, fresh(t))
	addShop(t, s, 0, "")
	known := fact(1, 1)
	record(t, s, known)
	hold := func(statement string) (release func()) {
		c, err := pgx.Connect(context.Background(), s.url)
		must(t, err)
		_, err = c.Exec(context.Background(), `BEGIN; `+statement)
		must(t, err)
		return func() { c.Close(context.Background()) }
	}
	release := hold(`SELECT 1 FROM orders FOR UPDATE`)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{}, 8)
	for range cap(ended) { // the API has 4 connections
		go func() {
			s.SetHandling(ctx, shop, known.OrderID, "", bellhop.HandlingSeen, day, nil)
			ended <- struct{}{}
		}()
	}
	waitForLocks(t, s.url, 4)
	record(t, s, freshFacts(10, 5)...)
	if _, err := s.Shops(t.Context()); err != nil {
		t.Errorf("webhooks: %v", err)
	}
	_, err := s.Orders(t.Context(), shop, store.OrderQuery{})
	unavailable(t, err)
	release()
	cancel()
	for range cap(ended) {
		<-ended
	}

	release = hold(`SELECT 1 FROM stream FOR UPDATE`)
	ctx, cancel = context.WithCancel(context.Background())
	for i := range cap(ended) { // the worker has 8
		go func() {
			s.Record(ctx, freshFacts(100+i*10, 2))
			ended <- struct{}{}
		}()
	}
	waitForLocks(t, s.url, 8)
	if _, err := s.Orders(t.Context(), shop, store.OrderQuery{}); err != nil {
		t.Errorf("API: %v", err)
	}
	if _, err := s.Shops(t.Context()); err != nil {
		t.Errorf("webhooks: %v", err)
	}
	release()
	cancel()
	for range cap(ended) {
		<-ended
	}
	recovers(t, s, 1000)
}

// waitForLocks returns once n sessions of a database wait for a lock.
func waitForLocks(t *testing.T, url string, n int) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer c.Close(context.Background())
	for waiting := 0; waiting < n; {
		must(t, c.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting))
	}
}
