package amqpqueue

import (
	"hash/fnv"
	"slices"
	"sync"
	"time"
)

// router chooses the lane of each event. A shop stays in one lane, by its name,
// until the other shops send much more into that lane than goes into the quietest
// one: then it moves there. No order is promised, so that it may move at any time.
//
// A router knows only the events of this process. Behind a load balancer every
// process sends the same mixture.
type router struct {
	now func() time.Time

	mu      sync.Mutex
	homes   map[string]int // lanes of shops that have sent of late
	total   []float64      // sent of late, by lane
	sent    []map[string]float64
	decayed time.Time
}

const (
	// halfLife is the time after which an event counts half.
	halfLife = 10 * time.Second
	// wellAbove is the factor between the others' events and those of the quietest
	// lane.
	wellAbove, atLeast = 2, 8
)

func newRouter(now func() time.Time, lanes int) *router {
	r := &router{now: now, homes: map[string]int{}, decayed: now(), total: make([]float64, lanes),
		sent: make([]map[string]float64, lanes)}
	for i := range r.sent {
		r.sent[i] = map[string]float64{}
	}
	return r
}

func (r *router) pick(shop string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.decay()
	lane, known := r.homes[shop]
	if !known {
		h := fnv.New32a()
		h.Write([]byte(shop))
		lane = int(h.Sum32()) % len(r.total)
	}
	quiet := slices.Index(r.total, slices.Min(r.total))
	if others := r.total[lane] - r.sent[lane][shop]; others > wellAbove*r.total[quiet]+atLeast {
		lane = quiet
	}
	r.homes[shop] = lane
	r.sent[lane][shop]++
	r.total[lane]++
	return lane
}

// decay halves the counts for each half-life since the last time.
func (r *router) decay() {
	for n := 0; r.now().Sub(r.decayed) >= halfLife; n++ {
		if n == 20 { // nothing is left
			r.decayed = r.now()
			return
		}
		r.decayed = r.decayed.Add(halfLife)
		for lane := range r.sent {
			r.total[lane] = 0
			for shop, n := range r.sent[lane] {
				if n /= 2; n >= 0.5 {
					r.sent[lane][shop] = n
					r.total[lane] += n
					continue
				}
				delete(r.sent[lane], shop)
				if r.homes[shop] == lane {
					delete(r.homes, shop)
				}
			}
		}
	}
}
