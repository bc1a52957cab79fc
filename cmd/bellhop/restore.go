package main

import (
	"bellhop"
	"bellhop/pipeline"
	"bellhop/wire"
)

type restoreCmd struct {
	wire.Storage
	File     string `arg:"" help:"A file that bellhop backup wrote."`
	Identity string `name:"identity" placeholder:"KEYFILE" help:"The file with the secret key of a recipient, for an encrypted backup; age-keygen writes one."`
	LostKey  bool   `name:"lost-key" help:"Restore although the key of the backup's secrets is lost; then run bellhop key reset."`
	yesFlag
}

func (restoreCmd) Help() string {
	return `Replaces everything with the state in FILE, in one step. Running processes go on with the restored state.
What came since the backup is gone, and Shopify does not send it again. bellhop fetches the orders of connected shops
by the Admin API, within minutes; handling, invitations and other things of bellhop's own stay gone. Whom the replaced
state was asked to forget since stays forgotten. The key that tokens and shops' secrets are sealed with is in no
backup: have it at its place first, or in BELLHOP_KEY. See docs/backups.md and docs/key.md.`
}

func (c *restoreCmd) Run(j *job) error {
	if !c.Yes && !isTerminal(j.in) {
		return bellhop.Invalidf("usage", "this replaces everything that is stored: give --yes to do so")
	}
	question := "This replaces everything that is stored with the state in " + c.File + ". Go on?"
	if err := c.confirm(j.terminal, question); err != nil {
		return err
	}
	o := j.options()
	o.LostKey, o.Identity = c.LostKey, c.Identity
	again, err := c.Restore(j.ctx, c.File, o)
	if err := j.said(err, "Restored %s.", c.File); err != nil {
		return err
	}
	return sayAgain(j, again)
}

// sayAgain says what was taken away again.
func sayAgain(j *job, again pipeline.Again) error {
	if again == (pipeline.Again{}) {
		return nil
	}
	return j.said(nil, "Since the backup was made %s came for personal data: %s and %s were redacted again, %s erased.",
		plural(again.Requests, "request"), plural(again.Orders, "order"), plural(again.Bodies, "other webhook"),
		plural(again.Shops, "shop"))
}
