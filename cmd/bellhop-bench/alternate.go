package main

import "bellhop/bench"

type alternateCmd struct {
	Before   string `arg:"" help:"The bellhop before."`
	After    string `arg:"" help:"The bellhop after."`
	Times    int    `name:"times" default:"10" help:"How often to measure each."`
	Orders   int    `name:"orders" default:"20000" help:"How many orders to record."`
	Postgres string `name:"postgres" placeholder:"URL" help:"A database whose user may make others; without it orders go into SQLite."`
	Dir      string `name:"dir" placeholder:"DIR" help:"Where to write data, in a folder that it removes at the end."`
	JSON     bool   `name:"json" help:"Print JSON instead of a table."`
}

// Help implements kong.HelpProvider.
func (alternateCmd) Help() string {
	return `Both programs record the same webhooks in turn. It prints medians with the middle half of the values. A
difference below the wider half is none. make compare REF=COMMIT builds two commits for it.

Example:

  bellhop-bench alternate ./bellhop-before ./bellhop-after`
}

// Run implements the command.
func (c *alternateCmd) Run(j *job) error {
	all, err := bench.Alternate(j.ctx, bench.AlternateOptions{Before: c.Before, After: c.After, Postgres: c.Postgres,
		Dir: c.Dir, Times: c.Times, Orders: c.Orders, Progress: j.progress})
	if err != nil {
		return interrupted(err, "not kept")
	}
	if c.JSON {
		return j.json(all)
	}
	return bench.WriteChanges(j.out, all)
}
