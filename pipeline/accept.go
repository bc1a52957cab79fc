package pipeline

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"bellhop"
	"bellhop/queue"
	"bellhop/shopify"
)

// Acceptor is the first step. It may be used from many goroutines at once.
type Acceptor struct {
	Keys    *Keyring
	Queue   queue.Producer
	Now     func() time.Time
	Metrics *Metrics
	Traces  *Traces
	Probe   Probe
	// MaxBody bounds a body; 0 means bellhop.DefaultMaxBody.
	MaxBody int
	// Oversized learns of webhooks that Shopify signed and that are too large; nil: nobody does.
	Oversized *Oversized
}

// Accept returns nil once the webhook is durable. It only checks who signed the
// body and never reads it: it keeps every webhook with a right signature, also that
// of a shop nobody has added.
//
// The kinds of its errors are Invalid (no body, a header missing or given twice),
// Unauthenticated (no signature or a wrong one), TooLarge, and Unavailable (the
// queue can't take it now). After ctx's own error the queue may still be reading
// body; after nil or any other it is the caller's again.
func (a *Acceptor) Accept(ctx context.Context, header http.Header, body []byte) error {
	e, err := a.event(header, body)
	if err != nil {
		a.Metrics.refused(err)
		a.Oversized.refused(ctx, e, len(body), err)
		return err
	}
	a.Probe.At(PointVerified)
	start := a.Now()
	span := a.Traces.send(ctx, e)
	err = a.Queue.Send(ctx, e)
	endSend(span, err)
	if err != nil {
		a.Metrics.refused(err)
		a.Oversized.refused(ctx, e, len(body), err)
		return err
	}
	a.Metrics.accepted(e, a.Now().Sub(start))
	a.Probe.At(PointAccepted)
	return nil
}

// event checks all parts of a webhook but the content of its body. With an error of the kind
// bellhop.TooLarge it returns the event.
func (a *Acceptor) event(h http.Header, body []byte) (*bellhop.Event, error) {
	if len(body) == 0 {
		return nil, bellhop.Invalidf("empty_body", "the body is empty")
	}
	e, err := a.headers(h)
	if err != nil {
		return nil, err
	}
	if err := a.Keys.check(e, body, shopify.Signature(h)); err != nil {
		return nil, err
	}
	if most := cmp.Or(a.MaxBody, bellhop.DefaultMaxBody); len(body) > most {
		return e, bellhop.Errorf(bellhop.TooLarge, "body_too_large", "the body is larger than %d bytes", most)
	}
	e.Body = body
	return e, nil
}

// Open checks a delivery that somebody else took from Shopify and kept, as Accept does, and sends nothing. However
// often it comes, the event has one id: see [shopify.Open].
func (a *Acceptor) Open(header http.Header, body []byte) (*bellhop.Event, error) {
	e, err := shopify.Open(header, body, a.Now())
	if err != nil {
		return nil, err
	}
	return e, a.Keys.check(e, body, shopify.Signature(header))
}

// headers makes an event of a delivery's headers.
func (a *Acceptor) headers(h http.Header) (*bellhop.Event, error) {
	if shopify.Signature(h) == "" {
		return nil, errSignature
	}
	e, err := shopify.ReadHeaders(h)
	if err != nil {
		return nil, err
	}
	e.AcceptedAt = a.Now().UTC().Truncate(time.Microsecond)
	e.ID = bellhop.NewEventID(e.AcceptedAt)
	return e, nil
}
