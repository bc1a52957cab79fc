package pgstore_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/store"
)

// TestProcessesTogether lets several stores record shuffled facts that overlap,
// while another settles, deletes and follows the stream.
func TestProcessesTogether(t *testing.T) {
	first := openURL(t, fresh(t))
	addShop(t, first, 2, bellhop.FormData)
	const orders, versions, processes = 60, 4, 4
	var facts []bellhop.Fact
	for no := range orders {
		for v := range versions {
			facts = append(facts, fact(int64(no+1), v+1))
		}
	}
	var recorded, owed atomic.Int64
	var wg, reading sync.WaitGroup
	done := make(chan struct{})
	reading.Go(func() { follow(t, first, done, orders) })
	for p := range processes {
		s := openURL(t, first.url)
		rng := rand.New(rand.NewPCG(uint64(p), 1))
		mine := slices.Clone(facts)
		rng.Shuffle(len(mine), func(i, k int) { mine[i], mine[k] = mine[k], mine[i] })
		wg.Go(func() {
			for len(mine) > 0 {
				n := min(1+rng.IntN(20), len(mine))
				results, err := s.Record(context.Background(), mine[:n])
				if err != nil {
					t.Error(err)
					return
				}
				for _, r := range results {
					if r.Outcome == bellhop.OutcomeRecorded {
						recorded.Add(1)
					}
					owed.Add(int64(r.Pushes))
				}
				mine = mine[n:]
			}
		})
	}
	wg.Wait()
	close(done)
	reading.Wait()
	if n := owed.Load(); n != 2*orders {
		t.Errorf("%d pushes are owed for %d orders to two devices", n, orders)
	}
	totals, err := first.Totals(t.Context())
	must(t, err)
	sum := int64(0)
	for _, n := range totals {
		sum += n
	}
	if sum != orders*versions || totals[bellhop.OutcomeRecorded] != recorded.Load() {
		t.Errorf("totals %v of %d events, %d recorded", totals, orders*versions, recorded.Load())
	}
	counts, err := first.PushCounts(t.Context())
	must(t, err)
	if counts[bellhop.PushPending] != 2*orders {
		t.Errorf("counts %v", counts)
	}
	page, err := first.Orders(t.Context(), shop, store.OrderQuery{Limit: 200})
	must(t, err)
	for _, o := range page.Orders {
		if o.Total.Units != 40300+versions {
			t.Errorf("order %s ended with %v", o.Name, o.Total)
		}
	}
	if len(page.Orders) != orders {
		t.Errorf("%d orders", len(page.Orders))
	}
}

// follow reads the growing stream: each change has a higher number than those before, and
// no number is missing.
func follow(t *testing.T, s store.Store, done <-chan struct{}, orders int) {
	seen, first := int64(0), map[int64]bool{}
	for last := false; ; {
		changed := s.Changed()
		page, err := s.Changes(context.Background(), "", seen, 50)
		if err != nil {
			t.Error(err)
			return
		}
		for _, c := range page {
			if c.Seq != seen+1 {
				t.Errorf("after %d came %d", seen, c.Seq)
			}
			seen = c.Seq
			if c.Kind == store.ChangeRecorded {
				if first[c.OrderID] {
					t.Errorf("order %d was recorded twice", c.OrderID)
				}
				first[c.OrderID] = true
			}
		}
		if len(page) > 0 {
			continue
		}
		if last {
			break
		}
		select {
		case <-changed:
		case <-done:
			last = true
		}
	}
	if len(first) != orders {
		t.Errorf("the stream has %d orders", len(first))
	}
}

