package host_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"bellhop"
	"bellhop/internal/realserver"
	"bellhop/pipeline"
	"bellhop/simulate"
	"bellhop/simulate/simulatetest"
	"bellhop/store"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// crash kills a bellhop again and again under load.
type crash struct {
	t      *testing.T
	rounds int
	hits   int     // the most passes of a point
	rate   float64 // of deliveries in a second
	orders int     // that the twin sends; 0: until the last kill
	scale  float64 // of the twin's time
	addr   string
	fcm    *simulate.FCM
	shops  []string
	tokens map[string]string // of the one device of each shop
	config wire.Config
}

// TestCrash kills the process at random moments and at every named point while
// Shopify's twin delivers, and compares the twin's ledger with the database.
func TestCrash(t *testing.T) {
	t.Parallel()
	c := newCrash(t, kills(t, "CRASH_ROUNDS", 2*len(pipeline.Points())), oneFile(wiretest.Dir(t)))
	// A slow machine records much only after the last kill.
	if os.Getenv("CRASH_ROUNDS") == "" {
		c.rate, c.hits = 40, 8
	}
	c.run()
}

// kills is how often a test kills, unless a variable says so.
func kills(t *testing.T, variable string, n int) int {
	if s := os.Getenv(variable); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n < 1 {
			t.Fatalf("%s is %q: give a number of kills", variable, s)
		}
	}
	return n
}

func (c *crash) run() {
	twin := c.killUnderLoad()
	parts := c.open()
	c.settle(parts)
	kept := simulatetest.Kept{Store: parts.Store, FCM: c.fcm, Tokens: c.tokens}
	c.t.Log(kept.Compare(c.t, twin.Ledger()))
}

func newCrash(t *testing.T, rounds int, s wire.Storage) *crash {
	c := &crash{t: t, rounds: rounds, hits: 20, rate: 250, scale: 0.0005, tokens: map[string]string{}}
	faults, err := simulate.ParseFaults("ambiguous=1%")
	if err != nil {
		t.Fatal(err)
	}
	// This test is not about a phone's budget, which long runs exceed.
	c.fcm = simulate.NewFCM(simulate.FCMOptions{Faults: faults, Seed: 1, Unlimited: true})
	server := httptest.NewServer(c.fcm)
	t.Cleanup(func() { c.fcm.Close(); server.Close() })
	account := filepath.Join(t.TempDir(), "sa.json")
	if err := c.fcm.WriteServiceAccount(account, server.URL); err != nil {
		t.Fatal(err)
	}
	c.config = config(s, "fcm:"+account+"?endpoint="+server.URL)
	c.addr = realserver.FreeAddress(t)
	c.addShops(20 + rounds)
	return c
}

