package host_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop/internal/realserver"
	"bellhop/queue"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// The servers that the tests of this package share. Each starts at its first use.
var (
	thePostgres = sync.OnceValues(func() (*realserver.Postgres, error) {
		return realserver.StartPostgres(context.Background(), "max_connections=400")
	})
	theRabbitMQ = sync.OnceValues(func() (*realserver.RabbitMQ, error) {
		return realserver.StartRabbitMQ(context.Background())
	})
	theSQS = sync.OnceValues(func() (*realserver.SQS, error) { return realserver.StartSQS(context.Background()) })
)

func postgres(t testing.TB) *realserver.Postgres {
	p, err := thePostgres()
	realserver.Need(t, err)
	return p
}

// migrated is a database with an empty store and queue. Tests get copies: a copy takes a fraction of the migrations'
// time.
var migrated = sync.OnceValues(func() (string, error) {
	p, err := thePostgres()
	if err != nil {
		return "", err
	}
	name, err := p.NewDatabase(context.Background())
	if err != nil {
		return "", err
	}
	s := wire.Storage{DB: p.URL(name), Queue: "postgres:"}
	_, err = s.Migrate(context.Background(), wire.Options{})
	return name, err
})

// newDatabase returns the name of a database with an empty store and queue.
func newDatabase(t testing.TB) string {
	p := postgres(t)
	of, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	name, err := p.CopyDatabase(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// newSQSQueue returns the address of an empty queue with short leases, since a
// killed consumer's come back by time alone.
func newSQSQueue(t *testing.T) string {
	s, err := theSQS()
	realserver.Need(t, err)
	name := strings.NewReplacer("/", "-", "_", "-").Replace(t.Name())
	url := fmt.Sprintf("sqs+http://%s/000000000000/%s?region=us-east-1", strings.TrimPrefix(s.Endpoint, "http://"), name)
	p, err := (&wire.Storage{Dir: t.TempDir(), DB: "sqlite:", Queue: url}).OpenBroker(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	a := queue.DefaultAttributes()
	a.Visibility = 4 * time.Second
	if err := p.CreateQueue(t.Context(), name, a); err != nil {
		t.Fatal(err)
	}
	return url
}

// newRabbitQueue returns the address of an empty virtual host.
func newRabbitQueue(t *testing.T) string {
	t.Helper()
	r, err := theRabbitMQ()
	realserver.Need(t, err)
	vhost, err := r.NewVHost(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r.URL(vhost)
}

// newPostgresQueue returns the address of an empty queue in a database of its own.
func newPostgresQueue(t *testing.T) string { return postgres(t).URL(newDatabase(t)) }

// TestJourney carries orders the whole way over each queue and into each database, and
// kills the process again and again, as TestCrash does over one SQLite file.
func TestJourney(t *testing.T) {
	t.Parallel()
	onPostgres := func(t *testing.T) string { return postgres(t).URL(newDatabase(t)) }
	inFile := func(*testing.T) string { return "sqlite:" }
	for _, c := range []struct {
		name      string
		db, queue func(*testing.T) string
	}{
		{"sqlite queue, Postgres", onPostgres, inFile},
		{"SQS, sqlite store", inFile, newSQSQueue},
		{"SQS, Postgres", onPostgres, newSQSQueue},
		{"RabbitMQ, sqlite store", inFile, newRabbitQueue},
		{"RabbitMQ, Postgres", onPostgres, newRabbitQueue},
		{"Postgres queue, sqlite store", inFile, onPostgres},
		{"Postgres alone", onPostgres, func(*testing.T) string { return "postgres:" }},
	} {
		t.Run(strings.NewReplacer(" ", "-", ",", "").Replace(c.name), func(t *testing.T) {
			t.Parallel()
			run := newCrash(t, 4, wire.Storage{Dir: wiretest.Dir(t), DB: c.db(t), Queue: c.queue(t)})
			run.orders = 300
			run.scale = 0.005 // many run at once: the twin gives up after a minute
			run.run()
		})
	}
}
