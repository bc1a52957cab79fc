package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/bench"
	"bellhop/internal/realserver"
	"bellhop/simulate/shop"
	"bellhop/store"
	"bellhop/wire"
)

// backfilling is bellhop serve and Shopify's twin, each a process of the program as it is built, and shops with many
// orders.
type backfilling struct {
	*testing.T
	*rig
	at     wire.Storage
	parts  *wire.Parts
	addr   string // of bellhop
	twin   string // its address
	twinAt *exec.Cmd
	shops  []string
	orders int
	made   int64 // webhooks so far
}

// restingShop has webhooks, and nothing to fetch.
const restingShop = "resting.myshopify.com"

// newBackfilling starts the twin, with so little of the processors as it can have: Shopify has its own.
func newBackfilling(t *testing.T, database string, shops, orders int) *backfilling {
	b := &backfilling{T: t, addr: realserver.FreeAddress(t), twin: realserver.FreeAddress(t), orders: orders}
	b.at = wire.Storage{Dir: t.TempDir(), DB: "sqlite:", Queue: "sqlite:", Key: strings.Repeat("0123456789abcdef", 4)}
	if database == "postgres" {
		b.at.DB, b.at.Queue = newPostgres(t), "postgres:"
	}
	for n := range shops {
		b.shops = append(b.shops, fmt.Sprintf("large-%d.myshopify.com", n))
	}
	b.rig = &rig{t: t, env: []string{"BELLHOP_DIR=" + b.at.Dir, "BELLHOP_DB=" + b.at.DB, "BELLHOP_QUEUE=" + b.at.Queue,
		"BELLHOP_KEY=" + b.at.Key, "BELLHOP_PUSH=log:", "BELLHOP_URL=http://" + b.addr, "BELLHOP_SHOPIFY_SECRET=hush",
		"BELLHOP_LOG=json", "BELLHOP_SHOPIFY_ENDPOINT=http://" + b.twin + "/{shop}"}}
	b.twinAt = exec.Command("nice", "-n", "40", "bellhop", "simulate", "shopify", "--admin", b.twin, "--installed",
		"--secret", "hush", "--rate", "0", "--past", strconv.Itoa(orders), "--shop", strings.Join(b.shops, ","),
		"--target", "http://"+b.addr)
	b.must(b.twinAt.Start())
	t.Cleanup(func() { b.twinAt.Process.Kill(); b.twinAt.Wait() })
	b.await("the twin", func() bool {
		answer, err := http.Get("http://" + b.twin + "/_/deliveries")
		if err == nil {
			answer.Body.Close()
		}
		return err == nil
	})
	b.run("migrate")
	b.run("shop", "add", restingShop)
	var err error
	b.parts, err = b.at.Open(t.Context(), wire.Options{})
	b.must(err)
	t.Cleanup(func() { b.parts.Close() })
	return b
}

// asBuilt puts the program as it is shipped, without the tests', first in the path.
func asBuilt(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-o", dir, ".")
	build.Env = append(os.Environ(), "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
}

func (b *backfilling) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *backfilling) await(what string, is func() bool) {
	b.Helper()
	for deadline := time.Now().Add(time.Hour); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("%s does not come", what)
		}
	}
}

// faults changes how a shop fails.
func (b *backfilling) faults(domain, faults string) {
	b.Helper()
	answer, err := http.Post("http://"+b.twin+"/_/faults", "application/json",
		strings.NewReader(fmt.Sprintf(`{"shop":%q,"faults":%s}`, domain, faults)))
	b.must(err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		b.Fatalf("faults: %s", answer.Status)
	}
}

func (b *backfilling) state(domain string) bellhop.Reconciliation {
	b.Helper()
	is, err := b.parts.Store.Reconciliation(b.Context(), domain)
	b.must(err)
	return is
}

// connect connects a shop whose hours nobody sweeps for now. It does not begin before the shop is due.
func (b *backfilling) connect(domain string) {
	b.Helper()
	b.env = append(b.env, "BELLHOP_SHOPIFY_CLIENT_ID="+shop.DefaultClientID)
	b.run("shop", "connect", domain)
	b.env = b.env[:len(b.env)-1]
}

func (b *backfilling) change(domain string, change func(*bellhop.Reconciliation)) {
	b.Helper()
	b.must(b.parts.Store.UpdateReconciliation(b.Context(), domain, func(is *bellhop.Reconciliation) error {
		change(is)
		return nil
	}))
}

