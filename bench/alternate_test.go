package bench

import (
	"strings"
	"testing"
)

func TestADifferenceBelowTheSpreadIsNone(t *testing.T) {
	steady, noisy := []float64{100, 101, 102, 103, 104}, []float64{90, 100, 110, 120, 130}
	faster := []float64{80, 81, 82, 83, 84}
	for _, c := range []struct {
		before, after []float64
		clear         bool
	}{{steady, steady, false}, {steady, noisy, false}, {noisy, faster, true}, {steady, faster, true},
		{noisy, steady, false}} {
		change := Change{"CPU an order", Microseconds, quartile(c.before), quartile(c.after)}
		if change.Clear() != c.clear {
			t.Errorf("%+v: clear %v", change, change.Clear())
		}
	}
	var b strings.Builder
	err := WriteChanges(&b, []Change{{"a", Microseconds, quartile(steady), quartile(faster)},
		{"b", PerSecond, quartile(steady), quartile(noisy)}})
	if text := b.String(); err != nil || !strings.Contains(text, "-19.6 %") ||
		!strings.Contains(text, "none: less than the spread") ||
		!strings.Contains(text, "102 (101–103)") {
		t.Errorf("%v\n%s", err, text)
	}
	if q := quartile([]float64{7}); q.Median != 7 || q.Low != 7 || q.High != 7 {
		t.Errorf("of one value: %+v", q)
	}
}
