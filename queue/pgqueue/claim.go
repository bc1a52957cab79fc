package pgqueue

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop/internal/postgres"
	"bellhop/queue"
)

// claim is one try to lease events, in one transaction.
type claim struct {
	q   *Queue
	tx  *postgres.Tx
	max int

	// What the look has found. The leases that ended and the retries that are due
	// are locked; others leave them out meanwhile.
	now   time.Time
	attrs queue.Attributes
	next  time.Time // when the clock alone will bring something; zero if never
	ended []lease
	due   []int64
	lanes []int64

	fresh, retried   []int64 // what is taken
	freshID, retryID int64   // its leases
	attempts         map[int64]int
	events           []stored
}

// mostAtOnce bounds a batch.
const mostAtOnce = 1000

// endedAtOnce is how many leases that have run out are taken back at once.
const endedAtOnce = 100

// take leases up to max events. When there are none it says when to look again.
func (q *Queue) take(ctx context.Context, max int) (out []queue.Delivery, again time.Duration, err error) {
	var c *claim
	err = q.worker.Write(ctx, func(tx *postgres.Tx) error {
		c = &claim{q: q, tx: tx, max: min(max, mostAtOnce), freshID: draw(), retryID: draw(), attempts: map[int64]int{}}
		return c.run()
	})
	if err != nil {
		return nil, 0, wrap("claim events", err)
	}
	if len(c.events) == 0 {
		return nil, c.again(), nil
	}
	out, err = c.deliveries(ctx)
	return out, 0, err
}

func (c *claim) run() error {
	if err := c.look(); err != nil {
		return err
	}
	if len(c.ended) > 0 {
		return c.q.giveBack(c.tx, c.now, c.attrs.MaxAttempts, c.ended)
	}
	if err := c.choose(); err != nil || len(c.fresh)+len(c.retried) == 0 {
		return err
	}
	return c.lease()
}

// again is how long to wait after finding nothing.
func (c *claim) again() time.Duration {
	switch {
	case len(c.ended) > 0:
		return 0
	case len(c.lanes) > 0: // others are about to take it
		return busyPause
	case c.next.IsZero():
		return longPoll
	}
	return max(busyPause, c.next.Sub(c.now))
}

// lanesFrom finds lanes in which something waits by going from one to the next
// in the index.
const lanesFrom = `WITH RECURSIVE l AS (
	(SELECT lane FROM queue_waiting WHERE queue = $1 AND lane > $2 AND lane <= $3 ORDER BY lane LIMIT 1)
	UNION ALL
	SELECT (SELECT w.lane FROM queue_waiting w WHERE w.queue = $1 AND w.lane > l.lane AND w.lane <= $3 ORDER BY w.lane LIMIT 1)
	FROM l WHERE l.lane IS NOT NULL)
	SELECT lane FROM l WHERE lane IS NOT NULL LIMIT $4`

const noLane, lastLane = -1, math.MaxInt32

// look finds out what there is, in one round trip.
func (c *claim) look() error {
	found := false
	err := c.tx.Do(func(b *postgres.Batch) {
		b.Each(func(r pgx.Rows) error {
			found = true
			var us int64
			err := r.Scan(postgres.TimeTo(&c.now), &us, &c.attrs.MaxAttempts, postgres.TimeTo(&c.next))
			c.attrs.Visibility = time.Duration(us) * time.Microsecond
			return err
		}, `SELECT now(), visibility_us, max_attempts, least(
			(SELECT min(due_at) FROM queue_retries WHERE queue = $1 AND lease IS NULL),
			(SELECT min(expires_at) FROM queue_leases WHERE queue = $1)) FROM queues WHERE id = $1`, c.q.id)
		b.Each(func(r pgx.Rows) error {
			l, err := scanLease(r)
			c.ended = append(c.ended, l)
			return err
		}, `SELECT id, retried, items FROM queue_leases WHERE queue = $1 AND expires_at <= now()
			ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED`, c.q.id, endedAtOnce)
		b.Each(into(&c.due), `SELECT seq FROM queue_retries WHERE queue = $1 AND lease IS NULL AND due_at <= now()
			ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED`, c.q.id, c.max)
		b.Each(into(&c.lanes), lanesFrom, c.q.id, c.q.cursor, lastLane, c.max)
		b.Each(into(&c.lanes), lanesFrom, c.q.id, noLane, c.q.cursor, c.max)
	})
	if err == nil && !found {
		return noQueue(c.q.name)
	}
	c.lanes = c.lanes[:min(len(c.lanes), c.max)]
	return err
}

