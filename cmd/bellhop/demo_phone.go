package main

import (
	"context"
	"strconv"
	"time"

	"bellhop"
	"bellhop/simulate"
)

// demoPhone is the owner's app on the simulated phone: it sends a receipt for each
// push.
type demoPhone struct {
	device bellhop.Device
	shown  chan simulate.Sent
}

// How long FCM's twin takes to answer, and a message to the phone.
const (
	fcmLatency   = 80 * time.Millisecond
	phoneLatency = 2 * fcmLatency // FCM usually has answered by then
)

// newDemoPhone makes a phone that holds more than its budget lets through at once.
func newDemoPhone() *demoPhone { return &demoPhone{shown: make(chan simulate.Sent, 512)} }

// take gets each message that FCM took. A phone that can't keep up skips some
// receipts.
func (p *demoPhone) take(s simulate.Sent) {
	if s.Throttled {
		return // FCM shows it later or never
	}
	select {
	case p.shown <- s:
	default:
	}
}

// run sends a receipt for each message, phoneLatency after FCM took it.
func (p *demoPhone) run(ctx context.Context, d *demonstration) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-p.shown:
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Until(s.At.Add(phoneLatency))):
			}
			id, err := strconv.ParseInt(s.Data["push_id"], 10, 64)
			if err != nil {
				continue // the console's test
			}
			err = d.parts.Store.PushReceipt(ctx, demoShop, id, false, d.job.stamp())
			if err != nil && ctx.Err() == nil && bellhop.KindOf(err) != bellhop.NotFound { // its order was deleted
				d.job.log.Error("the phone's receipt", "err", err)
			}
		}
	}
}
