package bench

import (
	"syscall"
	"time"
)

// sleeper sleeps to within some ten microseconds. The runtime's own timers wait
// in epoll, which counts in milliseconds, and that would be most of the latency
// of a fast server.
type sleeper struct{}

// newSleeper is for the calling thread only.
func newSleeper() sleeper {
	const setTimerSlack = 29                                             // PR_SET_TIMERSLACK
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0) // without it: 50 µs later
	return sleeper{}
}

func (sleeper) until(t time.Time) {
	for {
		d := time.Until(t)
		if d <= 0 {
			return
		}
		ts := syscall.NsecToTimespec(int64(d))
		_ = syscall.Nanosleep(&ts, nil) // a signal only ends it early
	}
}
