package deploy_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bellhop"
	"bellhop/internal/realserver"
	"bellhop/simulate"
	"bellhop/simulate/simulatetest"
	"bellhop/store"
	"bellhop/wire"
)

const (
	appSecret = "hush"
	aKey      = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

	// enoughWebhooks is how many have to be acknowledged for a run to show anything.
	enoughWebhooks = 200

	patience = 2 * time.Minute // of every wait; nothing comes near it unless it is broken
)

// The servers that all tests share. Each starts when a test first asks for it.
var (
	thePostgres = sync.OnceValues(func() (*realserver.Postgres,
		error) {
		return realserver.StartPostgres(context.Background())
	})
	theRabbitMQ = sync.OnceValues(func() (*realserver.RabbitMQ,
		error) {
		return realserver.StartRabbitMQ(context.Background())
	})
	theProgram = sync.OnceValues(func() (string, error) {
		path := filepath.Join(built, "bellhop")
		build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "bellhop/cmd/bellhop")
		if out, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build: %w: %s", err, out)
		}
		return path, nil
	})
	built string       // the folder that it is built into
	hosts atomic.Int64 // addresses on loopback that were given out
)

func TestMain(m *testing.M) {
	confine()
	asBare()
	asAttacker()
	dir, err := os.MkdirTemp("", "bellhop-deploy-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// stage is where a deployment's processes run: on this machine, each on an address
// of its own, with a database, a broker and a Firebase of their own.
type stage struct {
	t       *testing.T
	program string
	db      *url.URL
	rabbit  *url.URL
	fcm     *simulate.FCM
	push    string            // BELLHOP_PUSH
	shops   []string          // that the database knows
	tokens  map[string]string // of each shop's one phone

	// confined is whether the processes may have memory that is both written and
	// executed.
	confined bool
}

func newStage(t *testing.T) *stage {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8 to itself")
	}
	s := &stage{t: t, tokens: map[string]string{}}
	s.db = s.postgres()
	var err error
	if s.program, err = theProgram(); err != nil {
		t.Fatal(err)
	}
	s.fcm = simulate.NewFCM(simulate.FCMOptions{Seed: 1, Unlimited: true})
	google := httptest.NewServer(s.fcm)
	t.Cleanup(func() { s.fcm.Close(); google.Close() })
	account := filepath.Join(t.TempDir(), "fcm.json")
	if err := s.fcm.WriteServiceAccount(account, google.URL); err != nil {
		t.Fatal(err)
	}
	s.push = "fcm:" + account + "?endpoint=" + google.URL
	return s
}

func (s *stage) postgres() *url.URL {
	s.t.Helper()
	server, err := thePostgres()
	realserver.Need(s.t, err)
	name, err := server.NewDatabase(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return parse(s.t, server.URL(name))
}

func parse(t *testing.T, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// withRabbitMQ gives the stage a virtual host.
func (s *stage) withRabbitMQ() {
	s.t.Helper()
	server, err := theRabbitMQ()
	realserver.Need(s.t, err)
	name, err := server.NewVHost(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	s.rabbit = parse(s.t, server.URL(name))
}

// newHost returns an address of its own, for a container or a machine.
func newHost() string {
	n := hosts.Add(1)
	return fmt.Sprintf("127.%d.%d.%d", 64+os.Getpid()%128, n/200, 2+n%200)
}

// localized returns a setting for this stage: addresses and passwords are the stage's, all else
// is the deployment's.
func (s *stage) localized(name, value, host string) string {
	switch name {
	case "BELLHOP_DB", "BELLHOP_QUEUE", "BELLHOP_EVENTS":
		return s.reached(value)
	case "BELLHOP_ADDR", "BELLHOP_METRICS_ADDR":
		return onHost(value, host)
	case "BELLHOP_PUSH":
		if strings.HasPrefix(value, "fcm:") {
			return s.push
		}
	case "BELLHOP_SHOPIFY_SECRET":
		return appSecret
	case "BELLHOP_KEY":
		return aKey
	case "BELLHOP_TRUSTED_PROXIES":
		return "127.0.0.0/8" // where the proxy is here
	}
	return value
}

// reached replaces host, user and place in a URL, and keeps its scheme and query.
func (s *stage) reached(value string) string {
	u := parse(s.t, value)
	var here *url.URL
	switch {
	case u.Host == "":
		return value // postgres: is the database itself
	case strings.HasPrefix(u.Scheme, "amqp"):
		here, u.Scheme = s.rabbit, "amqp"
	default:
		here = s.db
	}
	q := u.Query()
	for k, v := range here.Query() {
		q[k] = v
	}
	u.User, u.Host, u.Path, u.RawPath, u.RawQuery = here.User, here.Host, here.Path, here.RawPath, q.Encode()
	return u.String()
}

// queue is where the events of a service wait.
func (s *stage) queue(v service) string {
	return s.localized("BELLHOP_QUEUE", v.env["BELLHOP_QUEUE"], "")
}

// onHost moves an address of a deployment to one of the stage's hosts.
func onHost(address, host string) string {
	_, port, _ := net.SplitHostPort(address)
	return host + ":" + local(port)
}

var ports struct {
	sync.Mutex
	local map[string]string
}

// local is a deployment's port as it is here: the same, unless something on this
// machine has it on all addresses.
func local(port string) string {
	ports.Lock()
	defer ports.Unlock()
	if _, known := ports.local[port]; !known {
		l, err := net.Listen("tcp", ":"+port)
		if err != nil {
			l, err = net.Listen("tcp", ":0")
		}
		if err != nil {
			return port // that listener reports the fault
		}
		defer l.Close()
		if ports.local == nil {
			ports.local = map[string]string{}
		}
		ports.local[port] = fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	}
	return ports.local[port]
}

// addShops fills the database once it is migrated, with shops that have a phone each.
func (s *stage) addShops(n int) {
	s.t.Helper()
	parts := s.open("sqlite:")
	defer parts.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		shop := fmt.Sprintf("shop-%d.myshopify.com", i)
		s.shops = append(s.shops, shop)
		s.tokens[shop] = simulate.NewToken(rng)
		if err := parts.Store.AddShop(s.t.Context(), bellhop.Shop{Domain: shop, AddedAt: time.Now()}); err != nil {
			s.t.Fatal(err)
		}
		_, err := parts.Store.PutDevice(s.t.Context(), bellhop.Device{Shop: shop, Installation: "phone",
			Kind: bellhop.AddressToken, Value: s.tokens[shop], Platform: bellhop.PlatformAndroid,
			Form: bellhop.FormData, Locale: "en", Timezone: "UTC", AddedAt: time.Now(), SeenAt: time.Now()},
			store.DeviceLimits{})
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *stage) open(queue string) *wire.Parts {
	s.t.Helper()
	c := wire.Storage{Dir: s.t.TempDir(), DB: s.db.String(), Queue: queue}
	parts, err := c.Open(s.t.Context(), wire.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	return parts
}

// deliver makes Shopify's twin send webhooks for as long as meanwhile takes, and
// a while longer.
func (s *stage) deliver(url string, transport http.RoundTripper, meanwhile func()) *simulate.Ledger {
	s.t.Helper()
	ctx, enough := context.WithCancel(s.t.Context())
	defer enough()
	twin, err := simulate.NewShopify(simulate.ShopifyOptions{
		Target: url + "/webhooks/shopify", Shops: s.shops, Secret: appSecret, Seed: 7, Transport: transport,
		Rate: 25, Duplicates: 0.1, Shuffle: 0.1, Window: 50, Updates: 0.3, Poison: 0.01, TimeScale: 0.0005,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- twin.Run(ctx) }()
	meanwhile()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for twin.Ledger().Summary().Acknowledged < enoughWebhooks && ctx.Err() == nil {
		<-tick.C
	}
	enough()
	if err := <-done; err != nil {
		s.t.Fatal(err)
	}
	s.t.Log("the twin: ", twin.Ledger().Summary())
	return twin.Ledger()
}

// compare compares the data at the end with Shopify's twin and with the phones.
func (s *stage) compare(queue string, ledger *simulate.Ledger) {
	s.t.Helper()
	parts := s.open(queue)
	defer parts.Close()
	s.settle(parts)
	kept := simulatetest.Kept{Store: parts.Store, FCM: s.fcm, Tokens: s.tokens}
	s.t.Log(kept.Compare(s.t, ledger))
}

// settle waits until nothing waits, is leased or owed.
func (s *stage) settle(parts *wire.Parts) {
	s.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		d, err := parts.Queue.Depth(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		next, err := parts.Store.NextPush(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if d.Waiting+d.Leased == 0 && next.IsZero() {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("stuck: %+v, next push due %v", d, next)
		}
	}
}
