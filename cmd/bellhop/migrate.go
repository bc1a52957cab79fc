package main

import "bellhop/wire"

type migrateCmd struct {
	wire.Storage
}

// Help implements kong.HelpProvider.
func (migrateCmd) Help() string {
	return `Makes the database if there is none. End bellhop serve and bellhop worker first, and take a backup.

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
