package chart

import (
	"math"
	"strconv"
	"time"
)

// axis turns values into pixels and ticks.
type axis struct {
	log      bool
	clock    *Clock
	min, max float64
	from, to int // in pixels
}

type tick struct {
	value float64
	label string
}

func (a *axis) add(v float64) {
	if a.log && v <= 0 {
		return
	}
	if a.min == 0 && a.max == 0 {
		a.min, a.max = v, v
	}
	a.min, a.max = math.Min(a.min, v), math.Max(a.max, v)
}

// place is the pixel of a value. The axis has its ticks by then.
func (a *axis) place(v float64) float64 {
	low, high := a.min, a.max
	if a.log {
		v, low, high = math.Log10(math.Max(v, low)), math.Log10(low), math.Log10(high)
	}
	return float64(a.from) + (v-low)/(high-low)*float64(a.to-a.from)
}

func (a *axis) label(v float64) string {
	if a.clock == nil {
		return number(v)
	}
	return a.clock.Time(time.Unix(int64(v), 0).In(a.clock.Zone))
}

// ticks are at most about six round values. They widen the axis so that it holds all
// values between them, but for a clock's.
func (a *axis) ticks() (all []tick) {
	add := func(v float64) { all = append(all, tick{v, a.label(v)}) }
	switch {
	case a.clock != nil:
		for _, at := range a.times() {
			add(at)
		}
	case a.log:
		from, to := math.Floor(math.Log10(a.min)), math.Ceil(math.Log10(a.max))
		if to == from {
			to++
		}
		step := math.Max(1, math.Ceil((to-from)/6))
		for e := from; e < to; e += step {
			add(math.Pow(10, e))
		}
		add(math.Pow(10, to))
		a.min, a.max = math.Pow(10, from), math.Pow(10, to)
	default:
		if a.max <= 0 {
			a.max = 1 // all is 0
		}
		step, n := nice(math.Max(a.max, 1e-9)/4), 0
		for ; float64(n-1)*step < a.max; n++ {
			add(float64(n) * step)
		}
		a.min, a.max = 0, float64(n-1)*step
	}
	return all
}

// times are the round times of day on a clock's axis, in its zone.
func (a *axis) times() (all []float64) {
	if a.max == a.min {
		a.max++
	}
	for _, step := range []float64{5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 10800, 21600, 86400} {
		if n := (a.max - a.min) / step; n <= 3 || n <= 5 && step >= 60 { // labels with seconds are wider
			_, east := time.Unix(int64(a.min), 0).In(a.clock.Zone).Zone()
			for at := math.Ceil((a.min+float64(east))/step) * step; at <= a.max+float64(east); at += step {
				all = append(all, at-float64(east))
			}
			break
		}
	}
	if len(all) == 0 {
		all = []float64{a.min} // a few seconds, or weeks
	}
	return all
}

// nice rounds up to 1, 2, 2.5 or 5 times a power of ten.
func nice(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if v <= m*unit*1.0001 {
			return m * unit
		}
	}
	return 10 * unit
}

func number(v float64) string {
	switch {
	case math.Abs(v) >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 3, 64) + "M"
	case math.Abs(v) >= 1e4:
		return strconv.FormatFloat(v/1e3, 'g', 3, 64) + "k"
	case math.Abs(v) >= 1e3:
		s := strconv.FormatFloat(v, 'f', 0, 64)
		return s[:len(s)-3] + "," + s[len(s)-3:]
	default:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
}
