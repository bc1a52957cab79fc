// Package eventstest is the conformance suite of [bellhop/events]: the promises of
// the port's comments, as tests that every driver passes unchanged.
package eventstest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"bellhop"
	"bellhop/events"
	"bellhop/internal/wait"
)

// Service is a driver under test with the service that it publishes to. It closes
// at the end of the test what it opened.
type Service struct {
	Publisher events.Publisher
	// Listen returns a function that waits for the next message since the call of
	// Listen. Messages are kept while the service restarts.
	Listen func(t testing.TB) func(context.Context) (Message, error)
	// Away cuts the publisher off from the service until the test calls the
	// function that it returns.
	Away func(t testing.TB) (back func())
	// Restart ends the service and starts it again.
	Restart func(t testing.TB)
}

// Message is a message as a listener gets it.
type Message struct {
	ContentType string
	Body        []byte
}

// Run runs the suite. open returns a service that nobody else uses.
func Run(t *testing.T, open func(testing.TB) Service) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Service)
	}{
		{"RoundTrip", roundTrip},
		{"NobodyListens", nobodyListens},
		{"DurableOncePublished", durableOncePublished},
		{"EachOrderInItsOrder", eachOrderInItsOrder},
		{"Away", away},
		{"CutOffInTheMidst", cutOffInTheMidst},
		{"Cancelled", cancelled},
		{"Closed", closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

// patience is how long anything may take on a busy machine.
const patience = time.Minute

var day = time.Date(2026, 11, 22, 9, 0, 0, 123000, time.UTC)

// event makes the n-th event, about one of this many orders.
func event(n int64, orders int64) *events.Event {
	c := events.Change{Origin: "origin", Seq: n, Type: events.Types()[n%3], Shop: "demo.myshopify.com", OrderID: 1 +
		n%orders, At: day.Add(time.Duration(n) * time.Second),
		TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
	return events.Composer{Customer: true}.Order(c, &bellhop.Order{Shop: c.Shop, ID: c.OrderID, Name: "#1001",
		Total: bellhop.Money{Units: 40300, Digits: 2, Currency: "USD"}, CustomerName: "山田 🎉", Handling: bellhop.HandlingNew})
}

func publish(t testing.TB, p events.Publisher, batch ...*events.Event) {
	t.Helper()
	for _, run := range events.Runs(batch) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		must(t, p.Publish(ctx, run))
	}
}

// next waits for a message and reads it as a CloudEvent.
func next(t testing.TB, listen func(context.Context) (Message, error)) cloudevents.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m, err := listen(ctx)
	must(t, err)
	if m.ContentType != events.ContentType {
		t.Errorf("the content type is %q", m.ContentType)
	}
	var e cloudevents.Event
	if err := json.Unmarshal(m.Body, &e); err != nil {
		t.Fatalf("%v: %s", err, m.Body)
	}
	if err := e.Validate(); err != nil {
		t.Errorf("%v: %s", err, m.Body)
	}
	return e
}

func sequence(t testing.TB, e cloudevents.Event) int64 {
	t.Helper()
	n, err := strconv.ParseInt(fmt.Sprint(e.Extensions()["sequence"]), 10, 64)
	must(t, err)
	return n
}

func roundTrip(t *testing.T, s Service) {
	listen := s.Listen(t)
	sent := event(7, 1)
	publish(t, s.Publisher, sent)
	got := next(t, listen)
	want, err := json.Marshal(sent.Data)
	must(t, err)
	for _, c := range []struct{ what, got, want string }{
		{"data", string(got.Data()), string(want)},
		{"id", got.ID(), sent.ID},
		{"source", got.Source(), "https://demo.myshopify.com"},
		{"type", got.Type(), string(sent.Type)},
		{"subject", got.Subject(), "1"},
		{"time", got.Time().Format(time.RFC3339Nano), sent.Time.Format(time.RFC3339Nano)},
		{"data's type", got.DataContentType(), "application/json"},
		{"traceparent", fmt.Sprint(got.Extensions()["traceparent"]), sent.TraceParent},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, c.got, c.want)
		}
	}
	if n := sequence(t, got); n != 7 {
		t.Errorf("the sequence is %d", n)
	}
	var data events.Order
	if err = got.DataAs(&data); err != nil || data.Total != "403.00" || data.Customer.Name != "山田 🎉" {
		t.Errorf("the data is %+v, %v", data, err)
	}
}

