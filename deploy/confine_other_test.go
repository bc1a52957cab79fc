//go:build !linux

package deploy_test

import "syscall"

const confineKey = ""

func confine() {}

func canConfine() bool { return false }

func dieWithParent() *syscall.SysProcAttr { return nil }
