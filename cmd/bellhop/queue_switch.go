package main

import (
	"fmt"

	"bellhop"
	"bellhop/host"
	"bellhop/wire"
)

type queueSwitchCmd struct {
	jsonFlag
	Dir    string `name:"dir" env:"BELLHOP_DIR" default:"./bellhop-data" help:"The folder of sqlite: files without a path."`
	DB     string `name:"db" env:"BELLHOP_DB" default:"sqlite:" help:"The database, for a queue inside it."`
	From   string `name:"from" env:"BELLHOP_QUEUE" default:"sqlite:" placeholder:"URL" help:"The queue to empty, as BELLHOP_QUEUE takes it (${env}, or ${default})."`
	To     string `name:"to" env:"BELLHOP_QUEUE_TO" required:"" placeholder:"URL" help:"The queue to fill, as BELLHOP_QUEUE takes it (${env})."`
	Follow bool   `name:"follow" help:"Go on until interrupted, while webhooks still arrive in --from."`
	Dead   bool   `name:"dead" help:"Move the dead letters too, as events to try again."`
}

func (queueSwitchCmd) Help() string {
	return `Moves events while webhooks arrive and workers run. It acknowledges each event in --from only after --to
has it, so none is lost if it is killed: run it again. It ends when --from has no waiting and no leased events.
Attempts start again at zero. docs/workers.md has the steps of changing queues in production.

Other users of this machine can see flags: put a URL with a password into BELLHOP_QUEUE and BELLHOP_QUEUE_TO.`
}

func (c *queueSwitchCmd) Run(j *job) error {
	at := wire.Storage{Dir: c.Dir, DB: c.DB}
	moving := func(both *wire.Switch) error { return c.move(j, both) }
	return closing(moving)(at.OpenSwitch(j.ctx, c.From, c.To, j.patientOptions()))
}

func (c *queueSwitchCmd) move(j *job, both *wire.Switch) error {
	p := j.progress()
	step := func(s host.Switched) {
		line := fmt.Sprintf("moved %s; %s, %d leased, %s", plural(int(s.Moved), "event"), wait(s.Left.Waiting),
			s.Left.Leased, plural(s.Left.Dead, "dead letter"))
		p.show(line, line+", "+p.rate(s.Moved, "events"), false)
	}
	s := host.Switch{From: both.From.Queue, To: both.To.Queue, Follow: c.Follow, Dead: c.Dead, Log: j.log, Step: step}
	done, err := s.Run(j.ctx, j.hard)
	p.end()
	if err != nil {
		return err
	}
	if err := c.report(j, done); err != nil {
		return err
	}
	if j.ctx.Err() != nil && !c.Follow {
		return bellhop.Errorf(bellhop.Unavailable, "broken_off",
			"the switch was interrupted after %s: run it again to continue",
			plural(int(done.Moved), "event"))
	}
	return nil
}

func (c *queueSwitchCmd) report(j *job, done host.Switched) error {
	if c.JSON {
		return j.json(struct {
			Moved   int64 `json:"moved"`
			Refused int64 `json:"refused"`
			Revived int   `json:"revived"`
			depthRow
		}{done.Moved, done.Refused, done.Revived, depthRowOf(done.Left)})
	}
	j.say("Moved %s. In --from %s and %s, and %s.", plural(int(done.Moved), "event"),
		wait(done.Left.Waiting), fmt.Sprintf("%d are leased", done.Left.Leased), plural(done.Left.Dead, "dead letter"))
	if done.Refused > 0 {
		j.say("--to does not take %s, too large for it: they are dead letters in --from.",
			plural(int(done.Refused), "event"))
	}
	if done.Left.Dead > 0 {
		j.say("Dead letters stay where they are: see bellhop dead ls with BELLHOP_QUEUE as --from; --dead moves them, " +
			"too.")
	}
	return nil
}

func wait(n int) string {
	if n == 1 {
		return "1 event waits"
	}
	return fmt.Sprintf("%d events wait", n)
}
