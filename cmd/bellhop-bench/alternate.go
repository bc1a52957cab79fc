package main

import "bellhop/bench"

type alternateCmd struct {
	bench.AlternateOptions
	JSON bool `name:"json" help:"Print JSON instead of a table."`
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
	c.Progress = j.progress
	all, err := bench.Alternate(j.ctx, c.AlternateOptions)
	if err != nil {
		return interrupted(err, "not kept")
	}
	if c.JSON {
		return j.json(all)
	}
	return bench.WriteChanges(j.out, all)
}
