package host_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/internal/realserver"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/wire"
)

// TestNeighbours sends 100 orders at once to a shop with very many devices while the push
// service answers in half a second, and four orders a second to a shop with one device:
// bellhop records those within a second and notifies within two.
//
// It takes a minute for each database, and so runs only in make neighbours.
func TestNeighbours(t *testing.T) {
	if os.Getenv("BELLHOP_NEIGHBOURS") == "" {
		t.Skip("set BELLHOP_NEIGHBOURS=1, or run make neighbours")
	}
	t.Run("SQLite", func(t *testing.T) { neighbours(t, 10_000, oneFile(t.TempDir())) })
	t.Run("Postgres", func(t *testing.T) {
		url := postgres(t).URL(newDatabase(t))
		neighbours(t, 20_000, wire.Storage{Dir: t.TempDir(), DB: url, Queue: "postgres:"})
	})
}

const (
	manyDevices = "many.myshopify.com"
	oneDevice   = "one.myshopify.com"
)

func neighbours(t *testing.T, devices int, s wire.Storage) {
	var mu sync.Mutex
	notified := map[string]time.Time{} // by order
	big := 0
	c := &crash{t: t}
	token := simulate.NewToken(rand.New(rand.NewPCG(1, 1)))
	c.fcm = simulate.NewFCM(simulate.FCMOptions{Latency: 500 * time.Millisecond, Unlimited: true,
		OnSend: func(s simulate.Sent) {
			mu.Lock()
			defer mu.Unlock()
			if s.Device != token {
				big++
			} else if _, again := notified[s.Data["order_id"]]; !again {
				notified[s.Data["order_id"]] = s.At
			}
		}})
	twin := httptest.NewServer(c.fcm)
	defer func() { c.fcm.Close(); twin.Close() }()
	account := filepath.Join(t.TempDir(), "sa.json")
	if err := c.fcm.WriteServiceAccount(account, twin.URL); err != nil {
		t.Fatal(err)
	}
	c.config, c.addr = config(s, "fcm:"+account+"?endpoint="+twin.URL), realserver.FreeAddress(t)
	parts := c.open()
	put := func(shop, name, value string) {
		_, err := parts.Store.PutDevice(t.Context(), bellhop.Device{Shop: shop, Installation: name,
			Kind: bellhop.AddressToken, Value: value,
			Platform: bellhop.PlatformAndroid, Form: bellhop.FormData, AddedAt: time.Now(), SeenAt: time.Now()},
			store.DeviceLimits{})
		if err != nil {
			t.Error(err)
		}
	}
	for _, shop := range []string{manyDevices, oneDevice} {
		if err := parts.Store.AddShop(t.Context(), bellhop.Shop{Domain: shop, AddedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	put(oneDevice, "phone", token)
	var adding sync.WaitGroup
	for worker := range 16 {
		adding.Go(func() {
			rng := rand.New(rand.NewPCG(2, uint64(worker)))
			for i := worker; i < devices; i += 16 {
				put(manyDevices, fmt.Sprint("phone-", i), simulate.NewToken(rng))
			}
		})
	}
	adding.Wait()

	p := c.start("", 0)
	client := &http.Client{Timeout: 10 * time.Second}
	post := func(shop string, id int) {
		body := order(id)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.addr+"/webhooks/shopify", strings.NewReader(string(body)))
		if err != nil {
			t.Error(err)
			return
		}
		req.Header = signed(shop, fmt.Sprint(shop, id), body)
		a, err := client.Do(req)
		if err != nil || a.StatusCode != http.StatusOK {
			t.Errorf("order %d of %s: %v, %v", id, shop, a, err)
			return
		}
		a.Body.Close()
	}
	var posting sync.WaitGroup
	for i := range 100 {
		posting.Go(func() { post(manyDevices, 1000+i) })
	}
	const orders = 160
	var recorded, heard []time.Duration
	for i := range orders {
		posting.Go(func() {
			began := time.Now()
			post(oneDevice, i+1)
			for {
				if _, err := parts.Store.Order(t.Context(), oneDevice, int64(i+1)); err == nil {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			took := time.Since(began)
			var at time.Time
			for at.IsZero() && time.Since(began) < time.Minute {
				time.Sleep(5 * time.Millisecond)
				mu.Lock()
				at = notified[fmt.Sprint(i+1)]
				mu.Unlock()
			}
			mu.Lock()
			defer mu.Unlock()
			recorded = append(recorded, took)
			heard = append(heard, at.Sub(began))
		})
		time.Sleep(250 * time.Millisecond)
	}
	posting.Wait()
	memory := peakMemory(t, p.cmd.Process.Pid)
	p.cmd.Process.Kill()
	slices.Sort(recorded)
	slices.Sort(heard)
	p99 := func(all []time.Duration) time.Duration { return all[len(all)*99/100] }
	t.Logf("another shop's orders: recorded after %v, p99 %v, at most %v; notified after %v, p99 %v, at most %v; peak "+
		"memory %d MiB; %d pushes of the shop with %d devices",
		recorded[orders/2], p99(recorded), recorded[orders-1], heard[orders/2], p99(heard), heard[orders-1], memory>>20, big,
		devices)
	if p99(recorded) > time.Second || p99(heard) > 2*time.Second || memory > 400<<20 {
		t.Error("one shop holds up the other, or memory")
	}
}

func signed(shop, id string, body []byte) http.Header {
	h := http.Header{}
	for name, v := range map[string]string{"Topic": shopify.TopicOrderCreate, "Shop-Domain": shop, "Webhook-Id": id,
		"Hmac-Sha256": shopify.Sign(appSecret, body), "Api-Version": "2026-10"} {
		h.Set("X-Shopify-"+name, v)
	}
	return h
}

// peakMemory is a process's largest resident memory.
func peakMemory(t *testing.T, pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("this machine doesn't say how much memory a process has: ", err)
	}
	kib, err := strconv.Atoi(string(regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
