package pgqueue_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/internal/realserver"
	"bellhop/queue"
	"bellhop/queue/pgqueue"
	"bellhop/queue/queuetest"
)

func TestMain(m *testing.M) {
	realserver.SkipExamples(realserver.PostgresInstalled())
	queuetest.Main(m, func(ctx context.Context, url string) (queue.Broker, error) {
		pools, err := postgres.Open(ctx, postgres.Options{URL: url})
		if err != nil {
			return nil, err
		}
		return pgqueue.NewBroker(pools, patient), nil
	})
}

// patient lets sends wait on a machine that is busy with other tests.
var patient = pgqueue.Options{Address: "postgres:", SendLimit: patience}

// The servers of this process, which end with it. The bouncer has few sessions, so
// that many clients use each in turn.
var (
	server = sync.OnceValues(func() (*realserver.Postgres, error) {
		return realserver.StartPostgres(context.Background(), "max_connections=400")
	})
	bouncer = sync.OnceValues(func() (*realserver.PgBouncer, error) {
		s, err := server()
		if err != nil {
			return nil, err
		}
		return realserver.StartPgBouncer(context.Background(), s, "default_pool_size=4")
	})
)

func need(t testing.TB) *realserver.Postgres {
	t.Helper()
	s, err := server()
	realserver.Need(t, err)
	return s
}

func throughBouncer(t testing.TB, url string) string {
	t.Helper()
	b, err := bouncer()
	realserver.Need(t, err)
	return swap(url, need(t).Addr, b.Addr)
}

func swap(url, addr, other string) string { return strings.Replace(url, addr, other, 1) }

// fresh makes a database without queues and returns its URL.
func fresh(t testing.TB) string {
	t.Helper()
	name, err := need(t).NewDatabase(t.Context())
	must(t, err)
	_, err = postgres.Migrate(t.Context(), need(t).URL(name), pgqueue.Schema())
	must(t, err)
	return need(t).URL(name)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// opened remembers where a broker's queues are.
type opened struct {
	*pgqueue.Broker
	url   string
	pools *postgres.Pools
}

func openURL(t testing.TB, url string, o pgqueue.Options) opened {
	t.Helper()
	pools, err := postgres.Open(t.Context(), postgres.Options{URL: url})
	must(t, err)
	t.Cleanup(pools.Close)
	return opened{pgqueue.NewBroker(pools, o), url, pools}
}

// harness runs the suite in one database, which it empties before each test.
func harness(url string) queuetest.Harness {
	return queuetest.Harness{
		Broker: func(t testing.TB) queue.Broker {
			b := openURL(t, url, patient)
			names, err := b.Names(t.Context())
			must(t, err)
			for _, name := range names {
				must(t, b.Remove(t.Context(), name))
			}
			return b
		},
		Again:   func(t testing.TB, b queue.Broker) queue.Broker { return openURL(t, b.(opened).url, patient) },
		Address: func(b queue.Broker) string { return b.(opened).url },
		Damage: func(t testing.TB, b queue.Broker, e *bellhop.Event) {
			must(t, b.(opened).pools.Worker.Once(t.Context(), func(b *postgres.Batch) {
				b.Exec(`UPDATE queue_events SET coding = (SELECT id FROM queue_dictionaries), body = '\xffffff' WHERE id = $1`,
					postgres.ID(e.ID))
			}))
		},
	}
}

func TestConformance(t *testing.T) { queuetest.Run(t, harness(fresh(t))) }

// TestConformanceThroughPgBouncer runs the whole suite in transaction mode.
func TestConformanceThroughPgBouncer(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as the suite itself")
	}
	queuetest.Run(t, harness(throughBouncer(t, fresh(t))))
}

func BenchmarkQueue(b *testing.B) { queuetest.Bench(b, harness(fresh(b))) }
