package web

import (
	"context"

	"bellhop/pipeline"
	"bellhop/queue"
	"bellhop/store"
)

// Needs are the parts whose health /readyz reports. Every process does without the push
// service for a while: orders are accepted, recorded and shown, and pushes stay owed.
type Needs struct {
	Healthy     func() error // returns an error once the disk might lose data
	Store       store.Store
	Queue       queue.Admin // nil where nothing is recorded
	NotifyQueue queue.Admin // nil where both steps are one process's
	Breakers    *pipeline.Breakers
}

// Accepting are the checks of a process that takes webhooks. It is ready as long as it can make
// them durable; without the database only the API fails.
func (n Needs) Accepting() []Check {
	database := n.database()
	database.Optional = true
	return append([]Check{n.disk(), database, checkQueue("queue", n.Queue)}, n.push()...)
}

// Working are the checks of a worker. It needs the queue that it receives from. It does without
// the one that it sends to: push workers also look into the database.
func (n Needs) Working() []Check {
	checks := []Check{n.disk(), n.database()}
	if n.Queue != nil {
		checks = append(checks, checkQueue("queue", n.Queue))
	}
	if n.NotifyQueue != nil {
		notify := checkQueue("notify_queue", n.NotifyQueue)
		notify.Optional = n.Queue != nil
		checks = append(checks, notify)
	}
	return append(checks, n.push()...)
}

func (n Needs) push() []Check {
	if n.Breakers == nil {
		return nil
	}
	return []Check{{Name: "push", Optional: true, Func: func(context.Context) error { return n.Breakers.Ready() }}}
}

func (n Needs) disk() Check {
	return Check{Name: "disk", Func: func(context.Context) error { return n.Healthy() }}
}

func (n Needs) database() Check { return Check{Name: "database", Func: n.Store.Ready} }

func checkQueue(name string, q queue.Admin) Check {
	if r, ok := q.(queue.Readier); ok {
		return Check{Name: name, Func: r.Ready}
	}
	return Check{Name: name, Func: func(ctx context.Context) error { _, err := q.Attributes(ctx); return err }}
}
