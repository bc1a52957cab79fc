package statement

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
)

// Fault is something that is not as it was made.
type Fault struct {
	Code string `json:"code"`
	// Number is that of the statement, the first of several; 0 for none.
	Number int64     `json:"number,omitempty"`
	Last   int64     `json:"last,omitempty"` // of several statements, else 0
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"`
	// Event is that of a line of the ledger.
	Event bellhop.EventID `json:"event,omitzero"`
	Text  string          `json:"text"` // what was found
}

// The codes of faults, beside those of lines: line_removed, line_changed and line_inserted.
const (
	FaultDamaged      = "file_damaged"         // a file was cut off, or has something else in it
	FaultAltered      = "statement_altered"    // its contents don't have its hash
	FaultRemoved      = "statement_removed"    // statements are missing
	FaultOrder        = "statement_misplaced"  // it does not come behind the one before it
	FaultLink         = "chain_broken"         // it was made behind another statement than the one before it
	FaultKey          = "wrong_key"            // a key signed it that was not given
	FaultSignature    = "wrong_signature"      // not even the key that it names signed it
	FaultLines        = "lines_altered"        // its lines are not those that it was made of
	FaultLinesRemoved = "lines_removed"        // its lines are missing, and the ledger was not pruned that far
	FaultLedger       = "ledger_altered"       // the ledger does not have its lines, and which ones can't be told
	FaultFork         = "another_chain"        // from here on an older file has other statements
	FaultAnew         = "chain_begun_anew"     // an older file has another first statement
	FaultGap          = "statements_not_given" // of a time between the older file and the newer one
)

// String says all of it in a line.
func (f Fault) String() string {
	var b strings.Builder
	switch {
	case f.Number == 0:
	case f.Last > f.Number:
		fmt.Fprintf(&b, "statements %d to %d", f.Number, f.Last)
	default:
		fmt.Fprintf(&b, "statement %d", f.Number)
	}
	switch {
	case f.From.IsZero():
	case f.Number == 0:
		b.WriteString(Span(f.From, f.To))
	default:
		fmt.Fprintf(&b, " (%s)", Span(f.From, f.To))
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	return b.String() + f.Text
}

// Span is the time of a statement for people, such as 2026-11-22 09:00 to 10:00 UTC.
func Span(from, to time.Time) string {
	from, to = from.UTC(), to.UTC()
	end := to.Format("15:04")
	if to.Equal(from.Truncate(24*time.Hour).AddDate(0, 0, 1)) {
		end = "24:00"
	} else if to.YearDay() != from.YearDay() {
		end = to.Format("2006-01-02 15:04")
	}
	return from.Format("2006-01-02 15:04") + " to " + end + " UTC"
}

// about is a fault of a statement.
func about(s *bellhop.Statement, code, format string, args ...any) Fault {
	return Fault{Code: code, Number: s.Number, From: s.From, To: s.To, Text: fmt.Sprintf(format, args...)}
}

// ofLine is a fault of a line that a statement covers, or should.
func ofLine(s *bellhop.Statement, hour time.Time, a *Alteration) Fault {
	f := Fault{Code: "line_" + string(a.Kind), Number: s.Number, From: hour, To: hour.Add(time.Hour), Event: a.Event()}
	switch a.Kind {
	case Removed:
		f.Text = fmt.Sprintf("event %s was removed: it was %s", f.Event, told(a.Was))
	case Changed:
		f.Text = fmt.Sprintf("event %s was changed: it was %s, and is %s", f.Event, told(a.Was), told(a.Is))
	case Inserted:
		f.Text = fmt.Sprintf("event %s was inserted: it is %s, and the statement of %s does not have it", f.Event,
			told(a.Is), s.MadeAt.UTC().Format(stamp))
	default:
		f.Text = fmt.Sprintf("event %s is %s since", f.Event, told(a.Is))
	}
	return f
}

const stamp = "2006-01-02 15:04:05.000000"

// told says what a line says.
func told(l store.LedgerStamp) string { return string(l.Outcome) + " at " + l.At.UTC().Format(stamp) }

// differences says in which fields a statement differs from another one.
func differences(was, is *bellhop.Statement) string {
	var one, other map[string]json.RawMessage
	_ = json.Unmarshal(Canonical(was), &one) // both are JSON
	_ = json.Unmarshal(Canonical(is), &other)
	var all []string
	for name := range one {
		if a, b := string(one[name]), string(other[name]); a != b {
			all = append(all, fmt.Sprintf("%s was %s, is %s", name, a, b))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}
