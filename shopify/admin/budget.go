package admin

import (
	"cmp"
	"sync"
	"time"
)

// cost is what Shopify says of a query's price and of the budget, in points.
type cost struct {
	Requested float64 `json:"requestedQueryCost"`
	Actual    float64 `json:"actualQueryCost"` // 0 where nothing was done
	Status    *struct {
		Maximum   float64 `json:"maximumAvailable"`
		Available float64 `json:"currentlyAvailable"`
		Rate      float64 `json:"restoreRate"` // a second
	} `json:"throttleStatus"`
}

// exceedsAll reports whether not even a full budget pays for a query.
func (c *cost) exceedsAll() bool {
	return c != nil && c.Status != nil && c.Status.Maximum > 0 && c.Requested > c.Status.Maximum
}

// saysWhen reports whether a call that came too early knows when to come again.
func (c *cost) saysWhen() bool {
	return c != nil && c.Requested > 0 && c.Status != nil && c.Status.Rate > 0
}

// holdFor is how long to wait after a refusal that doesn't say for how long.
const holdFor = time.Second

// budget is what is known of the points that an app may still spend in a shop. Shopify fills it up at
// a steady rate, and refuses what costs more than there is. The zero budget knows nothing.
type budget struct {
	mu                       sync.Mutex
	maximum, available, rate float64 // at asOf; a rate of 0: unknown
	asOf                     time.Time
	until                    time.Time          // no call before
	costs                    map[string]float64 // of a query, by its name, when it was last asked
	chunk                    int                // orders that are fetched at once; 0: unknown
}

func (a *App) budget(shop string) *budget {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.budgets[shop]
	if b == nil {
		b = &budget{costs: map[string]float64{}}
		if a.budgets == nil {
			a.budgets = map[string]*budget{}
		}
		a.budgets[shop] = b
	}
	return b
}

// take spends what a query costs, and says how long to wait before it is made, so that then there is
// as much, and the reserve beside it.
func (b *budget) take(now time.Time, query string, reserve float64) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	hold := b.until.Sub(now)
	if b.rate <= 0 {
		return hold
	}
	b.available = min(b.maximum, b.available+b.rate*max(0, now.Sub(b.asOf).Seconds()))
	b.asOf = now
	cost := b.costs[query]
	lacking := min(cost+reserve*b.maximum, b.maximum) - b.available
	b.available -= cost
	return max(hold, seconds(lacking/b.rate))
}

// note keeps what an answer says. It knows better than we do, who don't see what others spend.
func (b *budget) note(now time.Time, query string, c *cost) {
	if c == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.Requested > 0 {
		b.costs[query] = c.Requested
	}
	if s := c.Status; s != nil && s.Rate > 0 && s.Maximum > 0 {
		b.maximum, b.available, b.rate, b.asOf = s.Maximum, s.Available, s.Rate, now
	}
}

// hold lets no call through for a while, where the budget alone would.
func (b *budget) hold(now time.Time, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until = now.Add(d)
}

// fetches is how many orders are fetched at once.
func (b *budget) fetches() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return cmp.Or(b.chunk, chunkAtFirst)
}

func (b *budget) fetch(atOnce int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chunk = max(1, min(atOnce, chunkMost))
}
