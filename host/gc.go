package host

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	maxGarbage = 48 << 20
	liveMetric = "/gc/heap/live:bytes"
)

// RelaxGC collects less often while the heap is small: prototypes recorded more orders
// that way. With thousands of connections it allows less garbage. GOGC overrides it.
func RelaxGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
		afterNextCollection(400)
	}
}

// afterNextCollection sets GOGC anew after each collection.
func afterNextCollection(percent int) {
	runtime.AddCleanup(&struct{ _ [16]byte }{}, func(percent int) {
		live := []metrics.Sample{{Name: liveMetric}}
		metrics.Read(live)
		next := garbagePercent(live[0].Value.Uint64())
		if next != percent {
			debug.SetGCPercent(next)
		}
		afterNextCollection(next)
	}, percent)
}

// garbagePercent returns GOGC for a live heap, in steps of 25: setting it stops the
// world for a moment.
func garbagePercent(live uint64) int {
	return int(min(400, max(50, maxGarbage*100/max(live, 1)/25*25)))
}
