package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"bellhop"
	"bellhop/wire"
)

type backupCmd struct {
	wire.Storage
	File      string        `arg:"" help:"The file to write."`
	Keep      time.Duration `name:"keep" placeholder:"30d" help:"How long FILE is kept, until you delete it: records of redactions say so."`
	Elsewhere bool          `name:"made-elsewhere" help:"Write nothing: note that another tool, such as pg_dump, made the backup FILE now."`
	Force     bool          `name:"force" help:"Replace FILE if it exists."`
	Recipient []string      `name:"recipient" env:"BELLHOP_BACKUP_RECIPIENTS" placeholder:"KEY" help:"Encrypt FILE to the holder of this public key of age (age1...); several with commas between."`
}

func (backupCmd) Help() string {
	return `The backup is one SQLite file with orders, queue, people and secrets: keep it as safe as the database. The key
that tokens and shops' secrets are sealed with, bellhop.key, is not in it: keep that elsewhere. See docs/key.md.
bellhop writes all of the file or none of it.

bellhop notes the file's name: a record of a redaction names the backups that still hold the person, and with --keep
until when. With PostgreSQL note each backup with --made-elsewhere.

With --recipient the file is encrypted (age-encryption.org): only who has a recipient's secret key can restore it.
age-keygen -o key.txt makes one, and age-keygen -y key.txt prints its recipient. See docs/backups.md.`
}

func (c *backupCmd) Run(j *job) error {
	if _, err := os.Lstat(c.File); err == nil && !c.Force && !c.Elsewhere {
		return bellhop.Errorf(bellhop.Conflict, "file_exists",
			"%s is there already: choose another name, or give --force to replace it", c.File)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		note := bellhop.BackupNote{Name: filepath.Base(c.File), MadeAt: j.stamp()}
		if c.Keep > 0 {
			note.Until = note.MadeAt.Add(c.Keep)
		}
		if c.Elsewhere {
			return j.said(p.Store.AddBackup(j.ctx, note), "Noted the backup %s.", note.Name)
		}
		if err := p.Backup(j.ctx, c.File, note, c.Recipient...); err != nil {
			return err
		}
		info, err := os.Stat(c.File)
		if err != nil {
			return err
		}
		return j.said(nil, "Wrote %s (%.1f MiB).", c.File, float64(info.Size())/(1<<20))
	})
}
