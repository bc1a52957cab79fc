package simulate_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bellhop/simulate"
)

const target = "http://shop.test/webhooks/shopify"

// transport answers requests without a network.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func answer(status int) *http.Response {
	return &http.Response{StatusCode: status, Body: http.NoBody, Header: http.Header{"Location": {"/elsewhere"}}}
}

func options() simulate.ShopifyOptions {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	return simulate.ShopifyOptions{
		Target: target, Shops: []string{"demo.myshopify.com"}, Secret: "s3cret", Seed: 7,
		Now: func() time.Time { return at },
	}
}

func run(t *testing.T, o simulate.ShopifyOptions) *simulate.Ledger {
	t.Helper()
	l, err := simulate.RunShopify(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Twins of one shop count on, and all that they send is in one ledger.
func TestTwinsOfOneShop(t *testing.T) {
	var numbers atomic.Int64
	numbers.Store(simulate.FirstNumber)
	o := options()
	o.Transport = transport(func(*http.Request) (*http.Response, error) { return answer(200), nil })
	o.Orders = 20
	entries := run(t, o)
	o.Numbers, o.CountsOnly = &numbers, true
	ledger := run(t, o)
	o.Seed, o.Ledger = 2, ledger
	if run(t, o) != ledger {
		t.Error("the second twin has a ledger of its own")
	}
	if s := ledger.Summary(); s.Orders != 40 || s.Acknowledged != 40 || s.Pending != 0 {
		t.Errorf("together: %v", s)
	}
	if n := numbers.Load(); n != simulate.FirstNumber+40 {
		t.Errorf("the last order is #%d", n)
	}
	o.Ledger = entries
	if _, err := simulate.NewShopify(o); err == nil {
		t.Error("a ledger with entries was shared")
	}
}

// TestRoutedDeliveries go where each copy says, with those that are sent from outside; Run goes on until its end.
func TestRoutedDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var got []string
		tries := map[int]int{}
		var s *simulate.Shopify
		o := options()
		o.Target, o.Orders, o.Concurrency = "", 1, 1
		o.Transport = transport(func(r *http.Request) (*http.Response, error) {
			at := time.Since(begun).Round(time.Second)
			got = append(got, fmt.Sprint(r.URL.Host, " ", r.Header.Get("X-Shopify-Topic"), " ", at))
			if r.URL.Host == "b.test" && len(got) < 3 {
				return answer(500), nil
			}
			return answer(200), nil
		})
		o.Route = func(d *simulate.Delivery) {
			for _, host := range []string{"a", "b"} {
				c := *d
				c.Target = "http://" + host + ".test/"
				s.Send(&c, 0)
			}
		}
		o.Tried = func(_ *simulate.Delivery, n int, ok bool) {
			if ok {
				tries[n]++
			}
		}
		s, err := simulate.NewShopify(o)
		if err != nil {
			t.Fatal(err)
		}
		mine := simulate.NewDelivery("demo.myshopify.com", "shop/update", "s3cret", begun, []byte("{}"))
		s.Send(mine, time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		want := []string{"a.test orders/create 0s", "b.test orders/create 0s", "b.test orders/create 56s",
			"a.test shop/update 1h0m0s", "b.test shop/update 1h0m0s"}
		if !slices.Equal(got, want) || tries[1] != 3 || tries[2] != 1 {
			t.Errorf("it delivered %q in %v tries", got, tries)
		}
		if e := s.Ledger().Entries(); len(e) != 4 || e[3].Seq != 3 || e[3].Status != simulate.DeliveryAcknowledged {
			t.Errorf("the ledger has %+v", e)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestRunDeliversAsShopify(t *testing.T) {
	var mu sync.Mutex
	conns := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte("s3cret"))
		mac.Write(body)
		if want := base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("X-Shopify-Hmac-Sha256") != want {
			t.Errorf("signature %q, want %q", r.Header.Get("X-Shopify-Hmac-Sha256"), want)
		}
		for _, h := range []string{"Topic", "Shop-Domain", "Api-Version", "Webhook-Id", "Event-Id"} {
			if r.Header.Get("X-Shopify-"+h) == "" {
				t.Errorf("no header %s", h)
			}
		}
		if _, err := time.Parse(time.RFC3339Nano, r.Header.Get("X-Shopify-Triggered-At")); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		conns[r.RemoteAddr] = true
	}))
	defer srv.Close()
	o := options()
	o.Target, o.Orders, o.Concurrency, o.Updates = srv.URL, 200, 4, 0.5
	l := run(t, o)
	s := l.Summary()
	if s.Orders != 200 || s.Acknowledged != s.Deliveries || s.Pending != 0 || s.Attempts != s.Deliveries {
		t.Errorf("summary: %+v", s)
	}
	if len(conns) > 12 { // a dial may lose to a connection that comes free
		t.Errorf("%d connections for 4 workers: they are not kept", len(conns))
	}
}

func TestRetriesFollowTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var times []time.Duration
		var requests []string
		begun := time.Now()
		o := options()
		o.Orders = 1
		o.Transport = transport(func(r *http.Request) (*http.Response, error) {
			times = append(times, time.Since(begun))
			body, _ := io.ReadAll(r.Body)
			requests = append(requests,
				r.Header.Get("X-Shopify-Webhook-Id")+r.Header.Get("X-Shopify-Triggered-At")+string(body))
			return answer([]int{500, 302, 404, 429, 503, 199, 301, 410, 500}[len(times)-1]), nil
		})
		l := run(t, o)
		if len(times) != 9 {
			t.Fatalf("%d tries, want the first and 8 retries", len(times))
		}
		if d := times[8] - simulate.RetryPeriod; d < -time.Second || d > time.Second {
			t.Errorf("the last retry came after %v, want %v", times[8], simulate.RetryPeriod)
		}
		for i, d := range simulate.RetryDelays(1) {
			if got := times[i+1] - times[i]; got != d {
				t.Errorf("retry %d came after %v, want %v", i+1, got, d)
			}
			if requests[i+1] != requests[0] {
				t.Errorf("retry %d differs from the first try", i+1)
			}
		}
		e := l.Entries()[0]
		if e.Status != simulate.DeliveryGivenUp || e.Attempts != 9 || e.LastAnswer != "500" {
			t.Errorf("entry: %+v", e)
		}
		if n := len(l.Expect()); n != 0 {
			t.Errorf("%d orders are expected, though none was acknowledged", n)
		}
	})
}

func TestRetrySucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		o := options()
		o.Orders, o.TimeScale = 1, 0.0001
		o.Transport = transport(func(*http.Request) (*http.Response, error) {
			if tries++; tries < 3 {
				return nil, errors.New("connection refused")
			}
			return answer(204), nil
		})
		begun := time.Now()
		l := run(t, o)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("two retries took %v at a scale of 0.0001", took)
		}
		if e := l.Entries()[0]; e.Status != simulate.DeliveryAcknowledged || e.Attempts != 3 {
			t.Errorf("entry: %+v", e)
		}
	})
}

func TestRequestEndsAfterFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.Orders = 1
		begun := time.Now()
		var took time.Duration
		o.Transport = transport(func(r *http.Request) (*http.Response, error) {
			if took != 0 {
				return answer(200), nil
			}
			<-r.Context().Done()
			took = time.Since(begun)
			return nil, r.Context().Err()
		})
		l := run(t, o)
		if took != simulate.RequestTimeout {
			t.Errorf("the request ended after %v, want %v", took, simulate.RequestTimeout)
		}
		if s := l.Summary(); s.Failed != 1 || s.Acknowledged != 1 {
			t.Errorf("summary: %+v", s)
		}
	})
}

// Arrivals don't wait for answers: an endpoint that takes 2 s for each gets 10
// a second all the same, until there are more under way than are allowed.
func TestArrivalsAreScheduled(t *testing.T) {
	for _, c := range []struct{ concurrency, delayed int }{{100, 0}, {5, 45}} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var times []time.Duration
			begun := time.Now()
			o := options()
			o.Rate, o.Duration, o.Concurrency = 10, 5*time.Second, c.concurrency
			o.Transport = transport(func(*http.Request) (*http.Response, error) {
				mu.Lock()
				times = append(times, time.Since(begun))
				mu.Unlock()
				time.Sleep(2 * time.Second)
				return answer(200), nil
			})
			s := run(t, o).Summary()
			if s.Deliveries != 50 || s.Delayed != c.delayed {
				t.Errorf("with %d at once: %+v, want 50 deliveries, %d delayed", c.concurrency, s, c.delayed)
			}
			if c.delayed == 0 && times[49] != 4900*time.Millisecond {
				t.Errorf("the last delivery began at %v, want 4.9s", times[49])
			}
		})
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		o := options()
		o.Rate = 10
		o.Transport = transport(func(*http.Request) (*http.Response, error) { return answer(503), nil })
		var seen []simulate.Summary
		o.Progress = func(s simulate.Summary) {
			seen = append(seen, s)
			if len(seen) == 3 {
				cancel()
			}
		}
		l, err := simulate.RunShopify(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		if s := l.Summary(); s.Pending != s.Deliveries || s.Deliveries < 29 || s.Deliveries > 31 {
			t.Errorf("after three seconds: %+v", s)
		}
		if len(seen) != 4 {
			t.Errorf("%d reports, want three and a last one", len(seen))
		}
	})
}

