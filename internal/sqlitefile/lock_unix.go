//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sqlitefile

import (
	"errors"
	"os"
	"syscall"
)

const locks = true

// TryLock takes the lock on a file unless another process has it. The system frees
// it when the file is closed or the process ends.
func TryLock(h *os.File) (bool, error) {
	err := syscall.Flock(int(h.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
