package main

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"bellhop/internal/realserver"
)

// TestBothWays takes the second service away in both ways: the chain passes its
// absence on to the client and has orders packed that nobody bills; with events
// the client notices nothing, and everything is done in the end.
func TestBothWays(t *testing.T) {
	r, err := realserver.StartRabbitMQ(context.Background())
	realserver.Need(t, err)
	t.Cleanup(func() { r.Close() })
	vhost, err := r.NewVHost(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(t.Context(), r.URL(vhost), &out); err != nil {
		t.Fatal(err, out.String())
	}
	got := regexp.MustCompile(` \(\d.*s\)`).ReplaceAllString(out.String(), "")
	want := `Chained over REST: the client asks parcels, which asks invoices.
  order 1: 200 packed and billed
  order 2: 200 packed and billed
  invoices is away
  order 3: 502 parcels: invoices: connection refused
  order 4: 502 parcels: invoices: connection refused
  invoices is back
  order 5: 200 packed and billed
  order 6: 200 packed and billed
  packed: orders [1 2 3 4 5 6]; billed: orders [1 2 5 6]

By events: the client asks the desk, which tells both.
  order 1: 202 will be packed and billed
  order 2: 202 will be packed and billed
  invoices is away
  order 3: 202 will be packed and billed
  order 4: 202 will be packed and billed
  invoices is back
  order 5: 202 will be packed and billed
  order 6: 202 will be packed and billed
  packed: orders [1 2 3 4 5 6]; billed: orders [1 2 3 4 5 6]
`
	if got != want {
		t.Errorf("it printed\n%s\nwant\n%s", got, want)
	}
	page, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```\n"+want+"```\n") {
		t.Error("docs/events.md shows another output")
	}
}
