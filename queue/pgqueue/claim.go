package pgqueue

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/bodies"
	"bellhop/internal/postgres"
	"bellhop/queue"
)

// claim is one try to lease events, in one transaction.
type claim struct {
	q   *Queue
	tx  *postgres.Tx
	max int

	// Set by look. It locks the ended leases and the due retries; others skip them
	// meanwhile.
	now   time.Time
	attrs queue.Attributes
	next  time.Time // when the next lease ends or the next retry is due; zero if never
	ended []lease
	due   []waiting
	lanes []int64

	fresh, retried   []waiting // taken events
	bytes            int       // room left for bodies
	full             bool      // something did not fit
	freshID, retryID int64     // its leases
	attempts         map[int64]int
	events           []stored
}

// waiting is an event that is ready to be claimed.
type waiting struct {
	lane, seq int64
	size      int  // of its body once that is unpacked
	suspect   bool // its leases ended often without a verdict
}

// sizeColumns are the arguments of [sizeOf], which needs only the beginning of a packed
// body.
const sizeColumns = `coalesce(e.coding, 0), coalesce(octet_length(e.body), 0), substring(e.body FROM 1 FOR 10)`

func sizeOf(coding int64, stored int, beginning []byte) int {
	if coding == 0 {
		return stored
	}
	return bodies.Size(coding, beginning)
}

func seqs(all []waiting) []int64 {
	out := make([]int64, len(all))
	for i, w := range all {
		out[i] = w.seq
	}
	return out
}

// mostAtOnce bounds a batch.
const mostAtOnce = 1000

// endedAtOnce bounds the ended leases that one claim takes back.
const endedAtOnce = 100

// take leases up to max events. When there are none it says when to look again.
func (q *Queue) take(ctx context.Context, max int) (out []queue.Delivery, again time.Duration, err error) {
	var c *claim
	err = q.worker.Write(ctx, func(tx *postgres.Tx) error {
		c = &claim{q: q, tx: tx, max: min(max, mostAtOnce), bytes: queue.BatchBytes, freshID: draw(), retryID: draw(),
			attempts: map[int64]int{}}
		return c.run()
	})
	if err != nil {
		return nil, 0, queue.Wrap("claim events", err)
	}
	if len(c.events) == 0 {
		return nil, c.again(), nil
	}
	out, lost, err := c.deliveries(ctx)
	if err == nil && len(lost) > 0 {
		err = q.Settle(ctx, lost...)
	}
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

// lanesFrom finds lanes with waiting events by going from one to the next in the
// index.
const lanesFrom = `WITH RECURSIVE l AS (
	(SELECT lane FROM queue_waiting WHERE queue = $1 AND lane > $2 AND lane <= $3 ORDER BY lane LIMIT 1)
	UNION ALL
	SELECT (SELECT w.lane FROM queue_waiting w WHERE w.queue = $1 AND w.lane > l.lane AND w.lane <= $3
		ORDER BY w.lane LIMIT 1) FROM l WHERE l.lane IS NOT NULL)
	SELECT lane FROM l WHERE lane IS NOT NULL LIMIT $4`

const noLane, lastLane = -1, math.MaxInt32

// look reads the queue's state, in one round trip.
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
		b.Each(into(&c.ended, scanLease), `SELECT id, retried, items FROM queue_leases WHERE queue = $1 AND expires_at <= now()
			ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED`, c.q.id, endedAtOnce)
		b.Each(into(&c.due, scanWaiting), dueRetries, c.q.id, c.max, queue.Suspicious, queue.RanOut)
		b.Each(into(&c.lanes, pgx.RowTo[int64]), lanesFrom, c.q.id, c.q.cursor, lastLane, c.max)
		b.Each(into(&c.lanes, pgx.RowTo[int64]), lanesFrom, c.q.id, noLane, c.q.cursor, c.max)
	})
	if err == nil && !found {
		return queue.NotFound(c.q.name)
	}
	c.lanes = c.lanes[:min(len(c.lanes), c.max)]
	return err
}

