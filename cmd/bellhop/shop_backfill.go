package main

import (
	"fmt"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/reconcile"
	"bellhop/shopify/admin"
	"bellhop/wire"
)

type shopBackfillCmd struct {
	connecting
	Since string `name:"since" placeholder:"TIME" help:"Only orders that were created since: 2026-11-22, 2026-11-22T09:00:00Z, or how long ago, such as 30d."`
	jsonFlag
}

func (shopBackfillCmd) Help() string {
	return `Asks for a backfill, and carries it out, or follows the process that does: every order that Shopify shows the app
is compared with what is recorded, the newest first, and fetched where it is missing, older or lacks fields. Without
--since it goes back as far as the app may see: 60 days, or to the first order with the scope read_all_orders. Nobody
is rung for what it finds. bellhop serve or bellhop worker has to run, since they record it.

It leaves half of the shop's budget at Shopify to others. Interrupted with ^C it goes on in bellhop serve or bellhop
worker; run again to follow it.`
}

func (c *shopBackfillCmd) Run(j *job) error {
	var since time.Time
	if c.Since != "" {
		var err error
		if since, err = parseSince(c.Since, j.now()); err != nil {
			return err
		}
		if since.After(j.now()) {
			return bellhop.Invalidf("since", "--since %s is in the future", c.Since)
		}
	}
	return c.with(j, func(p *wire.Parts, connector *connect.Connector, domain string) error {
		conn, err := p.Store.Connection(j.ctx, domain)
		if err != nil {
			return missing(err, "connection", "%s is not connected: bellhop shop connect %[1]s", domain)
		}
		if conn.Access == bellhop.AccessLost || conn.Access == bellhop.AccessUninstalled {
			return unwell(conn)
		}
		f := &following{job: j, reconciler: newReconciler(connector, p), shop: domain, progress: j.progress()}
		done, err := f.run(since)
		f.progress.end()
		if j.ctx.Err() != nil {
			j.say("Interrupted: bellhop serve or bellhop worker goes on with it.")
		}
		if err != nil {
			return j.unlessEnded(err)
		}
		return c.report(j, done)
	})
}

// following follows a backfill to its end.
type following struct {
	*job
	progress   *progress
	reconciler *reconcile.Reconciler
	shop       string
}

// followEvery is how often it looks what other processes did.
const followEvery = time.Second

// run asks for a backfill, unless one that covers it is under way, and carries it out as far as nobody else does.
func (f *following) run(since time.Time) (is bellhop.Reconciliation, err error) {
	if is, err = f.state(); err != nil {
		return is, err
	}
	var asked time.Time
	if w := &is.Backfill; !w.Running() || w.From.After(since) && !since.IsZero() {
		if asked, err = f.reconciler.Ask(f.ctx, f.shop, since); err != nil {
			return is, err
		}
	}
	for {
		if is, err = f.state(); err != nil || !is.Served.Backfill.Before(asked) && !is.Backfill.Running() {
			return is, err
		}
		if err := hopeless(&is); err != nil {
			return is, err
		}
		words := f.words(&is)
		f.progress.show(words, words, false)
		if err := f.reconciler.Keep(f.ctx, is); err != nil {
			return is, err
		}
		if is.Due.After(f.now()) {
			f.pause(followEvery)
		}
		if f.ctx.Err() != nil {
			return is, f.ctx.Err()
		}
	}
}

func (f *following) pause(d time.Duration) {
	select {
	case <-f.ctx.Done():
	case <-time.After(d):
	}
}

func (f *following) state() (bellhop.Reconciliation, error) {
	return f.reconciler.Store.Reconciliation(f.ctx, f.shop)
}

// hopeless returns an error where a person has to do something first.
func hopeless(is *bellhop.Reconciliation) error {
	switch r := admin.Refusal(is.Reason); {
	case is.Reason == "" || r == admin.Unavailable || r == admin.Throttled || r == admin.Changing:
		return nil
	case is.Reason == reconcile.ReasonQueueBehind || is.Reason == reconcile.ReasonIndexBehind:
		return nil
	}
	return bellhop.Errorf(bellhop.Conflict, is.Reason, "%s: %s", is.Shop, reconcile.Advice(is.Reason))
}

// words say how far a backfill is.
func (f *following) words(is *bellhop.Reconciliation) string {
	w := &is.Backfill
	if !w.Running() {
		return "waiting for the orders that changed last" + because(is)
	}
	text := fmt.Sprintf("%d", max(w.Seen, w.BulkRead))
	if w.Total > 0 {
		text += fmt.Sprintf(" of %d", w.Total)
	}
	return text + fmt.Sprintf(" orders, %d missing, %d different; %d requests, %d points%s%s", w.Found, w.Differed,
		w.Requests, w.Points, f.left(w), because(is))
}

func because(is *bellhop.Reconciliation) string {
	if is.Reason == "" {
		return ""
	}
	return "; waits: " + reconcile.Advice(is.Reason)
}

// left says how long a backfill still takes, if it goes on as until now.
func (f *following) left(w *bellhop.Walk) string {
	seen, took := max(w.Seen, w.BulkRead), f.now().Sub(w.StartedAt)
	if seen == 0 || w.Total <= seen || took < 10*time.Second {
		return ""
	}
	left := time.Duration(float64(took) * float64(w.Total-seen) / float64(seen))
	return ", about " + left.Round(time.Second).String() + " left"
}

// backfillJSON is the result as JSON.
type backfillJSON struct {
	Shop      string    `json:"shop"`
	From      time.Time `json:"from,omitzero"`
	To        time.Time `json:"to"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at"`
	Seen      int       `json:"seen"`
	Missing   int       `json:"missing"`
	Different int       `json:"different"`
	Deleted   int       `json:"deleted"`
	Requests  int       `json:"requests"`
	Points    int       `json:"points"`
}

func (c *shopBackfillCmd) report(j *job, is bellhop.Reconciliation) error {
	w := &is.Backfilled
	if c.JSON {
		return j.json(backfillJSON{is.Shop, w.From, w.To, w.StartedAt, is.BackfilledAt, w.Seen, w.Found, w.Differed,
			w.Deleted, w.Requests, w.Points})
	}
	from := "the first one"
	if !w.From.IsZero() {
		from = when(w.From) + " UTC"
	}
	j.say("Compared %s of %s, back to %s: %d were missing, %d different, %d deleted. "+
		"It took %v, %d requests and %d points.",
		plural(w.Seen, "order"), is.Shop, from, w.Found, w.Differed, w.Deleted,
		is.BackfilledAt.Sub(w.StartedAt).Round(time.Second), w.Requests, w.Points)
	return nil
}
