//go:build unix

package main

import "syscall"

// Files hold secrets and customers' data: only their owner may read them. SQLite's own rights for
// the files beside its database are wider.
func init() { syscall.Umask(0o077) }
