//go:build unix

package lambdaruntime

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the process into a group of its own. When this process dies, the
// system ends whatever stands still in such a group.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// freeze and thaw fail only if the process has ended, which others notice.
func freeze(cmd *exec.Cmd) { cmd.Process.Signal(syscall.SIGSTOP) }
func thaw(cmd *exec.Cmd)   { cmd.Process.Signal(syscall.SIGCONT) }
