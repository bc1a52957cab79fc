package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"bellhop"
	"bellhop/demo"
	"bellhop/host"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/web/webhook"
)

// demoButtons implement the demo's phone and buttons for the console.
type demoButtons struct {
	*demonstration
	ctx  context.Context // done when the demo ends
	work sync.WaitGroup

	mu      sync.Mutex
	poison  int64          // acknowledged
	mended  time.Time      // when FCM works again; zero while it does
	worker  func()         // stops it; nil while it does not run
	first   map[int64]bool // recorded orders
	twice   int64
	newest  bellhop.EventID // of the ledger's counted lines
	settled demo.Balance    // the last consistent one
}

func newDemoButtons(ctx context.Context, d *demonstration) *demoButtons {
	settled := d.before
	settled.Acknowledged = settled.Sum()
	return &demoButtons{demonstration: d, ctx: ctx, first: map[int64]bool{}, settled: settled}
}

// end stops the worker and waits for all that the buttons began.
func (b *demoButtons) end() {
	b.mu.Lock()
	stop := b.worker
	b.mu.Unlock()
	if stop != nil {
		stop()
	}
	b.work.Wait()
}

// broken is how long the button breaks FCM.
const broken = 20 * time.Second

// Do implements [demo.Controls].
func (b *demoButtons) Do(_ context.Context, action demo.Action) error {
	switch action {
	case demo.Order:
		return b.send(simulate.ShopifyOptions{Orders: 1})
	case demo.Sale:
		return b.send(simulate.ShopifyOptions{Orders: 500})
	case demo.Duplicates:
		return b.send(simulate.ShopifyOptions{Orders: 5, Duplicates: 0.6})
	case demo.Shuffle:
		return b.send(simulate.ShopifyOptions{Orders: 10, Updates: 1, Shuffle: 1, Window: 20})
	case demo.Poison:
		return b.sendPoison()
	case demo.Break:
		b.breakFCM()
	case demo.Mend:
		b.mu.Lock()
		defer b.mu.Unlock()
		b.mend()
	case demo.Stop:
		b.stopWorker()
	case demo.Start:
		b.startWorker()
	}
	return nil
}

// Speak implements [demo.Controls].
func (b *demoButtons) Speak(ctx context.Context, language, timezone string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.phone.device
	if d.Locale == language && d.Timezone == timezone {
		return nil
	}
	d.Locale, d.Timezone, d.SeenAt = language, timezone, b.job.stamp()
	if _, err := b.parts.Store.PutDevice(ctx, d, store.DeviceLimits{}); err != nil {
		return err
	}
	b.phone.device.Locale, b.phone.device.Timezone = language, timezone
	return nil
}

// send has the shop make some more orders.
func (b *demoButtons) send(o simulate.ShopifyOptions) error { return b.shop.MakeOrders(demoShop, o) }

// sendPoison sends a correctly signed webhook that nobody can process.
func (b *demoButtons) sendPoison() error {
	body := []byte(`{"id":"this is no order","customer":{"first_name":"Jo"}}`)
	r, err := http.NewRequestWithContext(b.ctx, http.MethodPost, b.address()+webhook.Path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, value := range map[string]string{shopify.HeaderTopic: "orders/create", shopify.HeaderShop: demoShop,
		shopify.HeaderAPIVersion: "2026-10", shopify.HeaderWebhookID: uuid.NewString(),
		shopify.HeaderHMAC: shopify.Sign(b.secret, body), "Content-Type": "application/json"} {
		r.Header.Set(name, value)
	}
	// Under the lock, so that nobody counts between the answer and poison.
	b.mu.Lock()
	defer b.mu.Unlock()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return bellhop.Errorf(bellhop.Unavailable, "demo", "the poison message could not be sent: try again")
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		b.poison++
	}
	return nil
}

func (b *demoButtons) breakFCM() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mended = b.job.now().Add(broken)
	b.fcm.SetBroken(true)
	time.AfterFunc(broken, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !b.mended.IsZero() && !b.job.now().Before(b.mended) { // else somebody broke it again
			b.mend()
		}
	})
}

// mend needs mu.
func (b *demoButtons) mend() {
	b.mended = time.Time{}
	b.fcm.SetBroken(false)
}