// into appends what scan reads from each row.
func into[T any](all *[]T, scan pgx.RowToFunc[T]) func(pgx.Rows) error {
	return func(r pgx.Rows) error {
		t, err := scan(r)
		*all = append(*all, t)
		return err
	}
}

// pairs scans rows of two numbers into a map.
func pairs[V int | int64](all map[int64]V) func(pgx.Rows) error {
	return func(r pgx.Rows) error {
		var key int64
		var value V
		err := r.Scan(&key, &value)
		all[key] = value
		return err
	}
}

const dueRetries = `SELECT 0::bigint, r.seq, r.attempts >= $3 AND r.reason = $4, ` + sizeColumns + `
	FROM queue_retries r LEFT JOIN queue_events e USING (seq)
	WHERE r.queue = $1 AND r.lease IS NULL AND r.due_at <= now() ORDER BY r.due_at LIMIT $2 FOR UPDATE OF r SKIP LOCKED`

func scanWaiting(r pgx.CollectableRow) (w waiting, err error) {
	var coding int64
	var stored int
	var beginning []byte
	err = r.Scan(&w.lane, &w.seq, &w.suspect, &coding, &stored, &beginning)
	w.size = sizeOf(coding, stored, beginning)
	return w, err
}

// take adds an event to the batch, unless that is full. The first always fits.
func (c *claim) take(to *[]waiting, w waiting) {
	n := len(c.fresh) + len(c.retried)
	if c.full = c.full || n == c.max || n > 0 && w.size > c.bytes; !c.full {
		*to = append(*to, w)
		c.bytes -= w.size
	}
}

// choose takes waiting events. Retries get at most half of the room while others
// wait; and every other time it takes one suspect by itself.
func (c *claim) choose() error {
	var due, suspects []waiting
	for _, w := range c.due {
		if w.suspect {
			suspects = append(suspects, w)
		} else {
			due = append(due, w)
		}
	}
	if c.q.alone = !c.q.alone; len(suspects) > 0 && (!c.q.alone || len(due)+len(c.lanes) == 0) {
		c.retried = suspects[:1]
		return nil
	}
	for len(due) > 0 && (len(c.lanes) == 0 || len(c.retried) < c.max/2 && c.bytes > queue.BatchBytes/2) {
		c.take(&c.retried, due[0])
		due = due[1:]
	}
	for lanes := c.lanes; len(lanes) > 0 && !c.full && len(c.fresh)+len(c.retried) < c.max; {
		more, err := c.takeFrom(lanes, c.max-len(c.fresh)-len(c.retried))
		if err != nil {
			return err
		}
		lanes = more
	}
	for _, w := range due {
		c.take(&c.retried, w)
	}
	return nil
}

const findWaiting = `SELECT w.lane, w.seq, false, ` + sizeColumns + `
	FROM unnest($2::int[]) WITH ORDINALITY AS l(lane, n)
	CROSS JOIN LATERAL (SELECT lane, seq FROM queue_waiting WHERE queue = $1 AND lane = l.lane AND NOT seq = ANY($4)
		ORDER BY seq LIMIT $3 FOR UPDATE SKIP LOCKED) w
	LEFT JOIN queue_events e USING (seq) ORDER BY l.n, w.seq`

