package main

import (
	"slices"
	"time"

	"bellhop"
	"bellhop/events"
	"bellhop/statement"
)

// verifiedJSON is what was checked, as --json prints it.
type verifiedJSON struct {
	What       string            `json:"what"` // the file, or the shop's domain
	Shop       string            `json:"shop"`
	Statements int               `json:"statements"`
	First      int64             `json:"first"` // their numbers
	Last       int64             `json:"last"`
	From       *time.Time        `json:"from"`
	To         *time.Time        `json:"to"`
	Whole      bool              `json:"whole"`
	Faults     []statement.Fault `json:"faults"`
	MoreFaults int               `json:"more_faults"` // beyond those that are listed
	Since      []statement.Fault `json:"since"`       // lines that were added, or settled, after their statement
	MoreSince  int               `json:"more_since"`
	Pruned     int               `json:"pruned"` // statements whose lines were pruned with the ledger
	PrunedTo   *time.Time        `json:"pruned_to"`
	ErasedAt   *time.Time        `json:"erased_at"`

	chain  *statement.Chain
	report *statement.Report
}

// fill fills in what is known once all was checked.
func (d *verifiedJSON) fill() {
	all, r := d.chain.Statements, d.report
	if d.Statements = len(all); d.Statements > 0 {
		d.First, d.Last = all[0].Number, all[len(all)-1].Number
		first := slices.MinFunc(all, func(a, b bellhop.Statement) int { return a.From.Compare(b.From) })
		last := slices.MaxFunc(all, func(a, b bellhop.Statement) int { return a.To.Compare(b.To) })
		d.From, d.To = events.AtUTC(first.From), events.AtUTC(last.To)
	}
	d.Whole, d.Faults, d.MoreFaults = r.Whole(), append([]statement.Fault{}, r.Faults...), r.More
	d.Since, d.MoreSince = append([]statement.Fault{}, r.Since...), r.MoreSince
	d.Pruned, d.PrunedTo = r.Pruned, events.AtUTC(r.PrunedTo)
}

// end prints what was found. It returns an error if something was altered.
func (v *verifying) end(as jsonFlag) error {
	faults := 0
	for i := range v.checked {
		v.checked[i].fill()
		faults += len(v.checked[i].Faults) + v.checked[i].MoreFaults
	}
	if as.JSON {
		if err := v.json(v.checked); err != nil {
			return err
		}
	} else {
		v.print()
	}
	if faults > 0 {
		return bellhop.Errorf(bellhop.Conflict, "altered", "%s found", plural(faults, "alteration"))
	}
	return nil
}

func (v *verifying) print() {
	for i := range v.checked {
		d := &v.checked[i]
		switch {
		case d.Statements == 0 && d.ErasedAt == nil:
			v.say("%s: there are no statements.", d.What)
		case d.Statements > 0:
			v.say("%s: statements %d to %d of %s, %s to %s UTC.", d.What, d.First, d.Last, d.Shop,
				d.From.Format("2006-01-02 15:04"), d.To.Format("2006-01-02 15:04"))
		}
		if d.ErasedAt != nil {
			v.say("%s: the shop was erased on %s (UTC), and its statements of before with it.", d.What, when(*d.ErasedAt))
		}
		for _, f := range d.Faults {
			v.say("  ALTERED  %s", f)
		}
		if d.MoreFaults > 0 {
			v.say("  ALTERED  and %d more", d.MoreFaults)
		}
		if d.Pruned > 0 {
			v.say("  The lines of %s, up to %s, were pruned with the ledger: all else of them was checked.",
				plural(d.Pruned, "statement"), d.PrunedTo.Format("2006-01-02 15:04"))
		}
		if n := len(d.Since) + d.MoreSince; n > 0 {
			v.say("  %s came, or came to another end, after the statement was made: --json lists them.", plural(n, "line"))
		}
		if d.Whole && d.Statements > 0 {
			v.say("  Nothing was altered.")
		}
	}
	if v.keys == nil && slices.ContainsFunc(v.checked, func(d verifiedJSON) bool { return d.Statements > 0 }) {
		v.say("The key was taken from %s: to be sure that bellhop signed them, give --key, the one that bellhop statement "+
			"key printed and that you kept elsewhere.", v.keySource)
	}
}
