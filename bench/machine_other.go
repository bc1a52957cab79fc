//go:build !linux

package bench

import "time"

type sleeper struct{}

func newSleeper() sleeper { return sleeper{} }

func (sleeper) until(t time.Time) { time.Sleep(time.Until(t)) }

const diskInMemory = "tmpfs"

func diskOf(string) string { return "" }
