package storetest

import (
	"fmt"
	"strings"
	"time"

	"bellhop"
)

// backups notes backups, and forgets those that ran out.
func backups(f *fixture) {
	add := func(name string, made, until time.Time) bellhop.BackupNote {
		f.Helper()
		b := bellhop.BackupNote{Name: name, MadeAt: made.Add(3 * time.Microsecond), Until: until}
		f.must(f.s.AddBackup(f.ctx, b))
		return b
	}
	list := func(seconds int) []bellhop.BackupNote { return must(f.s.Backups(f.ctx, at(seconds)))(f) }
	f.equal("none", len(list(0)), 0)
	later := add("later", at(5), at(9))
	ever := add("ever \u5c71", at(1), time.Time{})
	early := add("early", at(2), at(6))
	again := add("early", at(2), at(6)) // of the same name
	f.equal("all, newest first", list(5), []bellhop.BackupNote{later, again, early, ever})
	f.equal("some ran out", list(6), []bellhop.BackupNote{later, ever})
	newest := add("newest", at(7), at(8))
	f.equal("their notes are gone", list(0), []bellhop.BackupNote{newest, later, ever})
	for _, bad := range []bellhop.BackupNote{{MadeAt: at(1)}, {Name: "a"}, {Name: "/tmp/a", MadeAt: at(1)},
		{Name: strings.Repeat("a", 256), MadeAt: at(1)}, {Name: "a\x00", MadeAt: at(1)}} {
		f.kind(bellhop.Invalid, f.s.AddBackup(f.ctx, bad))
	}
	f.s = f.d.Reopen(f.T, f.s)
	f.equal("after a restart", list(0), []bellhop.BackupNote{newest, later, ever})
	for n := range bellhop.MaxRequestBackups - 1 {
		add(fmt.Sprint(n), at(10+n), time.Time{})
	}
	all := list(0)
	f.equal("the bound", []int{len(all), int(all[len(all)-1].MadeAt.Sub(day) / time.Second)},
		[]int{bellhop.MaxRequestBackups, 1})
	add("one more", at(5000), time.Time{})
	all = list(0)
	f.equal("the oldest went", []string{fmt.Sprint(len(all)), all[len(all)-1].Name},
		[]string{fmt.Sprint(bellhop.MaxRequestBackups), "0"})
}
