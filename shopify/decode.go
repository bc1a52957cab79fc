package shopify

import (
	"cmp"
	"errors"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/goccy/go-json"

	"bellhop"
)

// Decode returns the statement of an event. Every error is of the kind bellhop.Invalid, since the
// body can never be understood. Its message names the wrong field or byte, and quotes nothing of
// the body.
//
// The caller sets Fact.At, and an order's handling and trace, which Shopify does not know. Decode
// does not read topics that bellhop does not use.
func Decode(e *bellhop.Event) (bellhop.Fact, error) {
	f := bellhop.Fact{Event: e}
	var err error
	switch e.Topic {
	case TopicOrderCreate, TopicOrderUpdated, TopicOrderPaid, TopicOrderCancelled,
		TopicOrderFulfilled, TopicOrderPartiallyFulfilled:
		f.OrderID, f.Order, err = decodeOrder(e)
	case TopicOrderEdited:
		f.OrderID, f.Touch, err = decodeEdit(e)
	case TopicRefundCreate:
		f.OrderID, f.Touch, err = decodeRefund(e)
	case TopicOrderDelete:
		f.OrderID, err = decodeDelete(e)
		f.Deleted = true
	case TopicAppUninstalled, TopicCustomersDataRequest, TopicCustomersRedact, TopicShopRedact:
		err = checkRequest(e)
		f.Skip = bellhop.ReasonNotActedOn
	default:
		f.Skip = bellhop.ReasonTopicUnhandled
	}
	if err != nil {
		return bellhop.Fact{}, err
	}
	return f, nil
}

func decodeOrder(e *bellhop.Event) (int64, *bellhop.Order, error) {
	var root orderRoot
	if err := unmarshal(e.Body, &root); err != nil {
		return 0, nil, err
	}
	from := &root.order
	if from.ID == 0 && root.Envelope.ID != 0 {
		from = &root.Envelope
	}
	if !from.Resource.is(resourceOrder) || from.CheckoutURL != "" {
		return 0, nil, otherKind(e.Topic, "it is about something else than an order")
	}
	o, err := orderOf(from, e)
	if err != nil {
		return 0, nil, err
	}
	o.Version.Hash = xxhash.Sum64(e.Body)
	return o.ID, o, nil
}

func decodeEdit(e *bellhop.Event) (int64, *bellhop.Touch, error) {
	var root editRoot
	if err := unmarshal(e.Body, &root); err != nil {
		return 0, nil, err
	}
	var r reader
	id := r.id("order_edit.order_id", root.Edit.OrderID)
	at := cmp.Or(
		r.time("order_edit.committed_at", root.Edit.CommittedAt),
		r.time("order_edit.created_at", root.Edit.CreatedAt),
		eventTime(e))
	return id, &bellhop.Touch{Kind: bellhop.TouchEdit, ID: root.Edit.ID, At: at}, r.err
}

func decodeRefund(e *bellhop.Event) (int64, *bellhop.Touch, error) {
	var root refund
	if err := unmarshal(e.Body, &root); err != nil {
		return 0, nil, err
	}
	if !root.Resource.is(resourceRefund) {
		return 0, nil, otherKind(e.Topic, "it is about something else than a refund")
	}
	var r reader
	id := r.id("order_id", root.OrderID)
	at := cmp.Or(
		r.time("created_at", root.CreatedAt),
		r.time("processed_at", root.ProcessedAt),
		eventTime(e))
	return id, &bellhop.Touch{Kind: bellhop.TouchRefund, ID: root.ID, At: at}, r.err
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

// eventTime replaces a time that is missing in the body.
func eventTime(e *bellhop.Event) time.Time {
	return cmp.Or(e.TriggeredAt, e.AcceptedAt).Truncate(time.Microsecond)
}

// unmarshal turns the decoder's errors, which quote the body, into ours.
func unmarshal(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	if err == nil {
		return nil
	}
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && t.Field != "" {
		return bellhop.Invalidf("body_field", "%s has the wrong type", t.Field)
	}
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return bellhop.Invalidf("body_json", "the body is not JSON from byte %d on", s.Offset)
	}
	return bellhop.Invalidf("body_json", "the body is not a JSON object")
}
