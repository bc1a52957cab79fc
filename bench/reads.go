package bench

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// measureReading makes an owner list orders at a steady rate: alone, beside a stream of webhooks, and beside a flood.
func (b *bench) measureReading(ctx context.Context) error {
	return b.withOwner(ctx, func(s *server, token string) error { return b.readOrders(ctx, s, token) })
}

// withOwner runs fn on a bellhop with orders, whose owner is signed in.
func (b *bench) withOwner(ctx context.Context, fn func(s *server, token string) error) error {
	return b.serving(ctx, b.data.orders, nil, func(s *server) error {
		token, err := s.signIn(ctx, ownerEmail, b.password)
		if err != nil {
			return err
		}
		return fn(s, token)
	})
}

func (b *bench) readOrders(ctx context.Context, s *server, token string) error {
	idle, err := b.read(ctx, s, token, nil)
	if err != nil {
		return err
	}
	b.ms("read_idle_p50", idle.Latency.At(50))
	b.ms("read_idle_p99", idle.Latency.At(99))
	for _, m := range []struct {
		rate       float64
		key, ratio string
	}{{readBusyRate, "read_busy_p99", "read_busy_ratio"}, {0, "read_flood_p99", "read_flood_ratio"}} {
		beside := &Load{Connections: connections, Rate: m.rate}
		reads, err := b.read(ctx, s, token, beside)
		if err != nil {
			return err
		}
		b.ms(m.key, reads.Latency.At(99))
		b.add(m.ratio, float64(reads.Latency.At(99))/float64(idle.Latency.At(99)))
		if _, err := s.drained(ctx); err != nil {
			return err
		}
	}
	return nil
}

// listOrders makes an owner's requests.
func (s *server) listOrders(token string) func(int) Requests {
	request := Same(fmt.Sprintf("GET /v1/orders HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", s.addr, token))
	return func(int) Requests { return request }
}

// read lists orders, beside another load if there is one.
func (b *bench) read(ctx context.Context, s *server, token string, beside *Load) (reads *Tally, err error) {
	group, ctx := errgroup.WithContext(ctx)
	if beside != nil {
		l := *beside
		l.Target, l.Requests, l.Warmup, l.Duration = s.addr, b.mainWebhooks().For, warmup, b.Duration
		group.Go(func() error {
			t, err := l.Run(ctx)
			if err == nil {
				b.expectNone("webhooks beside reading", t)
			}
			return err
		})
	}
	group.Go(func() (err error) {
		reads, err = Load{
			Target: s.addr, Requests: s.listOrders(token),
			Connections: 2, MaxConnections: 64, Rate: readRate, Warmup: warmup, Duration: b.Duration,
		}.Run(ctx)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	b.expectNone("reading", reads)
	return reads, nil
}