// addShops adds so many shops that none is over its phone's budget.
func (c *crash) addShops(n int) {
	parts, err := c.config.Open(c.t.Context(), wire.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	defer parts.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		shop := fmt.Sprintf("shop-%d.myshopify.com", i)
		c.shops = append(c.shops, shop)
		c.tokens[shop] = simulate.NewToken(rng)
		if err := parts.Store.AddShop(c.t.Context(), bellhop.Shop{Domain: shop, AddedAt: time.Now()}); err != nil {
			c.t.Fatal(err)
		}
		_, err := parts.Store.PutDevice(c.t.Context(), bellhop.Device{Shop: shop, Installation: "phone",
			Kind: bellhop.AddressToken, Value: c.tokens[shop], Platform: bellhop.PlatformAndroid,
			Form: bellhop.FormData, Locale: "en", Timezone: "UTC", AddedAt: time.Now(), SeenAt: time.Now()},
			store.DeviceLimits{})
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

// killUnderLoad returns the twin once it has ended.
func (c *crash) killUnderLoad() *simulate.Shopify {
	twin, enough, wait := c.deliver("http://"+c.addr, c.rate)
	defer enough()
	rng := rand.New(rand.NewPCG(3, 4))
	points := c.points()
	for round := range c.rounds {
		if round%2 == 0 {
			c.killAtRandom(rng)
		} else {
			c.killAtPoint(points[round/2%len(points)], 1+rng.IntN(c.hits))
		}
	}
	last := c.start("", 0)
	if c.orders == 0 {
		enough()
	}
	wait()
	c.t.Cleanup(func() { last.end(c.t) })
	s := twin.Ledger().Summary()
	c.t.Logf("%d kills; the twin: %v", c.rounds, s)
	if s.Acknowledged < max(c.orders, 20*c.rounds) {
		c.t.Errorf("only %d deliveries were acknowledged: the run shows nothing", s.Acknowledged)
	}
	return twin
}

// deliver makes Shopify's twin send webhooks until enough. Then it waits for answers
// under way; retries stay pending.
func (c *crash) deliver(url string, rate float64) (twin *simulate.Shopify, enough, wait func()) {
	ctx, enough := context.WithCancel(c.t.Context())
	twin, err := simulate.NewShopify(simulate.ShopifyOptions{
		Target: url + "/webhooks/shopify", Shops: c.shops, Secret: appSecret, Seed: 7,
		Orders: c.orders, Rate: rate, Duplicates: 0.1, Shuffle: 0.1, Window: 50,
		Updates: 0.3, Poison: 0.01, TimeScale: c.scale,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		if err := twin.Run(ctx); err != nil {
			c.t.Errorf("the twin: %v", err)
		}
	})
	return twin, enough, done.Wait
}

// points are the places of the kills.
func (c *crash) points() []pipeline.Point {
	if c.config.Events == "" {
		return pipeline.Points()
	}
	return []pipeline.Point{pipeline.PointRecorded, pipeline.PointPublished, pipeline.PointAdvanced,
		pipeline.PointNotified}
}

func (c *crash) killAtRandom(rng *rand.Rand) {
	p := c.start("", 0)
	time.AfterFunc(time.Duration(20+rng.IntN(400))*time.Millisecond, func() { p.cmd.Process.Kill() })
	p.wait(c.t)
}

func (c *crash) killAtPoint(point pipeline.Point, hits int) {
	p := c.start(point, hits)
	stuck := time.AfterFunc(20*time.Second, func() { p.cmd.Process.Kill() })
	p.wait(c.t)
	if !stuck.Stop() {
		c.t.Logf("point %s was not reached %d times", point, hits)
	}
}

// process is a bellhop of its own.
type process struct{ cmd *exec.Cmd }

// start starts a process with all steps, which kills itself at a point, if given.
func (c *crash) start(point pipeline.Point, hits int) *process {
	c.t.Helper()
	return c.launch(stepsAll, c.addr, point, hits)
}

// launch starts one, and waits until it says that it is ready.
func (c *crash) launch(s steps, addr string, point pipeline.Point, hits int) *process {
	c.t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childDir+"="+c.config.Dir, childDB+"="+c.config.DB, childQueue+"="+c.config.Queue,
		childKey+"="+c.config.Key, childPush+"="+c.config.Push, childTell+"="+c.config.Events,
		childSteps+"="+string(s), childAddr+"="+addr, childPoint+"="+string(point), childHits+"="+strconv.Itoa(hits))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { cmd.Process.Kill() })
	awaitLine(c.t, out, "ready")
	return &process{cmd}
}

// awaitLine waits until a child says a line.
func awaitLine(t *testing.T, out io.Reader, want string) {
	t.Helper()
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != want {
		t.Fatalf("the process said %q, %v", line, err)
	}
}

// wait checks that the process was killed and did not end by itself.
func (p *process) wait(t *testing.T) {
	t.Helper()
	p.cmd.Wait()
	if s, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
		t.Fatalf("the process ended with %v, not by being killed", p.cmd.ProcessState)
	}
}

// end asks the process to end, and checks its exit.
func (p *process) end(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the process ended with %v", err)
	}
}

func (c *crash) open() *wire.Parts {
	parts, err := c.config.Open(c.t.Context(), wire.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { parts.Close() })
	return parts
}

// settle waits until nothing waits, is leased or owed.
func (c *crash) settle(parts *wire.Parts) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond) // acknowledging changes the queue alone
	defer tick.Stop()
	for {
		changed := parts.Store.Changed()
		d, err := parts.Queue.Depth(ctx)
		if err != nil {
			c.t.Fatal(err)
		}
		next, err := parts.Store.NextPush(ctx)
		if err != nil {
			c.t.Fatal(err)
		}
		if d.Waiting+d.Leased == 0 && next.IsZero() {
			return
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			c.t.Fatalf("stuck: %+v, next push due %v", d, next)
		}
	}
}
