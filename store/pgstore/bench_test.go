package pgstore_test

import (
	"testing"
	"time"

	"bellhop"
	"bellhop/store/storetest"
)

func BenchmarkStore(b *testing.B) { storetest.Bench(b, openNew) }

// BenchmarkRecord and BenchmarkBareInserts add the same rows, in batches of 256 orders of
// three lines for one device: the difference is the cost of recording.
func BenchmarkRecord(b *testing.B) {
	benchRows(b, func(s opened, _ int64, facts []bellhop.Fact) error {
		_, err := s.Record(b.Context(), facts)
		return err
	})
}

func BenchmarkBareInserts(b *testing.B) {
	benchRows(b, func(s opened, seq int64, facts []bellhop.Fact) error {
		return s.BareInserts(b.Context(), 1, []int64{1}, seq, facts)
	})
}

func benchRows(b *testing.B, add func(s opened, seq int64, facts []bellhop.Fact) error) {
	const batch = 256
	s := openURL(b, fresh(b))
	addShop(b, s, 1, bellhop.FormData)
	n := 0
	for b.Loop() {
		b.StopTimer()
		facts := freshFacts(1+n, batch)
		for i := range facts {
			facts[i].Event.Body = body(facts[i].Order.Number)
		}
		b.StartTimer()
		must(b, add(s, int64(n), facts))
		n += batch
	}
	b.ReportMetric(float64(b.Elapsed())/float64(time.Microsecond)/float64(n), "µs/order")
}
