// Package sqlitequeue keeps queues in an SQLite file, which the SQLite store may
// share. It promises no order.
//
// Send adds a row to the file's archive and one to waiting. Receive turns a batch
// into one row of leases. Settle deletes that row. So an event without trouble
// costs two small inserts and its share of two deletes; only trouble is written
// event by event.
//
// Several processes may send to and receive from one queue at once. The others give
// back the leases of a process that dies: they notice at their next receive, or
// after [reapEvery].
package sqlitequeue

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/queue"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema is the queues' part of the file.
func Schema() sqlitefile.Schema {
	return sqlitefile.Schema{Name: "queue", FS: migrations, Oldest: 2}
}

// reapEvery is how often a receiver looks for dead processes.
const reapEvery = 5 * time.Second

// Queue is one queue in a file.
type Queue struct {
	file *sqlitefile.File
	id   int64
	name string
	now  func() time.Time
	// ephemeral queues leave nothing in the archive: see [queue.NotifyName].
	ephemeral bool

	lanes    sync.Map            // shop → lane
	claiming *semaphore.Weighted // of one: receivers of this process claim in turn

	// Below: only while claiming.
	consumer *consumer
	cursor   int64 // the lane served last
	alone    bool  // the next claim takes one suspect, if there is any
	reaped   time.Time
}

var (
	_ queue.Queue   = (*Queue)(nil)
	_ queue.Readier = (*Queue)(nil)
	_ queue.Pruner  = (*Queue)(nil)
)

func newQueue(f *sqlitefile.File, id int64, name string, now func() time.Time) *Queue {
	return &Queue{file: f, id: id, name: name, now: now, ephemeral: queue.IsNotify(name),
		claiming: semaphore.NewWeighted(1)}
}

// Send implements [queue.Producer].
func (q *Queue) Send(ctx context.Context, events ...*bellhop.Event) error {
	for _, e := range events {
		if err := queue.CheckBody(e); err != nil {
			return err
		}
	}
	return q.file.Write(ctx, func(tx *sqlitefile.Tx) error {
		for _, e := range events {
			seq, err := tx.Append(e)
			if err != nil {
				return fmt.Errorf("keep event %s: %w", e.ID, err)
			}
			if err := q.enqueue(tx, seq, e.Shop, len(e.Body)); err != nil {
				return fmt.Errorf("queue event %s: %w", e.ID, err)
			}
		}
		return nil
	})
}

// enqueue takes the size of the body, or 0 if the caller does not know it.
func (q *Queue) enqueue(tx *sqlitefile.Tx, seq int64, shop string, size int) error {
	lane, err := q.lane(tx, shop)
	if err != nil {
		return err
	}
	return tx.Prepare(`INSERT OR IGNORE INTO waiting (queue, lane, seq, size) VALUES (?,?,?,?)`).
		Int(q.id).Int(lane).Int(seq).Int(int64(size)).Exec()
}

// lane returns a shop's lane. The cache may hold a lane of a transaction that was
// rolled back, or of a file that was restored: that is only a number that no other
// shop may have had, since nothing looks a shop up by it.
func (q *Queue) lane(tx *sqlitefile.Tx, shop string) (int64, error) {
	if id, ok := q.lanes.Load(shop); ok {
		return id.(int64), nil
	}
	id, err := tx.Prepare(`INSERT INTO lanes (shop) VALUES (?)
		ON CONFLICT (shop) DO UPDATE SET shop = shop RETURNING id`).Text(shop).One()
	if err == nil {
		q.lanes.Store(shop, id)
	}
	return id, err
}

// Receive implements [queue.Consumer].
func (q *Queue) Receive(ctx context.Context, max int) ([]queue.Delivery, error) {
	for {
		claims, err := q.claim(ctx, max)
		if err != nil {
			return nil, err
		}
		ctx := context.WithoutCancel(ctx) // the leases are this receiver's
		out, lost, err := q.load(ctx, claims)
		if err == nil && len(lost) > 0 {
			err = q.Settle(ctx, lost...)
		}
		if err != nil {
			return nil, fmt.Errorf("read leased events: %w", err)
		}
		if len(out) > 0 {
			return out, nil
		}
	}
}

// load reads the claimed events; lost are those that can't be read any more.
func (q *Queue) load(ctx context.Context, claims []claimed) (out []queue.Delivery, lost []queue.Settlement, err error) {
	err = q.file.Read(ctx, func(c *sqlitefile.Conn) error {
		for _, cl := range claims {
			receipt := queue.NumberedReceipt(cl.lease, cl.seq)
			e, err := q.file.Event(c, cl.seq)
			switch {
			case err == nil && e == nil: // another process settled and dropped it meanwhile
				lost = append(lost, queue.Settlement{Receipt: receipt})
			case bellhop.IsPermanent(err):
				lost = append(lost, queue.Settlement{Receipt: receipt, Verdict: queue.DeadLetter, Reason: err.Error()})
			case err != nil:
				return err
			default:
				out = append(out, queue.Delivery{Event: e, Attempt: cl.attempt, Receipt: receipt, Expires: cl.expires})
			}
		}
		return nil
	})
	return out, lost, err
}

// Ready implements [queue.Readier].
func (q *Queue) Ready(ctx context.Context) error { return q.file.Writable(ctx) }

// Close gives this process's leases back.
func (q *Queue) Close() error {
	q.claiming.Acquire(context.Background(), 1) // a receiver stops now, or ends by itself
	defer q.claiming.Release(1)
	if q.consumer == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := q.consumer
	q.consumer = nil
	err := q.file.Write(ctx, func(tx *sqlitefile.Tx) error { return forget(tx, c.name) })
	c.unlock()
	return err
}

func encodeItems(items []int64) string {
	b, err := json.Marshal(items)
	if err != nil {
		panic(err) // numbers can be encoded
	}
	return string(b)
}

func decodeItems(s string) ([]int64, error) {
	var items []int64
	if err := json.Unmarshal([]byte(s), &items); err != nil {
		return nil, fmt.Errorf("read the items of a lease: %w", err)
	}
	return items, nil
}
