// Package events is the port to other services: it reports what happens to orders
// as CloudEvents 1.0, so that other services can follow without calling bellhop.
// This package defines the events for all drivers; the drivers are in the
// subfolders and pass [bellhop/events/eventstest].
//
// asyncapi.json describes the messages; a test checks messages against it.
package events

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"
)

// Publisher publishes events to a service with listeners.
type Publisher interface {
	// Publish returns nil once the service has made all of the events durable.
	// While the service is away it returns bellhop.Unavailable, at once or when ctx
	// is done, and recovers by itself once the service is back. After an error any
	// of the events may have been published, and the caller gives all again:
	// listeners get each at least once. No two events of a batch are about the same
	// order (see [Runs]), so that they may go out at once and in any order.
	Publish(ctx context.Context, batch []*Event) error
	// Check returns an error if the service can't be reached or takes no events.
	// The error says how to mend it: bellhop.Unavailable when that may pass.
	Check(ctx context.Context) error
	Close() error
}

// Type says what happened.
type Type string

// The types.
const (
	OrderRecorded Type = "order.recorded" // an order came for the first time
	OrderUpdated  Type = "order.updated"  // the order changed, or was deleted
	OrderHandled  Type = "order.handled"  // the owner changed its handling
	OrderTaken    Type = "order.taken"    // somebody of the shop took it
	OrderReleased Type = "order.released" // and gave it back
	PushSettled   Type = "push.settled"   // a push has its outcome
)

// Types lists all of them.
func Types() []Type {
	return []Type{OrderRecorded, OrderUpdated, OrderHandled, OrderTaken, OrderReleased, PushSettled}
}

// Event is one message to other services.
type Event struct {
	// ID is the same when the event is published again, and unlike any other
	// event's.
	ID      string
	Shop    string // myshopify.com domain
	Type    Type
	OrderID int64
	Time    time.Time // when it happened
	// Sequence grows from event to event. A listener to some of the events sees
	// gaps.
	Sequence    int64
	TraceParent string // W3C's traceparent; "" when it is not traced
	Data        any    // written as JSON
}

// ContentType is the content type of an event as JSON with its attributes:
// CloudEvents' structured mode.
const ContentType = "application/cloudevents+json"

// envelope is an event in the JSON format of CloudEvents. sequence and
// traceparent are documented extensions.
type envelope struct {
	SpecVersion     string `json:"specversion"`
	ID              string `json:"id"`
	Source          string `json:"source"`
	Type            Type   `json:"type"`
	Subject         string `json:"subject"`
	Time            string `json:"time"`
	DataContentType string `json:"datacontenttype"`
	Sequence        string `json:"sequence"`
	TraceParent     string `json:"traceparent,omitempty"`
	Data            any    `json:"data"`
}

// MarshalJSON writes the event in the JSON format of CloudEvents 1.0.
func (e *Event) MarshalJSON() ([]byte, error) {
	return json.Marshal(envelope{
		SpecVersion: "1.0", ID: e.ID, Source: "https://" + e.Shop, Type: e.Type, Subject: id(e.OrderID),
		Time: e.Time.UTC().Format(time.RFC3339Nano), DataContentType: "application/json",
		// The extension wants texts in the order of the numbers.
		Sequence: fmt.Sprintf("%019d", e.Sequence), TraceParent: e.TraceParent, Data: e.Data,
	})
}

// Runs divides events into batches, in their order, with at most one event of each
// order: so each order's events are published one after the other, while those of
// many orders are under way together.
func Runs(all []*Event) (runs [][]*Event) {
	type order struct {
		shop string
		id   int64
	}
	begin, in := 0, map[order]bool{}
	for i, e := range all {
		o := order{e.Shop, e.OrderID}
		if in[o] {
			runs = append(runs, all[begin:i])
			begin = i
			clear(in)
		}
		in[o] = true
	}
	if begin < len(all) {
		runs = append(runs, all[begin:])
	}
	return runs
}

//go:embed asyncapi.json
var asyncAPI []byte

// AsyncAPI returns the AsyncAPI 3 document that describes the events.
func AsyncAPI() []byte { return asyncAPI }
