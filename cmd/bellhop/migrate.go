package main

import "bellhop/wire"

type migrateCmd struct {
	wire.Storage
}

func (migrateCmd) Help() string {
	return `Creates the database if there is none. Take a backup first.

Running processes go on: migrations only add, so the previous version keeps working on the new schema. But it would
not start on it. Run bellhop migrate of the new version, then restart bellhop serve and bellhop worker soon.`
}

func (c *migrateCmd) Run(j *job) error {
	n, err := c.Migrate(j.ctx, wire.Options{Log: j.log, Now: j.now})
	switch {
	case err != nil:
		return err
	case n == 0:
		j.say("The database is up to date.")
	default:
		j.say("Applied %s: the database is up to date.", plural(n, "migration"))
	}
	return nil
}
