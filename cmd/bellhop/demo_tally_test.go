package main

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"bellhop"
	"bellhop/demo"
	"bellhop/queue"
)

// moody is a queue that takes events or doesn't.
type moody struct{ err error }

func (q *moody) Send(context.Context, ...*bellhop.Event) error    { return q.err }
func (q *moody) Depth(context.Context) (d queue.Depth, err error) { return d, nil }

// TestFetchedOrdersCount: what bellhop fetched is recorded like what a webhook brought, so that it is counted, too.
func TestFetchedOrdersCount(t *testing.T) {
	var n atomic.Int64
	q := &moody{}
	f := fetching{q, &n}
	if err := f.Send(t.Context(), &bellhop.Event{}, &bellhop.Event{}); err != nil || n.Load() != 2 {
		t.Errorf("%d after two: %v", n.Load(), err)
	}
	q.err = bellhop.Errorf(bellhop.Unavailable, "full", "the queue is full")
	if err := f.Send(t.Context(), &bellhop.Event{}); err == nil || n.Load() != 2 {
		t.Errorf("%d after one that the queue did not take: %v", n.Load(), err)
	}
	says := tally{Balance: demo.Balance{Acknowledged: 3, Fetched: n.Load(), Recorded: 5}, sent: 3}
	if !says.Holds() || !strings.HasPrefix(says.String(), "3 webhooks sent, 3 acknowledged, 5 recorded, 2 fetched;") {
		t.Errorf("%v, holds: %v", says, says.Holds())
	}
}
