package report

import (
	"fmt"
	"reflect"
	"strings"

	"bellhop/internal/results"
)

// Difference is a figure of two comparisons, at one rate in one mode.
type Difference struct {
	Rate   float64      `json:"rate"`
	Mode   results.Mode `json:"mode"`
	Figure string       `json:"figure"`
	Unit   string       `json:"unit,omitempty"`
	A      float64      `json:"a"` // medians
	B      float64      `json:"b"`
	// Clear says that the measurements of one lie wholly beside those of the
	// other; else the difference may be chance.
	Clear bool `json:"clear"`
}

// Diff lists all figures that both have.
func Diff(a, b *results.Comparison) (all []Difference) {
	for _, m := range a.Settings.Modes() {
		for _, f := range figures {
			if f.chart == "" {
				continue // the others say the same in other words
			}
			for _, p := range a.Points {
				was, is := p.Of(m), b.At(m, p.Rate)
				if len(was) == 0 || len(is) == 0 {
					continue
				}
				ma, la, ha := f.spread(was)
				mb, lb, hb := f.spread(is)
				all = append(all, Difference{p.Rate, m, f.title, f.unit, ma, mb, ha < lb || hb < la})
			}
		}
	}
	return all
}

// Unlike says how the conditions of two comparisons differ: the differences may come
// from that.
func Unlike(a, b *results.Comparison) (all []string) {
	if a.Machine.CPU != b.Machine.CPU || a.Machine.Cores != b.Machine.Cores {
		all = append(all, fmt.Sprintf("They are of two machines: %s with %d cores, and %s with %d.", a.Machine.CPU,
			a.Machine.Cores, b.Machine.CPU, b.Machine.Cores))
	}
	if !reflect.DeepEqual(a.Settings, b.Settings) {
		all = append(all, "They were made with different settings: bellhop-bench report shows both.")
	}
	if a.Version != b.Version {
		all = append(all, fmt.Sprintf("They are of two versions: %s and %s.", a.Version, b.Version))
	}
	return all
}

// Row is the difference as a table's cells, under [DiffHead].
func (d Difference) Row() []string {
	ratio, word := "", "within the spread"
	if d.A != 0 {
		ratio = fmt.Sprintf("%.2f", d.B/d.A)
	}
	if d.Clear {
		word = ""
	}
	with := func(v float64) string { return strings.TrimSpace(number(v) + " " + d.Unit) }
	return []string{string(d.Mode), d.Figure, results.Rate(d.Rate), with(d.A), with(d.B), ratio, word}
}

// DiffHead is the head of the table.
const DiffHead = "HANDLED\tFIGURE\tWEBHOOKS/S\tA\tB\tB ÷ A\tCHANCE"
