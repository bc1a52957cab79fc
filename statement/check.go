package statement

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"bellhop"
	"bellhop/store"
)

// Report is what a check found.
type Report struct {
	Faults []Fault // [MaxFaults] at most
	More   int     // faults beyond
	// Since are lines that were added, or came to another end, after their statement was made: nothing is wrong with
	// them.
	Since     []Fault
	MoreSince int
	// Pruned are statements whose lines were pruned with the ledger, and PrunedTo is the end of the newest one's
	// time. The rest of them was checked.
	Pruned   int
	PrunedTo time.Time
}

// MaxFaults bounds the lists of a report.
const MaxFaults = 1000

// Whole reports whether nothing was altered.
func (r *Report) Whole() bool { return len(r.Faults) == 0 }

func (r *Report) add(f Fault) {
	switch n := len(r.Faults); {
	case n > 0 && f.Code == FaultKey && r.Faults[n-1].Code == FaultKey && r.Faults[n-1].Text == f.Text &&
		f.Number == max(r.Faults[n-1].Number, r.Faults[n-1].Last)+1:
		r.Faults[n-1].Last, r.Faults[n-1].To = f.Number, f.To // one line for all that a key signed
	case n == MaxFaults:
		r.More++
	default:
		r.Faults = append(r.Faults, f)
	}
}

func (r *Report) addLine(f Fault) {
	switch {
	case f.Code != "line_"+string(Settled):
		r.add(f)
	case len(r.Since) == MaxFaults:
		r.MoreSince++
	default:
		r.Since = append(r.Since, f)
	}
}

// Check is a check of a chain under way.
type Check struct {
	*Report
	chain *Chain
	keys  Keys
	older *Chain // or nil
	// olderAt is where in it a statement is, by its number.
	olderAt map[int64]int
	bad     map[int]bool // statements that were altered, or whose lines were
	// of each hour the newest statement so far
	newest map[time.Time]int
	gone   []int     // statements without their lines
	end    time.Time // of the hours that are stated so far
	kept   time.Time // the earliest hour with a line that pruning would have dropped
}

// Start checks a chain by itself: that each statement is as it was made and signed with one of the keys, that none is
// missing, and what became of lines between two statements of an hour. older is nil, or what somebody kept of the chain
// before: the chain has to go on from there. It should be checked by itself, too.
func Start(c *Chain, keys Keys, older *Chain) (*Check, error) {
	k := &Check{Report: &Report{}, chain: c, keys: keys, older: older, olderAt: map[int64]int{}, bad: map[int]bool{},
		newest: map[time.Time]int{}}
	if older != nil {
		for i, s := range older.Statements {
			k.olderAt[s.Number] = i
		}
	}
	for i := range c.Statements {
		proven := k.alone(i)
		k.behind(i)
		if err := k.lines(i); err != nil {
			return nil, err
		}
		if !proven {
			continue // nobody can tell which hours it is of
		}
		k.goesOn(i)
		if err := k.again(i); err != nil {
			return nil, err
		}
	}
	if c.damage != nil {
		k.add(*c.damage)
	}
	if older != nil {
		k.continues()
	}
	return k, nil
}

// End ends a check: it tells lines that were pruned from such that somebody removed.
func (k *Check) End() { k.pruning() }

// alone checks a statement's hash and signature. It reports whether the statement is as it was made.
func (k *Check) alone(i int) (proven bool) {
	s := &k.chain.Statements[i]
	key, known := k.keys[s.Key]
	err := check(s)
	if err == nil && s.Shop != k.chain.Shop {
		err = fmt.Errorf("it is of the shop %s", bellhop.Clip(s.Shop, 60))
	}
	switch {
	case err != nil:
		k.add(about(s, FaultAltered, "it was altered: %v", err))
	case Hash(s) != s.Hash:
		k.add(about(s, FaultAltered, "it was altered: what it says has the hash %.16s…, not %.16s…%s", Hash(s), s.Hash,
			k.was(s)))
	case !known:
		k.add(about(s, FaultKey, "the key %s signed it, and not %s", bellhop.Clip(s.Key, 20), k.keys))
		return true // its contents may be right
	case !ed25519.Verify(key, s.Hash[:], s.Signature):
		k.add(about(s, FaultSignature, "its signature is not one of the key %s", s.Key))
	default:
		return true
	}
	k.bad[i] = true
	return false
}

// goesOn checks that a statement is of the hours behind those that were stated, or of hours among them, where the
// chain is known from its first statement on.
func (k *Check) goesOn(i int) {
	all := k.chain.Statements
	s := &all[i]
	if i > 0 && all[0].Number == 1 && all[i-1].Number == s.Number-1 && !k.bad[i-1] && s.From.After(k.end) {
		k.add(Fault{Code: FaultRemoved, From: k.end, To: s.From, Text: "hours were never stated, or no longer are"})
	}
	k.end = latest(k.end, s.To)
}

// was says what an older file has instead, if there is one that has the statement.
func (k *Check) was(s *bellhop.Statement) string {
	if was := k.before(s.Number); was != nil {
		return ": " + differences(was, s)
	}
	return ""
}

