package shopify

import (
	"strconv"
	"strings"

	"github.com/goccy/go-json"

	"bellhop"
)

// eventRoot is the body of an Event. Its data is what our query answers, or at least what the query of the
// subscription answers.
type eventRoot struct {
	Topic       string          `json:"topic"`
	Action      string          `json:"action"`
	Handle      string          `json:"handle"`
	Data        json.RawMessage `json:"data"`
	Errors      json.RawMessage `json:"errors"`
	QueryErrors json.RawMessage `json:"query_errors"` // seen in place of errors
	PayloadURL  string          `json:"payload_url"`  // where Shopify keeps a body that is too large to send
	Variables   struct {
		OrderID string `json:"orderId"`
	} `json:"query_variables"`
}

// decodeEvent decodes an Event about an order. One that lacks anything is a notice: it must not wipe what is known.
func decodeEvent(e *bellhop.Event) (f bellhop.Fact, err error) {
	var root eventRoot
	if _, err = unmarshalLoosely(e.Body, &root); err != nil {
		return f, err
	}
	if err = root.check(e.Topic); err != nil {
		return f, err
	}
	f.Event = e
	if f.OrderID, _ = OrderID(root.Variables.OrderID); e.Topic == TopicEventDelete {
		return f, deleted(&f, &root)
	}
	if f.Lacks = root.lacks(); len(f.Lacks) > 0 {
		if h := root.Handle; h != "" && h != EventHandle { // it belongs to another program
			f.OrderID, f.Lacks, f.Skip = 0, nil, bellhop.ReasonOtherHandle+": "+nameOf(h)
		}
		return f, nil
	}
	f.OrderID, f.Order, err = answeredOrder(e)
	return f, err
}

// deleted makes f say that the order was deleted. Only the body's own word counts for that.
func deleted(f *bellhop.Fact, root *eventRoot) error {
	if f.OrderID == 0 || root.Action == "" {
		return bellhop.Invalidf("body_field", "query_variables.orderId or action is missing, or no order's")
	}
	f.Deleted = true
	return nil
}

// check refuses the body of something else, as far as it shows.
func (root *eventRoot) check(topic string) error {
	own, action, _ := strings.Cut(topic, "/")
	switch {
	case root.Topic != "" && root.Topic != own, root.Action != "" && root.Action != action:
		return otherKind(topic, "it names another topic or action")
	case root.Data == nil && root.Errors == nil && root.QueryErrors == nil && root.PayloadURL == "" &&
		root.Variables.OrderID == "":
		return lacking(topic)
	}
	return nil
}

// lacks names what the body lacks of our query's answer.
func (root *eventRoot) lacks() []string {
	var l lacks
	l.errors(root.Errors)
	l.errors(root.QueryErrors)
	var data map[string]any
	if json.Unmarshal(root.Data, &data) != nil {
		data = nil
	}
	switch {
	case len(l) > 0: // what else is missing follows from that
	case root.PayloadURL != "":
		l.add("data (it is at payload_url)")
	case data == nil:
		l.add("data")
	case data["order"] == nil:
		l.add("data.order")
	default:
		l.of(data, eventFields())
	}
	return l
}

// errors names the fields that Shopify could not read. It leaves out the messages, which may quote data.
func (l *lacks) errors(raw json.RawMessage) {
	var all any
	if len(raw) == 0 || json.Unmarshal(raw, &all) == nil && all == nil {
		return
	}
	list, ok := all.([]any)
	for _, one := range list[:min(len(list), maxLacks)] {
		object, _ := one.(map[string]any)
		l.add("errors: " + pathOf(object["path"]))
	}
	if !ok {
		l.add("errors")
	}
}

// pathOf writes an error's path, without the places in lists.
func pathOf(path any) string {
	var names []string
	list, _ := path.([]any)
	for _, part := range list {
		if name, ok := part.(string); ok && name != "nodes" && len(names) < 10 {
			names = append(names, nameOf(name))
		}
	}
	if len(names) == 0 {
		return "of no field"
	}
	return strings.TrimPrefix(strings.Join(names, "."), "order.")
}

// nameOf is a name of GraphQL's, or a handle. Anything else is quoted, and bounded.
func nameOf(s string) string {
	plain := func(c rune) bool {
		return c == '_' || c == '-' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
	}
	if s = bellhop.Clip(s, 40); strings.TrimFunc(s, plain) == "" {
		return s
	}
	return strconv.QuoteToASCII(s)
}
