package host_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"bellhop"
	"bellhop/host"
	"bellhop/push/fcmpush"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// movedClock is ahead of the machine's clock.
type movedClock struct{ by atomic.Int64 }

func (c *movedClock) now() time.Time { return time.Now().Add(time.Duration(c.by.Load())) }

// troubled is a bellhop whose FCM fails.
type troubled struct {
	*served
	twin   *simulate.FCM
	clock  *movedClock
	orders int
}

func newTroubled(t *testing.T, storage wire.Storage, f simulate.Faults) *troubled {
	t.Helper()
	clock := &movedClock{}
	twin := simulate.NewFCM(simulate.FCMOptions{Faults: f})
	server := httptest.NewServer(twin)
	t.Cleanup(server.Close)
	account, err := twin.ServiceAccount(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	sender, err := fcmpush.New(t.Context(), fcmpush.Options{Endpoint: server.URL, Now: clock.now,
		Credentials: func(context.Context) ([]byte, error) { return account, nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sender.Close() })
	s := serveOn(t, storage, wire.Options{Now: clock.now}, func(o *host.Options) { o.Sender, o.Now = sender, clock.now })
	for i := range 3 {
		_, err := s.parts.Store.PutDevice(t.Context(), bellhop.Device{Shop: shop, Installation: fmt.Sprint("phone-", i),
			Kind: bellhop.AddressToken,
			Value: fmt.Sprintf("fMEP0vJqS0a-yBzE0_4Yy%d:APA91bHunUAzKjnMcEhBd0vDrkTbcx0Hz2eGTfTHMiJ4Oc1q8iTdJ0YS9mbjLb5dAQH"+
				"Yzmy1qFz5Ui1J6kLpQb2cVd3eWf4gXh5iYj6kZl7mAn8oBp9qCr0sDt1uEv2wFx3yGz4", i),
			Platform: bellhop.PlatformAndroid, Form: bellhop.FormData, AddedAt: time.Now(), SeenAt: time.Now()},
			store.DeviceLimits{})
		if err != nil {
			t.Fatal(err)
		}
	}
	return &troubled{served: s, twin: twin, clock: clock}
}

// pass lets time pass in steps until cond. With each comes an order, which wakes the
// push worker. The next step waits until nothing changes any more, however slow the
// machine is.
func (c *troubled) pass(step time.Duration, what string, cond func(map[bellhop.PushStatus]int64) bool) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	for {
		c.clock.by.Add(int64(step))
		c.order()
		for quiet := false; !quiet; {
			changed := c.parts.Store.Changed()
			counts, err := c.parts.Store.PushCounts(ctx)
			switch {
			case err != nil:
				c.t.Fatalf("%s: %v", what, err)
			case counts[bellhop.PushFailed]+counts[bellhop.PushSkipped] > 0:
				c.t.Fatalf("%s: pushes are lost: %v", what, counts)
			case cond(counts):
				return
			}
			select {
			case <-changed:
			case <-time.After(150 * time.Millisecond):
				quiet = true
			}
		}
	}
}

func (c *troubled) order() {
	c.t.Helper()
	c.orders++
	if got := c.post(shopify.TopicOrderCreate, fmt.Sprint("webhook-", c.orders), order(c.orders)); got != http.StatusOK {
		c.t.Fatalf("order %d: %d", c.orders, got)
	}
}

func (c *troubled) ready() bool {
	_, failing := readyz(c.t, c.url)
	return !slices.Contains(failing, "push")
}

// TestTroubleLosesNoPush makes FCM refuse our service account, know no device, or be
// away, for most of an hour. Once it works, all devices get their pushes.
func TestTroubleLosesNoPush(t *testing.T) {
	for name, faults := range map[string]simulate.Faults{
		"account refused": {simulate.FaultGrant: 1}, "other project": {simulate.FaultMismatch: 1}, "away": {simulate.FaultUnavailable: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTroubled(t, oneFile(wiretest.Dir(t)), faults)
			c.pass(time.Second, "it is seen that FCM is in trouble",
				func(map[bellhop.PushStatus]int64) bool { return !c.ready() })
			c.pass(7*time.Minute, "later",
				func(map[bellhop.PushStatus]int64) bool { return c.clock.by.Load() > int64(40*time.Minute) })
			c.twin.SetFaults(nil)
			c.pass(time.Minute, "once it is well",
				func(n map[bellhop.PushStatus]int64) bool { return n[bellhop.PushSent] == int64(3*c.orders) })
			if !c.ready() {
				t.Error("/readyz does not say that it is well")
			}
		})
	}
}