func TestLedgerCountsPoisonAndCopies(t *testing.T) {
	o := options()
	o.Orders, o.Poison, o.Duplicates = 400, 0.1, 0.2
	o.Transport = transport(func(*http.Request) (*http.Response, error) { return answer(200), nil })
	l := run(t, o)
	var copies, poison int
	for _, e := range l.Entries() {
		if e.Copy != "" {
			copies++
		} else if e.Poison != "" {
			poison++
		}
	}
	s := l.Summary()
	if s.Orders != 400 || s.Copies != copies || s.Poison != poison || s.Deliveries != 400+copies+poison {
		t.Errorf("%+v, counted %d copies and %d poison", s, copies, poison)
	}
	if len(l.Expect()) != 400 {
		t.Errorf("%d orders are expected, want 400", len(l.Expect()))
	}
	var out bytes.Buffer
	if err := l.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var back struct {
		Summary simulate.Summary
		Entries []simulate.Entry
	}
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back.Summary != s || len(back.Entries) != s.Deliveries {
		t.Errorf("read back %+v and %d entries: %v", back.Summary, len(back.Entries), err)
	}
	if strings.Contains(out.String(), "@example.com") {
		t.Error("the ledger names customers")
	}
}

// Of an order whose follow-ups were all refused the database holds what came
// first, or something newer: the ledger says that it can't know.
func TestExpectIsUnsureOfWhatWasRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options()
		o.Orders, o.Updates = 40, 0.5
		o.Transport = transport(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("X-Shopify-Topic") == "orders/create" {
				return answer(200), nil
			}
			return answer(500), nil
		})
		l := run(t, o)
		refused := map[int64]bool{}
		for _, e := range l.Entries() {
			if e.Status == simulate.DeliveryGivenUp {
				refused[e.OrderID] = true
			}
		}
		for k, e := range l.Expect() {
			if e.Unsure != refused[k.ID] || !e.Known || !e.Order.UpdatedAt.Equal(e.Order.PlacedAt) {
				t.Errorf("order %d: %+v", k.ID, e)
			}
		}
		if len(refused) < 10 || len(l.Expect()) != 40 {
			t.Errorf("%d refused of %d", len(refused), len(l.Expect()))
		}
	})
}

// Reads the ledger while the twin runs; the race detector watches.
func TestLedgerWhileRunning(t *testing.T) {
	o := options()
	o.Orders = 100
	var twin *simulate.Shopify
	o.Transport = transport(func(*http.Request) (*http.Response, error) {
		l := twin.Ledger()
		known := len(l.Expect())
		if s := l.Summary(); len(l.Entries()) < s.Deliveries || known > s.Acknowledged {
			t.Errorf("%d expected, %+v", known, s)
		}
		return answer(200), nil
	})
	var err error
	if twin, err = simulate.NewShopify(o); err != nil {
		t.Fatal(err)
	}
	if err := twin.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestCountsOnly(t *testing.T) {
	o := options()
	o.Orders, o.CountsOnly = 50, true
	o.Transport = transport(func(*http.Request) (*http.Response, error) { return answer(200), nil })
	l := run(t, o)
	if len(l.Entries()) != 0 || l.Summary().Acknowledged != 50 {
		t.Errorf("%d entries, %+v", len(l.Entries()), l.Summary())
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for want, change := range map[string]func(*simulate.ShopifyOptions){
		"no shop is named":         func(o *simulate.ShopifyOptions) { o.Shops = nil },
		"is not a shop's domain":   func(o *simulate.ShopifyOptions) { o.Shops = []string{"example.com"} },
		"no secret is given":       func(o *simulate.ShopifyOptions) { o.Secret = "" },
		"is not a webhook address": func(o *simulate.ShopifyOptions) { o.Target = "127.0.0.1:8080" },
		"duplicates is 0.95":       func(o *simulate.ShopifyOptions) { o.Duplicates = 0.95 },
		"shuffle is 5":             func(o *simulate.ShopifyOptions) { o.Shuffle = 5 },
		"is negative":              func(o *simulate.ShopifyOptions) { o.Rate = -1 },
	} {
		o := options()
		change(&o)
		if _, err := simulate.NewShopify(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