// takeFrom takes the same number from each lane, so that no shop waits for
// another's backlog. It returns the lanes that may hold more. Events without room
// are free again at the end of the claim.
func (c *claim) takeFrom(lanes []int64, room int) (more []int64, err error) {
	lanes = lanes[:min(len(lanes), room)]
	share, bytes := room/len(lanes), c.bytes/len(lanes)
	var found []waiting
	err = c.tx.Do(func(b *postgres.Batch) {
		b.Each(into(&found, scanWaiting), findWaiting, c.q.id, lanes, share, seqs(c.fresh))
	})
	taken, left, cut := map[int64]int{}, map[int64]int{}, map[int64]bool{}
	for _, w := range found {
		if _, begun := left[w.lane]; !begun {
			left[w.lane] = bytes
		}
		if cut[w.lane] = cut[w.lane] || taken[w.lane] > 0 && w.size > left[w.lane]; cut[w.lane] {
			continue
		}
		if c.take(&c.fresh, w); c.full {
			break
		}
		taken[w.lane]++
		left[w.lane] -= w.size
		c.q.cursor = w.lane
	}
	for _, lane := range lanes {
		if taken[lane] == share || cut[lane] {
			more = append(more, lane)
		}
	}
	if !c.full {
		c.q.cursor = lanes[len(lanes)-1]
	}
	return more, err
}

const takeWaiting = `DELETE FROM queue_waiting w USING unnest($2::int[], $3::bigint[]) AS c(lane, seq)
	WHERE w.queue = $1 AND w.lane = c.lane AND w.seq = c.seq`

// lease puts the taken events under leases, reads them, and commits.
func (c *claim) lease() error {
	lanes := make([]int64, len(c.fresh))
	for i, w := range c.fresh {
		lanes[i] = w.lane
	}
	fresh, retried := seqs(c.fresh), seqs(c.retried)
	return c.tx.Commit(func(b *postgres.Batch) {
		if len(fresh) > 0 {
			b.Exec(takeWaiting, c.q.id, lanes, fresh)
		}
		c.put(b, c.freshID, false, slices.Sorted(slices.Values(fresh)))
		c.put(b, c.retryID, true, retried)
		b.Each(pairs(c.attempts), `UPDATE queue_retries SET lease = $3, attempts = attempts + 1 WHERE queue = $1 AND seq = ANY($2)
			RETURNING seq, attempts`, c.q.id, retried, c.retryID)
		b.Each(into(&c.events, scanStored), `SELECT `+eventColumns+`, e.seq, e.coding, e.body
			FROM queue_events e WHERE e.seq = ANY($1)`, slices.Concat(fresh, retried))
	})
}

func (c *claim) put(b *postgres.Batch, id int64, retried bool, seqs []int64) {
	if len(seqs) > 0 {
		b.Exec(`INSERT INTO queue_leases (id, queue, consumer, expires_at, retried, items) VALUES ($1,$2,$3,$4,$5,$6)`,
			id, c.q.id, c.q.consumer.id, postgres.Always(c.expires()), retried, seqs)
	}
}

func (c *claim) expires() time.Time { return c.now.Add(c.attrs.Visibility) }

// deliveries unpacks the claimed events; lost are those that can't be unpacked any
// more.
func (c *claim) deliveries(ctx context.Context) (out []queue.Delivery, lost []queue.Settlement, err error) {
	there := map[int64]stored{}
	for _, s := range c.events {
		there[s.seq] = s
	}
	for _, w := range slices.Concat(c.fresh, c.retried) {
		d := queue.Delivery{Attempt: 1, Receipt: queue.NumberedReceipt(c.freshID, w.seq), Expires: c.expires()}
		if n := c.attempts[w.seq]; n > 0 {
			d.Attempt, d.Receipt = n, queue.NumberedReceipt(c.retryID, w.seq)
		}
		if s, ok := there[w.seq]; ok {
			d.Event, err = c.q.unpack(ctx, s)
		} else {
			err = bellhop.Invalidf("event_gone", "event %d is in the queue, but its row is gone", w.seq)
		}
		switch {
		case bellhop.IsPermanent(err):
			lost = append(lost, queue.Settlement{Receipt: d.Receipt, Verdict: queue.DeadLetter, Reason: err.Error()})
		case err != nil:
			return nil, nil, err
		default:
			out = append(out, d)
		}
	}
	return out, lost, nil
}

// draw returns a random number that hardly ever comes twice.
func draw() int64 { return 1 + rand.Int64N(math.MaxInt64) }
