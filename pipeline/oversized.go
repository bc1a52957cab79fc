package pipeline

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"bellhop"
	"bellhop/shopify"
	"bellhop/store"
)

const (
	// mostHashed is the size above which nobody asks any more who signed a body.
	mostHashed = 64 << 20
	// hashedAtOnce bounds the bodies that are only hashed: each costs a connection and a processor's time.
	hashedAtOnce = 4
)

// Oversized notes webhooks that Shopify signed and that are too large to be accepted: the ledger gets a
// line without a body, so that an order that can't come is seen by somebody.
type Oversized struct {
	Ledger store.Recorder // nil where there is no database
	Now    func() time.Time
	Log    *slog.Logger

	trouble *Trouble
	hashing atomic.Int32
}

// NewOversized takes nil where there is no database.
func NewOversized(ledger store.Recorder, l *slog.Logger, now func() time.Time) *Oversized {
	return &Oversized{Ledger: ledger, Now: now, Log: l, trouble: NewTrouble(l, slog.LevelError,
		"webhooks are too large: Shopify repeats them in vain; set BELLHOP_MAX_BODY, or give the queue a bucket", "")}
}

// TooLarge notes a webhook that the endpoint refuses for its size, if its signature is right. It reads the
// body to its end, keeps nothing of it, and leaves alone what is larger than any webhook or of a shop
// that nobody has added: else strangers could make bellhop read.
func (a *Acceptor) TooLarge(ctx context.Context, header http.Header, body io.Reader) {
	o := a.Oversized
	e, err := a.headers(header)
	if o == nil || err != nil || !a.Keys.Knows(e.Shop) {
		return
	}
	defer o.hashing.Add(-1)
	if o.hashing.Add(1) > hashedAtOnce {
		return
	}
	counted := &io.LimitedReader{R: body, N: mostHashed + 1}
	signer, ok, err := a.Keys.Of(e.Shop).VerifyReader(counted, shopify.Signature(header))
	if !ok || err != nil || counted.N == 0 {
		return
	}
	e.SignedBy = signer
	o.note(ctx, e, mostHashed+1-int(counted.N))
}

// refused notes an event that was refused for its size.
func (o *Oversized) refused(ctx context.Context, e *bellhop.Event, size int, err error) {
	if o != nil && e != nil && bellhop.KindOf(err) == bellhop.TooLarge {
		o.note(ctx, e, size)
	}
}

// note writes the line: one for each delivery, repeats included.
func (o *Oversized) note(ctx context.Context, e *bellhop.Event, size int) {
	o.trouble.Happened("shop", e.Shop, "topic", e.Topic, "webhook", e.WebhookID, "bytes", size)
	if o.Ledger == nil {
		return
	}
	bare := *e
	bare.Body = nil
	_, err := o.Ledger.Record(ctx, []bellhop.Fact{{Event: &bare, At: o.Now().UTC().Truncate(time.Microsecond),
		Skip: bellhop.ReasonBodyTooLarge}})
	if err != nil {
		o.Log.Warn("note a webhook that is too large", "shop", e.Shop, "err", err)
	}
}
