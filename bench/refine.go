package bench

import (
	"math"
	"slices"

	"bellhop/internal/results"
)

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

// within is how far apart two rates may be, as a factor, to count as one.
const within = 1.15

// refine looks by bisection for the rate from where bad holds, between measured ones:
// until the two beside that edge are within a factor, or after so many measurements.
// measure returns all the rates that there are by then.
func refine(rates []float64, within float64, steps int,
	bad func(rate float64) bool, measure func(rate float64) ([]float64, error)) (err error) {
	for range steps {
		good, from := results.Edge(rates, bad)
		rate := round(math.Sqrt(good * from)) // in the middle by ratio
		if good <= 0 || from <= 0 || from/good <= within || slices.Contains(rates, rate) {
			return nil
		}
		if rates, err = measure(rate); err != nil {
			return err
		}
	}
	return nil
}
