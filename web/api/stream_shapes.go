package api

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"bellhop/events"
)

// The events of the stream, for the document. They are written by appendFrame, each field on a line of its own.

// StreamOrder is an order that came or changed.
type StreamOrder struct {
	ID    string        `json:"id" example:"42" doc:"The position in the stream: resume after it with Last-Event-ID."`
	Event string        `json:"event" enum:"order.recorded,order.updated,order.taken,order.released"`
	Data  streamedOrder `json:"data" doc:"The order as in lists, or what is left of a deleted one."`
}

// StreamPush is a push that has its outcome.
type StreamPush struct {
	ID    string      `json:"id" example:"42"`
	Event string      `json:"event" enum:"push.settled"`
	Data  events.Push `json:"data"`
}

// StreamReset tells a client to load afresh, and to go on from there.
type StreamReset struct {
	ID    string  `json:"id" example:"42"`
	Event string  `json:"event" enum:"reset"`
	Data  nothing `json:"data" doc:"Empty."`
}

type nothing struct{}

// Schema is that of {}.
func (nothing) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeObject} }

type streamedOrder struct{}

// Schema allows both shapes.
func (streamedOrder) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{AnyOf: []*huma.Schema{
		r.Schema(reflect.TypeFor[Order](), true, ""), r.Schema(reflect.TypeFor[events.DeletedOrder](), true, "")}}
}

// streamSchema describes the stream as the list of its events, each with its fields. OpenAPI 3.1 has no other words.
func streamSchema(doc *huma.OpenAPI) *huma.Schema {
	r := doc.Components.Schemas
	name := map[string]string{}
	event := &huma.Schema{Description: "One event of the stream. A comment in between is none, nor is an id alone.",
		Discriminator: &huma.Discriminator{PropertyName: "event", Mapping: name}}
	for _, t := range []reflect.Type{
		reflect.TypeFor[StreamOrder](), reflect.TypeFor[StreamPush](), reflect.TypeFor[StreamReset]()} {
		ref := r.Schema(t, true, "")
		event.OneOf = append(event.OneOf, ref)
		for _, kind := range resolved(r, ref).Properties["event"].Enum {
			name[kind.(string)] = ref.Ref
		}
	}
	r.Map()["StreamEvent"] = event
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Ref: schemaRef + "StreamEvent"},
		Description: "Server-sent events: the lines id, event and data of each, where data is JSON."}
}
