package shopify_test

import (
	"bytes"
	"strings"
	"testing"

	"bellhop/shopify"
)

func BenchmarkDecode(b *testing.B) {
	order := read(b, "testdata/orders_create.usd.json")
	item := read(b, "testdata/orders_paid.eur_presentment.json")
	from := bytes.Index(item, []byte(`"line_items":[`)) + len(`"line_items":[`)
	to := bytes.Index(item, []byte(`],"payment_terms"`))
	lines := strings.Repeat(string(item[from:to])+",", 499) + string(item[from:to])
	for name, body := range map[string][]byte{
		"two lines": order,
		"500 lines": []byte(string(item[:from]) + lines + string(item[to:])),
	} {
		b.Run(name, func(b *testing.B) {
			e := event(shopify.TopicOrderCreate, body)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := shopify.Decode(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
