package pgqueue

import (
	"context"
	"time"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/queue"
)

// sendLimit bounds a Send by default.
const sendLimit = 800 * time.Millisecond

// outageFor is how long Send fails at once after it found the database away: behind
// a database that does not answer, each Send would also wait for those before it.
const outageFor = 250 * time.Millisecond

// outage is a database that was away a moment ago.
type outage struct {
	until time.Time
	err   error
}

// Send implements [queue.Producer]. After an error of kind bellhop.Unavailable the
// events may be in the queue all the same: perhaps only the answer to the commit
// was lost.
func (q *Queue) Send(ctx context.Context, events ...*bellhop.Event) error {
	all, err := q.packAll(events)
	if err != nil || len(all) == 0 {
		return err
	}
	if o := q.outage.Load(); o != nil && time.Now().Before(o.until) {
		return o.err
	}
	wait, cancel := context.WithTimeout(ctx, q.limit)
	defer cancel()
	err = q.sends.Do(wait, all)
	if err != nil && ctx.Err() == nil && wait.Err() != nil {
		return &bellhop.Error{Kind: bellhop.Unavailable, Code: "queue_unavailable", Cause: err,
			Message: "the queue's database takes too long: try again later"}
	}
	return err
}

// sendAll sends the gathered events. If all fail because of one of them, it sends
// each by itself.
func (q *Queue) sendAll(ctx context.Context, jobs []*postgres.Job[[]packed]) {
	err := q.insert(ctx, jobs)
	switch {
	case err == nil:
		q.wake()
		q.wakeOthers()
	case bellhop.KindOf(err) == bellhop.Unavailable:
		q.outage.Store(&outage{time.Now().Add(outageFor), err})
	case len(jobs) > 1:
		for i := range jobs {
			q.sendAll(ctx, jobs[i:i+1])
		}
		return
	}
	for _, j := range jobs {
		j.Err = err
	}
}

// insertEvents does nothing for a queue that is gone.
var insertEvents = `WITH kept AS (
	INSERT INTO queue_events (queue, lane, id, shop, topic, api_version, webhook_id, shopify_event_id, triggered_at,
		accepted_at, signed_by, trace_parent, coding, body)
	SELECT $14::int, n.* FROM ` +
	postgres.Unnest("int uuid text text text text text timestamptz timestamptz text text bigint bytea") + ` AS n
	WHERE EXISTS (SELECT 1 FROM queues WHERE id = $14::int)
	RETURNING queue, lane, seq)
INSERT INTO queue_waiting (queue, lane, seq) SELECT queue, lane, seq FROM kept`

func (q *Queue) insert(ctx context.Context, jobs []*postgres.Job[[]packed]) error {
	if err := q.keepDictionary(ctx); err != nil {
		return err
	}
	var rows postgres.Rows
	for _, j := range jobs {
		for _, p := range j.What {
			e := &p.event
			rows.Next().Int(laneOf(e.Shop)).ID(e.ID).Text(e.Shop).Text(e.Topic).Text(e.APIVersion).Text(e.WebhookID).
				Text(e.ShopifyEventID).Time(e.TriggeredAt).Always(e.AcceptedAt).Text(string(e.SignedBy)).
				TextOrNull(e.TraceParent).Int(p.coding).Bytes(p.body)
		}
	}
	var kept int64
	err := q.webhooks.Once(ctx, func(b *postgres.Batch) { b.Count(&kept, insertEvents, rows.Args(q.id)...) })
	if err == nil && kept == 0 {
		return queue.NotFound(q.name)
	}
	return queue.Wrap("send into the queue", err)
}
