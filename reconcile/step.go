package reconcile

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/shopify/admin"
)

// step is a bounded piece of work on a shop, under its lease. It has the state in memory, and saves it as it goes.
type step struct {
	*Reconciler
	shop  bellhop.Shop
	conn  bellhop.Connection
	state bellhop.Reconciliation

	until  time.Time // begin nothing more
	api    *admin.Shop
	asked  spent         // of api, what the state counts already
	onWalk *bellhop.Walk // which the requests are for; nil for none
	at     time.Time     // on Shopify's clock, of the newest page
}

type spent struct{ requests, points int }

// begin reads a shop's state. What it finds for the first time it fills in.
func (r *Reconciler) begin(ctx context.Context, shop string) (s *step, err error) {
	s = &step{Reconciler: r, until: r.now().Add(cmp.Or(r.Step, stepTime))}
	if s.state, err = r.Store.Reconciliation(ctx, shop); err != nil {
		return nil, err
	}
	if s.shop, err = r.Store.Shop(ctx, shop); err != nil {
		return nil, err
	}
	if s.conn, err = r.Store.Connection(ctx, shop); err != nil {
		return nil, err
	}
	if s.state.From.IsZero() {
		s.first()
	}
	if !s.state.ConnectedAt.Equal(s.conn.ConnectedAt) { // another install: what was missed since the one before
		s.state.ConnectedAt, s.state.Asked.Look, s.state.Asked.Backfill = s.conn.ConnectedAt, r.now(), r.now()
	}
	if s.seesMore() {
		s.state.Asked.Backfill = r.now()
	}
	return s, nil
}

// seesMore reports whether the shop granted since the last backfill that older orders are seen.
func (s *step) seesMore() bool {
	st := &s.state
	return s.has(allOrders) && !st.Backfill.Running() && !st.Backfilled.From.IsZero() && st.Asked.Since.IsZero()
}

// upgraded is how old a connection is that somebody made before bellhop reconciled: its hours begin now.
const upgraded = time.Hour

// first begins a shop's state. A connection that is older than this has its hours from now on, and looks a day back:
// nobody is rung for older orders.
func (s *step) first() {
	from, now := s.conn.ConnectedAt, s.now()
	if now.Sub(from) > upgraded {
		from = now
	}
	s.state.From, s.state.ClosedTo, s.state.LookedTo, s.state.LookDue = from, from.Truncate(time.Hour), from, now
	s.state.SweepDue = s.sweepNext(s.state.ClosedTo)
	if from.Equal(now) {
		s.state.LookedTo = now.Add(-24 * time.Hour)
	}
}

var (
	// errLater ends a step that goes on soon: its time is up.
	errLater = errors.New("the rest is for the next step")
	// errFull ends a step that goes on once the queue has room.
	errFull = errors.New("the queue is full for now")
)

// run does what is due, the most urgent first: looks, then hours that are over, then the long walks.
func (s *step) run(ctx context.Context) error {
	err := s.take(ctx)
	if err == nil {
		err = s.ready(ctx)
	}
	for _, work := range []func(context.Context) error{s.settle, s.look, s.sweep, s.night, s.older,
		s.backfill} {
		if err != nil {
			break
		}
		err = work(ctx)
	}
	return s.end(ctx, err)
}

// ready reports why a shop can't be compared at all.
func (s *step) ready(ctx context.Context) error {
	switch {
	case s.conn.Access == bellhop.AccessUninstalled:
		return stuck(ReasonUninstalled)
	case s.conn.Access == bellhop.AccessLost:
		return stuck(s.conn.Reason)
	case s.shop.Disabled:
		return stuck(ReasonShopDisabled)
	}
	d, err := s.Queue.Depth(ctx)
	if err != nil || d.Oldest > longestWait && d.Waiting >= leastWaiting {
		return stuckBy(ReasonQueueBehind, err)
	}
	return nil
}

// The queue is behind when it has an old event, and not only some few that are tried again and again.
const (
	longestWait  = time.Minute
	leastWaiting = 20
)

// shopify returns the shop's Admin API. It leaves half of the budget to others.
func (s *step) shopify(ctx context.Context) (*admin.Shop, error) {
	if s.api != nil {
		return s.api, nil
	}
	api, err := s.Connector.Access(ctx, s.state.Shop)
	if err != nil {
		return nil, err
	}
	api.Reserve = 0.5
	s.api = api
	return api, nil
}

// over reports whether the step's time is up. It is when somebody asks for orders, which the next step fetches first.
func (s *step) over(ctx context.Context) bool {
	return ctx.Err() != nil || !s.now().Before(s.until) || len(s.state.Asked.Orders) > 0
}

// yields reports whether a walk goes on in another step: the time is up, or it is a long one and other shops wait for
// their turn, more than a process has under way.
func (s *step) yields(ctx context.Context, m *manner) bool {
	if s.over(ctx) || !m.long {
		return s.over(ctx)
	}
	due, err := s.Store.Reconciliations(ctx, s.now(), AtOnce+1)
	return err == nil && len(due) > AtOnce
}