// TestStartingOverAlone lets another session add a batch's order first: the batch starts over, and
// waits until no other batch is under way.
func TestStartingOverAlone(t *testing.T) {
	s := openURL(t, fresh(t))
	addShop(t, s, 0, "")
	known, raced := fact(1, 1), fact(2, 1)
	record(t, s, known)
	begin := func(statement string, args ...any) pgx.Tx {
		c, err := pgx.Connect(t.Context(), s.url)
		must(t, err)
		t.Cleanup(func() { c.Close(context.Background()) })
		tx, err := c.Begin(t.Context())
		must(t, err)
		_, err = tx.Exec(t.Context(), statement, args...)
		must(t, err)
		return tx
	}
	first := begin(`INSERT INTO orders SELECT r.* FROM orders o,
		jsonb_populate_record(o, jsonb_build_object('order_id', $1::bigint)) r`, raced.OrderID)
	beside := begin(`SELECT pg_advisory_xact_lock_shared(hashtext('bellhop record'))`)
	done := make(chan error, 1)
	go func() {
		_, err := s.Record(t.Context(), []bellhop.Fact{raced})
		done <- err
	}()
	waitForLocks(t, s.url, 1)
	must(t, first.Commit(t.Context()))
	for waiting := 0; waiting == 0; {
		select {
		case err := <-done:
			t.Fatalf("it started over beside another batch: %v", err)
		default:
		}
		must(t, beside.QueryRow(t.Context(), `SELECT count(*) FROM pg_locks
			WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND NOT granted`).Scan(&waiting))
	}
	must(t, beside.Rollback(t.Context()))
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestClaimersTogether checks that claims do not overlap and that no device gets more than
// its budget from any number of claimers.
func TestClaimersTogether(t *testing.T) {
	first := openURL(t, fresh(t))
	addShop(t, first, 6, bellhop.FormNotification)
	record(t, first, freshFacts(1, 40)...)
	now := day.Add(time.Hour)
	var mu sync.Mutex
	pushes, messages := map[int64]int{}, map[int64]int{}
	var wg sync.WaitGroup
	for range 4 {
		s := openURL(t, first.url)
		wg.Go(func() {
			for empty := 0; empty < 3; {
				owed, err := s.ClaimPushes(context.Background(), now, store.Slots{Free: 17}, time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				if len(owed) == 0 {
					empty++
				}
				mu.Lock()
				for _, o := range owed {
					messages[o.Device.ID]++
					for _, id := range o.Pushes {
						pushes[id]++
					}
				}
				mu.Unlock()
				for _, o := range owed {
					if err := s.SettlePushes(context.Background(),
						[]store.Settled{{Pushes: o.Pushes, Status: bellhop.PushSent, At: now}}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	for id, n := range pushes {
		if n != 1 {
			t.Errorf("push %d was claimed %d times", id, n)
		}
	}
	for device, n := range messages {
		if n > 20 {
			t.Errorf("device %d got %d messages of 20", device, n)
		}
	}
	counts, err := first.PushCounts(t.Context())
	must(t, err)
	if len(messages) != 6 || counts[bellhop.PushSending] != 0 || counts[bellhop.PushSent] != int64(len(pushes)) {
		t.Errorf("messages %v, counts %v, claimed %d", messages, counts, len(pushes))
	}
}

// TestSettledTogether checks that settling a missing push fails alone.
func TestSettledTogether(t *testing.T) {
	s := openURL(t, fresh(t))
	addShop(t, s, 1, bellhop.FormData)
	record(t, s, freshFacts(1, 100)...)
	owed, err := s.ClaimPushes(t.Context(), day.Add(time.Hour), store.Slots{Free: 200}, time.Minute)
	must(t, err)
	var wg sync.WaitGroup
	for i, o := range owed {
		wg.Go(func() {
			err := s.SettlePushes(context.Background(), []store.Settled{{Pushes: o.Pushes, Status: bellhop.PushSent, At: day}})
			if err != nil {
				t.Error(err)
			}
		})
		if i%10 == 0 {
			wg.Go(func() {
				both := append([]int64{1 << 60}, o.Pushes...)
				err := s.SettlePushes(context.Background(), []store.Settled{{Pushes: both, Status: bellhop.PushFailed, At: day}})
				if bellhop.KindOf(err) != bellhop.NotFound {
					t.Errorf("one that is not there: %v", err)
				}
			})
		}
	}
	wg.Wait()
	counts, err := s.PushCounts(t.Context())
	must(t, err)
	if counts[bellhop.PushSent] != 100 || len(counts) != 1 {
		t.Errorf("counts %v", counts)
	}
}
