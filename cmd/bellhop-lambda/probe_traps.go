//go:build traps

package main

import (
	"os"
	"strconv"
	"sync/atomic"
	"syscall"

	"bellhop/pipeline"
)

// probe makes the process fail at a point of the journey, at the TRAP_HITS-th pass: it
// is killed, panics, or hangs until its time is up.
func probe() pipeline.Probe {
	at := pipeline.Point(os.Getenv("TRAP_POINT"))
	n, err := strconv.ParseInt(os.Getenv("TRAP_HITS"), 10, 64)
	if at == "" || err != nil {
		return nil
	}
	var left atomic.Int64
	left.Store(n)
	return func(p pipeline.Point) {
		if p != at || left.Add(-1) != 0 {
			return
		}
		switch os.Getenv("TRAP_HOW") {
		case "panic":
			panic("a trap at " + string(p))
		case "hang":
			select {}
		default:
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
}
