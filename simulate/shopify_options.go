package simulate

import (
	"cmp"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"bellhop"
)

// ShopifyOptions configure the Shopify twin. Shares are from 0 to 1.
type ShopifyOptions struct {
	Target string   // address of the webhook endpoint; not needed to [Generate], nor with Route
	Shops  []string // myshopify.com domains; the first sells in USD, the others in other currencies
	Place  int      // of the first shop among others that are not named here: it sells in the currency of that place
	Secret string   // signs every body
	Seed   uint64   // the same seed and clock make the same run

	// deliveries begun a second, whether or not earlier ones were answered; 0 is as fast as possible
	Rate     float64
	Duration time.Duration // begin deliveries for so long; 0 is until Orders are done
	Orders   int           // how many orders; 0 is until Duration is over or the context is done

	Duplicates float64 // share of deliveries that come twice: half with the same webhook id, half with a new one
	Shuffle    float64 // share of deliveries that come late
	Window     int     // a late one comes after 1 to Window others; 0 is 500
	// share of orders with follow-ups: updated, paid, fulfilled, under way, cancelled, edited, refunded,
	// assessed, returned, closed, seldom deleted
	Updates   float64
	FollowUps int     // an order with follow-ups has 1 to FollowUps; 0 is 4
	Poison    float64 // share of deliveries, rightly signed, whose body can never be processed

	// Numbers holds the last order number that was given, for twins that send for one
	// shop; nil: each shop begins with #1001.
	Numbers *atomic.Int64
	// Ledger counts the deliveries of several twins together; it keeps counts only. nil makes one
	// for this twin.
	Ledger *Ledger

	// Route takes the place of Target. Run calls it, from its own goroutine, with each due delivery that has no
	// target of its own; it sends a copy for each subscription with [Shopify.Send]. Without Rate, Orders and
	// Duration, nothing comes but what is sent so.
	Route func(*Delivery)
	Ends  bool // with Route, too, Run ends once each delivery is acknowledged or has failed
	// Tried is called after the n-th attempt at a delivery, from Run's goroutine.
	Tried func(d *Delivery, n int, ok bool)

	OneCurrency bool // a shop's orders are all in its own currency; else a few are not, which saves tests ten shops

	Concurrency int // requests under way at once; 0 is 64
	// shortens the retry schedule: 0 or 1 is Shopify's own four hours, 0.001 is 14 seconds
	TimeScale float64
	Transport http.RoundTripper // nil is one that connects within 1 s and keeps connections

	Now           func() time.Time // what orders are dated by; nil is time.Now
	Clock         func() time.Time // what deliveries are due by; nil is time.Now. Another needs [Shopify.Flush]
	Progress      func(Summary)    // called now and then while it runs, from one goroutine
	ProgressEvery time.Duration    // 0 is a second
	CountsOnly    bool             // the ledger keeps counts and no entries: for long load tests
}

// check sets defaults and refuses wrong values.
func (o *ShopifyOptions) check() error {
	if len(o.Shops) == 0 {
		return bellhop.Invalidf("shop", "no shop is named: give one or several of the form NAME.myshopify.com")
	}
	for _, s := range o.Shops {
		if _, err := bellhop.ParseShopDomain(s); err != nil {
			return err
		}
	}
	if o.Secret == "" {
		return bellhop.Invalidf("secret", "no secret is given: give the one that the endpoint checks signatures with")
	}
	if err := o.checkShares(); err != nil {
		return err
	}
	if o.Rate < 0 || o.Duration < 0 || o.Orders < 0 || o.TimeScale < 0 || o.Concurrency < 0 || o.Window < 0 ||
		o.FollowUps < 0 || o.Place < 0 {
		return bellhop.Invalidf("options", "a rate, a duration or a count is negative: give 0 or more")
	}
	if o.Ledger != nil && !o.Ledger.countsOnly {
		return bellhop.Invalidf("options",
			"the shared ledger keeps entries, which are one twin's: give one that keeps counts only")
	}
	o.fill()
	return nil
}

func (o *ShopifyOptions) checkShares() error {
	for _, share := range []struct {
		name  string
		value float64
		most  float64
	}{
		{"shuffle", o.Shuffle, 1}, {"updates", o.Updates, 1},
		// All of these would leave no room for anything else.
		{"duplicates", o.Duplicates, 0.9}, {"poison", o.Poison, 0.9},
	} {
		if !(share.value >= 0 && share.value <= share.most) {
			return bellhop.Invalidf("share", "%s is %v: give a share from 0%% to %v%%", share.name, share.value, 100*share.most)
		}
	}
	return nil
}

func (o *ShopifyOptions) fill() {
	o.Window = cmp.Or(o.Window, 500)
	o.FollowUps = cmp.Or(o.FollowUps, 4)
	o.Concurrency = cmp.Or(o.Concurrency, 64)
	o.TimeScale = cmp.Or(o.TimeScale, 1)
	o.ProgressEvery = cmp.Or(o.ProgressEvery, time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
}

func (o *ShopifyOptions) checkTarget() error {
	u, err := url.Parse(o.Target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return bellhop.Invalidf("target",
			"%q is not a webhook address: give one such as http://127.0.0.1:8080/webhooks/shopify", o.Target)
	}
	return nil
}

// interval is the time from one delivery to the next in the orders' own clock.
// Without a rate it is short, so that a run of any size stays near now.
func (o *ShopifyOptions) interval() time.Duration {
	if o.Rate == 0 {
		return 50 * time.Microsecond
	}
	return time.Duration(float64(time.Second) / o.Rate)
}
