package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/s2"

	"bellhop"
	"bellhop/shopify"
)

func testWebhooks(t testing.TB, shops ...string) *Webhooks {
	t.Helper()
	if len(shops) == 0 {
		shops = []string{"one.myshopify.com"}
	}
	w, err := NewWebhooks(WebhookOptions{
		Host: "127.0.0.1:1", Shops: shops, Secret: "hush", Seed: 1, Keep: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// parse reads a request as a server would.
func parse(t *testing.T, raw []byte) (*http.Request, []byte) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, body
}

func TestWebhooksAreSignedOrdersThatAllDiffer(t *testing.T) {
	w := testWebhooks(t)
	requests := w.For(0)
	due := time.Date(2026, 11, 22, 10, 11, 12, 345678000, time.UTC)
	keys := shopify.Keys{App: shopify.NewSecret("hush")}
	seen := map[string]bool{}
	var raw []byte
	for i := range 2000 {
		raw = requests.Append(raw[:0], due)
		r, body := parse(t, raw)
		if _, ok := keys.Verify(body, r.Header.Get(shopify.HeaderHMAC)); !ok {
			t.Fatal("the signature is wrong")
		}
		if int64(len(body)) != r.ContentLength {
			t.Fatalf("body of %d bytes, Content-Length %d", len(body), r.ContentLength)
		}
		e := &bellhop.Event{Topic: r.Header.Get(shopify.HeaderTopic), Shop: r.Header.Get(shopify.HeaderShop), Body: body}
		f, err := shopify.Decode(e)
		if err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		o := f.Order
		if o == nil || o.ID != 5_000_000_000_000+int64(i) || o.Number != int64(1_000_000+i) || len(o.Items) == 0 {
			t.Fatalf("order %d: %+v", i, o)
		}
		if !o.PlacedAt.Equal(due.Truncate(time.Second)) {
			t.Fatalf("placed at %v", o.PlacedAt)
		}
		if at, ok := shopify.ParseTime(r.Header.Get(shopify.HeaderTriggeredAt)); !ok || !at.Equal(due) {
			t.Fatalf("triggered at %v, not %v", at, due)
		}
		due = due.Add(1234567 * time.Microsecond)
		line := fmt.Sprint("line ", o.Items[0].ID, o.Items[0].Price)
		for _, text := range []string{o.Name, r.Header.Get(shopify.HeaderWebhookID), line, string(body)} {
			if seen[text] {
				t.Fatalf("order %d has %.60q in common with another", i, text)
			}
			seen[text] = true
		}
	}
}

func TestWebhooksGoRoundTheShops(t *testing.T) {
	w := testWebhooks(t, "a.myshopify.com", "b.myshopify.com", "c.myshopify.com")
	requests := w.For(0)
	count := map[string]int{}
	for range 300 {
		r, _ := parse(t, requests.Append(nil, time.Unix(1, 0)))
		count[r.Header.Get(shopify.HeaderShop)]++
	}
	for shop, n := range count {
		if n != 100 {
			t.Errorf("%s got %d of 300", shop, n)
		}
	}
	if len(count) != 3 {
		t.Errorf("%d shops got any", len(count))
	}
}

func TestWebhooksTellWhenAnOrderWasDue(t *testing.T) {
	w := testWebhooks(t)
	due := time.Unix(1_800_000_000, 5000)
	w.For(0).Append(nil, due)
	if at, ok := w.Due(5_000_000_000_000); !ok || !at.Equal(due) {
		t.Errorf("got %v, %v", at, ok)
	}
	for _, id := range []int64{5_000_000_000_001, 1} {
		if _, ok := w.Due(id); ok {
			t.Errorf("order %d was never made", id)
		}
	}
}

// Other bodies would make figures of before and after incomparable.
func TestWebhooksAreOfAFixedSet(t *testing.T) {
	if sum := xxhash.Sum64(fixedOrders); sum != 0xa4d88bf497174cdb {
		t.Errorf("the fixed orders have changed: %#x", sum)
	}
	w, err := NewWebhooks(WebhookOptions{Host: "h", Shops: []string{"one.myshopify.com"}, Secret: "hush", Basic: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(w.templates) != 64 {
		t.Errorf("%d orders without rare characters, want 64", len(w.templates))
	}
	for _, tpl := range w.templates {
		body := tpl.text[tpl.body:]
		if !basic(body) || !bytes.Contains(body, []byte(`"order_status_url":"https:\/\/one.myshopify.com\/`)) {
			t.Errorf("a rare character, or another shop: %s", body)
		}
	}
}

// A body that compresses much better than a real one would flatter the
// store.
func TestWebhooksCompressLikeRealOnes(t *testing.T) {
	requests := testWebhooks(t).For(0)
	plain, packed := 0, 0
	for range 256 {
		_, body := parse(t, requests.Append(nil, time.Unix(1_800_000_000, 0)))
		plain += len(body)
		packed += len(s2.Encode(nil, body))
	}
	t.Logf("%d bytes, %d with s2", plain/256, packed/256)
	if mean := plain / 256; mean < 4800 || mean > 5800 {
		t.Errorf("a body has %d bytes, not about 5 KB", mean)
	}
	if share := float64(packed) / float64(plain); share < 0.3 {
		t.Errorf("s2 leaves %.2f of a body; real ones leave 0.32 to 0.46", share)
	}
}

// TestAcknowledgedWebhooksAreKnown answers every third one of the orders of two shops otherwise.
func TestAcknowledgedWebhooksAreKnown(t *testing.T) {
	var mu sync.Mutex
	want := map[int64]string{}
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var order struct{ ID int64 }
		if err := json.NewDecoder(r.Body).Decode(&order); err != nil {
			t.Error(err)
		}
		if order.ID%3 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		want[order.ID] = r.Header.Get(shopify.HeaderShop)
	})
	w := testWebhooks(t, "one.myshopify.com", "two.myshopify.com")
	load(t, Load{Target: target, Requests: w.For, Connections: 4, Rate: 500, Duration: 200 * time.Millisecond})
	load(t, Load{Target: target, Requests: w.For, Connections: 4, Count: 100})
	if got := w.Acknowledged(); len(got) < 100 || !maps.Equal(got, want) {
		t.Errorf("%d are known, %d were answered", len(got), len(want))
	}
}

func BenchmarkWebhooks(b *testing.B) {
	requests := testWebhooks(b).For(0)
	var raw []byte
	b.ReportAllocs()
	for b.Loop() {
		raw = requests.Append(raw[:0], time.Now())
	}
}
