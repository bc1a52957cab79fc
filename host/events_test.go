package host_test

import (
	"context"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
	"bellhop/events/amqpevents"
	"bellhop/events/eventstest"
	"bellhop/host"
	"bellhop/internal/rabbit"
	"bellhop/internal/realserver"
	"bellhop/store"
	"bellhop/wire"
	"bellhop/wire/wiretest"
)

// newVHost returns the address of an empty virtual host.
func newVHost(t testing.TB) string {
	t.Helper()
	r, err := theRabbitMQ()
	realserver.Need(t, err)
	v, err := r.NewVHost(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r.URL(v)
}

// TestEvents kills the process again and again while orders come, and checks that a
// listener on RabbitMQ gets every change, each order's in its order, as the AsyncAPI
// document describes it.
func TestEvents(t *testing.T) {
	t.Parallel()
	for name, db := range map[string]func(*testing.T) string{
		"SQLite":   func(*testing.T) string { return "sqlite:" },
		"Postgres": func(t *testing.T) string { return postgres(t).URL(newDatabase(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := newVHost(t)
			queue := listen(t, address)
			c := newCrash(t, kills(t, "EVENTS_ROUNDS", 8), wire.Storage{Dir: wiretest.Dir(t), DB: db(t), Queue: "sqlite:"})
			c.config.Events, c.hits, c.rate = address, 3, 50
			parts := c.open()
			from := register(t, parts)
			c.killUnderLoad()
			c.settle(parts)
			c.act(parts)
			queue.follow(from, changesOf(t, parts, from))
		})
	}
}

// register makes the relay known before anything happens.
func register(t testing.TB, parts *wire.Parts) (from int64) {
	t.Helper()
	r, err := parts.Store.TakeRelay(t.Context(), host.RelayName, "nobody", time.Now().Add(-time.Hour), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return r.Cursor + 1
}

// act takes, releases and handles orders as an owner does: the twin doesn't.
func (c *crash) act(parts *wire.Parts) {
	page, err := parts.Store.Orders(c.t.Context(), c.shops[0], store.OrderQuery{})
	if err != nil || len(page.Orders) == 0 {
		c.t.Fatalf("%d orders, %v", len(page.Orders), err)
	}
	for _, o := range page.Orders {
		for _, release := range []bool{false, true} {
			take := store.TakeChange{Person: 1, Owner: true, Release: release, At: time.Now()}
			_, err := parts.Store.Take(c.t.Context(), o.Shop, o.ID, take)
			if err != nil && o.CancelledAt.IsZero() { // nobody has to take a cancelled one
				c.t.Fatal(err)
			}
		}
		if _, err := parts.Store.SetHandling(c.t.Context(), o.Shop, o.ID, "", bellhop.HandlingHandled,
			time.Now(), nil); err != nil {
			c.t.Fatal(err)
		}
	}
}

// changesOf reads the stream.
func changesOf(t *testing.T, parts *wire.Parts, from int64) (all []store.Change) {
	t.Helper()
	all, err := parts.Store.Changes(t.Context(), "", from-1, store.KeepChanges)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// listener is another service.
type listener struct {
	t testing.TB
	d <-chan amqp.Delivery
}

// listen binds a queue, which keeps all events from now on.
func listen(t testing.TB, address string) *listener {
	t.Helper()
	target, _, err := rabbit.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := target.Dial(context.Background(), "follower")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	const name = amqpevents.DefaultExchange
	if err := ch.ExchangeDeclare(name, "topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueueDeclare("follower", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := ch.QueueBind("follower", "shop.#", name, false, nil); err != nil {
		t.Fatal(err)
	}
	d, err := ch.Consume("follower", "", true, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &listener{t, d}
}

// message holds the checked fields of an event.
type message struct{ ID, Type, Source, Subject, Sequence string }

// follow takes events until all changes came, and checks them.
func (l *listener) follow(from int64, want []store.Change) {
	l.t.Helper()
	doc := eventstest.Document(l.t)
	seen, latest, again := map[string]int64{}, map[string]int64{}, 0
	late := time.After(2 * time.Minute)
	for len(seen) < len(want) && !l.t.Failed() {
		var d amqp.Delivery
		select {
		case d = <-l.d:
		case <-late:
			l.t.Fatalf("of %d changes %d came", len(want), len(seen))
		}
		doc.Check(l.t, d.Body)
		var m message
		if err := json.Unmarshal(d.Body, &m); err != nil {
			l.t.Fatal(err)
		}
		n, err := strconv.ParseInt(m.Sequence, 10, 64)
		if err != nil || n < from || n-from >= int64(len(want)) {
			l.t.Fatalf("sequence %q, %v", m.Sequence, err)
		}
		if was, ok := seen[m.ID]; ok {
			if again++; was != n {
				l.t.Errorf("event %s has the sequences %d and %d", m.ID, was, n)
			}
			continue
		}
		seen[m.ID] = n
		c := want[n-from]
		if c.Seq != n || m.Type != string(c.Kind) || m.Subject != strconv.FormatInt(c.OrderID, 10) ||
			m.Source != "https://"+c.Shop {
			l.t.Errorf("change %+v came as %+v", c, m)
		}
		if order := m.Source + m.Subject; latest[order] > n {
			l.t.Errorf("of order %s event %d came after %d", m.Subject, n, latest[order])
		} else {
			latest[order] = n
		}
	}
	doc.Complete(l.t)
	l.t.Logf("%d changes of %d orders, with %d repetitions", len(want), len(latest), again)
}
