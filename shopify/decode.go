package shopify

import (
	"bytes"
	"cmp"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/goccy/go-json"

	"bellhop"
)

// maxParts bounds the objects and the elements of lists in a body from outside. 8 MiB have room for as many of
// Shopify's, and for sixteen times as many that are empty or a digit, each of which would become a line or a refund:
// that took gigabytes.
const maxParts = 1 << 18

// parts counts a body's objects, and with them the elements of its lists. Where it is no JSON any number will do.
func parts(body []byte) (n int) {
	if len(body) < 2*maxParts {
		return 0 // an element has a comma
	}
	var open []byte // brackets, the innermost last
	for i := 0; i < len(body); i++ {
		switch c := body[i]; c {
		case '"':
			for i++; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			open = append(open, c)
			if c == '{' {
				n++
			}
		case '}', ']':
			open = open[:max(0, len(open)-1)]
		case ',':
			if len(open) > 0 && open[len(open)-1] == '[' {
				n++
			}
		}
	}
	return n
}

// Decode returns the statement of an event. Every error is of the kind bellhop.Invalid, since the
// body can never be understood. Its message names the wrong field or byte, and quotes nothing of
// the body.
//
// The caller sets Fact.At, and an order's handling and trace, which Shopify does not know. Decode
// does not read topics that bellhop does not use.
func Decode(e *bellhop.Event) (bellhop.Fact, error) {
	f := bellhop.Fact{Event: e}
	if !bellhop.Fetched(e.Topic) && parts(e.Body) > maxParts {
		return bellhop.Fact{}, otherKind(e.Topic, "it has more parts than Shopify has to say of an order")
	}
	var err error
	switch e.Topic {
	case TopicOrderCreate, TopicOrderUpdated, TopicOrderPaid, TopicOrderCancelled,
		TopicOrderFulfilled, TopicOrderPartiallyFulfilled:
		err = decodeOrder(e, &f)
	case TopicOrderEdited:
		f.OrderID, f.History, err = decodeEdit(e)
	case TopicRefundCreate:
		f.OrderID, f.History, err = decodeRefund(e)
	case TopicFulfillmentCreate, TopicFulfillmentUpdate:
		f.OrderID, f.History, err = decodeFulfillment(e)
	case TopicOrderRisk:
		f.OrderID, f.History, err = decodeRisk(e)
		if f.OrderID == 0 && err == nil { // Shopify's own sample names no order
			f.Skip, f.History = bellhop.ReasonTopicUnhandled, nil
		}
	case TopicOrderDelete:
		f.OrderID, err = decodeDelete(e)
		f.Deleted = true
	case bellhop.TopicBackfill, bellhop.TopicReconcile:
		f.OrderID, f.Order, err = decodeAnswer(e)
		f.Deleted = f.Order == nil
	case TopicEventCreate, TopicEventUpdate, TopicEventDelete:
		f, err = decodeEvent(e)
	case TopicAppUninstalled, TopicAppScopesUpdate, TopicShopUpdate:
		f.Shop, err = decodeShopNews(e)
	case TopicCustomersDataRequest, TopicCustomersRedact, TopicShopRedact:
		f.Request, err = decodeRequest(e)
	default:
		f.Skip = bellhop.ReasonTopicUnhandled
	}
	if err != nil {
		return bellhop.Fact{}, err
	}
	return f, nil
}

func decodeOrder(e *bellhop.Event, f *bellhop.Fact) error {
	var root orderRoot
	unread, err := unmarshalLoosely(e.Body, &root)
	if err != nil {
		return err
	}
	from := &root.order
	if from.ID == 0 && root.Envelope.ID != 0 {
		from = &root.Envelope
		for i := range unread {
			unread[i] = strings.TrimPrefix(unread[i], "order.")
		}
	}
	if !from.Resource.is(resourceOrder) || from.CheckoutURL != "" {
		return otherKind(e.Topic, "it is about something else than an order")
	}
	is := scanOrder(e.Body, from == &root.Envelope)
	if from.ID > 0 && len(is.lacks) > 0 && !spoilt(unread) {
		f.OrderID, f.Lacks = from.ID, is.lacks
		if f.About, _ = orderOf(from, e, unread); from.CreatedAt == "" { // it may be of any time
			f.About.CreatedAt = time.Time{}
		}
		return otherOrder(e)
	}
	if f.Order, err = orderOf(from, e, unread); err != nil {
		return err
	}
	if open := is.open(from); len(open) > 0 {
		f.Order.Unsaid = []bellhop.Unsaid{{Fields: open}}
	}
	f.OrderID, f.Order.Version.Hash = from.ID, xxhash.Sum64(e.Body)
	sign(&f.Order.History, f.Order.Version.Hash)
	return nil
}

