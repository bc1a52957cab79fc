package wire

import (
	"context"
	"fmt"
	"time"

	"bellhop"
	"bellhop/events"
)

// Events publishes events to other services.
type Events struct {
	events.Publisher
	Composer events.Composer
}

const eventsAccepted = "give amqp://USER:PASSWORD@HOST/VHOST?exchange=NAME, or nothing"

// eventsDriver is the setting's driver, not opened yet.
type eventsDriver struct {
	open     func(Options) events.Publisher
	composer events.Composer
}

// events reads the setting; it returns nil without one.
func (w *Working) events() (*eventsDriver, error) {
	if w.Events == "" {
		return nil, nil
	}
	u, err := parseURL("BELLHOP_EVENTS", w.Events, eventsAccepted)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "amqp", "amqps":
		return eventsOverAMQP(w.Events)
	}
	return nil, WrongSetting("BELLHOP_EVENTS", fmt.Sprintf("there is no events driver %q", u.Scheme), eventsAccepted)
}

// withCustomer reads the parameter that every driver takes.
func withCustomer(value string) (c events.Composer, err error) {
	switch value {
	case "", "no":
	case "yes":
		c.Customer = true
	default:
		err = WrongSetting("BELLHOP_EVENTS", fmt.Sprintf("the parameter customer is %q", value),
			"give customer=yes, or leave it out")
	}
	return c, err
}

// reachFor bounds how long a start waits for the service: it needs 3 s to refuse
// a password.
const reachFor = 5 * time.Second

// OpenEvents opens the publisher of events to other services; it returns nil without
// the setting. It accepts a service that is away: events wait in the database, and no
// other part needs it.
func (w *Working) OpenEvents(ctx context.Context, o Options) (*Events, error) {
	o.fill()
	d, err := w.events()
	if d == nil || err != nil {
		return nil, err
	}
	e := &Events{d.open(o), d.composer}
	ctx, cancel := context.WithTimeout(ctx, reachFor)
	defer cancel()
	switch err := e.Check(ctx); {
	case err == nil:
	case bellhop.KindOf(err) == bellhop.Unavailable:
		o.Log.Warn("events for other services wait", "err", err)
	default:
		e.Close()
		return nil, withSetting("BELLHOP_EVENTS", err)
	}
	return e, nil
}
