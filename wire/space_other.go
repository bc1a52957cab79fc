//go:build !nosqlite && !(linux || darwin || freebsd)

package wire

func freeSpace(string) (free uint64, known bool) { return 0, false }
