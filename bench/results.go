package bench

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"bellhop/bench/prices"
	"bellhop/internal/results"
)

// Results are all that a run measured. As JSON they are kept, compared and drawn
// from.
type Results struct {
	Format   int             `json:"format"` // of this JSON; 1
	Version  string          `json:"version"`
	Started  time.Time       `json:"started"`
	Took     time.Duration   `json:"took_ns"`
	Machine  results.Machine `json:"machine"`
	Settings Settings        `json:"settings"`
	Figures  []Figure        `json:"figures"`
	// Problems should not have happened, such as an order that was acknowledged and
	// not recorded.
	Problems []string `json:"problems"`
	// Costs are those of AWS, at Prices.
	Costs  []Cost        `json:"costs,omitempty"`
	Prices *prices.Table `json:"prices,omitempty"`
	// Skipped names measurements that were left out, and what they need.
	Skipped string `json:"skipped,omitempty"`
}

// Settings are a run's settings.
type Settings struct {
	Rounds      int           `json:"rounds"`
	Duration    time.Duration `json:"duration_ns"` // of one measurement
	Connections int           `json:"connections"`
	Queued      int           `json:"queued"`
	Disk        string        `json:"disk,omitempty"` // the file system of the data
}

// measured collects values until the run is over.
type measured struct {
	values   map[string][]float64
	problems []string
}

func (m *measured) add(key string, v float64) { m.values[key] = append(m.values[key], v) }

func (m *measured) ms(key string, d time.Duration) { m.add(key, float64(d)/float64(time.Millisecond)) }

func (m *measured) mib(key string, bytes int64) { m.add(key, float64(bytes)/(1<<20)) }

func (m *measured) problem(format string, args ...any) {
	m.problems = append(m.problems, fmt.Sprintf(format, args...))
}

// figures sums up all measured values, and leaves out figures without one.
func (m *measured) figures() (all []Figure) {
	for _, s := range specs {
		if values := m.values[s.Key]; len(values) > 0 {
			all = append(all, newFigure(s, values))
		}
	}
	return all
}

// Missed returns the titles of the figures that miss their targets, and the
// problems.
func (r *Results) Missed() (missed []string) {
	for _, f := range r.Figures {
		if f.Verdict == VerdictBelow || f.Verdict == VerdictNotDone {
			missed = append(missed, fmt.Sprintf("%s is %s, not %s", f.Key, f.Unit.format(f.Median), f.Target))
		}
	}
	return append(missed, r.Problems...)
}

// WriteTable writes the results for people.
func (r *Results) WriteTable(w io.Writer) error {
	r.writeMachine(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "figure\tmedian\tunit\tmin–max\ttarget\t")
	for _, f := range r.Figures {
		target := ""
		if f.Target != nil {
			target = f.Target.String()
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s–%s\t%s\t%s\n",
			f.Title, f.Unit.format(f.Median), f.Unit, f.Unit.format(f.Min), f.Unit.format(f.Max), target, f.Verdict)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(r.Costs) > 0 {
		if err := r.writeCosts(w); err != nil {
			return err
		}
	}
	for _, p := range r.Problems {
		fmt.Fprintln(w, "problem: "+p)
	}
	if r.Skipped != "" {
		fmt.Fprintln(w, "not measured: "+r.Skipped)
	}
	return nil
}

func (r *Results) writeMachine(w io.Writer) {
	m := &r.Machine
	fmt.Fprintf(w, "%s, data on %s\n", m, cmp.Or(r.Settings.Disk, "an unknown file system"))
	fmt.Fprintf(w, "%d rounds of %v, %d connections, queue filled with %s, load generator on the same cores, in all %v\n",
		r.Settings.Rounds, r.Settings.Duration, r.Settings.Connections, results.Grouped(int64(r.Settings.Queued)),
		r.Took.Round(time.Second))
	if m.Busy() {
		fmt.Fprintf(w, "the machine was busy with other work (load average %.2f before the run; others used %.0f %% of it "+
			"during the run): the figures say less than they could\n",
			m.Load, m.Others*100)
	}
	if r.Settings.Disk == diskInMemory {
		fmt.Fprintln(w, "the data lay in memory, where making it durable costs nothing: give --dir a folder on a disk")
	}
	fmt.Fprintln(w)
}
