package deploy_test

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// confineKey is set where this test program is to become another, confined one.
const confineKey = "DEPLOY_TEST_CONFINE"

// confine becomes the program that the arguments name, which may not have memory
// that is both written and executed: what MemoryDenyWriteExecute=yes forbids.
func confine() {
	if os.Getenv(confineKey) == "" {
		return
	}
	os.Unsetenv(confineKey)
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)
	}
	if err == nil {
		err = syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "confine:", err)
	os.Exit(1)
}

// canConfine reports whether the kernel knows how (Linux 6.3).
func canConfine() bool {
	_, err := unix.PrctlRetInt(unix.PR_GET_MDWE, 0, 0, 0, 0)
	return err == nil
}

func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
