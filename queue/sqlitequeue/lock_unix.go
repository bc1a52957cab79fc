//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sqlitequeue

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the lock unless another process has it. The system frees it
// when the file is closed or the process ends.
func tryLock(h *os.File) (bool, error) {
	err := syscall.Flock(int(h.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
