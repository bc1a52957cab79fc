package shop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"bellhop"
	"bellhop/shopify"
	"bellhop/simulate"
)

// Events is a subscription to Events about orders in the app's configuration.
type Events struct {
	URI    string
	Handle string
	Query  string // with the variable $orderId; what it answers is the body's data
	Limit  int    // bytes of a body; 0 is Shopify's million. A larger one is kept where payload_url says
}

// What Shopify bounds of Events.
const (
	eventPoints = 100       // of a subscription's query
	eventBytes  = 1_000_000 // of a body
)

// eventSubscription is one whose query is read.
type eventSubscription struct {
	Events
	schema *ast.Schema
	query  *ast.OperationDefinition
}

// newEventSubscription refuses a query that Shopify would not deploy.
func newEventSubscription(e Events, version string) (*eventSubscription, error) {
	sdl := schemaOf(version)
	doc, errs := gqlparser.LoadQueryWithRules(sdl, e.Query, rules.NewDefaultRules())
	if errs != nil {
		return nil, bellhop.Invalidf("events", "the query of %s is none: %v", e.Handle, errs)
	}
	sub := &eventSubscription{Events: e, schema: sdl, query: doc.Operations[0]}
	x := execution{schema: sdl, vars: map[string]any{}}
	if points := x.price(sub.query); points > eventPoints {
		return nil, bellhop.Invalidf("events", "the query of %s costs %d points: give one of %d at most", e.Handle, points,
			eventPoints)
	}
	if sub.Limit == 0 {
		sub.Limit = eventBytes
	}
	return sub, nil
}

// event is the body of an Event: https://shopify.dev/docs/apps/build/events/delivery-structure.
type event struct {
	Topic     string            `json:"topic"`
	Action    string            `json:"action"`
	Handle    string            `json:"handle"`
	Changed   *fieldsChanged    `json:"fields_changed,omitempty"`
	Variables map[string]string `json:"query_variables"`
	Data      json.RawMessage   `json:"data,omitempty"`
	Errors    []*apiError       `json:"errors,omitempty"`

	// Of a body that would be too large, in place of all below query_variables.
	PayloadURL   string `json:"payload_url,omitempty"`
	PayloadBytes int    `json:"payload_size_bytes,omitempty"`
	Expires      string `json:"expires_at,omitempty"`
}

type fieldsChanged struct {
	Added   []string `json:"added"`
	Updated []string `json:"updated"`
	Removed []string `json:"removed"`
}

// sendEvents sends an order's change to the subscriptions to Events: one for all that a merchant's action changes, of
// which several webhooks may tell. before is nil for a new order. It needs mu.
func (t *Twin) sendEvents(s *shop, before, after *simulate.Delivery, now time.Time) {
	if before != nil && before.EventID == after.EventID {
		return
	}
	for _, sub := range t.events {
		d := t.event(s, sub, before, after, now)
		to := []*subscription{{uri: sub.URI}}
		if share("twice "+after.WebhookID) < t.opt.Orders.Duplicates {
			to = append(to, to[0])
		}
		t.send(s, d, to)
	}
}

// event makes an Event. What the app's scopes don't cover takes the data's place.
func (t *Twin) event(s *shop, sub *eventSubscription, before, after *simulate.Delivery, now time.Time,
) *simulate.Delivery {
	id := shopify.GlobalOrderID(after.OrderID)
	body := event{Topic: shopify.EventTopic, Action: "update", Handle: sub.Handle,
		Variables: map[string]string{"orderId": id}}
	var was json.RawMessage
	switch {
	case before == nil:
		body.Action = "create"
	case !after.Known():
		body.Action = "delete"
	default:
		was, _ = t.answer(s, sub, before, now)
	}
	fault := ""
	if body.Data, body.Errors = t.answer(s, sub, after, now); body.Errors != nil {
		body.Data, fault = nil, "errors"
	} else if bytes.Contains(body.Data, []byte(`"hasNextPage":true`)) {
		fault = "more pages"
	}
	body.Changed = changed(id, body.Action, was, body.Data)
	text := body.encode()
	if len(text) > sub.Limit {
		text, fault = body.stub(len(text), now).encode(), "too large"
	}
	return after.AsEvent(sub.Handle, body.Action, t.opt.Secret, text, fault)
}

// answer is what the subscription's query answers of an order as it is after a delivery.
func (t *Twin) answer(s *shop, sub *eventSubscription, d *simulate.Delivery, now time.Time) (
	json.RawMessage, []*apiError) {
	e := &execution{schema: sub.schema, vars: map[string]any{"orderId": shopify.GlobalOrderID(d.OrderID)}}
	q := &request{Twin: t, shop: s, now: now, schema: sub.schema}
	root := q.root(sub.query)
	root["order"] = resolver(func(map[string]any) (any, error) {
		if err := q.mayReadOrders("order"); err != nil || !d.Known() {
			return nil, err
		}
		return q.rights().view(d), nil
	})
	return e.execute(sub.query, root), e.errs
}

// changed names the fields of the order that an Event is about.
func changed(id, action string, before, after json.RawMessage) *fieldsChanged {
	path := fmt.Sprintf("order[id: '%s']", id)
	c := &fieldsChanged{[]string{}, []string{}, []string{}}
	switch action {
	case "create":
		c.Added = append(c.Added, path)
		return c
	case "delete":
		c.Removed = append(c.Removed, path)
		return c
	}
	type root struct {
		Order map[string]json.RawMessage `json:"order"`
	}
	var was, is root
	if json.Unmarshal(before, &was) != nil || json.Unmarshal(after, &is) != nil {
		return c // the query was not answered
	}
	for _, field := range slices.Sorted(maps.Keys(is.Order)) {
		if !bytes.Equal(was.Order[field], is.Order[field]) {
			c.Updated = append(c.Updated, path+"."+field)
		}
	}
	return c
}

// stub is what Shopify sends in place of a body that is too large. Nobody answers at its address.
func (b *event) stub(size int, now time.Time) *event {
	return &event{Topic: b.Topic, Action: b.Action, Handle: b.Handle, Variables: b.Variables,
		PayloadURL:   "https://payloads.shopify.invalid/" + uuid.NewString(),
		PayloadBytes: size, Expires: stamp(now.Add(7 * 24 * time.Hour))}
}

func (b *event) encode() []byte {
	text, err := json.Marshal(b)
	if err != nil {
		panic(err) // the twin's own answer
	}
	return text
}