// serve starts bellhop, which compares shops or not.
func (b *backfilling) serve(comparing bool) *background {
	b.Helper()
	before := b.env
	if comparing {
		b.env = append(slices.Clone(b.env), "BELLHOP_SHOPIFY_CLIENT_ID="+shop.DefaultClientID)
	}
	b.began = nil
	b.background(regexp.MustCompile(`"(ready)"`), "serve", "--addr", b.addr)
	b.env = before
	return b.began[0]
}

// TestServeBackfills measures how long bellhop serve takes to fetch many orders where Shopify lets it go as fast as it
// can, and how much memory it has at most.
func TestServeBackfills(t *testing.T) {
	orders := kept(t, "BACKFILL_ORDERS", 0)
	if orders == 0 {
		t.Skip("it takes minutes: make backfill")
	}
	asBuilt(t)
	for _, database := range []string{"sqlite", "postgres"} {
		for _, bulk := range []shop.BulkFault{shop.BulkForbidden, shop.BulkFine} {
			for _, n := range []int{orders / 4, orders} {
				t.Run(fmt.Sprintf("%s/%d orders, bulk %q", database, n, bulk), func(t *testing.T) {
					b := newBackfilling(t, database, 1, n)
					domain := b.shops[0]
					b.faults(domain, fmt.Sprintf(`{"budget":100000000,"bulk":%q}`, bulk))
					b.connect(domain)
					p := b.serve(true)
					b.await("the backfill's end", func() bool { return !b.state(domain).BackfilledAt.IsZero() })
					is := b.state(domain)
					w := is.Backfilled
					t.Logf("%d orders, %d of them from a bulk operation, %d found: %d requests, %d points, %v; at most %d MiB "+
						"resident; CPU %v, the twin's %v", w.Seen, w.BulkRead, w.Found, w.Requests, w.Points,
						is.BackfilledAt.Sub(w.StartedAt).Round(time.Second), mostResident(t, p.cmd.Process.Pid),
						cpu(t, p.cmd), cpu(t, b.twinAt))
					old := 2 + int(float64(n)*is.BackfilledAt.Sub(w.StartedAt).Hours()/(60*24)) // of 60 days meanwhile
					if here := b.here(domain); here < n-old {
						t.Errorf("of %d orders %d are here, and %d became too old", n, here, old)
					}
					b.stop()
				})
			}
		}
	}
}

// here counts a shop's orders.
func (b *backfilling) here(domain string) (n int) {
	b.Helper()
	for after := int64(0); ; {
		some, err := b.parts.Store.HeadsBetween(b.Context(), domain, store.SortCreated, time.Now().AddDate(-1, 0, 0),
			time.Now(), after, store.WindowMost)
		b.must(err)
		if n += len(some); len(some) < store.WindowMost {
			return n
		}
		after = some[len(some)-1].ID
	}
}

// cpu is the time that a process has had of the processors.
func cpu(t *testing.T, cmd *exec.Cmd) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	if err != nil {
		t.Skip("only Linux tells it: ", err)
	}
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	var ticks time.Duration
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(string(f))
		if err != nil {
			t.Fatal(err)
		}
		ticks += time.Duration(n)
	}
	return ticks * 10 * time.Millisecond
}

// ways are those of a backfill: page by page with the smallest and the largest budget, and by a file, which costs
// nothing.
var ways = []struct{ name, faults string }{
	{"by pages, 100 points a second", `{"bulk":"forbidden"}`},
	{"by pages, 2,000 points a second", `{"bulk":"forbidden","budget":40000}`},
	{"by a file", `{}`},
}

// TestWebhooksBesideBackfill measures how long webhooks wait for their answers, in turn with and without a backfill of
// BACKFILL_ORDERS orders beside them.
func TestWebhooksBesideBackfill(t *testing.T) {
	orders, turns := kept(t, "BACKFILL_ORDERS", 0), kept(t, "BACKFILL_TURNS", 5)
	if orders == 0 {
		t.Skip("it takes half an hour: make beside")
	}
	asBuilt(t)
	for _, database := range []string{"sqlite", "postgres"} {
		for _, way := range ways {
			t.Run(database+"/"+way.name, func(t *testing.T) {
				rates := []float64{50, 200}
				b := newBackfilling(t, database, turns*len(rates), orders)
				for _, rate := range rates {
					b.compare(way.faults, rate, turns)
				}
			})
		}
	}
}

