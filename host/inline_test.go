package host_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bellhop"
	"bellhop/bench"
	"bellhop/host"
	"bellhop/push"
	"bellhop/shopify"
	"bellhop/store"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// pushService is a push service that calls send.
type pushService struct {
	sent atomic.Int64
	send func(context.Context) error
}

func (s *pushService) Send(ctx context.Context, _ push.Message) (string, error) {
	s.sent.Add(1)
	return "", s.send(ctx)
}
func (*pushService) Takes(bellhop.AddressKind) bool { return true }
func (*pushService) Service(bellhop.Device) string  { return "test:" }

func (*pushService) Check(context.Context, ...bellhop.Device) error { return nil }
func (*pushService) Close() error                                   { return nil }

func serveInline(t *testing.T, i bench.InlineOptions, send func(context.Context) error) (*served, *pushService) {
	t.Helper()
	fcm := &pushService{send: send}
	s := serveBy(t, &i, oneFile(wiretest.Dir(t)), wire.Options{},
		func(o *host.Options) { o.Sender = fcm })
	addPhone(t, s)
	return s, fcm
}

func addPhone(t *testing.T, s *served) {
	t.Helper()
	_, err := s.parts.Store.PutDevice(t.Context(), bellhop.Device{Shop: shop, Installation: "phone",
		Kind:  bellhop.AddressToken,
		Value: "token", Platform: bellhop.PlatformAndroid, Form: bellhop.FormData, AddedAt: time.Now(), SeenAt: time.Now()},
		store.DeviceLimits{})
	if err != nil {
		t.Fatal(err)
	}
}

func (s *served) pushed(id int64) []bellhop.Push {
	s.t.Helper()
	o, err := s.parts.Store.Order(s.t.Context(), shop, id)
	if err != nil {
		s.t.Fatal(err)
	}
	return o.Pushes
}

func took(context.Context) error { return nil }

// TestInlineAnswersWhenAllIsDone checks the store and the pushes right after an answer.
func TestInlineAnswersWhenAllIsDone(t *testing.T) {
	s, fcm := serveInline(t, bench.InlineOptions{}, took)
	for i := range 3 { // the same webhook, as Shopify repeats it
		if got := s.post(shopify.TopicOrderCreate, "webhook", order(1)); got != http.StatusOK {
			t.Fatalf("delivery %d: %d", i, got)
		}
		if p := s.pushed(1); len(p) != 1 || p[0].Status != bellhop.PushSent || fcm.sent.Load() != 1 {
			t.Fatalf("after delivery %d: pushes %+v, %d sent", i, p, fcm.sent.Load())
		}
	}
	if got := s.post(shopify.TopicOrderCreate, "poison", []byte(`{`)); got != http.StatusOK {
		t.Errorf("what can never be recorded: %d", got)
	}
	s.untilOutcome(bellhop.OutcomeDead, 1)
	d, err := s.parts.Queue.Depth(t.Context())
	if err != nil || d.Waiting+d.Leased+d.Dead != 0 {
		t.Errorf("the queue has %+v: %v", d, err)
	}
}

// TestInlineWithManyAtOnce checks that each request pushes as much as it recorded.
func TestInlineWithManyAtOnce(t *testing.T) {
	s, fcm := serveInline(t, bench.InlineOptions{Pool: 8}, took)
	const orders = 100
	var all sync.WaitGroup
	for i := range orders {
		all.Go(func() {
			if got := s.post(shopify.TopicOrderCreate, fmt.Sprint(i), order(i+1)); got != http.StatusOK {
				t.Errorf("order %d: %d", i, got)
			}
		})
	}
	all.Wait()
	counts, err := s.parts.Store.PushCounts(t.Context())
	if err != nil || counts[bellhop.PushSent] != orders || fcm.sent.Load() != orders {
		t.Errorf("%v, %d sent, %v; want %d", counts, fcm.sent.Load(), err, orders)
	}
}

// claimedByOthers is a store whose first claims find the device in use.
type claimedByOthers struct {
	store.Store
	claims atomic.Int64
}

func (c *claimedByOthers) ClaimPushes(ctx context.Context, now time.Time, slots store.Slots,
	lease time.Duration) ([]store.Owed, error) {
	if c.claims.Add(1) <= 5 {
		return nil, nil
	}
	return c.Store.ClaimPushes(ctx, now, slots, lease)
}