func into(all *[]int64) func(pgx.Rows) error {
	return func(r pgx.Rows) error {
		var n int64
		err := r.Scan(&n)
		*all = append(*all, n)
		return err
	}
}

// choose takes what waits. What is to be tried again gets at most half of the
// room while others wait.
func (c *claim) choose() error {
	c.retried = c.due
	if len(c.lanes) > 0 {
		c.retried = c.due[:min(len(c.due), c.max/2)]
	}
	for lanes := c.lanes; len(lanes) > 0 && len(c.fresh)+len(c.retried) < c.max; {
		full, err := c.takeFrom(lanes, c.max-len(c.fresh)-len(c.retried))
		if err != nil {
			return err
		}
		lanes = full
	}
	c.retried = c.due[:min(len(c.due), c.max-len(c.fresh))]
	return nil
}

const takeWaiting = `WITH chosen AS MATERIALIZED (
	SELECT w.lane, w.seq FROM unnest($2::int[]) AS l(lane) CROSS JOIN LATERAL (
		SELECT lane, seq FROM queue_waiting WHERE queue = $1 AND lane = l.lane ORDER BY seq LIMIT $3 FOR UPDATE SKIP LOCKED) w)
	DELETE FROM queue_waiting w USING chosen c WHERE w.queue = $1 AND w.lane = c.lane AND w.seq = c.seq
	RETURNING w.lane, w.seq`

// takeFrom takes the same from each of the lanes, so that no shop waits for
// another's backlog, and returns those that may hold more.
func (c *claim) takeFrom(lanes []int64, room int) (full []int64, err error) {
	lanes = lanes[:min(len(lanes), room)]
	share := room / len(lanes)
	taken := map[int64]int{}
	err = c.tx.Do(func(b *postgres.Batch) {
		b.Each(func(r pgx.Rows) error {
			var lane, seq int64
			err := r.Scan(&lane, &seq)
			taken[lane]++
			c.fresh = append(c.fresh, seq)
			return err
		}, takeWaiting, c.q.id, lanes, share)
	})
	for _, lane := range lanes {
		c.q.cursor = lane
		if taken[lane] == share {
			full = append(full, lane)
		}
	}
	return full, err
}

// lease puts what was taken under leases, reads it, and commits.
func (c *claim) lease() error {
	slices.Sort(c.fresh)
	return c.tx.Commit(func(b *postgres.Batch) {
		c.put(b, c.freshID, false, c.fresh)
		c.put(b, c.retryID, true, c.retried)
		b.Each(func(r pgx.Rows) error {
			var seq int64
			var n int
			err := r.Scan(&seq, &n)
			c.attempts[seq] = n
			return err
		}, `UPDATE queue_retries SET lease = $3, attempts = attempts + 1 WHERE queue = $1 AND seq = ANY($2)
			RETURNING seq, attempts`, c.q.id, c.retried, c.retryID)
		readStored(b, slices.Concat(c.fresh, c.retried), func(s stored) { c.events = append(c.events, s) })
	})
}

func (c *claim) put(b *postgres.Batch, id int64, retried bool, seqs []int64) {
	if len(seqs) > 0 {
		b.Exec(`INSERT INTO queue_leases (id, queue, consumer, expires_at, retried, items) VALUES ($1,$2,$3,$4,$5,$6)`,
			id, c.q.id, c.q.consumer.id, postgres.Always(c.expires()), retried, seqs)
	}
}

func (c *claim) expires() time.Time { return c.now.Add(c.attrs.Visibility) }

func (c *claim) deliveries(ctx context.Context) ([]queue.Delivery, error) {
	if want := len(c.fresh) + len(c.retried); len(c.events) != want {
		return nil, fmt.Errorf("%d events are queued of which %d are not there", want, want-len(c.events))
	}
	out := make([]queue.Delivery, len(c.events))
	for i, s := range c.events {
		e, err := c.q.unpack(ctx, s)
		if err != nil {
			return nil, err
		}
		d := queue.Delivery{Event: e, Attempt: 1, Receipt: queue.NumberedReceipt(c.freshID, s.seq), Expires: c.expires()}
		if n := c.attempts[s.seq]; n > 0 {
			d.Attempt, d.Receipt = n, queue.NumberedReceipt(c.retryID, s.seq)
		}
		out[i] = d
	}
	return out, nil
}

// draw returns a number that was hardly ever drawn before.
func draw() int64 { return 1 + rand.Int64N(math.MaxInt64) }
