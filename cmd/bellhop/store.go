package main

import (
	"fmt"
	"strconv"
	"strings"

	"bellhop"
	"bellhop/store/move"
	"bellhop/wire"
)

type storeCmd struct {
	Copy     storeCopyCmd     `cmd:"" help:"Copy everything into another database." example:"bellhop store copy --from sqlite:/var/lib/bellhop/bellhop.db --to postgres://bellhop@db.example.com/bellhop"`
	Renumber storeRenumberCmd `cmd:"" help:"Skip used numbers after the database's own tools restored it." example:"bellhop store renumber --db postgres://bellhop@db.example.com/bellhop"`
}

type storeRenumberCmd struct {
	wire.Storage
	Replaced string `name:"replaced" placeholder:"URL" help:"The database in whose place the restored one is, as BELLHOP_DB takes it: whom it was asked to forget since stays forgotten."`
}

func (storeRenumberCmd) Help() string {
	return `After pg_restore, a snapshot or a copied file, the database is in an older state. It would use numbers of
the stream and of pushes a second time, and subscribers would drop new events as old ones. Run this before you start
bellhop again. bellhop restore does it by itself.

With --replaced nobody comes back whom the replaced database was asked to forget since the backup. It only reads that
one. Both need the same BELLHOP_KEY.`
}

func (c *storeRenumberCmd) Run(j *job) error {
	if c.Replaced != "" {
		again, err := c.RedactAgain(j.ctx, c.Replaced, j.options())
		if err == nil {
			err = sayAgain(j, again)
		}
		if err != nil {
			return err
		}
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		above := j.now().UnixMicro() // no process uses up a million a second
		return j.said(p.Store.Renumber(j.ctx, above), "The next change and the next push have a number above %d.", above)
	})
}

type storeCopyCmd struct {
	jsonFlag
	Dir  string `name:"dir" env:"BELLHOP_DIR" default:"./bellhop-data" help:"The folder of sqlite: files without a path."`
	From string `name:"from" env:"BELLHOP_DB" default:"sqlite:" placeholder:"URL" help:"The database to copy, as BELLHOP_DB takes it (${env}, or ${default})."`
	To   string `name:"to" required:"" placeholder:"URL" help:"The empty database to copy into, as BELLHOP_DB takes it."`
}

func (storeCopyCmd) Help() string {
	return `Copies shops, people, devices, orders, pushes, the ledger with its bodies, and the stream with its position
for other services. It keeps all ids and compares both sides at the end. Stop bellhop serve and bellhop worker first:
if they change something meanwhile, the command notices and refuses the copy. If it is interrupted, run it again: it
continues where it was. It does not copy the queue: keep BELLHOP_QUEUE until it is empty.

Other users of this machine can see flags: leave the password out of --to and put it into PGPASSWORD or ~/.pgpass.`
}

func (c *storeCopyCmd) Run(j *job) error {
	copying := func(both *wire.Copy) error { return c.copy(j, both) }
	return closing(copying)(wire.OpenCopy(j.ctx, c.Dir, c.From, c.To, j.options()))
}

func (c *storeCopyCmd) copy(j *job, both *wire.Copy) error {
	p := &copyProgress{progress: j.progress()}
	done, err := move.Copy(j.ctx, both.From, both.To, move.Options{Begun: p.begun, Step: p.step})
	p.end()
	if j.ctx.Err() != nil {
		return bellhop.Errorf(bellhop.Unavailable, "broken_off",
			"the copy was interrupted after %s: run it again to continue",
			plural(int(done.Rows), "row"))
	}
	if len(done.Tables) > 0 {
		if e := c.report(j, done, both); e != nil {
			return e
		}
	}
	if err != nil || c.JSON {
		return err
	}
	j.say("")
	j.say("Copied %s; both sides hold the same.", plural(int(done.Rows), "row"))
	if b := both.Beside; b != nil && b.Waiting+b.Leased+b.Dead > 0 {
		keep := "keep BELLHOP_QUEUE as it is"
		if strings.HasPrefix(c.From, "postgres") { // postgres: alone would be the new one's
			keep = "set BELLHOP_QUEUE to the URL of that database"
		}
		j.say("%s and %s are in the queue beside the database and were not copied: %s until bellhop queue depth shows "+
			"none.",
			plural(b.Waiting+b.Leased, "waiting event"), plural(b.Dead, "dead letter"), keep)
	}
	j.say("Tokens and shops' secrets stay sealed: the key goes along. Set BELLHOP_KEY to it, or put bellhop.key beside " +
		"an SQLite file.")
	j.say("Next: set BELLHOP_DB to the new database, and start bellhop serve.")
	return nil
}

type copiedJSON struct {
	Rows    int64         `json:"rows"`
	Resumed bool          `json:"resumed"`
	Anew    bool          `json:"anew"` // it dropped an earlier, unfinished copy
	Same    bool          `json:"same"`
	Tables  []copiedTable `json:"tables"`
	// Events in the queue beside the source, which the copy lacks; null without such a
	// queue.
	Waiting *int `json:"waiting"`
	Dead    *int `json:"dead"`
}

type copiedTable struct {
	Table    string `json:"table"`
	Rows     int64  `json:"rows"`
	RowsCopy int64  `json:"rows_copy"`
	Sum      string `json:"sum"`
	SumCopy  string `json:"sum_copy"`
	Same     bool   `json:"same"`
}

// report prints both sides of each table.
func (c *storeCopyCmd) report(j *job, done move.Result, both *wire.Copy) error {
	v := copiedJSON{Rows: done.Rows, Resumed: done.Resumed, Anew: done.Anew, Same: true}
	if b := both.Beside; b != nil {
		waiting := b.Waiting + b.Leased
		v.Waiting, v.Dead = &waiting, &b.Dead
	}
	var rows [][]string
	for _, t := range done.Tables {
		same, verdict := t.Same(), "same"
		if !same {
			v.Same, verdict = false, "DIFFERS"
		}
		c := copiedTable{string(t.Table), t.From.Rows, t.To.Rows, t.From.String(), t.To.String(), same}
		v.Tables = append(v.Tables, c)
		rows = append(rows, []string{c.Table, strconv.FormatInt(c.Rows, 10), strconv.FormatInt(c.RowsCopy, 10),
			c.SumCopy[:16], verdict})
	}
	return j.table(c.jsonFlag, v, "", "TABLE\tROWS\tIN THE COPY\tCHECKSUM\tVERDICT", rows)
}

// copyProgress prints how far a copy is.
type copyProgress struct {
	*progress
	rows int64 // in this run
}

func (p *copyProgress) begun(resumed, anew bool) {
	fmt.Fprintln(p.err, "Nothing may use either database until this is done: end bellhop serve and bellhop worker.")
	switch {
	case resumed:
		fmt.Fprintln(p.err, "Going on with the copy that was begun before.")
	case anew:
		fmt.Fprintln(p.err, "The source has changed, the copy differs, or another bellhop began it: starting over.")
	}
}

func (p *copyProgress) step(s move.Step) {
	p.rows += s.Now
	verb := "copied"
	if s.Verifying {
		verb = "verified"
	}
	line := fmt.Sprintf("%s %s: %d of %d", verb, s.Table, s.Rows, s.Of)
	const width = 24
	full := width
	if s.Of > 0 {
		full = int(width * s.Rows / s.Of)
	}
	bar := fmt.Sprintf("[%s%s] %s, %s", strings.Repeat("#", full), strings.Repeat(".", width-full), line,
		p.rate(p.rows, "rows"))
	p.show(line, bar, s.Done)
}
