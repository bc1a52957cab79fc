//go:build unix

package main

import "syscall"

// What is written holds secrets and customers' data: it is for its owner alone. SQLite
// asks for more of the files beside its own.
func init() { syscall.Umask(0o077) }
