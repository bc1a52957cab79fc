//go:build killpoints

package main

import (
	"os"
	"strconv"
	"sync/atomic"
	"syscall"

	"bellhop/pipeline"
)

// probe returns one that kills the process at a point of the journey, the
// so-manieth time that it is reached, as the environment says.
func probe() pipeline.Probe {
	at := pipeline.Point(os.Getenv("KILL_POINT"))
	n, err := strconv.ParseInt(os.Getenv("KILL_HITS"), 10, 64)
	if at == "" || err != nil {
		return nil
	}
	var left atomic.Int64
	left.Store(n)
	return func(p pipeline.Point) {
		if p == at && left.Add(-1) == 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
}
