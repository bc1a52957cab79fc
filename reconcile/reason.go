package reconcile

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"bellhop"
	"bellhop/connect"
	"bellhop/shopify/admin"
)

// Reasons why a shop is not compared, or not to the end, beside those of [admin.Refusal].
const (
	ReasonIndexBehind  = "index_behind"
	ReasonQueueBehind  = "queue_behind"
	ReasonShopDisabled = "shop_disabled"
	ReasonUninstalled  = "uninstalled"
	ReasonTooLarge     = "body_too_large"
	ReasonInternal     = "internal"
	ReasonClock        = "clock"
	ReasonUnrecorded   = "unrecorded"
	ReasonOpen         = "hours_open"
	ReasonQuery        = "admin_query" // the code of package admin for what Shopify does not understand
)

var advice = map[string]string{
	ReasonClock:        "this machine's clock differs from Shopify's by more than five minutes: set it right",
	ReasonInternal:     "bellhop failed: see the log; it tries again",
	ReasonQuery:        "Shopify does not understand what bellhop asks: update bellhop, or report the line in the log",
	ReasonIndexBehind:  "Shopify's list of orders lacks orders that Shopify has: bellhop waits until it has caught up",
	ReasonQueueBehind:  "bellhop's own queue is behind or does not answer: see bellhop queue ls, and that a worker runs",
	ReasonShopDisabled: "the shop is disabled, so that its orders are not recorded: bellhop shop enable",
	ReasonUninstalled:  "the app was removed from the shop: install it there again",
	ReasonUnrecorded:   "orders were found, sent again and not recorded: see bellhop dead ls, and the worker's log",
	ReasonOpen:         "sweeps still find differences in an hour: bellhop doctor says in which",
	ReasonTooLarge:     "an order is larger than the queue takes: with SQS add bucket=NAME to BELLHOP_QUEUE",
}

// Advice says in a line what a reason means and what to do; "" for none.
func Advice(reason string) string {
	if text, ok := advice[reason]; ok {
		return text
	}
	return admin.Refusal(reason).Advice()
}

// stuck is the error of work that can't go on for a reason that is no refusal of Shopify's.
func stuck(reason string) error { return stuckBy(reason, nil) }

func stuckBy(reason string, cause error) error {
	return &bellhop.Error{Kind: bellhop.Unavailable, Code: reason, Message: Advice(reason), Cause: cause}
}

// reasonOf returns the code of what ended a step.
func (s *step) reasonOf(cause error) string {
	switch code := bellhop.CodeOf(cause); {
	case cause == nil, errors.Is(cause, errLater), errors.Is(cause, errFull):
		return s.partly()
	case admin.RefusalOf(cause) != "":
		return string(admin.RefusalOf(cause))
	case code == ReasonQuery && s.Connector.App.Served() != "":
		return string(admin.VersionRetired)
	case advice[code] != "":
		return code
	}
	return ReasonInternal
}

// partly is why something is not compared although the shop can be.
func (s *step) partly() string {
	t := &s.state.Troubles
	if reason := cmp.Or(t.Look, t.Sweep, t.Night); reason != "" {
		return reason
	}
	some := func(is func(*bellhop.PendingOrder) bool) bool {
		return slices.ContainsFunc(s.state.Pending, func(p bellhop.PendingOrder) bool { return is(&p) })
	}
	switch {
	case some(func(p *bellhop.PendingOrder) bool { return p.At.IsZero() && !p.SentAt.IsZero() && !p.Deleted }):
		return string(admin.Changing)
	case some(func(p *bellhop.PendingOrder) bool { return p.Tries > 1 }):
		return ReasonUnrecorded
	case !s.state.Sweep.Running() && slices.ContainsFunc(s.state.Hours, func(h bellhop.OpenHour) bool {
		return h.Left > 0 && s.now().Sub(h.Hour) > openLate
	}):
		return ReasonOpen
	}
	return ""
}

// openLate is the age of an hour that sweeps should have closed, whatever was found in it.
const openLate = 7 * time.Hour

// How often bellhop asks whether a bulk operation is done: later from time to time, and for a day at most.
const (
	bulkEvery = 10 * time.Second
	bulkLate  = 5 * time.Minute
	bulkMost  = 24 * time.Hour
)

// fullPause is how long a walk waits for room in the queue, and a backfill for what it sent last.
const fullPause = 5 * time.Second

// due is when to go on.
func (s *step) due(cause error, now time.Time) time.Time {
	st := &s.state
	switch {
	case errors.Is(cause, errLater):
		return now
	case errors.Is(cause, errFull):
		return now.Add(fullPause)
	case cause != nil && st.Reason == ReasonQueueBehind:
		return now.Add(30 * time.Second)
	case cause != nil && (st.Reason == ReasonShopDisabled || st.Reason == ReasonUninstalled):
		return now.Add(lookEvery)
	case cause != nil:
		return now.Add(connect.RetryAfter(st.Reason, now.Sub(st.Since)))
	case s.wantsLook(), s.state.WantsBackfill(), len(st.Asked.Orders) > 0 && s.free() > 0:
		return now
	}
	due := earliest(st.LookDue, st.SweepDue, s.nightDue())
	switch { // they wait for Shopify, or for what was sent
	case st.Backfill.Bulk != "":
		due = earliest(due, now.Add(min(bulkLate, max(bulkEvery, now.Sub(st.Backfill.StartedAt)/8))))
	case st.Backfill.Running():
		due = earliest(due, now.Add(fullPause))
	case st.Night.Running(), len(st.Pending) > 0:
		due = earliest(due, now.Add(pendingEvery))
	}
	return due
}

func latest(all ...time.Time) time.Time   { return slices.MaxFunc(all, time.Time.Compare) }
func earliest(all ...time.Time) time.Time { return slices.MinFunc(all, time.Time.Compare) }
