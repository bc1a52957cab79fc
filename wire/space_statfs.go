//go:build !nosqlite && (linux || darwin || freebsd)

package wire

import "syscall"

// freeSpace returns how many bytes a process may still write on a folder's
// disk.
func freeSpace(dir string) (free uint64, known bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return uint64(st.Bavail) * uint64(st.Bsize), true
}
