package statement

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"bellhop"
	"bellhop/store"
)

// outcomes are a line's outcomes by their byte.
var outcomes = [...]bellhop.Outcome{
	1: bellhop.OutcomeRecorded,
	2: bellhop.OutcomeDuplicate,
	3: bellhop.OutcomeStale,
	4: bellhop.OutcomeSkipped,
	5: bellhop.OutcomeDead,
}

// AppendLine appends a line of the ledger as statements cover it: [bellhop.StampBytes] bytes.
func AppendLine(to []byte, l store.LedgerStamp) []byte {
	to = append(to, l.Event[:]...)
	to = append(to, byte(max(0, slices.Index(outcomes[:], l.Outcome))))
	return binary.BigEndian.AppendUint64(to, uint64(l.At.UnixMicro()))
}

// unknown stands for an outcome that bellhop does not write.
const unknown bellhop.Outcome = "unknown"

// lineAt reads a line.
func lineAt(b []byte) (l store.LedgerStamp) {
	copy(l.Event[:], b)
	l.Outcome = unknown
	if o := int(b[16]); o > 0 && o < len(outcomes) {
		l.Outcome = outcomes[o]
	}
	l.At = time.UnixMicro(int64(binary.BigEndian.Uint64(b[17:]))).UTC()
	return l
}

// ParseLines reads the lines of a statement, which are in the order of their events' ids.
func ParseLines(b []byte) ([]store.LedgerStamp, error) {
	if len(b)%bellhop.StampBytes != 0 {
		return nil, badLines()
	}
	if len(b) > store.MaxStatementLines*bellhop.StampBytes {
		return nil, tooMany()
	}
	all := make([]store.LedgerStamp, 0, len(b)/bellhop.StampBytes)
	for one := range slices.Chunk(b, bellhop.StampBytes) {
		l := lineAt(one)
		if l.Outcome == unknown || len(all) > 0 && bytes.Compare(all[len(all)-1].Event[:], l.Event[:]) >= 0 {
			return nil, badLines()
		}
		all = append(all, l)
	}
	return all, nil
}

func tooMany() error {
	return bellhop.Errorf(bellhop.TooLarge, "lines", "an hour has more than %d lines", store.MaxStatementLines)
}

func badLines() error {
	return bellhop.Invalidf("lines", "the lines are not such as statements have, by the ids of their events")
}

// Kind says what became of a line since a statement covered it.
type Kind string

// The kinds. Only Settled is as it should be: an event that came to its end later, or to another one.
const (
	Removed  Kind = "removed"
	Changed  Kind = "changed"
	Inserted Kind = "inserted"
	Settled  Kind = "settled_since"
)

// Alteration is what became of a line. Was is zero for one that there wasn't, Is for one that there no longer is.
type Alteration struct {
	Kind    Kind
	Was, Is store.LedgerStamp
}

// Event returns the line's event.
func (a *Alteration) Event() bellhop.EventID {
	if a.Kind == Removed {
		return a.Was.Event
	}
	return a.Is.Event
}

// Slack is how much older than a statement a line may be that the statement could not see yet: it was being written,
// or another server's clock is behind: bellhop works with clocks that differ by five minutes.
const Slack = 5 * time.Minute

// Alterations compares the lines of an hour with what they were when a statement was made. Both are in the order of
// their events' ids.
func Alterations(was, is []store.LedgerStamp, made time.Time) (all []Alteration) {
	add := func(was, is store.LedgerStamp) {
		if was.Event != is.Event || was.Outcome != is.Outcome || !was.At.Equal(is.At) {
			all = append(all, Alteration{kindOf(was, is, made), was, is})
		}
	}
	none := store.LedgerStamp{}
	for len(was) > 0 || len(is) > 0 {
		switch order := compare(was, is); {
		case order < 0:
			add(was[0], none)
			was = was[1:]
		case order > 0:
			add(none, is[0])
			is = is[1:]
		default:
			add(was[0], is[0])
			was, is = was[1:], is[1:]
		}
	}
	return all
}

// compare tells which of two lists has the smaller event first. An empty one has none.
func compare(was, is []store.LedgerStamp) int {
	switch {
	case len(is) == 0:
		return -1
	case len(was) == 0:
		return 1
	}
	return bytes.Compare(was[0].Event[:], is[0].Event[:])
}

func kindOf(was, is store.LedgerStamp, made time.Time) Kind {
	later := !is.At.Before(made.Add(-Slack))
	switch {
	case is.Event != was.Event && was.Event != (bellhop.EventID{}):
		return Removed
	case is.Event != was.Event && !later:
		return Inserted
	case is.Event != was.Event:
		return Settled
	case later && (was.Outcome == bellhop.OutcomeSkipped || was.Outcome == bellhop.OutcomeDead):
		return Settled // it was replayed, or given up
	}
	return Changed
}