// decodeStep decodes a body that states one step of an order's history.
func decodeStep[T any](
	e *bellhop.Event, kind resource, read func(*reader, *T) (order int64, own resource, h bellhop.History),
) (int64, *bellhop.History, error) {
	var root T
	unread, err := unmarshalLoosely(e.Body, &root)
	if err != nil {
		return 0, nil, err
	}
	r := reader{unread: unread}
	id, own, h := read(&r, &root)
	if !own.is(kind) {
		return 0, nil, otherKind(e.Topic, "it is about something else than a "+strings.ToLower(string(kind)))
	}
	sign(&h, xxhash.Sum64(e.Body))
	return id, &h, r.err
}

func decodeEdit(e *bellhop.Event) (int64, *bellhop.History, error) {
	return decodeStep(e, resourceOther, func(r *reader, root *editRoot) (int64, resource, bellhop.History) {
		id := r.id("order_edit.order_id", root.Edit.OrderID)
		return id, "", bellhop.History{Edits: []bellhop.Edit{r.edit(root, e)}}
	})
}

func decodeRefund(e *bellhop.Event) (int64, *bellhop.History, error) {
	return decodeStep(e, resourceRefund, func(r *reader, root *refund) (int64, resource, bellhop.History) {
		id, _ := r.id("order_id", root.OrderID), r.id("id", root.ID)
		return id, root.Resource, bellhop.History{Refunds: []bellhop.Refund{r.refund("refund", root, e)}}
	})
}

func decodeFulfillment(e *bellhop.Event) (int64, *bellhop.History, error) {
	return decodeStep(e, resourceFulfillment, func(r *reader, root *fulfillment) (int64, resource, bellhop.History) {
		id, _ := r.id("order_id", root.OrderID), r.id("id", root.ID)
		return id, root.Resource, bellhop.History{Fulfillments: []bellhop.Fulfillment{r.fulfillment("fulfillment", root, e)}}
	})
}

func decodeRisk(e *bellhop.Event) (int64, *bellhop.History, error) {
	return decodeStep(e, resourceOther, func(r *reader, root *riskRoot) (int64, resource, bellhop.History) {
		if root.Level == "" {
			r.fail("risk_level is missing")
		}
		id := root.OrderID
		if id == 0 {
			id, _ = strconv.ParseInt(strings.TrimPrefix(root.GlobalID, "gid://shopify/Order/"), 10, 64)
		}
		at := cmp.Or(r.time("created_at", root.CreatedAt), eventTime(e))
		return max(0, id), "", bellhop.History{Risks: []bellhop.Risk{{Step: step(root.Provider, at, time.Time{}, e),
			Level: clean(root.Level, maxText), Provider: clean(root.Title, maxText)}}}
	})
}

func decodeDelete(e *bellhop.Event) (int64, error) {
	f, err := fieldsOf(e.Body)
	if err != nil {
		return 0, err
	}
	if len(f) > 1 {
		return 0, otherKind(e.Topic, "it has more than an id")
	}
	var root deletion
	if err := unmarshal(e.Body, &root); err != nil {
		return 0, err
	}
	var r reader
	return r.id("id", root.ID), r.err
}

// clockSlack is how far Shopify's clock and ours may differ.
const clockSlack = time.Minute

// eventTime replaces a time that is missing in the body. Nobody signs the header that says when something happened: a
// time to come would stay the newest for years.
func eventTime(e *bellhop.Event) time.Time {
	at := e.TriggeredAt
	if at.IsZero() || !e.AcceptedAt.IsZero() && at.After(e.AcceptedAt.Add(clockSlack)) {
		at = e.AcceptedAt
	}
	return at.Truncate(time.Microsecond)
}

// triggeredAt is when Shopify says that it triggered an event, in the form of a version. A webhook of a time to come is
// no newer than those that really follow it. What bellhop fetched has Shopify's own clock.
func triggeredAt(e *bellhop.Event) time.Time {
	at, most := e.TriggeredAt, e.AcceptedAt.Add(clockSlack)
	if e.SignedBy != bellhop.SignerAPI && !e.AcceptedAt.IsZero() && at.After(most) {
		at = most
	}
	return at.Truncate(time.Microsecond).UTC()
}

// unmarshalLoosely reads a body of which parts have the wrong type, too, and names those. Bodies
// that fit as they are, nearly all, are read fast.
func unmarshalLoosely(body []byte, v any) (unread []string, err error) {
	err = unmarshal(body, v)
	if bellhop.CodeOf(err) != "body_field" {
		return nil, err
	}
	return fit(body, v), nil
}

// unmarshal turns the decoder's errors, which quote the body, into ours.
func unmarshal(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	if err == nil {
		return nil
	}
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && (t.Field != "" || isObject(body)) {
		return bellhop.Invalidf("body_field", "%s has the wrong type", cmp.Or(t.Field, "a_field"))
	}
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return bellhop.Invalidf("body_json", "the body is not JSON from byte %d on", s.Offset)
	}
	return bellhop.Invalidf("body_json", "the body is not a JSON object")
}

// isObject reports whether a body that begins as JSON is an object. Types that read themselves report
// no field.
func isObject(body []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) }
