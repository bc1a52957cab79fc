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

// diskInMemory is a file system on which fsync does nothing.
const diskInMemory = "tmpfs"

// diskOf names the file system that a folder is on; "" when it is not known.
func diskOf(dir string) string {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return ""
	}
	return map[int64]string{ // statfs(2)
		0x01021994: diskInMemory, 0xef53: "ext4", 0x58465342: "xfs", 0x9123683e: "btrfs", 0x794c7630: "overlayfs",
		0xf2f52010: "f2fs", 0x2fc12fc1: "zfs",
	}[int64(s.Type)]
}
