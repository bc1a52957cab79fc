package sqlitefile

import (
	"bellhop"
	"bellhop/internal/bodies"
)

// Archived is an event with its place in the archive.
type Archived struct {
	Seq   int64
	Event *bellhop.Event // Body is nil once it was pruned
}

// EventColumns are the columns for [ScanEvent], of a table or alias e.
const EventColumns = `e.seq, e.id, e.shop, e.topic, e.api_version, e.webhook_id,
	e.shopify_event_id, e.triggered_at, e.accepted_at, e.signed_by`

// TraceColumn is the event's TraceParent. It is the queue's: the store keeps that
// of an order, and a replay from the archive belongs to no trace of before.
const TraceColumn = `e.trace_parent`

// BodyColumns are the columns for [File.ScanBody] after them.
const BodyColumns = `e.coding, e.body`

// Append puts an event that is new into the archive. One that is there already
// stays as it is.
func (tx *Tx) Append(e *bellhop.Event) (seq int64, err error) {
	coding, body := tx.file.bodies.Pack(&tx.scratch, e.Body)
	st := tx.Prepare(`INSERT INTO events (id, shop, topic, api_version, webhook_id, shopify_event_id,
		triggered_at, accepted_at, signed_by, coding, body, trace_parent) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)
		ON CONFLICT (id) DO NOTHING`)
	err = st.Blob(e.ID[:]).Text(e.Shop).Text(e.Topic).Text(e.APIVersion).Text(e.WebhookID).
		TextOrNull(e.ShopifyEventID).Time(e.TriggeredAt).Time(e.AcceptedAt).Text(string(e.SignedBy)).
		Int(coding).Blob(body).TextOrNull(e.TraceParent).Exec()
	if err != nil {
		return 0, err
	}
	if tx.Changes() == 0 {
		return tx.Find(e.ID)
	}
	return tx.LastID(), nil
}

// Replace puts an event in the place of another of the same id. It came when that one did.
func (tx *Tx) Replace(seq int64, e *bellhop.Event) error {
	coding, body := tx.file.bodies.Pack(&tx.scratch, e.Body)
	return tx.Prepare(`UPDATE events SET topic = ?, api_version = ?, webhook_id = ?, shopify_event_id = ?,
		triggered_at = ?, signed_by = ?, coding = ?, body = ?, trace_parent = ? WHERE seq = ?`).
		Text(e.Topic).Text(e.APIVersion).Text(e.WebhookID).TextOrNull(e.ShopifyEventID).Time(e.TriggeredAt).
		Text(string(e.SignedBy)).Int(coding).Blob(body).TextOrNull(e.TraceParent).Int(seq).Exec()
}

// Find returns the place of an event, and 0 if it is not in the archive.
func (c *Conn) Find(id bellhop.EventID) (seq int64, err error) {
	return c.Prepare(`SELECT seq FROM events WHERE id = ?`).Blob(id[:]).One()
}

// ScanEvent reads [EventColumns].
func ScanEvent(r Row) Archived {
	a := Archived{Seq: r.Int(), Event: &bellhop.Event{}}
	e := a.Event
	copy(e.ID[:], r.rawBlob())
	e.Shop, e.Topic, e.APIVersion, e.WebhookID = r.Text(), r.Text(), r.Text(), r.Text()
	e.ShopifyEventID = r.Text()
	e.TriggeredAt, e.AcceptedAt = r.Time(), r.Time()
	e.SignedBy = bellhop.Signer(r.Text())
	return a
}

// ScanBody reads [BodyColumns].
func (f *File) ScanBody(c *Conn, r Row) ([]byte, error) {
	coding := r.Int()
	if r.Null() {
		return nil, nil
	}
	return f.bodies.Unpack(coding, r.rawBlob(), c.dictionary)
}

// BodySize returns how many bytes the body of an event has once it is unpacked.
func (c *Conn) BodySize(seq int64) (n int64, err error) {
	_, err = c.Prepare(`SELECT ` + BodyColumns + ` FROM events e WHERE e.seq = ?`).Int(seq).
		First(func(r Row) { n = int64(bodies.Size(r.Int(), r.rawBlob())) })
	return n, err
}

// Event returns the event at a place in the archive, with its body; nil if there
// is none. An error of kind bellhop.Invalid comes with the event, without its
// body, when that can't be read any more.
func (f *File) Event(c *Conn, seq int64) (e *bellhop.Event, err error) {
	var bad error
	_, err = c.Prepare(`SELECT ` + EventColumns + `, ` + TraceColumn + `, ` + BodyColumns +
		` FROM events e WHERE e.seq = ?`).Int(seq).First(func(r Row) {
		e = ScanEvent(r).Event
		e.TraceParent = r.Text()
		e.Body, bad = f.ScanBody(c, r)
	})
	if err == nil {
		err = bad
	}
	return e, err
}