// save stores the state, all but what others ask for.
func (s *step) save(ctx context.Context) error {
	s.count()
	err := s.put(ctx, func() {})
	s.Probe.At(PointSaved)
	return err
}

// errLost ends the step of a process that was taken for dead, as by another one's clock.
var errLost = bellhop.Errorf(bellhop.Conflict, "lease_lost", "another process works on the shop")

// put stores the state unless another process stored its own since: a lease goes by its holder's clock.
func (s *step) put(ctx context.Context, change func()) error {
	err := s.Store.UpdateReconciliation(ctx, s.state.Shop, func(is *bellhop.Reconciliation) error {
		if is.Saves != s.state.Saves {
			return errLost
		}
		s.keepAsked(is)
		change()
		*is = s.state
		is.Saves++
		return nil
	})
	if err == nil {
		s.state.Saves++
	}
	return err
}

// keepAsked takes over what others asked for meanwhile.
func (s *step) keepAsked(is *bellhop.Reconciliation) {
	if is.Asked.Look.After(s.state.Asked.Look) {
		s.state.Asked.Look = is.Asked.Look
	}
	if is.Asked.Backfill.After(s.state.Asked.Backfill) {
		s.state.Asked.Backfill, s.state.Asked.Since = is.Asked.Backfill, is.Asked.Since
	}
	s.state.Asked.Orders = is.Asked.Orders
}

// count adds up the day's requests and points.
func (s *step) count() {
	if today := s.now().Truncate(24 * time.Hour); !today.Equal(s.state.RequestsOn) {
		s.state.RequestsOn, s.state.Requests, s.state.Points = today, 0, 0
	}
	if s.api == nil {
		return
	}
	requests, points := s.api.Spent()
	more := spent{requests - s.asked.requests, points - s.asked.points}
	s.asked = spent{requests, points}
	s.state.Requests, s.state.Points = s.state.Requests+more.requests, s.state.Points+more.points
	if w := s.onWalk; w != nil {
		w.Requests, w.Points = w.Requests+more.requests, w.Points+more.points
	}
	s.Metrics.asked(more)
}

// saveLimit is for what has to be saved although the time is up or the process ends.
const saveLimit = 5 * time.Second

// end saves why the step ended, and when to go on.
func (s *step) end(ctx context.Context, cause error) error {
	if ctx.Err() != nil {
		cause = errLater
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveLimit)
	defer cancel()
	now, was, reason := s.now(), s.state.Reason, s.reasonOf(cause)
	if reason != was {
		s.state.Reason, s.state.Since = reason, now
		if reason == "" {
			s.state.Since = time.Time{}
		}
	}
	s.count()
	if err := s.put(ctx, func() { s.state.Due = s.due(cause, now) }); err != nil {
		return err
	}
	s.say(was, cause)
	s.Probe.At(PointEnded)
	return s.recheck(ctx, was)
}

// say logs a change of the reason.
func (s *step) say(was string, cause error) {
	log := s.Connector.Log.With("shop", s.state.Shop)
	switch is := s.state.Reason; {
	case is == was:
	case is == "":
		log.Info("the shop is compared with Shopify again", "reason", was)
	case errors.Is(cause, errLater) || errors.Is(cause, errFull) || cause == nil:
		log.Warn("the shop can't be compared with Shopify to the end", "reason", is, "advice", Advice(is))
	default:
		log.Warn("the shop is not compared with Shopify", "reason", is, "advice", Advice(is), "err", cause)
	}
}

// recheck has the connection checked at once when Shopify no longer takes its token or its scopes.
func (s *step) recheck(ctx context.Context, was string) error {
	switch r := admin.Refusal(s.state.Reason); {
	case s.state.Reason == was || s.conn.Access != bellhop.AccessGood:
		return nil
	case r != admin.ScopeMissing && connect.AccessAfter(r) != bellhop.AccessLost:
		return nil
	}
	return s.Store.UpdateConnection(ctx, s.state.Shop, func(c *bellhop.Connection) error {
		if c.ConnectedAt.Equal(s.conn.ConnectedAt) {
			c.CheckDue = s.now()
		}
		return nil
	})
}

// spread is a part of d that is the same for a shop each time, so that not all shops are due at once.
func (s *step) spread(d time.Duration) time.Duration {
	h := fnv.New32a()
	h.Write([]byte(s.state.Shop))
	return time.Duration(h.Sum32()) % d
}

// has reports whether the shop granted a scope.
func (s *step) has(scope string) bool { return slices.Contains(s.conn.Scopes, scope) }

// The scopes that decide how far back orders are seen.
const (
	allOrders    = "read_all_orders"
	recentOrders = 60 * 24 * time.Hour // that read_orders covers
	surelyRecent = recentOrders - 24*time.Hour
)

// covered reports whether the scopes surely cover an order of that age: that Shopify doesn't have it means that it was
// deleted.
func (s *step) covered(created time.Time) bool { return s.has(allOrders) || s.recent(created) }

// recent reports whether read_orders surely covers an order of that age.
func (s *step) recent(created time.Time) bool {
	return s.now().Sub(created) < surelyRecent
}
