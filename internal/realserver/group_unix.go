//go:build unix

package realserver

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps a terminal's interrupt away from the server, and lets its guard
// end all that it started.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup ends a server and all that it started, without asking.
func killGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