// behind checks that a statement comes behind the one before it.
func (k *Check) behind(i int) {
	s := &k.chain.Statements[i]
	var last bellhop.Statement // number 0 and no hash, as the first one names it
	if i > 0 {
		last = k.chain.Statements[i-1]
	} else if !k.chain.Whole && s.Number > 1 {
		return // a part of the chain
	}
	switch {
	case s.Number > last.Number+1:
		k.add(Fault{Code: FaultRemoved, Number: last.Number + 1, Last: s.Number - 1,
			Text: "missing: what comes next was made behind it"})
	case s.Number <= last.Number:
		k.add(about(s, FaultOrder, "it comes behind statement %d", last.Number))
	case s.Previous != last.Hash && (i == 0 || !k.bad[i-1]) && !k.bad[i]:
		k.add(about(s, FaultLink,
			"it was not made behind statement %d as that is here, but behind one with the hash %.16s…", last.Number, s.Previous))
	}
}

// lines checks that a statement's lines are those that it was made of.
func (k *Check) lines(i int) error {
	s := &k.chain.Statements[i]
	lines, err := k.linesOf(i)
	switch {
	case err != nil:
		return err
	case lines == nil:
		k.gone = append(k.gone, i)
	case len(lines) != s.Lines*bellhop.StampBytes || sha256.Sum256(lines) != s.LinesHash:
		if !k.bad[i] {
			k.add(about(s, FaultLines,
				"its lines were altered: %d of them have the hash %.16s…, and it was made of %d with %.16s…",
				len(lines)/bellhop.StampBytes, bellhop.Hash(sha256.Sum256(lines)), s.Lines, s.LinesHash))
		}
		k.bad[i] = true
	case unreadable(lines):
		k.add(about(s, FaultLines, "its lines are not such as bellhop makes statements of"))
		k.bad[i] = true
	case !k.bad[i] && (k.kept.IsZero() || s.From.Before(k.kept)) && prunable(lines):
		k.kept = s.From
	}
	return nil
}

func unreadable(lines []byte) bool {
	_, err := ParseLines(lines)
	return err != nil
}

// prunable reports whether there is a line that pruning drops at its time. A dead letter stays while it has its body.
func prunable(lines []byte) bool {
	for one := range slices.Chunk(lines, bellhop.StampBytes) {
		if lineAt(one).Outcome != bellhop.OutcomeDead {
			return true
		}
	}
	return false
}

// linesOf returns a statement's lines, from the older file where the chain no longer has them.
func (k *Check) linesOf(i int) ([]byte, error) {
	lines, err := k.chain.lines(i)
	if err != nil || lines != nil || k.older == nil {
		return lines, err
	}
	s := &k.chain.Statements[i]
	if j, ok := k.olderAt[s.Number]; ok && k.older.Statements[j].LinesHash == s.LinesHash {
		return k.older.lines(j)
	}
	return nil, nil
}

// again compares a statement with the earlier ones of its hours.
func (k *Check) again(i int) error {
	s := &k.chain.Statements[i]
	for hour := range hours(s.From, s.To) {
		j, stated := k.newest[hour]
		k.newest[hour] = i
		if !stated {
			continue
		}
		was, knownWas, err := k.ofHour(j, hour)
		if err != nil {
			return err
		}
		is, known, err := k.ofHour(i, hour)
		if err != nil {
			return err
		}
		if knownWas && known {
			k.compare(j, hour, was, is)
		}
	}
	return nil
}

// ofHour returns the lines that a statement has of one of its hours, if somebody has them.
func (k *Check) ofHour(i int, hour time.Time) (lines []store.LedgerStamp, known bool, err error) {
	if k.bad[i] {
		return nil, false, nil
	}
	if !hour.Equal(lastHour(&k.chain.Statements[i])) {
		return nil, true, nil
	}
	b, err := k.linesOf(i)
	if err != nil || b == nil {
		return nil, false, err
	}
	lines, err = ParseLines(b)
	return lines, err == nil, nil
}

func (k *Check) compare(i int, hour time.Time, was, is []store.LedgerStamp) {
	s := &k.chain.Statements[i]
	for _, a := range Alterations(was, is, s.MadeAt) {
		k.addLine(ofLine(s, hour, &a))
	}
}

// pruneSlack is how much older than pruned lines some may be that are still here: not each event comes into the archive
// when it was accepted.
const pruneSlack = 24 * time.Hour

// pruning tells lines that were pruned with the ledger, the oldest first, from such that somebody removed.
func (k *Check) pruning() {
	for _, i := range k.gone {
		s := &k.chain.Statements[i]
		if !k.kept.IsZero() && s.From.Sub(k.kept) > pruneSlack {
			k.add(about(s, FaultLinesRemoved,
				"its %d lines were removed: older ones are here, and pruning drops the oldest first", s.Lines))
			continue
		}
		k.Pruned++
		if s.To.After(k.PrunedTo) {
			k.PrunedTo = s.To
		}
	}
}
