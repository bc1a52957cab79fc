// Package amqpevents publishes events to a topic exchange of RabbitMQ. Each service
// routes the events that it wants into a queue of its own.
package amqpevents

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"golang.org/x/sync/errgroup"

	"bellhop"
	"bellhop/events"
	"bellhop/internal/rabbit"
)

// DefaultExchange is where events go unless the URL says otherwise.
const DefaultExchange = "bellhop.events"

// Options are the settings of a publisher.
type Options struct {
	Target   rabbit.Target
	Exchange string // "" means [DefaultExchange]
	Log      *slog.Logger
}

// ParseURL reads an address such as amqp://USER:PASSWORD@HOST/VHOST?exchange=NAME.
// It returns the caller's own parameters.
func ParseURL(address string, own ...string) (o Options, params url.Values, err error) {
	if o.Target, params, err = rabbit.Parse(address, append(own, "exchange")...); err != nil {
		return o, nil, err
	}
	o.Exchange = params.Get("exchange")
	if n := len(o.Exchange); n > 255 || strings.HasPrefix(o.Exchange, "amq.") {
		return o, nil, bellhop.Invalidf("setting",
			"the exchange's name is longer than 255 bytes, or begins with amq., "+
				"which RabbitMQ keeps for itself: give another name")
	}
	params.Del("exchange")
	return o, params, nil
}

// Publisher is an [events.Publisher].
type Publisher struct {
	exchange string
	ask      *rabbit.Session
	out      *rabbit.Publisher
}

var _ events.Publisher = (*Publisher)(nil)

// New returns a publisher. It does not connect yet.
func New(o Options) *Publisher {
	return &Publisher{exchange: cmp.Or(o.Exchange, DefaultExchange),
		ask: rabbit.NewSession(o.Target, "bellhop events, asking"),
		out: rabbit.NewPublisher(o.Target, rabbit.Options{Name: "bellhop events", Log: o.Log})}
}

// Check implements [events.Publisher]: it makes the exchange, or checks that it is
// there and of the right kind.
func (p *Publisher) Check(ctx context.Context) error { return p.ask.DeclareTopic(ctx, p.exchange) }

// inFlight bounds the messages on their way at once.
const inFlight = 256

// Publish implements [events.Publisher]. Each message is persistent and confirmed:
// then all queues to which RabbitMQ routed it have made it durable. Without such a
// queue nobody listens, which is no error. Publish makes an exchange anew that
// somebody deleted.
func (p *Publisher) Publish(ctx context.Context, batch []*events.Event) error {
	err := p.publish(ctx, batch)
	if bellhop.KindOf(err) != bellhop.NotFound {
		return err
	}
	if err := p.Check(ctx); err != nil {
		return err
	}
	return p.publish(ctx, batch)
}

func (p *Publisher) publish(ctx context.Context, batch []*events.Event) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	for _, e := range batch {
		group.Go(func() error {
			body, err := json.Marshal(e)
			if err != nil {
				return fmt.Errorf("write event %s: %w", e.ID, err)
			}
			return p.out.Publish(ctx, p.exchange, RoutingKey(e.Shop, e.Type), nil, events.ContentType, body)
		})
	}
	return group.Wait()
}

// Close implements [events.Publisher].
func (p *Publisher) Close() error {
	p.out.Close()
	p.ask.Close()
	return nil
}

// RoutingKey returns the routing key of an event, such as shop.demo.order.recorded.
// It names the shop by its subdomain of myshopify.com, which is one word.
func RoutingKey(shop string, t events.Type) string {
	name := strings.TrimSuffix(shop, ".myshopify.com")
	return "shop." + strings.ReplaceAll(name, ".", "-") + "." + string(t)
}
