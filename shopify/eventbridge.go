package shopify

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"bellhop"
)

// PartnerSource is how the sources of Shopify's events begin at EventBridge. The app's id and the name of its partner
// event source follow.
const PartnerSource = "aws.partner/shopify.com/"

// OpenEnvelope makes an event of EventBridge's envelope around a webhook or an Event, whose headers are in it under
// their own names. Their signature does not fit the payload, which was written anew on its way: the app's partner bus
// is the proof, so that the caller must trust whoever put the envelope there. With source "" that may be any app's. The
// detail-type is not read: shopifyWebhook was seen around both, Shopify documents none, and the headers say what it is.
//
// What comes again is the same event: its id is made of the envelope's time, the shop and the envelope's id. On an
// error it returns the event as a [bellhop/queue.Opener] does: of the topic bellhop.TopicEnvelope, with the whole
// envelope as its body, and signed by nobody.
func OpenEnvelope(text []byte, source string, now time.Time) (*bellhop.Event, error) {
	var env envelope
	if json.Unmarshal(text, &env) != nil || env.Detail == nil || env.Source == nil {
		return nil, bellhop.Invalidf("foreign_message",
			"the message has no header of bellhop's or Shopify's, and is not an envelope of EventBridge")
	}
	now = now.UTC().Truncate(time.Microsecond)
	id, at, unnamed := env.name(now)
	d := env.read()
	h := d.header()
	e, wrong := d.event(h)
	for _, err := range []error{env.of(source), wrong, unnamed} {
		if err != nil {
			return refusedEnvelope(h, text, id, at, now), err
		}
	}
	e.ID, e.AcceptedAt, e.SignedBy = bellhop.EventIDOf(at, envelopeIDs, e.Shop, id), now, bellhop.SignerEventBridge
	return e, nil
}

// envelopeIDs keeps the ids of envelopes apart from those that are made of webhook ids.
const envelopeIDs = "eventbridge"

// envelope is what EventBridge sends to a queue. Each part is read by itself, so that a wrong one spoils no other.
type envelope struct {
	ID     json.RawMessage `json:"id"`
	Time   json.RawMessage `json:"time"`
	Source json.RawMessage `json:"source"`
	Detail json.RawMessage `json:"detail"`
}

type detail struct {
	Payload  json.RawMessage            `json:"payload"`
	Metadata map[string]json.RawMessage `json:"metadata"`
}

// header returns the headers of the delivery.
func (d *detail) header() http.Header {
	h := http.Header{}
	for name, raw := range d.Metadata {
		h.Add(name, textOf(raw))
	}
	return h
}

// textOf returns a text; "" for whatever else is there.
func textOf(raw json.RawMessage) (text string) {
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}

// read returns what the envelope is around; nothing of what has another form.
func (env *envelope) read() (d detail) {
	if json.Unmarshal(env.Detail, &d) != nil {
		return detail{}
	}
	return d
}

// event returns the event that the payload and its headers make.
func (d *detail) event(h http.Header) (*bellhop.Event, error) {
	e, err := ReadHeaders(h)
	if err != nil {
		return nil, err
	}
	if payload := bytes.TrimSpace(d.Payload); len(payload) == 0 || payload[0] != '{' {
		return nil, bellhop.Invalidf("envelope", "the envelope's payload is missing, or not an object")
	}
	e.Body = d.Payload
	return e, nil
}

// name returns what names an envelope: its id and its time.
func (env *envelope) name(now time.Time) (id string, at time.Time, err error) {
	id = textOf(env.ID)
	at, ok := ParseTime(textOf(env.Time))
	switch {
	case id == "" || len(id) > maxHeader:
		return "", at, bellhop.Invalidf("envelope", "the envelope's id is missing, or not a text of up to %d bytes",
			maxHeader)
	case !ok || at.IsZero():
		return "", at, bellhop.Invalidf("envelope", "the envelope's time is missing, or not one of RFC 3339")
	case at.After(now.Add(clockSlack)):
		return id, at, bellhop.Invalidf("envelope", "the envelope is of %s, which is in the future",
			at.UTC().Format(time.RFC3339))
	}
	return id, at, nil
}

// of returns an error for an envelope of another source.
func (env *envelope) of(source string) error {
	from := textOf(env.Source)
	switch {
	case source != "" && from != source:
		return bellhop.Invalidf("envelope_source", "the envelope's source is %q, and the queue takes those of %s",
			bellhop.Clip(from, maxSource), source)
	case !strings.HasPrefix(from, PartnerSource):
		return bellhop.Invalidf("envelope_source", "the envelope's source is %q, not one of Shopify's",
			bellhop.Clip(from, maxSource))
	}
	return nil
}

const maxSource = 120

// refusedEnvelope returns the event of an envelope that is a dead letter, if a shop is named. Its id is that of the
// envelope where it has one and a time that is no time to come, so that it is the same event once it can be read.
func refusedEnvelope(h http.Header, text []byte, id string, at, now time.Time) *bellhop.Event {
	e := refused(h, text, now)
	if e == nil {
		return nil
	}
	e.Topic, e.ID = bellhop.TopicEnvelope, refusedID(at, now, e.Shop, id, text)
	if id != "" && !at.After(now.Add(clockSlack)) {
		e.ID = bellhop.EventIDOf(at, envelopeIDs, e.Shop, id)
	}
	return e
}
