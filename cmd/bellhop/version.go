package main

import (
	"runtime"
	"runtime/debug"

	"bellhop/wire"
)

type versionCmd struct{ jsonFlag }

// build describes this program's build.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"` // "" for a build outside a checkout
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	SQLite   string `json:"sqlite"`
	Platform string `json:"platform"`
}

func version() build {
	b := build{Version: "dev", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (c *versionCmd) Run(j *job) (err error) {
	b := version()
	if b.SQLite, err = wire.SQLiteVersion(); err != nil {
		return err
	}
	commit := orDash(b.Commit)
	if b.Modified {
		commit += " (modified)"
	}
	return j.answer(c.jsonFlag, b, "bellhop %s\ncommit  %s\ngo      %s\nsqlite  %s\non      %s", b.Version, commit, b.Go,
		b.SQLite, b.Platform)
}
