package main

import "bellhop/wire"

type migrateCmd struct {
	wire.Storage
}

// Help implements kong.HelpProvider.
func (migrateCmd) Help() string {
	return `Makes the database if there is none. Take a backup first.

What is running goes on: migrations only add, so that the version before works on the new schema. It would not start on it: run bellhop migrate of the new version, then start bellhop serve and bellhop worker anew soon.

Example:

  bellhop migrate`
}

// Run implements the command.
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
