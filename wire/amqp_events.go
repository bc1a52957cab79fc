//go:build !noamqp

package wire

import (
	"bellhop/events"
	"bellhop/events/amqpevents"
)

func eventsOverAMQP(address string) (*eventsDriver, error) {
	o, params, err := amqpevents.ParseURL(address, "customer")
	if err != nil {
		return nil, withSetting("BELLHOP_EVENTS", err)
	}
	composer, err := withCustomer(params.Get("customer"))
	if err != nil {
		return nil, err
	}
	open := func(with Options) events.Publisher {
		o.Log = with.Log
		return amqpevents.New(o)
	}
	return &eventsDriver{open, composer}, nil
}
