//go:build !linux

package bench

const diskInMemory = "tmpfs"

func diskOf(string) string { return "" }
