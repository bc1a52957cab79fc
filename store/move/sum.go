package move

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"bellhop"
	"bellhop/store"
	"bellhop/store/driver"
)

// Sum identifies a set of rows: the sum of the rows' SHA-256, modulo 2^256, in any order.
type Sum struct {
	Rows int64
	hash [4]uint64 // the least significant first
}

// Add adds a chunk's rows.
func (s *Sum) Add(c *Chunk) {
	var row canon
	addRows(s, &row, c.Shops, (*canon).shop)
	addRows(s, &row, c.People, (*canon).person)
	addRows(s, &row, c.Sessions, (*canon).session)
	addRows(s, &row, c.Tokens, (*canon).token)
	addRows(s, &row, c.Devices, (*canon).device)
	addRows(s, &row, c.Orders, (*canon).order)
	addRows(s, &row, c.Pushes, (*canon).push)
	addRows(s, &row, c.FanOuts, (*canon).fanOut)
	addRows(s, &row, c.Events, (*canon).event)
	addRows(s, &row, c.Changes, (*canon).change)
	addRows(s, &row, c.Relays, (*canon).relay)
	addRows(s, &row, c.Accesses, (*canon).access)
	addRows(s, &row, c.Counters, (*canon).counter)
}

func addRows[T any](s *Sum, row *canon, rows []T, write func(*canon, *T)) {
	for i := range rows {
		row.b = row.b[:0]
		write(row, &rows[i])
		h := sha256.Sum256(row.b)
		var carry uint64
		for i := range s.hash {
			s.hash[i], carry = bits.Add64(s.hash[i], binary.LittleEndian.Uint64(h[8*i:]), carry)
		}
	}
	s.Rows += int64(len(rows))
}

// String returns the sum of hashes in 64 hexadecimal digits.
func (s Sum) String() string {
	var b [32]byte
	for i, word := range s.hash {
		binary.BigEndian.PutUint64(b[8*(3-i):], word)
	}
	return hex.EncodeToString(b[:])
}

// canon writes a row so that two rows are the same bytes exactly when they are the same
// row, from any driver.
type canon struct{ b []byte }

func (w *canon) int(n int64)      { w.b = binary.BigEndian.AppendUint64(w.b, uint64(n)) }
func (w *canon) time(t time.Time) { w.int(t.UnixMicro()) }

