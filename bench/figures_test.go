package bench

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop/internal/results"
)

func TestAFigureIsTheMedianAndItsVerdict(t *testing.T) {
	ratio := Spec{"accepted_ratio", "accepted", Ratio, &Target{AtLeast: 0.5, Floor: 0.4}}
	p99 := Spec{"flood_p99", "p99", Milliseconds, atMost(10)}
	for _, c := range []struct {
		spec    Spec
		values  []float64
		median  float64
		verdict Verdict
	}{
		{ratio, []float64{0.9, 0.5, 0.1}, 0.5, VerdictOK},
		{ratio, []float64{0.3, 0.5}, 0.4, VerdictBelow},
		{ratio, []float64{0.39}, 0.39, VerdictNotDone},
		{p99, []float64{10, 2, 30}, 10, VerdictOK},
		{p99, []float64{10.1}, 10.1, VerdictBelow},
		{Spec{"free", "free", PerSecond, nil}, []float64{0}, 0, VerdictNone},
	} {
		f := newFigure(c.spec, c.values)
		if f.Median != c.median || f.Verdict != c.verdict {
			t.Errorf("%v: median %v, %q; not %v, %q", c.values, f.Median, f.Verdict, c.median, c.verdict)
		}
	}
}

func TestEachFigureHasOneLineOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range specs {
		if seen[s.Key] || seen[s.Title] && s.Unit != Ratio {
			t.Errorf("%s, %q is there twice", s.Key, s.Title)
		}
		seen[s.Key], seen[s.Title] = true, true
	}
}

// A misspelled key would only lose a figure.
func TestEachMeasuredKeyIsThatOfAFigure(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`\.(?:add|ms|mib|noteCPU)\("(\w+)"[,)]|[{, ]"(\w+_(?:per_second|p99|cpu|ratio))"[,)}]`)
	found := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range key.FindAllStringSubmatch(string(text), -1) {
			found++
			if !slices.ContainsFunc(specs, func(s Spec) bool { return s.Key == m[1]+m[2] }) {
				t.Errorf("%s: no figure has the key %s", name, m[1]+m[2])
			}
		}
	}
	if found < 40 {
		t.Errorf("found only %d keys", found)
	}
}

func TestTheTableSaysWhatIsToKnow(t *testing.T) {
	m := measured{values: map[string][]float64{}}
	m.add("accepted_per_second", 1234567.4)
	m.add("accepted_ratio", 0.413)
	m.ms("flood_p99", 8123*time.Microsecond)
	m.mib("memory_idle", 123<<20)
	m.problem("%d orders were lost", 2)
	r := Results{Machine: results.Machine{CPU: "Some CPU", Cores: 2, Load: 1.5, Others: 0.2}, Figures: m.figures(),
		Problems: m.problems,
		Settings: Settings{Rounds: 3, Disk: diskInMemory}}
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	table := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"Some CPU, 2 cores", "(load average 1.50 before the run; others used 20 % of it", "lay in memory",
		"durably accepted 1,234,567 /s 1,234,567–1,234,567",
		"÷ bare 0.413 × 0.413–0.413 ≥ 0.5 (done from 0.4) below",
		"full flood 8.1 ms 8.1–8.1 ≤ 10 ok", "idle 123 MiB 123–123 ≤ 40 below", "problem: 2 orders were lost",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table has no %q:\n%s", want, b.String())
		}
	}
	want := []string{"accepted_ratio is 0.413, not ≥ 0.5 (done from 0.4)", "memory_idle is 123, not ≤ 40",
		"2 orders were lost"}
	if got := strings.Join(r.Missed(), "|"); got != strings.Join(want, "|") {
		t.Errorf("missed %q", got)
	}
}

func TestNumbersAreGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := results.Grouped(n); got != want {
			t.Errorf("%d is written %q", n, got)
		}
	}
}
