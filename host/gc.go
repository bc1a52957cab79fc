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

// RelaxGC trades memory for speed where the memory is little: at a few
// dozen MiB of heap, collecting at five times what is in use rather than at twice
// saves work: prototypes recorded more that way. Where thousands of connections are
// held, garbage gets no more than twice that, so that they fit beside it. GOGC
// overrules.
func RelaxGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
		afterNextCollection(400)
	}
}

// afterNextCollection sets anew when to collect, each time that it was done.
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

// garbagePercent is how much garbage there may be for so much that is live, in steps
// of 25, since setting it stops everything for a moment.
func garbagePercent(live uint64) int {
	return int(min(400, max(50, maxGarbage*100/max(live, 1)/25*25)))
}
