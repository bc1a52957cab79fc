package host

import (
	"context"

	"bellhop/queue"
	"bellhop/web"
)

// The push service is what no process can't do without: while it is away orders are
// still accepted, recorded and shown, and pushes stay owed.

// webChecks are what /readyz asks of a process that takes webhooks. It takes
// them for as long as it can make them durable; while the database is away, it is
// the API alone that can't answer.
func (o Options) webChecks() []web.Check {
	database := o.database()
	database.Optional = true
	return append([]web.Check{o.disk(), database, ofQueue("queue", o.Queue)}, o.pushChecks()...)
}

// workChecks are what /readyz asks of a worker: the queue is the one that it
// receives from. Where it only sends, to those who push, they find what is owed
// without.
func (o Options) workChecks() []web.Check {
	checks := []web.Check{o.disk(), o.database()}
	if o.Record {
		checks = append(checks, ofQueue("queue", o.Queue))
	}
	if o.NotifyQueue != nil {
		notify := ofQueue("notify_queue", o.NotifyQueue)
		notify.Optional = o.Record
		checks = append(checks, notify)
	}
	return append(checks, o.pushChecks()...)
}

func (o Options) pushChecks() []web.Check {
	if o.breakers == nil {
		return nil
	}
	return []web.Check{{Name: "push", Optional: true, Func: func(context.Context) error { return o.breakers.Ready() }}}
}

func (o Options) disk() web.Check {
	return web.Check{Name: "disk", Func: func(context.Context) error { return o.Healthy() }}
}

func (o Options) database() web.Check {
	return web.Check{Name: "database", Func: o.Store.Ready}
}

func ofQueue(name string, q queue.Admin) web.Check {
	if r, ok := q.(queue.Readier); ok {
		return web.Check{Name: name, Func: r.Ready}
	}
	return web.Check{Name: name, Func: func(ctx context.Context) error { _, err := q.Attributes(ctx); return err }}
}
