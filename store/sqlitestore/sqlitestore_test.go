package sqlitestore_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/sqlitestore"
)

var day = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func openFile(t testing.TB, path string) *sqlitefile.File {
	t.Helper()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		file, err := empty()
		must(t, err)
		must(t, os.WriteFile(path, file, 0o600))
	}
	f, err := sqlitefile.Open(context.Background(), path, sqlitefile.Options{})
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// empty is the file of an empty store. Tests get copies: a copy takes a fraction of the migrations' time.
var empty = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "bellhop-empty-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "bellhop.db")
	if _, err := sqlitefile.Migrate(context.Background(), path, sqlitestore.Schema()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func open(t testing.TB) (*sqlitestore.DB, *sqlitefile.File) {
	t.Helper()
	f := openFile(t, filepath.Join(t.TempDir(), "bellhop.db"))
	db := sqlitestore.New(f)
	t.Cleanup(func() { db.Close() })
	return db, f
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// freshFacts makes n new orders of three lines.
func freshFacts(shop string, from, n int) []bellhop.Fact {
	facts := make([]bellhop.Fact, n)
	for i := range facts {
		no := int64(from + i)
		at := day.Add(time.Duration(no) * time.Millisecond)
		e := &bellhop.Event{Shop: shop, Topic: "orders/create", APIVersion: "2026-10",
			WebhookID:      fmt.Sprintf("b54557e4-bdd9-4b37-8a5f-bf7d%08d", no),
			ShopifyEventID: fmt.Sprintf("98880550-7158-44d4-b7cd-2c97%08d", no), TriggeredAt: at, AcceptedAt: at,
			SignedBy: bellhop.SignerApp, Body: []byte(`{"id":1}`)}
		binary.BigEndian.PutUint64(e.ID[:], uint64(at.UnixMilli())<<16)
		binary.BigEndian.PutUint64(e.ID[8:], uint64(no))
		usd := func(cents int64) bellhop.Money { return bellhop.Money{Units: cents, Digits: 2, Currency: "USD"} }
		o := &bellhop.Order{Shop: shop, ID: 820982911946154508 + no, Version: bellhop.Version{UpdatedAt: at, TriggeredAt: at,
			Hash: uint64(no) * 0x9E3779B97F4A7C15},
			Name: fmt.Sprintf("#%d", no), Number: no, Total: usd(40300), CustomerName: "Jo Lee",
			CustomerEmail:   fmt.Sprintf("jo%d@example.com", no),
			FinancialStatus: "paid", FulfillmentStatus: "unfulfilled", PlacedAt: at.In(time.FixedZone("", 9*3600)),
			UpdatedAt: at}
		for k := range 3 {
			o.Items = append(o.Items, bellhop.Item{ID: no*10 + int64(k), Title: "Short Sleeve Tee", Variant: "Medium",
				SKU: fmt.Sprintf("TEE-%d", k), Quantity: 2, Current: 2, ToFulfil: 2, Price: "19.90"})
		}
		facts[i] = bellhop.Fact{Event: e, At: at, OrderID: o.ID, Order: o}
	}
	return facts
}

func addShop(t testing.TB, db *sqlitestore.DB, shop string, devices int) {
	t.Helper()
	ctx := context.Background()
	must(t, db.AddShop(ctx, bellhop.Shop{Domain: shop, AddedAt: day}))
	for i := range devices {
		_, err := db.PutDevice(ctx, bellhop.Device{Shop: shop, Installation: fmt.Sprint("phone-", i),
			Kind:  bellhop.AddressToken,
			Value: fmt.Sprint(shop, "/", i), Platform: bellhop.PlatformIOS, Form: bellhop.FormData, AddedAt: day, SeenAt: day},
			store.DeviceLimits{})
		must(t, err)
	}
}

// BenchmarkRecordInWriter measures the writer's time for one order of three lines and one
// device, with its event in the archive.
func BenchmarkRecordInWriter(b *testing.B) {
	const batch = 128
	db, f := open(b)
	addShop(b, db, "a.myshopify.com", 1)
	var batches [][]bellhop.Fact
	n := 0
	for n < b.N {
		facts := freshFacts("a.myshopify.com", n, batch)
		batches = append(batches, facts)
		must(b, f.Write(b.Context(), func(tx *sqlitefile.Tx) error {
			for i := range facts {
				if _, err := tx.Append(facts[i].Event); err != nil {
					return err
				}
			}
			return nil
		}))
		n += batch
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, facts := range batches {
		_, err := db.Record(b.Context(), facts)
		must(b, err)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/order")
}
