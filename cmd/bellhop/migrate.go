package main

import "bellhop/wire"

type migrateCmd struct{ wire.Storage }

func (migrateCmd) Help() string {
	return `Creates the database if there is none. Take a backup first.

Running processes go on: migrations only add, so the previous version keeps working on the new schema, and starts on
it. The database keeps the oldest version that can; an older bellhop ends and says so. Run bellhop migrate of the new
version, then restart bellhop serve and bellhop worker.`
}

func (c *migrateCmd) Run(j *job) error {
	n, err := c.Migrate(j.ctx, j.options())
	if n == 0 {
		return j.said(err, "The database is up to date.")
	}
	return j.said(err, "Applied %s: the database is up to date.", plural(n, "migration"))
}
