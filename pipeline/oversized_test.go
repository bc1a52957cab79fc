package pipeline_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/store"
)

// noted is a ledger that keeps facts.
type noted struct {
	store.Recorder
	facts []bellhop.Fact
}

func (n *noted) Record(_ context.Context, facts []bellhop.Fact) ([]bellhop.Result, error) {
	n.facts = append(n.facts, facts...)
	return make([]bellhop.Result, len(facts)), nil
}

// TestTooLargeIsNoted sends bodies above the limit. Those that Shopify signed for a shop of ours have a line;
// nobody can make bellhop write one, nor read for ever.
func TestTooLargeIsNoted(t *testing.T) {
	const limit, most = 1 << 16, 64 << 20
	body := make([]byte, limit+1)
	for name, c := range map[string]struct {
		shop, secret string
		body         []byte
		read         bool // streamed, as the endpoint does
		want         bool
	}{
		"the app signed it":          {domain, app, body, true, true},
		"the app signed it before":   {domain, oldApp, body, true, true},
		"the shop signed it":         {ownOnly, own, body, true, true},
		"the app, and own only":      {ownOnly, app, body, true, false},
		"somebody else signed it":    {domain, "guess", body, true, false},
		"a shop that nobody added":   {"stranger.myshopify.com", app, body, true, false},
		"larger than any webhook":    {domain, app, make([]byte, most+1), true, false},
		"as large as one may be":     {domain, app, make([]byte, most), true, true},
		"in one piece":               {domain, app, body, false, true},
		"in one piece, wrong secret": {domain, "guess", body, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, q := newAcceptor(t)
			a.Keys.Set([]bellhop.Shop{{Domain: domain}, {Domain: ownOnly, Secret: own, OwnSecretOnly: true}})
			n, log := &noted{}, &strings.Builder{}
			a.MaxBody = limit
			a.Oversized = pipeline.NewOversized(n, slog.New(slog.NewTextHandler(log, nil)), a.Now)
			h := headers(c.shop, c.secret, c.body)
			if c.read {
				a.TooLarge(t.Context(), h, bytes.NewReader(c.body))
			} else if err := a.Accept(t.Context(), h, c.body); err == nil {
				t.Error("it was accepted")
			}
			logged := strings.Contains(log.String(), "too large")
			if got := len(n.facts) == 1; got != c.want || len(q.events) > 0 || logged != got {
				t.Fatalf("%d facts, %d kept, the log says %q", len(n.facts), len(q.events), log)
			}
			if c.want {
				f := n.facts[0]
				if f.Skip != bellhop.ReasonBodyTooLarge || f.Event.Shop != c.shop || f.Event.Body != nil ||
					f.Event.Topic != "orders/create" || f.Event.ID == (bellhop.EventID{}) || f.Event.SignedBy == "" {
					t.Errorf("noted %+v of %+v", f, f.Event)
				}
			}
		})
	}
}

// TestTooLargeForTheQueue lets the queue refuse a body that is small enough for bellhop.
func TestTooLargeForTheQueue(t *testing.T) {
	a, q := newAcceptor(t)
	n := &noted{}
	a.Oversized = pipeline.NewOversized(n, slog.New(slog.DiscardHandler), a.Now)
	q.err = bellhop.Errorf(bellhop.TooLarge, "body_size", "that does not fit into a message")
	body := []byte(`{"id":1}`)
	if err := a.Accept(t.Context(), headers(domain, app, body), body); bellhop.KindOf(err) != bellhop.TooLarge ||
		len(n.facts) != 1 || n.facts[0].Event.Body != nil {
		t.Errorf("%v, noted %+v", err, n.facts)
	}
}

// TestHashingIsBounded lets bodies of a known shop arrive slowly: of too many at once nobody asks who signed them.
func TestHashingIsBounded(t *testing.T) {
	a, _ := newAcceptor(t)
	a.Keys.Set([]bellhop.Shop{{Domain: domain}})
	a.Oversized = pipeline.NewOversized(&noted{}, slog.New(slog.DiscardHandler), a.Now)
	h := headers(domain, app, []byte(`{}`))
	begun, ends := make(chan bool), []*io.PipeWriter{}
	for range 4 {
		body, end := io.Pipe()
		ends = append(ends, end)
		go func() { a.TooLarge(t.Context(), h, body); begun <- true }()
		if _, err := end.Write([]byte("{")); err != nil { // until it is read
			t.Fatal(err)
		}
	}
	fifth := strings.NewReader("{}")
	a.TooLarge(t.Context(), h, fifth)
	if fifth.Len() != 2 {
		t.Error("the fifth was read")
	}
	for _, end := range ends {
		end.Close()
		<-begun
	}
	a.TooLarge(t.Context(), h, fifth)
	if fifth.Len() != 0 {
		t.Error("a place is not given back")
	}
}

// TestAstray bounds how many wrong addresses are named, and forgets them after an hour.
func TestAstray(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	r := pipeline.NewRefusals(nil, slog.New(slog.DiscardHandler), func() time.Time { return now })
	name := func(i int) string { return "/" + strings.Repeat("x", i) }
	for i := range 20 {
		if got := r.Astray(name(i)); got != "astray:"+name(i) {
			t.Errorf("%s", got)
		}
	}
	if a, b, c := r.Astray(name(20)), r.Astray(name(3)), r.Astray(strings.Repeat("y", 5000)); a != "astray:" ||
		b != "astray:"+name(3) || c != "astray:" {
		t.Errorf("%s %s %s", a, b, c)
	}
	now = now.Add(time.Hour + 1)
	if got := r.Astray(strings.Repeat("y", 5000)); len(got) > 120 {
		t.Errorf("%d bytes", len(got))
	}
}
