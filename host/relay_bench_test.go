package host_test

import (
	"context"
	"testing"
	"time"

	"bellhop"
	"bellhop/events"
	"bellhop/wire"
)

// BenchmarkRelay publishes the changes of a thousand new orders, each changed once: two
// events an order.
func BenchmarkRelay(b *testing.B) {
	for name, db := range map[string]func() string{
		"SQLite":   func() string { return "sqlite:" },
		"Postgres": func() string { return postgres(b).URL(newDatabase(b)) },
	} {
		b.Run(name, func(b *testing.B) { benchRelay(b, db()) })
	}
}

func benchRelay(b *testing.B, db string) {
	c := config(wire.Storage{Dir: b.TempDir(), DB: db, Queue: "sqlite:"}, "log:")
	c.Events = newVHost(b)
	parts, err := c.Open(b.Context(), wire.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer parts.Close()
	to, err := c.OpenEvents(b.Context(), wire.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer to.Close()
	if err := parts.Store.AddShop(b.Context(), bellhop.Shop{Domain: "demo.myshopify.com",
		AddedAt: time.Now()}); err != nil {
		b.Fatal(err)
	}
	listen(b, c.Events)
	register(b, parts)
	d := &followed{TB: b, parts: parts}
	const orders = 1000
	published := 0
	for b.Loop() {
		b.StopTimer()
		last := d.change(orders, 2)
		b.StartTimer()
		published += 2 * orders
		seen := &counting{Publisher: to.Publisher, last: last, done: make(chan struct{})}
		end := d.relay("one", seen, nil)
		<-seen.done
		end()
	}
	b.ReportMetric(float64(published)/b.Elapsed().Seconds(), "events/s")
}

// counting signals the last event's publication.
type counting struct {
	events.Publisher
	last int64
	done chan struct{}
}

func (c *counting) Publish(ctx context.Context, run []*events.Event) error {
	err := c.Publisher.Publish(ctx, run)
	if err == nil && run[len(run)-1].Sequence == c.last {
		close(c.done)
	}
	return err
}