func nobodyListens(t *testing.T, s Service) {
	publish(t, s.Publisher, event(1, 1), event(2, 1))
	must(t, s.Publisher.Check(t.Context()))
}

func durableOncePublished(t *testing.T, s Service) {
	listen := s.Listen(t)
	publish(t, s.Publisher, event(1, 2), event(2, 2))
	s.Restart(t)
	collect(t, listen, 2)
	again(t, s.Publisher, []*events.Event{event(3, 1)})
	if n := sequence(t, next(t, listen)); n != 3 {
		t.Errorf("after it came back: event %d", n)
	}
}

// collector notes messages, and checks that each order's events come in their own
// order. A message that comes twice counts once.
type collector struct {
	seen   map[int64]bool
	latest map[string]int64
}

func (c *collector) take(t testing.TB, e cloudevents.Event) {
	t.Helper()
	n := sequence(t, e)
	if c.seen[n] {
		return
	}
	c.seen[n] = true
	if was := c.latest[e.Subject()]; was > n {
		t.Errorf("of order %s event %d came after %d", e.Subject(), n, was)
	}
	c.latest[e.Subject()] = n
}

func collect(t testing.TB, listen func(context.Context) (Message, error), n int) {
	t.Helper()
	c := collector{map[int64]bool{}, map[string]int64{}}
	for len(c.seen) < n && !t.Failed() {
		c.take(t, next(t, listen))
	}
}

func some(n, orders int64) (all []*events.Event) {
	for i := range n {
		all = append(all, event(i+1, orders))
	}
	return all
}

func eachOrderInItsOrder(t *testing.T, s Service) {
	listen := s.Listen(t)
	publish(t, s.Publisher, some(1000, 37)...)
	collect(t, listen, 1000)
}

func away(t *testing.T, s Service) {
	listen := s.Listen(t)
	back := s.Away(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := s.Publisher.Publish(ctx, some(1, 1)); err == nil {
		t.Error("it published to nobody")
	} else if bellhop.KindOf(err) != bellhop.Unavailable {
		t.Errorf("of kind %d: %v", bellhop.KindOf(err), err)
	}
	if err := s.Publisher.Check(t.Context()); bellhop.KindOf(err) != bellhop.Unavailable {
		t.Errorf("Check: %v", err)
	}
	back()
	again(t, s.Publisher, some(1, 1))
	collect(t, listen, 1)
	must(t, s.Publisher.Check(t.Context()))
}

// again publishes until it succeeds, as the port's user does.
func again(t testing.TB, p events.Publisher, run []*events.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for err := p.Publish(ctx, run); err != nil; err = p.Publish(ctx, run) {
		if !wait.Pause(ctx, 50*time.Millisecond) { // as a caller that tries again
			t.Fatal(err)
		}
	}
}

// cutOffInTheMidst breaks the connection again and again while events go out.
func cutOffInTheMidst(t *testing.T, s Service) {
	listen := s.Listen(t)
	ctx, stop := context.WithCancel(t.Context())
	var cutting sync.WaitGroup
	cutting.Go(func() { wait.Every(ctx, 100*time.Millisecond, func() { s.Away(t)() }) })
	const n = 2000
	for _, run := range events.Runs(some(n, 41)) {
		again(t, s.Publisher, run)
	}
	stop()
	cutting.Wait()
	collect(t, listen, n)
}

func cancelled(t *testing.T, s Service) {
	back := s.Away(t)
	defer back()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := s.Publisher.Publish(ctx, some(1, 1)); !errors.Is(err, context.Canceled) &&
		bellhop.KindOf(err) != bellhop.Unavailable {
		t.Errorf("broken off, it returned %v", err)
	}
}

func closed(t *testing.T, s Service) {
	publish(t, s.Publisher, event(1, 1))
	must(t, s.Publisher.Close())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Publisher.Publish(ctx, some(1, 1)); err == nil || ctx.Err() != nil {
		t.Errorf("closed, it returned %v", err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
