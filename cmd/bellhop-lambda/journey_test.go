package main

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/internal/lambdaruntime"
	"bellhop/pipeline"
	"bellhop/simulate"
	"bellhop/simulate/simulatetest"
	"bellhop/wire"
)

// journey is a run of orders from the twin of Shopify to the phones.
type journey struct{ *stack }

// TestJourney carries orders through accept, direct and sweep, makes each of them fail
// in every place, and compares the twin's ledger with the database.
// deploy/aws has the journeys through the state machine.
func TestJourney(t *testing.T) {
	j := &journey{newStack(t, 24)}
	ledger, mapped := j.run()
	j.settle(ledger)
	j.compare(ledger)
	j.log.noSecrets(t, j.passwords()...)
	t.Logf("%v; the queue: %+v; cold starts: %v", ledger.Summary(), mapped, j.starts())
}

func (j *journey) starts() map[string]int {
	starts := map[string]int{}
	for name, f := range j.functions {
		starts[name] = f.Starts()
	}
	return starts
}

// run returns the twin's ledger once it has ended, when functions that no longer fail
// empty the queue.
func (j *journey) run() (*simulate.Ledger, lambdaruntime.Counts) {
	fell := j.watch("accept", "direct")
	site := httptest.NewServer(j.functions["accept"].URL())
	j.t.Cleanup(site.Close)
	twin, err := simulate.NewShopify(simulate.ShopifyOptions{
		Target: site.URL + "/webhooks/shopify", Shops: j.shops, Secret: shopifySecret, Seed: 7,
		Rate: 25, Duplicates: 0.1, Shuffle: 0.1, Window: 20, Updates: 0.3, Poison: 0.02, TimeScale: 0.0005, Concurrency: 4,
	})
	if err != nil {
		j.t.Fatal(err)
	}
	ctx, enough := context.WithCancel(j.t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := twin.Run(ctx); err != nil {
			j.t.Errorf("the twin: %v", err)
		}
	})
	m := j.mapping("direct")
	polling, stop := context.WithCancel(j.t.Context())
	var polled sync.WaitGroup
	polled.Go(func() {
		if err := m.Run(polling); err != nil {
			j.t.Errorf("the mapping: %v", err)
		}
	})
	j.t.Cleanup(func() { stop(); polled.Wait() })
	j.fallOver(fell)
	enough()
	done.Wait()
	return twin.Ledger(), m.Counts()
}

// fallOver sets a trap at every point in turn, and waits until a function has failed
// there.
func (j *journey) fallOver(fell map[string]chan struct{}) {
	hows := []string{"kill", "hang", "panic"} // a panic in accept would be an answer: 500
	for i, point := range pipeline.Points() {
		f := j.functions[at(point)]
		env := j.env[at(point)]
		f.SetEnv(append(env[:len(env):len(env)], "TRAP_POINT="+string(point), "TRAP_HITS=3",
			"TRAP_HOW="+hows[i%len(hows)])...)
		f.Kill() // running ones know of no trap
		select {
		case <-fell[at(point)]:
		case <-time.After(time.Minute):
			j.t.Fatalf("no function reached %s", point)
		}
		f.SetEnv(env...)
		f.Kill()
		select {
		case <-fell[at(point)]: // another one was in the trap
		default:
		}
	}
}

// watch returns a channel that gets a value when a function has failed.
func (j *journey) watch(names ...string) map[string]chan struct{} {
	fell := map[string]chan struct{}{}
	for _, name := range names {
		c := make(chan struct{}, 1)
		fell[name] = c
		j.functions[name].Fell = func() {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
	return fell
}

// at returns a point's function.
func at(point pipeline.Point) string {
	if strings.HasPrefix(string(point), "accept.") {
		return "accept"
	}
	return "direct"
}

// settle waits until every acknowledged webhook has an outcome and bellhop owes no push.
func (j *journey) settle(ledger *simulate.Ledger) {
	ctx, cancel := context.WithTimeout(j.t.Context(), 2*time.Minute)
	defer cancel()
	acknowledged := ledger.Summary().Acknowledged
	for {
		changed := j.store.Changed()
		if j.settled() >= acknowledged && j.owed() == 0 && j.waiting() == 0 {
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Second): // neither SQS nor time signals
			j.call("sweep", map[string]any{"detail-type": "Scheduled Event", "source": "aws.events"})
		case <-ctx.Done():
			j.t.Fatalf("stuck with %d pushes owed and %d messages waiting", j.owed(), j.waiting())
		}
	}
}

// settled counts the events with an outcome: each acknowledged webhook is at least one.
func (j *journey) settled() (n int) {
	totals, err := j.store.Totals(j.t.Context())
	if err != nil {
		j.t.Fatal(err)
	}
	for _, events := range totals {
		n += int(events)
	}
	return n
}

func (j *journey) owed() int64 {
	counts, err := j.store.PushCounts(j.t.Context())
	if err != nil {
		j.t.Fatal(err)
	}
	next, err := j.store.NextPush(j.t.Context())
	if err != nil {
		j.t.Fatal(err)
	}
	if next.IsZero() {
		return counts[bellhop.PushPending] + counts[bellhop.PushSending]
	}
	return max(1, counts[bellhop.PushPending]+counts[bellhop.PushSending])
}

func (j *journey) waiting() int {
	q, err := j.where.OpenSQS(j.t.Context(), wire.Options{})
	if err != nil {
		j.t.Fatal(err)
	}
	defer q.Close()
	d, err := q.Depth(j.t.Context())
	if err != nil {
		j.t.Fatal(err)
	}
	return d.Waiting + d.Leased
}

func (j *journey) compare(ledger *simulate.Ledger) {
	j.t.Helper()
	sum := simulatetest.Kept{Store: j.store, FCM: j.fcm, Tokens: j.tokens}.Compare(j.t, ledger)
	if sum.Acknowledged < 100 {
		j.t.Errorf("the run shows little: %v", sum)
	}
}
