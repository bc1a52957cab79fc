package main

import (
	"bellhop"
	"bellhop/wire"
)

type restoreCmd struct {
	wire.Storage
	File string `arg:"" help:"A file that bellhop backup wrote."`
	Yes  bool   `name:"yes" short:"y" help:"Don't ask."`
}

func (restoreCmd) Help() string {
	return `Replaces everything with the state in FILE, in one step. Running processes go on with the restored state.
Everything since the backup is gone: Shopify does not send it again.`
}

func (c *restoreCmd) Run(j *job) error {
	if !c.Yes {
		if !isTerminal(j.in) {
			return bellhop.Invalidf("usage",
				"this replaces everything that is stored: give --yes to do so")
		}
		yes, err := j.confirm("This replaces everything that is stored with the state in " + c.File + ". Go on?")
		if err != nil {
			return err
		}
		if !yes {
			return errNotConfirmed
		}
	}
	if err := c.Restore(j.ctx, c.File, wire.Options{Log: j.log, Now: j.now}); err != nil {
		return err
	}
	j.say("Restored %s.", c.File)
	return nil
}