// TestInlineLooksAgain tries a push again when others were in its way: nobody else
// does.
func TestInlineLooksAgain(t *testing.T) {
	var busy *claimedByOthers
	fcm := &pushService{send: took}
	s := serveBy(t, &bench.InlineOptions{},
		oneFile(wiretest.Dir(t)), wire.Options{}, func(o *host.Options) {
			busy = &claimedByOthers{Store: o.Store}
			o.Store, o.Sender = busy, fcm
		})
	addPhone(t, s)
	if got := s.post(shopify.TopicOrderCreate, "webhook", order(1)); got != http.StatusOK {
		t.Errorf("%d", got)
	}
	if p := s.pushed(1); len(p) != 1 || p[0].Status != bellhop.PushSent || busy.claims.Load() != 6 {
		t.Errorf("pushes %+v after %d claims", p, busy.claims.Load())
	}
}

// TestInlinePushThatFails still gets a 200: the order is there, and the push has the
// reason.
func TestInlinePushThatFails(t *testing.T) {
	s, _ := serveInline(t, bench.InlineOptions{},
		func(context.Context) error { return &push.Error{Reason: push.ReasonUnavailable} })
	if got := s.post(shopify.TopicOrderCreate, "webhook", order(1)); got != http.StatusOK {
		t.Errorf("%d", got)
	}
	if p := s.pushed(1); len(p) != 1 || p[0].Status != bellhop.PushPending ||
		p[0].Reason != string(push.ReasonUnavailable) {
		t.Errorf("pushes %+v", p)
	}
}

// away is a store that records nothing.
type away struct{ store.Store }

func (away) Record(context.Context, []bellhop.Fact) ([]bellhop.Result, error) {
	return nil, bellhop.Errorf(bellhop.Unavailable, "away", "the database is away")
}

func TestInlineWithoutItsStore(t *testing.T) {
	s := serveBy(t, &bench.InlineOptions{},
		oneFile(wiretest.Dir(t)), wire.Options{}, func(o *host.Options) { o.Store = away{o.Store} })
	if got := s.post(shopify.TopicOrderCreate, "webhook", order(1)); got != http.StatusServiceUnavailable {
		t.Errorf("%d, though nothing is recorded", got)
	}
}

// TestInlinePool fills the pool and the line with webhooks that wait for the push
// service.
func TestInlinePool(t *testing.T) {
	const places, line = 2, 3
	entered, goOn := make(chan struct{}, places+line), make(chan struct{})
	s, _ := serveInline(t, bench.InlineOptions{Pool: places, Waiting: line, Patience: time.Minute},
		func(context.Context) error {
			entered <- struct{}{}
			<-goOn
			return nil
		})
	var all sync.WaitGroup
	statuses := make(chan int, places+line+1)
	send := func(id int) {
		all.Go(func() { statuses <- s.post(shopify.TopicOrderCreate, fmt.Sprint(id), order(id)) })
	}
	for i := range places {
		send(i + 1)
		<-entered
	}
	for i := range line + 1 { // one of which finds the line full
		send(places + i + 1)
	}
	if got := <-statuses; got != http.StatusServiceUnavailable {
		t.Errorf("beyond the line: %d", got)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/v1/orders", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.do(r); got != http.StatusServiceUnavailable {
		t.Errorf("an owner beyond the line: %d", got)
	}
	if r, err = http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/readyz", nil); err != nil {
		t.Fatal(err)
	}
	if got := s.do(r); got != http.StatusOK {
		t.Errorf("a probe: %d", got)
	}
	close(goOn)
	all.Wait()
	for range places + line {
		if got := <-statuses; got != http.StatusOK {
			t.Errorf("from the line: %d", got)
		}
	}
}

// TestInlineLineHasAnEnd answers requests that waited too long.
func TestInlineLineHasAnEnd(t *testing.T) {
	entered, goOn := make(chan struct{}), make(chan struct{})
	s, _ := serveInline(t, bench.InlineOptions{Pool: 1, Patience: 10 * time.Millisecond}, func(context.Context) error {
		close(entered)
		<-goOn
		return nil
	})
	var first sync.WaitGroup
	first.Go(func() {
		if got := s.post(shopify.TopicOrderCreate, "1", order(1)); got != http.StatusOK {
			t.Errorf("the one with the place: %d", got)
		}
	})
	<-entered
	if got := s.post(shopify.TopicOrderCreate, "2", order(2)); got != http.StatusServiceUnavailable {
		t.Errorf("who waited in vain: %d", got)
	}
	close(goOn)
	first.Wait()
}
