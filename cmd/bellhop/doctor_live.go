package main

import (
	"context"
	"fmt"
	"time"

	"bellhop"
	waits "bellhop/internal/wait"
	"bellhop/shopify"
	"bellhop/store"
	"bellhop/wire"
)

// How long doctor --live waits for single steps, once the order's webhook has come.
const (
	livePush    = time.Minute
	liveReceipt = 30 * time.Second
	liveLook    = time.Second // for what changes without a word
)

// live follows one test order from Shopify to a phone, while bellhop runs.
type live struct {
	*job
	store store.Store
	shop  string
	began time.Time
}

// follow waits for a test order. Each step that went well has its time; the first that did not is the last.
func (c *doctorCmd) follow(j *job, p *wire.Parts) ([]wire.Finding, error) {
	if err := shopIsThere(j, p, c.Shop); err != nil {
		return nil, err
	}
	l := &live{job: j, store: p.Store, shop: c.Shop, began: j.stamp()}
	found, err := l.ready()
	if err != nil || failed(found) > 0 {
		return found, err
	}
	fmt.Fprintf(j.err, "Place a test order in %s now. Waiting for up to %v.\n", c.Shop, c.Wait)
	line, err := l.webhook(c.Wait)
	switch {
	case err != nil:
		return found, err
	case line == nil:
		return c.nothingCame(j, p, found)
	case line.OrderID == 0:
		return append(found, wire.Fail("record", fmt.Sprintf("the order's webhook came, and was %s: %s", line.Outcome,
			line.Reason), "see bellhop ledger ls --shop "+c.Shop)), nil
	}
	o, err := l.store.Order(j.ctx, l.shop, line.OrderID)
	if err != nil {
		return found, err
	}
	found = append(found, cameIn(o), wire.OK("record", fmt.Sprintf("order %s, recorded %s after that", o.Name,
		took(o.Trace.AcceptedAt, o.Trace.RecordedAt))))
	pushes, err := l.pushes(o)
	return append(found, pushes...), err
}

// ready looks for what a test order needs.
func (l *live) ready() ([]wire.Finding, error) {
	devices, err := l.store.Devices(l.ctx, l.shop)
	if err != nil {
		return nil, err
	}
	n := 0
	for _, d := range devices {
		if d.RetiredAt.IsZero() {
			n++
		}
	}
	if n == 0 {
		return []wire.Finding{wire.Fail("phone", "no device of "+l.shop+" is registered: nothing can ring",
			"sign in on a phone, in the console or in your app, and turn notifications on")}, nil
	}
	return []wire.Finding{wire.OK("phone", plural(n, "device")+" of "+l.shop)}, nil
}

// webhook returns the line of the first order that was accepted since doctor began; nil for none in time.
func (l *live) webhook(patience time.Duration) (found *store.Line, err error) {
	err = l.until(patience, func() (bool, error) {
		page, err := l.store.Lines(l.ctx, store.LineQuery{Shop: l.shop, Topic: shopify.TopicOrderCreate, Limit: 1})
		if err == nil && len(page.Lines) > 0 && !page.Lines[0].Event.AcceptedAt.Before(l.began) {
			found = &page.Lines[0]
		}
		return found != nil, err
	})
	return found, err
}

// until waits until something is so, or for as long as patience lasts.
func (l *live) until(patience time.Duration, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(l.ctx, patience)
	defer cancel()
	for {
		changed := l.store.Changed()
		if done, err := is(); done || err != nil {
			return err
		}
		waits.For(ctx, liveLook, changed, nil)
		if l.ctx.Err() != nil {
			return l.ctx.Err()
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// nothingCame names what may keep webhooks away.
func (c *doctorCmd) nothingCame(j *job, p *wire.Parts, found []wire.Finding) ([]wire.Finding, error) {
	found = append(found, wire.Fail("webhook", fmt.Sprintf("no orders/create of %s within %v", c.Shop, c.Wait),
		"look at the lines below, and at the app's webhook subscriptions in Shopify"))
	for _, check := range []func(*job, *wire.Parts) ([]wire.Finding, error){refused, depth, unknownShops, tooLarge} {
		more, err := check(j, p)
		if err != nil {
			return found, err
		}
		found = append(found, more...)
	}
	return found, nil
}

func cameIn(o bellhop.Order) wire.Finding {
	if o.Trace.TriggeredAt.IsZero() {
		return wire.OK("webhook", "accepted at "+when(o.Trace.AcceptedAt)+" UTC")
	}
	return wire.OK("webhook", fmt.Sprintf("accepted %s after Shopify triggered it",
		took(o.Trace.TriggeredAt, o.Trace.AcceptedAt)))
}

// pushes reads the order's pushes back: whether a service took one, and whether the phone says so.
func (l *live) pushes(o bellhop.Order) ([]wire.Finding, error) {
	var sent *bellhop.Push
	var all []bellhop.Push
	look := func(is func(p *bellhop.Push) bool) func() (bool, error) {
		return func() (bool, error) {
			page, err := l.store.Pushes(l.ctx, l.shop, store.PushQuery{OrderID: o.ID})
			all, sent = page.Pushes, nil
			waiting := 0
			for i := range all {
				p := &all[i]
				if !p.SentAt.IsZero() && (sent == nil || !p.ReceivedAt.IsZero()) {
					sent = p
				}
				if !p.NextAt.IsZero() {
					waiting++
				}
			}
			return sent != nil && is(sent) || len(all) > 0 && waiting == 0 && sent == nil, err
		}
	}
	if err := l.until(livePush, look(func(*bellhop.Push) bool { return true })); err != nil {
		return nil, err
	}
	if sent == nil {
		return []wire.Finding{notSent(all)}, nil
	}
	found := []wire.Finding{wire.OK("push", fmt.Sprintf("%s has it: the service took it %s after the webhook",
		sent.Installation, took(o.Trace.AcceptedAt, sent.SentAt)))}
	err := l.until(liveReceipt, look(func(p *bellhop.Push) bool { return !p.ReceivedAt.IsZero() }))
	if err != nil || sent.ReceivedAt.IsZero() {
		return append(found, wire.Warn("receipt", "the app on the phone did not say that it got it",
			"look at the phone; an app says so with POST /v1/pushes/{id}/receipt")), err
	}
	return append(found, wire.OK("receipt", fmt.Sprintf("the phone got it %s after the webhook",
		took(o.Trace.AcceptedAt, sent.ReceivedAt)))), nil
}

func notSent(all []bellhop.Push) wire.Finding {
	if len(all) == 0 {
		return wire.Fail("push", "none is owed for the order: its owner's settings want none",
			"look at the settings in the console")
	}
	p := all[0]
	if p.Reason == "" {
		return wire.Fail("push", fmt.Sprintf("it is %s, after %s", p.Status, plural(p.Attempts, "attempt")),
			"start bellhop serve or bellhop worker, or look into its log")
	}
	return wire.Fail("push", fmt.Sprintf("it is %s: %s", p.Status, p.Reason), "see bellhop doctor for the push service")
}

// took writes how long something took, as exact as it matters.
func took(from, to time.Time) string { return to.Sub(from).Round(time.Millisecond).String() }