func (w *canon) bool(v bool) {
	if v {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

// zoned writes a time with its offset.
func (w *canon) zoned(t time.Time) {
	_, offset := t.Zone()
	w.time(t)
	w.int(int64(offset))
}

// text writes a text as every database can store it: PostgreSQL keeps U+FFFD in the place
// of U+0000 and of invalid UTF-8.
func (w *canon) text(values ...string) {
	for _, s := range values {
		if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
			s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
		}
		w.int(int64(len(s)))
		w.b = append(w.b, s...)
	}
}

func (w *canon) bytes(p []byte) {
	w.bool(p != nil)
	w.int(int64(len(p)))
	w.b = append(w.b, p...)
}

func (w *canon) money(m bellhop.Money) { w.text(m.Currency, m.String()) }

func (w *canon) shop(s *bellhop.Shop) {
	w.text(s.Domain, s.Secret, s.PreviousSecret, string(s.LastSignedBy))
	w.bool(s.Disabled)
	w.bool(s.OwnSecretOnly)
	w.bool(s.CustomerInPush)
	w.time(s.AddedAt)
	w.time(s.LastEventAt)
}

func (w *canon) person(p *bellhop.Person) {
	w.int(p.ID)
	w.text(p.Email, string(p.Role), p.Shop, p.PasswordHash, driver.WriteSettings(p.Settings))
	w.time(p.AddedAt)
}

func (w *canon) session(s *bellhop.Session) {
	w.b = append(w.b, s.TokenHash[:]...)
	w.int(s.PersonID)
	w.time(s.ExpiresAt)
	w.time(s.CreatedAt)
}

func (w *canon) access(l *bellhop.Access) {
	w.int(l.ID)
	w.time(l.At)
	w.text(l.Email, l.What, l.About)
}

func (w *canon) token(t *bellhop.Token) {
	w.int(t.ID)
	w.text(t.Shop, t.Name)
	w.b = append(w.b, t.Hash[:]...)
	w.time(t.CreatedAt)
	w.time(t.LastUsedAt)
}

func (w *canon) device(d *DeviceRow) {
	w.int(d.ID)
	w.int(d.PersonID)
	w.text(d.Shop, d.Installation, string(d.Kind), d.Value, string(d.Platform), string(d.Form), d.Locale, d.Timezone,
		d.RetiredFor)
	for _, t := range [...]time.Time{d.AddedAt, d.SeenAt, d.RetiredAt, d.FreeAt, d.Allowance.At} {
		w.time(t)
	}
	w.int(int64(math.Float64bits(d.Allowance.Spent)))
	w.int(int64(math.Float64bits(d.Allowance.Heard)))
	g := d.Allowance.Gathering
	w.bool(g != nil)
	if g != nil {
		w.int(int64(g.Orders))
		w.int(int64(g.Changes))
		w.money(g.Total)
		w.time(g.Since)
	}
}

func (w *canon) order(o *OrderRow) {
	w.text(o.Shop)
	w.int(o.ID)
	w.bool(o.State.Deleted)
	w.time(o.State.Version.UpdatedAt)
	w.time(o.State.Version.TriggeredAt)
	w.int(int64(o.State.Version.Hash))
	w.time(o.State.EditedAt)
	w.time(o.State.RefundedAt)
	w.text(driver.WriteHistory(&o.State.History))
	w.bool(o.Order != nil)
	if o.Order != nil {
		w.content(o.Order)
	}
}

func (w *canon) content(o *bellhop.Order) {
	w.zoned(o.PlacedAt)
	w.zoned(o.UpdatedAt)
	for _, t := range [...]time.Time{o.CancelledAt, o.Trace.TriggeredAt, o.Trace.AcceptedAt, o.Trace.RecordedAt} {
		w.time(t)
	}
	w.int(o.Number)
	w.text(o.Name, o.CustomerName, o.CustomerEmail, o.Note, o.FinancialStatus, o.FulfillmentStatus, string(o.Handling),
		o.Trace.TraceParent)
	w.bool(o.Test)
	w.money(o.Total)
	w.bool(o.Presentment != nil)
	if o.Presentment != nil {
		w.money(*o.Presentment)
	}
	w.zoned(o.CreatedAt)
	w.money(o.Current)
	w.int(o.Pieces)
	w.text(driver.WriteDetails(&o.Details))
}

func (w *canon) push(p *PushRow) {
	w.int(p.ID)
	w.int(p.OrderID)
	w.int(p.DeviceID)
	w.int(int64(p.Attempts))
	w.text(p.Shop, string(p.Kind), string(p.Status), p.Reason)
	for _, t := range [...]time.Time{p.CreatedAt, p.FirstAttemptAt, p.NextAt, p.SentAt, p.ReceivedAt, p.OpenedAt,
		p.GatheredSince} {
		w.time(t)
	}
}

func (w *canon) fanOut(f *FanOutRow) {
	w.text(f.Shop, string(f.Kind))
	w.int(f.OrderID)
	w.int(f.After)
	w.int(f.Last)
	w.time(f.CreatedAt)
}

func (w *canon) event(l *store.Line) {
	e := &l.Event
	w.b = append(w.b, e.ID[:]...)
	w.text(e.Shop, e.Topic, e.APIVersion, e.WebhookID, e.ShopifyEventID, string(e.SignedBy), string(l.Outcome), l.Reason)
	w.time(e.TriggeredAt)
	w.time(e.AcceptedAt)
	w.time(l.At)
	w.int(l.OrderID)
	w.bytes(e.Body)
}

func (w *canon) change(c *store.Change) {
	w.int(c.Seq)
	w.text(string(c.Kind), c.Shop, c.TraceParent)
	w.int(c.OrderID)
	w.int(c.PushID)
	w.time(c.At)
}

func (w *canon) relay(r *store.Relay) {
	w.text(r.Name, r.Origin)
	w.int(r.Cursor)
	w.int(r.Term)
}

func (w *canon) counter(c *Counter) { w.text(string(c.Kind), c.Name, strconv.FormatInt(c.N, 10)) }
