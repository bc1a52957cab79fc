//go:build unix

package wire

import (
	"os"
	"syscall"
)

// ownAs gives a file to the user of another one, so that a command that root ran leaves none behind that
// bellhop can't read. Only root may do that.
func ownAs(path, other string) error {
	info, err := os.Stat(other)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(path, int(owner.Uid), int(owner.Gid))
}
