package statement

import (
	"crypto/sha256"
	"slices"
	"time"

	"bellhop"
	"bellhop/store"
)

// continues checks that a chain goes on from what somebody kept of it before.
func (k *Check) continues() {
	was, is := k.older.Statements, k.chain.Statements
	if len(was) == 0 {
		return
	}
	last := &was[len(was)-1]
	switch {
	case len(is) > 0 && is[0].Number == 1 && is[0].MadeAt.After(last.MadeAt):
		k.add(about(&is[0], FaultAnew, "the chain was begun anew on %s: the older file has statements from before",
			is[0].MadeAt.UTC().Format(stamp)))
		return
	case len(is) == 0 || is[len(is)-1].Number < last.Number:
		k.add(lost(was, is))
	case is[0].Number > last.Number+1:
		k.add(Fault{Code: FaultGap, Number: last.Number + 1, Last: is[0].Number - 1,
			Text: "neither file has them: give an older file that ends later"})
	case is[0].Number == last.Number+1 && is[0].Previous != last.Hash && !k.bad[0]:
		k.add(about(&is[0], FaultFork, "it was not made behind statement %d of the older file", last.Number))
	}
	k.fork()
}

// Closed checks that there are statements of all hours that are said to be closed, from the first one on.
func (k *Check) Closed(from, to time.Time) {
	last := from.Truncate(time.Hour)
	if all := k.chain.Statements; len(all) > 0 && all[0].Number == 1 && all[0].From.After(last) && !k.bad[0] {
		k.add(Fault{Code: FaultRemoved, From: last, To: all[0].From,
			Text: "the first hours were never stated, or no longer are"})
	}
	for i := range k.chain.Statements {
		last = latest(last, k.chain.Statements[i].To)
	}
	if to.After(last) {
		k.add(Fault{Code: FaultRemoved, From: last, To: to,
			Text: "hours are closed to " + to.UTC().Format("2006-01-02 15:04") + ", and their statements are missing"})
	}
}

// lost names the statements at the end of an older file that are no longer there.
func lost(was, is []bellhop.Statement) Fault {
	last := was[len(was)-1]
	f := Fault{Code: FaultRemoved, Number: was[0].Number, Last: last.Number, To: last.To,
		Text: "they are missing, and the older file has them"}
	if len(is) > 0 {
		f.Number = max(f.Number, is[len(is)-1].Number+1)
	}
	for _, s := range was {
		if s.Number == f.Number {
			f.From = s.From
		}
	}
	return f
}

// fork finds the first statement that is another one than in the older file.
func (k *Check) fork() {
	for i := range k.chain.Statements {
		s := &k.chain.Statements[i]
		was := k.before(s.Number)
		if was == nil || k.bad[i] || Hash(was) == Hash(s) {
			continue
		}
		k.add(about(s, FaultFork, "from here on the chain is another one than in the older file: %s", differences(was, s)))
		return
	}
}

// before returns a statement as the older file has it; nil if it doesn't.
func (k *Check) before(number int64) *bellhop.Statement {
	if i, ok := k.olderAt[number]; ok {
		return &k.older.Statements[i]
	}
	return nil
}

// Ledger checks that the ledger still has the lines that the newest statement of each hour covers. lines returns those
// of a time, as [Lines] does.
func (k *Check) Ledger(lines func(from, to time.Time) ([]byte, error)) error {
	for i := range k.chain.Statements {
		s := &k.chain.Statements[i]
		if check(s) != nil {
			continue // nobody can tell which hours it is of
		}
		for from := s.From; from.Before(s.To); {
			to := k.run(i, from)
			if to.After(from) {
				is, err := lines(from, to)
				if err == nil {
					err = k.ledger(i, from, to, is)
				}
				if err != nil {
					return err
				}
			}
			from = latest(to, from.Add(time.Hour))
		}
	}
	return nil
}

// run returns until when a statement is the newest of the hours from an hour on.
func (k *Check) run(i int, from time.Time) time.Time {
	for hour := range hours(from, k.chain.Statements[i].To) {
		if k.newest[hour] != i {
			return hour
		}
	}
	return k.chain.Statements[i].To
}

func latest(all ...time.Time) time.Time { return slices.MaxFunc(all, time.Time.Compare) }

// ledger compares the ledger's lines of a time, which ends with a statement's or has empty hours alone.
func (k *Check) ledger(i int, from, to time.Time, is []byte) error {
	s := &k.chain.Statements[i]
	var was []byte
	if to.Equal(s.To) {
		if len(is) == s.Lines*bellhop.StampBytes && sha256.Sum256(is) == s.LinesHash {
			return nil
		}
		if k.bad[i] {
			k.add(about(s, FaultLedger, "the ledger does not have its lines, and which ones can't be told"))
			return nil
		}
		var err error
		if was, err = k.linesOf(i); err != nil {
			return err
		}
		if was == nil { // they were pruned; what pruning would have dropped with them is here
			if len(is) > 0 && len(is) == s.Lines*bellhop.StampBytes {
				k.add(about(s, FaultLedger, "the ledger has as many lines as it covers, and not the same ones"))
			}
			if prunable(is) && (k.kept.IsZero() || s.From.Before(k.kept)) {
				k.kept = s.From
			}
			return nil
		}
	}
	before, err := ParseLines(was)
	if err != nil {
		return err
	}
	var now []store.LedgerStamp
	for one := range slices.Chunk(is, bellhop.StampBytes) { // somebody may have written what bellhop does not
		now = append(now, lineAt(one))
	}
	k.compare(i, to.Add(-time.Hour), before, now)
	return nil
}
