package main

import (
	"errors"
	"io/fs"
	"os"

	"bellhop"
	"bellhop/wire"
)

type backupCmd struct {
	wire.Storage
	File  string `arg:"" help:"The file to write."`
	Force bool   `name:"force" help:"Replace FILE if it exists."`
}

func (backupCmd) Help() string {
	return `The backup is one SQLite file with orders, queue, people and secrets: keep it as safe as the database. The key
that tokens and shops' secrets are sealed with, bellhop.key, is not in it: keep that elsewhere. See docs/key.md.
bellhop writes all of the file or none of it.`
}

func (c *backupCmd) Run(j *job) error {
	if _, err := os.Lstat(c.File); err == nil && !c.Force {
		return bellhop.Errorf(bellhop.Conflict, "file_exists",
			"%s is there already: choose another name, or give --force to replace it", c.File)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		if err := p.Backup(j.ctx, c.File); err != nil {
			return err
		}
		info, err := os.Stat(c.File)
		if err != nil {
			return err
		}
		return j.said(nil, "Wrote %s (%.1f MiB).", c.File, float64(info.Size())/(1<<20))
	})
}
