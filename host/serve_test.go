package host_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/bench"
	"bellhop/host"
	"bellhop/internal/faultyvfs"
	"bellhop/pipeline"
	"bellhop/push/logpush"
	"bellhop/queue"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/web"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// served is a bellhop in this process.
type served struct {
	t     *testing.T
	url   string
	parts *wire.Parts
	stop  func() error // drains and returns Run's error
}

const shop = "demo.myshopify.com"

func serve(t *testing.T, wo wire.Options, change func(*host.Options)) *served {
	t.Helper()
	return serveOn(t, oneFile(wiretest.Dir(t)), wo, change)
}

func serveOn(t *testing.T, s wire.Storage, wo wire.Options, change func(*host.Options)) *served {
	t.Helper()
	return serveBy(t, nil, s, wo, change)
}

func serveBy(t *testing.T, in *bench.InlineOptions, s wire.Storage, wo wire.Options,
	change func(*host.Options)) *served {
	t.Helper()
	c := config(s, "log:")
	parts, err := c.Open(t.Context(), wo)
	if err != nil {
		t.Fatal(err)
	}
	if err := parts.Store.AddShop(t.Context(), bellhop.Shop{Domain: shop, AddedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	o := host.Options{Store: parts.Store, Queue: parts.Queue, Sender: logpush.New(log),
		KeepBodies: time.Hour, Log: log, Now: time.Now, Telemetry: host.NewTelemetry(),
		Steps: host.Steps{Record: true, Notify: true}}
	if change != nil {
		change(&o)
	}
	o.Breakers = pipeline.NewBreakers(o.Sender, log, o.Metrics)
	to, wrap := queue.Producer(o.Queue), func(h http.Handler) http.Handler { return h }
	if in != nil {
		o.Steps, in.Past = host.Steps{}, web.IsEndless
		to = &bench.Inline{Recorder: o.Recorder(), Notifier: o.Notifier()}
		wrap = bench.NewPool(*in).Bound
	}
	end, err := serveSite(t.Context(), &o, parts.Healthy, l, to, wrap)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- host.Run(ctx, o) }()
	served := &served{t: t, url: "http://" + l.Addr().String(), parts: parts}
	served.stop = sync.OnceValue(func() error { cancel(); defer end(); return <-done })
	t.Cleanup(func() {
		if err := errors.Join(served.stop(), parts.Close()); err != nil && parts.Healthy() == nil {
			t.Errorf("end: %v", err)
		}
	})
	return served
}

// post delivers a webhook and returns the status.
func (s *served) post(topic, id string, body []byte) int {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+"/webhooks/shopify", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set(shopify.HeaderTopic, topic)
	r.Header.Set(shopify.HeaderShop, shop)
	r.Header.Set(shopify.HeaderAPIVersion, "2026-10")
	r.Header.Set(shopify.HeaderWebhookID, id)
	r.Header.Set(shopify.HeaderHMAC, shopify.Sign(appSecret, body))
	return s.do(r)
}

func (s *served) do(r *http.Request) int {
	s.t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode
}

func order(id int) []byte {
	now := time.Now().Format(time.RFC3339)
	return fmt.Appendf(nil, `{`+simulate.Blank+`"id":%d,"name":"#%d","currency":"USD","total_price":"10.00","line_items":[],"created_at":"%s",`+
		`"updated_at":"%s","line_items":[]}`, id, id, now, now)
}

// until checks cond after each change, and now and then, since a duplicate is no change.
func (s *served) until(what string, cond func(ctx context.Context) (bool, error)) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		changed := s.parts.Store.Changed()
		ok, err := cond(ctx)
		if err != nil {
			s.t.Fatalf("%s: %v", what, err)
		}
		if ok {
			return
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("%s: it did not come to that", what)
		}
	}
}

func (s *served) untilOutcome(o bellhop.Outcome, n int64) {
	s.t.Helper()
	s.until(fmt.Sprintf("%d %s", n, o), func(ctx context.Context) (bool, error) {
		totals, err := s.parts.Store.Totals(ctx)
		return totals[o] == n, err
	})
}

func TestFullDiskAnswers503(t *testing.T) {
	disk := faultyvfs.Register(t.Name())
	s := serve(t, wire.Options{VFS: t.Name()}, nil)
	if got := s.post(shopify.TopicOrderCreate, "1", order(1)); got != 200 {
		t.Fatalf("before: %d", got)
	}
	s.untilOutcome(bellhop.OutcomeRecorded, 1)
	disk.SetFull(true)
	for i := range 5 {
		body := append(order(100+i), bytes.Repeat([]byte(" "), 100_000)...)
		rand.NewChaCha8([32]byte{byte(i)}).Read(body[len(body)-90_000:]) // incompressible; signed all the same
		if got := s.post(shopify.TopicOrderCreate, fmt.Sprint(100+i), body); got != 503 {
			t.Errorf("a full disk answers %d, want 503", got)
		}
	}
	if _, err := s.parts.Store.Order(t.Context(), shop, 1); err != nil {
		t.Errorf("reading while the disk is full: %v", err)
	}
	disk.SetFull(false)
	if got := s.post(shopify.TopicOrderCreate, "2", order(2)); got != 200 {
		t.Errorf("once there is room: %d", got)
	}
	s.untilOutcome(bellhop.OutcomeRecorded, 2)
	if page, err := s.parts.Store.Lines(t.Context(), store.LineQuery{}); err != nil || len(page.Lines) != 2 {
		t.Errorf("%d events are kept, %v; want those 2 that were acknowledged", len(page.Lines), err)
	}
}