// alternated is what webhooks of one shop waited, in turn.
type alternated struct{ without, with []time.Duration }

// compare alternates.
func (b *backfilling) compare(faults string, rate float64, turns int) {
	b.Helper()
	var all [2]alternated // of the quiet shop, and of that of the backfill
	var fetched, own, twins float64
	for n := range turns {
		domain := b.shops[0]
		b.shops = b.shops[1:]
		b.faults(domain, faults)
		b.connect(domain)
		b.change(domain, func(is *bellhop.Reconciliation) { // as it is after the first look
			now := time.Now().UTC().Truncate(time.Microsecond)
			is.From, is.ClosedTo, is.LookedTo, is.SweptAt = now, now.Truncate(time.Hour), now, now
			is.LookDue, is.SweepDue = now.Add(100*time.Hour), now.Add(100*time.Hour)
			is.ConnectedAt = b.connected(domain)
			is.Asked.Backfill, is.Due = now, now
		})
		for i := range 2 {
			comparing := i != n%2
			p := b.serve(comparing)
			if comparing {
				b.await("the backfill's first orders", func() bool { w := b.state(domain).Backfill; return w.Seen+w.BulkRead > 0 })
			}
			before, began, cpuBefore, twinBefore := b.state(domain).Backfill, time.Now(), cpu(b.T, p.cmd), cpu(b.T, b.twinAt)
			got := b.load(domain, rate)
			took := time.Since(began).Seconds()
			for k := range all {
				if comparing {
					all[k].with = append(all[k].with, got[k])
				} else {
					all[k].without = append(all[k].without, got[k])
				}
			}
			if comparing {
				w := b.state(domain).Backfill
				if !w.Running() {
					b.Error("the backfill ended meanwhile")
				}
				fetched += float64(w.Seen+w.BulkRead-before.Seen-before.BulkRead) / took / float64(turns)
				own += (cpu(b.T, p.cmd) - cpuBefore).Seconds() / took / float64(turns)
				twins += (cpu(b.T, b.twinAt) - twinBefore).Seconds() / took / float64(turns)
			}
			b.stop()
		}
		b.change(domain, func(is *bellhop.Reconciliation) { is.Due = time.Now().Add(100 * time.Hour) })
	}
	b.Logf("%.0f webhooks/s to each of two shops beside %.0f orders/s; bellhop has %.0f%% of a processor, the twin %.0f%%",
		rate, fetched, 100*own, 100*twins)
	for k, whose := range []string{"another shop's", "the same shop's"} {
		var times []float64 // of those that were measured next to each other: others use the machine, too
		for n := range turns {
			times = append(times, float64(all[k].with[n])/float64(all[k].without[n]))
		}
		slices.Sort(times)
		b.Logf("p99 of %s: %s without, %s with; times %.2f", whose, spread(all[k].without), spread(all[k].with), times)
	}
}

func (b *backfilling) connected(domain string) time.Time {
	c, err := b.parts.Store.Connection(b.Context(), domain)
	b.must(err)
	return c.ConnectedAt
}

// load sends webhooks to both shops at once, and returns the 99th percentile of each.
func (b *backfilling) load(domain string, rate float64) (p99 [2]time.Duration) {
	b.Helper()
	var both sync.WaitGroup
	for k, domain := range []string{restingShop, domain} {
		b.made += 1_000_000
		w, err := bench.NewWebhooks(bench.WebhookOptions{Host: b.addr, Shops: []string{domain}, Secret: "hush", Seed: 1,
			First: 5_000_000_000_000 + b.made})
		b.must(err)
		both.Go(func() {
			t, err := bench.Load{Target: b.addr, Requests: w.For, Connections: 8, MaxConnections: 64, Rate: rate,
				Warmup: time.Second, Duration: 8 * time.Second}.Run(context.WithoutCancel(b.Context()))
			if err != nil || t.Failed() > 0 {
				b.Errorf("%v: %+v", err, t)
				return
			}
			p99[k] = t.Latency.At(99)
		})
	}
	both.Wait()
	return p99
}

func median(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// spread is the median, the least and the most.
func spread(all []time.Duration) string {
	to := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds()*1000, 'f', 1, 64) }
	return fmt.Sprintf("%s ms (%s to %s)", to(median(all)), to(slices.Min(all)), to(slices.Max(all)))
}
