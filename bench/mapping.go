package bench

import (
	"math"
	"slices"
	"time"
)

// The template's settings, and how AWS polls: five receives at a time, each for as
// long as the queue says, however many batches may be under way.
const (
	templateBatch     = 5
	templateConsumers = 4
	awsPollers        = 5
	awsPoll           = 20 * time.Second
)

// mapping is a model of an event source mapping of SQS without a batching window:
// a poller receives at least one message, gets all carried, deletes them and polls
// again. Requests take no time, so that batches are rather too small
// than too large.
type mapping struct {
	pollers, consumers, batch int
	poll                      time.Duration
	took                      func(n int) time.Duration // by a batch of n
}

// polled is its result.
type polled struct {
	batches []int         // their sizes
	empty   int           // receives that brought nothing
	behind  time.Duration // how long after the last order was due it was carried
}

// carry carries orders that come at even intervals.
func (m mapping) carry(rate float64, orders int) (p polled) {
	due := func(i int) time.Duration { return time.Duration(float64(i) / rate * float64(time.Second)) }
	pollers, consumers := make([]time.Duration, m.pollers), make([]time.Duration, m.consumers) // when each is free
	var end time.Duration
	for next := 0; next < orders; {
		poller := earliest(pollers)
		at := pollers[poller]
		if wait := due(next) - at; wait > 0 {
			p.empty += int(wait / m.poll)
			at += wait
		}
		n := 1
		for n < m.batch && next+n < orders && due(next+n) <= at {
			n++
		}
		consumer := earliest(consumers)
		end = max(at, consumers[consumer]) + m.took(n)
		pollers[poller], consumers[consumer] = end, end
		p.batches = append(p.batches, n)
		next += n
	}
	p.behind = max(0, slices.Max(pollers)-due(orders-1))
	return p
}

func earliest(free []time.Duration) int {
	least := 0
	for i, at := range free {
		if at < free[least] {
			least = i
		}
	}
	return least
}

// timing is how long a function takes for a batch: so long, and so long more for
// each message.
type timing struct{ base, each time.Duration }

func (t timing) of(n int) time.Duration { return t.base + time.Duration(n)*t.each }

// timingOf draws a line through the times of one message and of n.
func timingOf(one, all time.Duration, n int) timing {
	each := max(0, all-one) / time.Duration(n-1)
	return timing{base: max(0, one-each), each: each}
}

// billed is an invocation's time on Lambda's bill: whole milliseconds.
func billed(took time.Duration) float64 { return math.Ceil(float64(took) / float64(time.Millisecond)) }
