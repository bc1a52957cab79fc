package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"bellhop"
	"bellhop/demo"
	"bellhop/reconcile"
)

// fetching counts the events that bellhop makes of orders that it fetched: the shop sent no webhook of them.
type fetching struct {
	reconcile.Queue
	n *atomic.Int64
}

func (f fetching) Send(ctx context.Context, events ...*bellhop.Event) error {
	err := f.Queue.Send(ctx, events...)
	if err == nil {
		f.n.Add(int64(len(events)))
	}
	return err
}

// tally counts what happened since the demo began.
type tally struct {
	demo.Balance
	sent, pushed, shown int64
	failed              int64 // attempts of the shop without a 2xx in time; bellhop may have kept the webhook
	owed                int64 // beyond the phone's budget: they go out together later
}

func (t tally) String() string {
	line := fmt.Sprintf("%s sent, %d acknowledged, %d recorded", plural(int(t.sent), "webhook"), t.Acknowledged,
		t.Recorded+t.Duplicate+t.Stale)
	for _, rest := range []struct {
		n     int64
		words string
	}{{t.Fetched, "fetched"}, {t.Waiting + t.Leased, "waiting"}, {t.Skipped, "skipped"},
		{t.Dead, "dead"}, {t.failed, "attempts failed"}} {
		if rest.n > 0 {
			line += fmt.Sprintf(", %d %s", rest.n, rest.words)
		}
	}
	line += fmt.Sprintf("; %s sent, %s on the phone", plural(int(t.pushed), "push"), plural(int(t.shown), "notification"))
	if t.owed > 0 {
		line += fmt.Sprintf("; %s waiting for FCM's budget of a phone", plural(int(t.owed), "push"))
	}
	return line
}

// count uses the same balance as the page.
func (d *demonstration) count(ctx context.Context) (t tally, err error) {
	now, err := d.buttons.balance(ctx)
	if err != nil {
		return t, err
	}
	pushes, err := d.parts.Store.PushCounts(ctx)
	if err != nil {
		return t, err
	}
	t.Balance, t.sent, t.failed = now.Since(d.before), d.buttons.sent(), int64(d.shop.Ledger().Summary().Failed)
	t.pushed, t.owed = pushes[bellhop.PushSent]-d.pushed, pushes[bellhop.PushPending]
	t.shown = int64(len(d.fcm.Drawer(d.phone.device.Value)))
	return t, nil
}

// countEvents counts the events by state.
func (d *demonstration) countEvents(ctx context.Context) (s demo.Balance, err error) {
	depth, err := d.parts.Queue.Depth(ctx)
	if err != nil {
		return s, err
	}
	outcomes, err := d.parts.Store.Totals(ctx)
	if err != nil {
		return s, err
	}
	return demo.Balance{Recorded: outcomes[bellhop.OutcomeRecorded], Duplicate: outcomes[bellhop.OutcomeDuplicate],
		Stale: outcomes[bellhop.OutcomeStale], Skipped: outcomes[bellhop.OutcomeSkipped],
		Dead: outcomes[bellhop.OutcomeDead], Waiting: int64(depth.Waiting), Leased: int64(depth.Leased)}, nil
}
