package aws_test

import (
	"net/url"
	"strings"
	"testing"

	"bellhop/queue"
	"bellhop/simulate"
)

// TestADeadLetterIsReplayed keeps the database away until a Standard execution makes its
// order a dead letter, and replays that: the order is recorded and the phone rings.
func TestADeadLetterIsReplayed(t *testing.T) {
	t.Parallel()
	j := startJourney(t, "standard", troubles{})
	ledger, err := simulate.RunShopify(t.Context(), simulate.ShopifyOptions{Target: j.target, Shops: j.shops,
		Secret: appSecret, Orders: 1, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	j.databaseIs("away")
	if err := j.source().Batch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := j.machine.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.databaseIs("there")
	dead, err := j.parts.Queue.DeadLetters(t.Context(), queue.Cursor{}, 10)
	if err != nil || len(dead) != 1 || !strings.Contains(dead[0].Reason, "recording failed for good") {
		t.Fatalf("%+v, %v", dead, err)
	}
	if n, err := j.parts.Queue.Redrive(t.Context(), dead[0].Event.ID); n != 1 || err != nil {
		t.Fatalf("%d dead letters went back, %v", n, err)
	}
	j.drain()
	j.compare(ledger)
	if n := j.executions(); n != 2 {
		t.Errorf("%d executions", n)
	}
}

// databaseIs takes the journey's database away, or brings it back.
func (j *journey) databaseIs(there string) {
	j.t.Helper()
	pg, err := thePostgres()
	if err != nil {
		j.t.Fatal(err)
	}
	at, err := url.Parse(j.database)
	if err != nil {
		j.t.Fatal(err)
	}
	name := strings.TrimPrefix(at.Path, "/")
	allowed := map[string]string{"away": "false", "there": "true"}[there]
	for _, do := range []string{`ALTER DATABASE "` + name + `" ALLOW_CONNECTIONS ` + allowed,
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '` + name + `'`} {
		if err := pg.Exec(j.t.Context(), "postgres", do); err != nil {
			j.t.Fatal(err)
		}
	}
}
