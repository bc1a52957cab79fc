package web

import (
	"context"
	"sync"
	"time"

	"bellhop"
	"bellhop/connect"
)

// What people and programs ask of Shopify takes long, and a shop's apps may ask only so many questions a
// minute: a shop has a few in a row. All shops together have few places, and one shop has two of them, since its
// questions wait for each other.
const (
	careBurst   = 10
	careEvery   = 6 * time.Second
	carePlaces  = 16
	carePerShop = 2
	careFor     = 25 * time.Second // shorter than an answer may take
)

// Care connects shops and looks after their connections, for all folders of web within the same bounds.
type Care struct {
	Connector *connect.Connector // nil where the app or our own address isn't set

	now    func() time.Time
	byShop *Limits

	mu     sync.Mutex
	asking map[string]int // by shop
	all    int
}

// NewCare takes nil for a connector: then no shop can be connected.
func NewCare(c *connect.Connector, now func() time.Time) *Care {
	return &Care{Connector: c, now: now, byShop: NewLimits(careEvery, careBurst, LimitedKeys),
		asking: map[string]int{}}
}

var errConnectingOff = bellhop.Errorf(bellhop.NotFound, "connecting_off",
	"this bellhop connects no shops: set BELLHOP_SHOPIFY_CLIENT_ID and BELLHOP_URL")

// ShopOf returns the shop of an ID token of Shopify's.
func (c *Care) ShopOf(idToken string) (string, error) {
	if c.Connector == nil {
		return "", errConnectingOff
	}
	id, err := c.Connector.App.ParseIDToken(idToken)
	if err != nil {
		return "", ErrIDToken
	}
	return id.Shop, nil
}

// Begin takes a place to ask Shopify something for a shop; call done at the end. The context goes on when the
// client goes away: what Shopify gave once it may not give again.
func (c *Care) Begin(ctx context.Context, shop string) (_ context.Context, done func(), err error) {
	if c.Connector == nil {
		return nil, nil, errConnectingOff
	}
	wait := c.byShop.Take(shop, c.now())
	if wait == 0 {
		if c.enter(shop) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), careFor)
			return ctx, func() { cancel(); c.leave(shop) }, nil
		}
		wait = time.Second
	}
	return nil, nil, &RetryError{bellhop.Errorf(bellhop.RateLimited, "rate_limited",
		"too much is asked of Shopify at once; try again in a moment"), wait}
}

// enter takes a place, if there is one.
func (c *Care) enter(shop string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == carePlaces || c.asking[shop] == carePerShop {
		return false
	}
	c.all++
	c.asking[shop]++
	return true
}

func (c *Care) leave(shop string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.asking[shop]--; c.asking[shop] == 0 {
		delete(c.asking, shop)
	}
}
