package aws_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"

	"bellhop/shopify"
	"bellhop/simulate"
)

// large returns an order with a note of n characters that can't be compressed.
func large(t *testing.T, shop string, n int) (*simulate.Delivery, []byte) {
	t.Helper()
	made, err := simulate.Generate(simulate.ShopifyOptions{Shops: []string{shop}, Secret: appSecret, Seed: uint64(n),
		Orders: 1})
	if err != nil {
		t.Fatal(err)
	}
	for d := range made {
		var order map[string]any
		decoder := json.NewDecoder(bytes.NewReader(d.Body))
		decoder.UseNumber()
		if err := decoder.Decode(&order); err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(uint64(n), 1))
		note := make([]byte, n)
		for i := range note {
			note[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-"[rng.IntN(64)]
		}
		order["note"] = string(note)
		body, err := json.Marshal(order)
		if err != nil {
			t.Fatal(err)
		}
		return d, body
	}
	t.Fatal("the twin made no order")
	return nil, nil
}

// TestLargeOrders sends orders around and above the limit of an execution's input: they
// travel by reference, and leave room in the input for the cause of a failure.
func TestLargeOrders(t *testing.T) {
	t.Parallel()
	j := startJourney(t, "standard", troubles{})
	for i, n := range []int{100 << 10, 235 << 10, 300 << 10, 900 << 10} {
		d, body := large(t, j.shops[i], n)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, j.target, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = d.Header()
		req.Header.Set("X-Shopify-Hmac-Sha256", shopify.Sign(appSecret, body))
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%d bytes: %v, %v", len(body), res, err)
		}
		res.Body.Close()
	}
	j.drain()
	all, err := j.machine.Executions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 4 {
		t.Errorf("%d executions", len(all))
	}
	for _, e := range all {
		if room := 256<<10 - len(e.Input); e.Status != "SUCCEEDED" || room < 33<<10 {
			t.Errorf("an execution with %d bytes of input ended with %s %s %s", len(e.Input), e.Status, e.Error,
				e.Cause)
		}
	}
	totals, err := j.parts.Store.Totals(t.Context())
	if err != nil || fmt.Sprint(totals) != "map[recorded:4]" {
		t.Errorf("the ledger has %v, %v", totals, err)
	}
}
