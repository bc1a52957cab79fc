package shopify

import (
	"cmp"
	"crypto/sha256"
	"net/http"
	"time"

	"github.com/goccy/go-json"

	"bellhop"
)

// Open makes an event of what a server of one's own took from Shopify and put into the queue: the headers by their
// names, and the body. It is a [bellhop/queue.Opener], given the time. The signature is still to be checked.
//
// A delivery that comes again is the same event: its id is made of the time at which Shopify triggered it, its shop and
// its webhook id. The time is in a header, or else in the body; one in the future is refused, since no signature covers
// the header. No id is of a time to come: its line would lie on top of the ledger until then.
func Open(h http.Header, body []byte, now time.Time) (*bellhop.Event, error) {
	if !webhookHeaders.in(h) && !eventHeaders.in(h) {
		return nil, bellhop.Invalidf("foreign_message", "the message has neither bellhop's header nor Shopify's")
	}
	now = now.UTC().Truncate(time.Microsecond)
	e, err := ReadHeaders(h)
	if err != nil {
		return unreadable(h, body, now, err)
	}
	e.AcceptedAt, e.Body = now, body
	at := e.TriggeredAt
	if at.IsZero() {
		at = timeIn(body)
	}
	switch n := len(body); {
	case n > bellhop.DefaultMaxBody: // and no dead letter has room for it
		return unreadable(h, nil, now, bellhop.Invalidf("body_size",
			"the body has %d bytes, and a queue takes %d: post larger ones to bellhop's endpoint", n, bellhop.DefaultMaxBody))
	case n == 0:
		return unreadable(h, body, now, bellhop.Invalidf("empty_body", "the body is empty"))
	case at.IsZero():
		return unreadable(h, body, now, bellhop.Invalidf("triggered_at",
			"the header %s is missing, and the body has neither updated_at nor created_at", namesIn(h).triggeredAt))
	}
	e.ID, e.SignedBy = bellhop.EventIDOf(at, e.Shop, e.WebhookID), bellhop.Unchecked(keep(Signature(h)))
	if at.After(now.Add(clockSlack)) {
		e.ID = refusedID(at, now, e.Shop, e.WebhookID, body)
		return e, bellhop.Invalidf("triggered_at", "it was triggered at %s, which is in the future",
			at.UTC().Format(time.RFC3339))
	}
	return e, nil
}

// unreadable returns the event of a message that can't be read, if a shop is named.
func unreadable(h http.Header, body []byte, now time.Time, err error) (*bellhop.Event, error) {
	e := refused(h, body, now)
	if e == nil {
		return nil, err
	}
	at, ok := ParseTime(optional(h, namesIn(h).triggeredAt))
	if !ok {
		at = timeIn(body)
	}
	e.ID = refusedID(at, now, e.Shop, e.WebhookID, body)
	return e, err
}

// refused makes an event without an id of a message that can't be read, for its line in the ledger; nil if it names no
// shop. No signature is right for it, so that it is never recorded.
func refused(h http.Header, body []byte, now time.Time) *bellhop.Event {
	names := namesIn(h)
	shop, err := bellhop.ParseShopDomain(cmp.Or(h.Get(names.shop), h.Get(webhookHeaders.shop)))
	if err != nil {
		return nil
	}
	return &bellhop.Event{Shop: shop, WebhookID: optional(h, names.webhookID), AcceptedAt: now,
		SignedBy: bellhop.Unchecked(""), Body: body}
}

// refusedID makes an id of what a refused message carries, so that each look at it among the dead letters finds the
// same event. It is never the id of what can be read. Where the message has no time, or one in the future, it is that
// at which it got here.
func refusedID(at, now time.Time, shop, name string, body []byte) bellhop.EventID {
	if at.IsZero() || at.After(now.Add(clockSlack)) {
		at = now
	}
	sum := sha256.Sum256(body)
	return bellhop.EventIDOf(at, "refused", shop, name, string(sum[:]))
}

// timeIn is the time of a webhook's body: of its last change, or else of its creation.
func timeIn(body []byte) time.Time {
	var times struct {
		UpdatedAt json.RawMessage `json:"updated_at"`
		CreatedAt json.RawMessage `json:"created_at"`
	}
	if json.Unmarshal(body, &times) != nil {
		return time.Time{}
	}
	for _, raw := range []json.RawMessage{times.UpdatedAt, times.CreatedAt} {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			continue
		}
		if at, ok := ParseTime(text); ok {
			return at.UTC()
		}
	}
	return time.Time{}
}