// startWorker records and pushes, as bellhop worker does.
func (b *demoButtons) startWorker() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.worker != nil {
		return
	}
	ctx, cancel := context.WithCancel(b.ctx)
	done := make(chan struct{})
	b.worker = func() { cancel(); <-done }
	o := b.options
	o.Record, o.Notify, o.Webhooks, o.Servers, o.Telemetry = true, true, nil, nil, host.NewTelemetry()
	b.work.Go(func() {
		defer close(done)
		if err := host.Run(ctx, o); err != nil && ctx.Err() == nil {
			b.job.log.Error("the worker ended", "err", err)
		}
	})
}

func (b *demoButtons) stopWorker() {
	b.mu.Lock()
	stop := b.worker
	b.worker = nil
	b.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// maxSlots is the most notifications on the phone, the newest ones.
const maxSlots = 50

// State implements [demo.Controls].
func (b *demoButtons) State(ctx context.Context) (s demo.State, err error) {
	if s.Balance, err = b.balance(ctx); err != nil {
		return s, err
	}
	shown := b.fcm.Drawer(b.phone.device.Value)
	slices.SortStableFunc(shown, func(a, b simulate.Slot) int { return a.LastAt.Compare(b.LastAt) })
	for _, slot := range shown[max(0, len(shown)-maxSlots):] {
		s.Phone = append(s.Phone, demo.Notification{Tag: slot.Tag, Title: slot.Title, Body: slot.Body})
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s.Works = b.worker != nil
	if !b.mended.IsZero() {
		s.Broken = max(0, b.mended.Sub(b.job.now()))
	}
	return s, nil
}

// How often balance reads while webhooks come, and after how many equal ones in a row
// it takes one that does not hold.
const (
	balanceTries = 100
	balancePause = 10 * time.Millisecond
	balanceStill = 50
)

// balance reads how many events bellhop acknowledged and what became of them. It reads
// three places, one after the other, and a recorded event stays leased for a moment. So
// it tries until the numbers hold and nothing has moved meanwhile, or nothing moves any
// more. In a flood it may give up, and returns the last consistent balance.
func (b *demoButtons) balance(ctx context.Context) (demo.Balance, error) {
	var last demo.Balance
	still := 0 // equal reads in a row
	for range balanceTries {
		s, moved, err := b.readBalance(ctx)
		if err != nil {
			return s, err
		}
		if still++; moved || s != last || !b.quiet() {
			last, still = s, 0
		}
		if !moved && s.Holds() || still >= balanceStill {
			return b.keep(s), nil
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-time.After(balancePause):
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.settled, nil
}

// readBalance also reports whether something moved meanwhile.
func (b *demoButtons) readBalance(ctx context.Context) (s demo.Balance, moved bool, err error) {
	acknowledged, fetched := b.acknowledged(), b.fetched.Load()
	if s, err = b.countEvents(ctx); err != nil {
		return s, false, err
	}
	again, err := b.countEvents(ctx)
	if err != nil {
		return s, false, err
	}
	moved = s != again || acknowledged != b.acknowledged() || fetched != b.fetched.Load()
	s.Acknowledged, s.Fetched = acknowledged, fetched
	s.Twice, err = b.recordedTwice(ctx)
	return s, moved, err
}

func (b *demoButtons) keep(s demo.Balance) demo.Balance {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settled = s
	return s
}

// acknowledged counts the webhooks that got a 2xx, and the events of earlier demos.
func (b *demoButtons) acknowledged() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.before.Sum() + b.poison + int64(b.shop.Ledger().Summary().Acknowledged)
}

// sent counts the webhooks since the demo began.
func (b *demoButtons) sent() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.poison + int64(b.shop.Ledger().Summary().Deliveries)
}

// quiet reports whether no webhook is under way. At the end none is, even if some got
// no answer.
func (b *demoButtons) quiet() bool {
	return b.ctx.Err() != nil || b.shop.Ledger().Summary().Pending == 0
}

// recordedTwice counts the orders that the ledger has as new a second time. It reads
// only the lines since the last call.
func (b *demoButtons) recordedTwice(ctx context.Context) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	newest := b.newest
	for q := (store.LineQuery{Limit: 200, Topic: "orders/create", Outcome: bellhop.OutcomeRecorded}); ; {
		page, err := b.parts.Store.Lines(ctx, q)
		if err != nil {
			return 0, fmt.Errorf("read the ledger: %w", err)
		}
		for _, l := range page.Lines {
			if l.Event.ID == newest {
				return b.twice, nil
			}
			if b.newest == newest {
				b.newest = l.Event.ID
			}
			if b.first[l.OrderID] {
				b.twice++
			}
			b.first[l.OrderID] = true
		}
		if q.Cursor = page.Next; page.Next == "" {
			return b.twice, nil
		}
	}
}
