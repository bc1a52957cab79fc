package bench

import (
	"math"
	"slices"

	"bellhop/internal/results"
)

// refinement is a search by bisection for the rate from where something holds,
// between measured ones.
type refinement struct {
	within float64 // it ends once the two rates beside the edge differ by this factor at most
	steps  int     // or after so many measurements
}

// next returns the rate to measure next, in the middle between two by ratio; ok is
// false when they are near enough to each other or one is missing.
func (r refinement) next(good, from float64) (rate float64, ok bool) {
	if good <= 0 || from <= 0 || from/good <= r.within {
		return 0, false
	}
	return round(math.Sqrt(good * from)), true
}

// round leaves two digits, or three where the first is a 1: nobody reads more out
// of a rate.
func round(rate float64) float64 {
	if rate <= 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(rate))-1)
	if rate/unit < 20 {
		unit /= 10
	}
	return math.Round(rate/unit) * unit
}

// run measures until the edge of bad is known. measure returns all the rates that
// there are by then.
func (r refinement) run(rates []float64,
	bad func(rate float64) bool, measure func(rate float64) ([]float64, error)) (err error) {
	for range r.steps {
		rate, ok := r.next(results.Edge(rates, bad))
		if !ok || slices.Contains(rates, rate) {
			return nil
		}
		if rates, err = measure(rate); err != nil {
			return err
		}
	}
	return nil
}
