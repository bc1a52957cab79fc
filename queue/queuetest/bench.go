package queuetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"bellhop"
	"bellhop/queue"
)

// Bench measures a driver: sends of 64 callers at once that each wait for the disk,
// and a backlog on its way through Receive and Settle.
func Bench(b *testing.B, h Harness) {
	s := suite{h}
	b.Run("Send", func(b *testing.B) {
		_, q := s.open(b, 3)
		var n atomic.Int64
		b.SetParallelism(32)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := q.Send(b.Context(), order(int(n.Add(1)))); err != nil {
					b.Error(err)
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("Drain", func(b *testing.B) {
		_, q := s.open(b, 3)
		for i := 0; i < b.N; i += 500 {
			batch := make([]*bellhop.Event, min(500, b.N-i))
			for k := range batch {
				batch[k] = order(i + k)
			}
			send(b, q, batch...)
		}
		b.ResetTimer()
		for done := 0; done < b.N; {
			ds, err := q.Receive(b.Context(), 128)
			must(b, err)
			settle(b, q, queue.Ack, ds...)
			done += len(ds)
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
}

// order is an event with a body of 5 KB unlike all others.
func order(n int) *bellhop.Event {
	e := event(fmt.Sprintf("shop-%d", n%10), n)
	rng := rand.New(rand.NewPCG(uint64(n), uint64(time.Now().UnixNano())))
	var body bytes.Buffer
	for body.Len() < 5000 {
		fmt.Fprintf(&body, `{"id":%d,"title":"Linen apron","price":"%d.00","quantity":1},`, rng.Uint64(), rng.IntN(500))
	}
	e.Body = body.Bytes()
	return e
}
