package pgqueue

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/bodies"
	"bellhop/internal/postgres"
	"bellhop/queue"
)

// packed is an event ready to be stored. It shares no memory with the caller.
type packed struct {
	event  bellhop.Event // without its body
	coding int64
	body   []byte
}

func weigh(all []packed) (n int) {
	for _, p := range all {
		n += len(p.body)
	}
	return n
}

func (b *Broker) packAll(events []*bellhop.Event) ([]packed, error) {
	out := make([]packed, len(events))
	for i, e := range events {
		if err := queue.CheckBody(e); err != nil {
			return nil, err
		}
		out[i].event = *e
		out[i].event.Body = nil
		out[i].coding, out[i].body = b.bodies.pack(e.Body)
	}
	return out, nil
}

// archive packs bodies.
type archive struct {
	*bodies.Packer
	kept atomic.Bool // the dictionary is in the database
}

func (a *archive) pack(body []byte) (coding int64, stored []byte) {
	var scratch []byte
	if coding, stored = a.Pack(&scratch, body); coding == 0 {
		stored = bytes.Clone(stored)
	}
	return coding, stored
}

// keepDictionary saves the dictionary in the database before any body is packed
// with it.
func (b *Broker) keepDictionary(ctx context.Context) error {
	if b.bodies.kept.Load() {
		return nil
	}
	id, bytes := b.bodies.Dictionary()
	err := b.webhooks.Once(ctx, func(b *postgres.Batch) {
		b.Exec(`INSERT INTO queue_dictionaries (id, bytes) VALUES ($1,$2) ON CONFLICT (id) DO NOTHING`, id, bytes)
	})
	if err == nil {
		b.bodies.kept.Store(true)
	}
	return queue.Wrap("keep the dictionary", err)
}

func (b *Broker) dictionary(ctx context.Context, id int64) (bytes []byte, err error) {
	err = b.worker.Read(ctx, func(b *postgres.Batch) {
		b.Each(func(r pgx.Rows) error { return r.Scan(&bytes) }, `SELECT bytes FROM queue_dictionaries WHERE id = $1`, id)
	})
	return bytes, err
}

// eventColumns are the columns for [scanEvent], of a table or alias e.
const eventColumns = `e.id, e.shop, e.topic, e.api_version, e.webhook_id, e.shopify_event_id, e.triggered_at,
	e.accepted_at, e.signed_by, e.trace_parent`

func scanEvent(e *bellhop.Event) []any {
	return []any{(*[16]byte)(&e.ID), &e.Shop, &e.Topic, &e.APIVersion, &e.WebhookID, &e.ShopifyEventID,
		postgres.TimeTo(&e.TriggeredAt), postgres.TimeTo(&e.AcceptedAt), postgres.TextTo(&e.SignedBy),
		postgres.TextTo(&e.TraceParent)}
}

// stored is an event with its body still packed.
type stored struct {
	seq    int64
	event  *bellhop.Event
	coding int64
	body   []byte
}

func scanStored(r pgx.CollectableRow) (s stored, err error) {
	s.event = &bellhop.Event{}
	err = r.Scan(append(scanEvent(s.event), &s.seq, &s.coding, &s.body)...)
	return s, err
}

func (b *Broker) unpack(ctx context.Context, s stored) (*bellhop.Event, error) {
	body, err := b.bodies.Unpack(s.coding, s.body, func(id int64) ([]byte, error) { return b.dictionary(ctx, id) })
	if err != nil {
		return nil, fmt.Errorf("unpack event %s: %w", s.event.ID, err)
	}
	s.event.Body = body
	return s.event, nil
}
