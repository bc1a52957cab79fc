package storetest

import (
	"context"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
)

const quiet = "quiet.myshopify.com"

// Searches measures recording one shop's orders, 400 a second in batches of four, while 48
// searches find nothing in another shop with SEARCHED_ORDERS orders. Make searches runs it.
// size, if set, returns the size of the log.
func Searches(t *testing.T, d Driver, size func(store.Store) int64) {
	orders, err := strconv.Atoi(os.Getenv("SEARCHED_ORDERS"))
	if err != nil {
		t.Skip("it is a measurement: make searches runs it")
	}
	f := &fixture{T: t, ctx: t.Context(), d: d, s: d.Open(t)}
	f.addShop(shop, quiet)
	for n := 0; n < orders; {
		facts := make([]bellhop.Fact, 0, 500)
		for ; n < orders && len(facts) < cap(facts); n++ {
			facts = append(facts, f.order(shop, int64(n+1), 1))
		}
		f.record(facts...)
	}
	f.recordFor(t, "alone", 10*time.Second, orders, size)
	ctx, cancel := context.WithCancel(t.Context())
	var searches sync.WaitGroup
	var done, refused atomic.Int64
	for range 48 {
		searches.Go(func() {
			for ctx.Err() == nil {
				if _, err := f.s.Orders(ctx, shop, store.OrderQuery{Text: "nobody"}); err == nil {
					done.Add(1)
				} else if ctx.Err() == nil {
					refused.Add(1)
				}
			}
		})
	}
	f.recordFor(t, "beside 48 searches", 30*time.Second, 2*orders, size)
	cancel()
	searches.Wait()
	t.Logf("%d searches answered, %d refused", done.Load(), refused.Load())
}

func (f *fixture) recordFor(t *testing.T, when string, d time.Duration, first int, size func(store.Store) int64) {
	var took []time.Duration
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	most := int64(0)
	for end := time.Now().Add(d); time.Now().Before(end); <-tick.C {
		facts := make([]bellhop.Fact, 4)
		for i := range facts {
			first++
			facts[i] = f.order(quiet, int64(first), 1)
		}
		began := time.Now()
		f.record(facts...)
		took = append(took, time.Since(began))
		if size != nil {
			most = max(most, size(f.s))
		}
	}
	slices.Sort(took)
	t.Logf("%s: %d batches, p50 %v, p99 %v, most %v; the log had %d MiB at the most", when, len(took),
		took[len(took)/2].Round(10*time.Microsecond), took[len(took)*99/100].Round(10*time.Microsecond),
		took[len(took)-1].Round(time.Millisecond), most>>20)
}
