package amqpqueue

import (
	"fmt"
	"testing"
	"time"
)

// TestRouter lets one shop flood: it stays in one lane, and the others avoid that
// lane.
func TestRouter(t *testing.T) {
	now := time.Unix(0, 0)
	r := newRouter(func() time.Time { return now }, spread)
	flood := r.pick("flood")
	for i := range 10_000 {
		if lane := r.pick("flood"); lane != flood {
			t.Fatalf("event %d of the flood goes into lane %d, not %d", i, lane, flood)
		}
		now = now.Add(time.Millisecond)
	}
	for i := range 100 {
		shop := fmt.Sprint("quiet-", i)
		if lane := r.pick(shop); lane == flood {
			t.Errorf("%s goes into the lane of the flood", shop)
		}
	}
	now = now.Add(time.Hour)
	used := map[int]bool{}
	for i := range 100 {
		used[r.pick(fmt.Sprint("quiet-", i))] = true
	}
	if !used[flood] || len(used) != spread {
		t.Errorf("an hour later %d lanes are used, that of the flood among them: %v", len(used), used[flood])
	}
	if len(r.homes) != 100 {
		t.Errorf("%d shops are remembered of 100 that have sent of late", len(r.homes))
	}
}