func TestFailedSyncEndsAccepting(t *testing.T) {
	disk := faultyvfs.Register(t.Name())
	s := serve(t, wire.Options{VFS: t.Name()}, nil)
	if got := s.post(shopify.TopicOrderCreate, "1", order(1)); got != 200 {
		t.Fatalf("before: %d", got)
	}
	s.untilOutcome(bellhop.OutcomeRecorded, 1)
	disk.FailSyncs(1)
	for i := range 5 {
		if got := s.post(shopify.TopicOrderCreate, fmt.Sprint(100+i), order(100+i)); got != 503 {
			t.Errorf("webhook %d after a failed fsync: %d, want 503", i, got)
		}
	}
	ready, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.do(ready); got != 503 {
		t.Errorf("/readyz after a failed fsync: %d, want 503", got)
	}
	if _, err := s.parts.Store.Order(t.Context(), shop, 1); err != nil {
		t.Errorf("reading after a failed fsync: %v", err)
	}
}

// TestPoisonStopsNothing sends a poison message between good ones.
func TestPoisonStopsNothing(t *testing.T) {
	s := serve(t, wire.Options{}, nil)
	poison := [][]byte{[]byte(`{`), []byte(`"order"`), []byte(`{"id":"x"}`), []byte(`{"name":"no id"}`), {0xff, 0xfe},
		bytes.Repeat([]byte("["), 100_000)}
	for i, body := range poison {
		if got := s.post(shopify.TopicOrderCreate, fmt.Sprint("poison-", i), body); got != 200 {
			t.Errorf("poison %d: %d, want 200: it is signed", i, got)
		}
		if got := s.post(shopify.TopicOrderCreate, fmt.Sprint("order-", i), order(i+1)); got != 200 {
			t.Errorf("order %d: %d", i, got)
		}
	}
	s.untilOutcome(bellhop.OutcomeRecorded, int64(len(poison)))
	s.untilOutcome(bellhop.OutcomeDead, int64(len(poison)))
	var dead []queue.DeadEvent
	s.until("dead letters", func(ctx context.Context) (_ bool, err error) {
		dead, err = s.parts.Queue.DeadLetters(ctx, queue.Cursor{}, 100)
		return len(dead) == len(poison), err
	})
	for _, l := range dead {
		if l.Reason == "" || l.Attempts != 1 {
			t.Errorf("dead letter after %d attempts for %q", l.Attempts, l.Reason)
		}
	}
}

// TestSlowPushServiceHoldsUpNothing makes FCM never answer.
func TestSlowPushServiceHoldsUpNothing(t *testing.T) {
	fcm := simulate.NewFCM(simulate.FCMOptions{Faults: simulate.Faults{simulate.FaultHang: 1}, Unlimited: true})
	twin := httptest.NewServer(fcm)
	defer twin.Close()
	defer fcm.Close()
	account := filepath.Join(t.TempDir(), "sa.json")
	if err := fcm.WriteServiceAccount(account, twin.URL); err != nil {
		t.Fatal(err)
	}
	c := config(wire.Storage{}, "fcm:"+account+"?endpoint="+twin.URL)
	sender, err := c.OpenPush(t.Context(), wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	hard, cut := context.WithCancel(context.Background())
	s := serve(t, wire.Options{}, func(o *host.Options) { o.Sender, o.Hard = sender, hard })
	token := simulate.NewToken(rand.New(rand.NewPCG(1, 1)))
	_, err = s.parts.Store.PutDevice(t.Context(), bellhop.Device{Shop: shop, Installation: "phone",
		Kind:  bellhop.AddressToken,
		Value: token, Platform: bellhop.PlatformAndroid, Form: bellhop.FormData, AddedAt: time.Now(), SeenAt: time.Now()},
		store.DeviceLimits{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if got := s.post(shopify.TopicOrderCreate, fmt.Sprint(i), order(i+1)); got != 200 {
			t.Fatalf("order %d: %d", i, got)
		}
	}
	s.untilOutcome(bellhop.OutcomeRecorded, 50)
	s.until("pushes under way", func(ctx context.Context) (bool, error) {
		counts, err := s.parts.Store.PushCounts(ctx)
		return counts[bellhop.PushSending] == 50, err
	})
	cut() // nobody waits for a service that hangs: the second signal ends it
	if err := s.stop(); err != nil {
		t.Errorf("end: %v", err)
	}
	counts, err := s.parts.Store.PushCounts(t.Context())
	if err != nil || counts[bellhop.PushSending]+counts[bellhop.PushUnknown] != 50 {
		t.Errorf("after the end: %v, %v; want every push to be tried again", counts, err)
	}
}

// TestDrainFinishesWhatIsLeased ends a process in the middle of a backlog: it leaves no
// event leased.
func TestDrainFinishesWhatIsLeased(t *testing.T) {
	s := serve(t, wire.Options{}, nil)
	var clients sync.WaitGroup
	for i := range 200 {
		clients.Go(func() { s.post(shopify.TopicOrderCreate, fmt.Sprint(i), order(i+1)) })
	}
	clients.Wait()
	if err := s.stop(); err != nil {
		t.Errorf("drain: %v", err)
	}
	d, err := s.parts.Queue.Depth(t.Context())
	if err != nil || d.Leased != 0 {
		t.Errorf("after draining: %+v, %v; want nothing leased", d, err)
	}
	totals, err := s.parts.Store.Totals(t.Context())
	if err != nil || int(totals[bellhop.OutcomeRecorded])+d.Waiting != 200 {
		t.Errorf("%v recorded and %d waiting, %v; want 200 together", totals, d.Waiting, err)
	}
}
