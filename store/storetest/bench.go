package storetest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/move"
)

// Bench measures recording in batches, events included, and a page of orders among many.
func Bench(b *testing.B, open func(testing.TB) store.Store) {
	for _, size := range []int{64, 256} {
		b.Run(fmt.Sprintf("Record/batch=%d", size), func(b *testing.B) { benchRecord(b, open(b), size) })
	}
	b.Run("Orders", func(b *testing.B) { benchOrders(b, open(b)) })
}

func prepareBench(b *testing.B, s store.Store) func(n int) []bellhop.Fact {
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	must(s.AddShop(b.Context(), bellhop.Shop{Domain: shop, AddedAt: day}))
	_, err := s.PutDevice(b.Context(), bellhop.Device{Shop: shop, Installation: "phone", Kind: bellhop.AddressToken,
		Value:    "v",
		Platform: bellhop.PlatformIOS, Form: bellhop.FormData, AddedAt: day, SeenAt: day}, store.DeviceLimits{})
	must(err)
	f := &fixture{}
	id := int64(820982911946154508)
	return func(n int) []bellhop.Fact {
		facts := make([]bellhop.Fact, n)
		for i := range facts {
			id++
			facts[i] = f.order(shop, id, f.n)
			o := facts[i].Order
			o.Name = fmt.Sprintf("#%d", id%1_000_000) // as a shop counts
			o.PlacedAt = o.Version.UpdatedAt
			o.Items = append(o.Items, o.Items[0], o.Items[0])
		}
		return facts
	}
}

func benchRecord(b *testing.B, s store.Store, size int) {
	fresh := prepareBench(b, s)
	b.ReportAllocs()
	orders := 0
	for b.Loop() {
		b.StopTimer()
		facts := fresh(size)
		b.StartTimer()
		if _, err := s.Record(b.Context(), facts); err != nil {
			b.Fatal(err)
		}
		orders += size
	}
	b.ReportMetric(float64(b.Elapsed())/float64(time.Microsecond)/float64(orders), "µs/order")
}

func benchOrders(b *testing.B, s store.Store) {
	fresh := prepareBench(b, s)
	for range 40 {
		if _, err := s.Record(b.Context(), fresh(500)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	var q store.OrderQuery
	for b.Loop() {
		page, err := s.Orders(b.Context(), shop, q)
		if err != nil {
			b.Fatal(err)
		}
		q.Cursor = page.Next
	}
}

// BenchMove measures moving a store of 10,000 orders, with a push each and bodies of 5 kB.
func BenchMove(b *testing.B, from, to func(testing.TB) store.Store) {
	source := from(b)
	fresh := prepareBench(b, source)
	for range 20 {
		facts := fresh(500)
		for i := range facts {
			facts[i].Event.Body = bytes.Repeat(fmt.Appendf(nil, `{"id":%d,"sku":"TEE-%d"},`, i, i*7919), 200)
		}
		if _, err := source.Record(b.Context(), facts); err != nil {
			b.Fatal(err)
		}
	}
	var rows int64
	var copying time.Duration
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		target := to(b)
		b.StartTimer()
		start := time.Now()
		o := move.Options{Step: func(s move.Step) {
			if s.Verifying && s.Table == move.TableShops {
				copying += time.Since(start)
			}
		}}
		done, err := move.Copy(b.Context(), source.(move.Mover), target.(move.Mover), o)
		if err != nil {
			b.Fatal(err)
		}
		rows += done.Rows
	}
	b.ReportMetric(float64(rows)/copying.Seconds(), "rows/s-copied")
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s-copied-and-verified")
}
