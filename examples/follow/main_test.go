package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"bellhop"
	"bellhop/events"
	"bellhop/events/amqpevents"
	"bellhop/internal/realserver"
)

// TestFollow publishes events, and wants the example to print each once, also one that
// comes twice.
func TestFollow(t *testing.T) {
	r, err := realserver.StartRabbitMQ(context.Background())
	realserver.Need(t, err)
	t.Cleanup(func() { r.Close() })
	vhost, err := r.NewVHost(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o, _, err := amqpevents.ParseURL(r.URL(vhost))
	if err != nil {
		t.Fatal(err)
	}
	p := amqpevents.New(o)
	defer p.Close()
	if err := p.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	in, out := io.Pipe()
	t.Cleanup(func() { in.Close() })
	go func() { out.CloseWithError(follow(r.URL(vhost), out)) }()
	lines := bufio.NewScanner(in)

	// Until the example has bound its queue nobody listens.
	tell := func(seq, order int64, kind events.Type) {
		e := events.Composer{}.Order(events.Change{Seq: seq, Type: kind, Shop: "demo.myshopify.com", OrderID: order},
			&bellhop.Order{ID: order})
		if err := p.Publish(t.Context(), []*events.Event{e}); err != nil {
			t.Error(err)
		}
	}
	first := make(chan string)
	go func() { lines.Scan(); first <- lines.Text() }()
	for seq, got := int64(1), ""; got == ""; seq++ {
		tell(seq, 7, events.OrderUpdated)
		select {
		case got = <-first:
			if got != "order.updated https://demo.myshopify.com/7" {
				t.Fatalf("the first line is %q", got)
			}
		default:
		}
	}
	tell(1_000_000, 8, events.OrderRecorded)
	tell(1_000_000, 8, events.OrderRecorded)
	tell(1_000_001, 8, events.OrderHandled)
	var got []string
	for lines.Scan() {
		if !strings.HasSuffix(lines.Text(), "/8") {
			continue
		}
		if got = append(got, lines.Text()); len(got) == 2 {
			break
		}
	}
	if want := "order.recorded https://demo.myshopify.com/8\norder.handled https://demo.myshopify.com/8"; strings.Join(got, "\n") != want {
		t.Errorf("it printed %q", got)
	}
}

// TestDocsShowIt compares the page that shows the example with the example.
func TestDocsShowIt(t *testing.T) {
	page, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, found := strings.Cut(string(source), "\n// follow ")
	if !found || !strings.Contains(string(page), "```go\n// follow "+code+"```\n") {
		t.Error("docs/events.md shows another one: copy the function follow from examples/follow/main.go")
	}
}
