//go:build unix

package web

import "syscall"

// connsAllowed is how many connections leave a quarter of the files that the process
// may open to the database and to all that it calls: beyond the limit not even an
// honest connection could be accepted.
func connsAllowed() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return maxConns
	}
	return int(min(maxConns, uint64(limit.Cur)/4*3))
}
