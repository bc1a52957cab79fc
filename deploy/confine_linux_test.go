package deploy_test

import (
	"fmt"
	"os"
	"syscall"
)

// confineKey makes this test program become another, confined one.
const confineKey = "DEPLOY_TEST_CONFINE"

// confine becomes the program that the arguments name, which may not have memory
// that is both written and executed: what MemoryDenyWriteExecute=yes forbids.
func confine() {
	if os.Getenv(confineKey) == "" {
		return
	}
	os.Unsetenv(confineKey)
	err := prctl(setNoNewPrivs, 1)
	if err == nil {
		err = prctl(setMDWE, 1)
	}
	if err == nil {
		err = syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "confine:", err)
	os.Exit(1)
}

// canConfine reports whether the kernel knows how (Linux 6.3).
func canConfine() bool { return prctl(getMDWE, 0) == nil }

// What prctl(2) can be asked for.
const (
	setNoNewPrivs = 38
	setMDWE       = 65
	getMDWE       = 66
)

func prctl(option, arg uintptr) error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, option, arg, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
