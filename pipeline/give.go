package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"bellhop"
	"bellhop/events"
	"bellhop/queue"
	"bellhop/store"
)

// Export is all that bellhop keeps of a customer: the file that the shop's owner gets.
type Export struct {
	Format      string          `json:"format"`
	Shop        string          `json:"shop"`
	Request     string          `json:"request"`
	RequestedAt time.Time       `json:"requested_at"`
	MadeAt      time.Time       `json:"made_at"`
	Customer    ExportCustomer  `json:"customer"`
	Orders      []events.Order  `json:"orders"`
	Webhooks    []ExportWebhook `json:"webhooks"`     // as Shopify sent them
	DeadLetters []ExportWebhook `json:"dead_letters"` // that bellhop could not read, or not store
	// LeftOut names what had no room. bellhop keeps it still.
	LeftOut []ExportLeftOut `json:"left_out"`
}

// ExportFormat names the format and its version.
const ExportFormat = "bellhop customer data 1"

// ExportCustomer is who the export is about, as far as the request says.
type ExportCustomer struct {
	ID    string `json:"id,omitempty"`
	Email string `json:"email,omitempty"`
	Phone string `json:"phone,omitempty"`
}

// ExportWebhook is a kept webhook. Text has a body that is no JSON.
type ExportWebhook struct {
	Event      bellhop.EventID `json:"event"`
	Topic      string          `json:"topic"`
	AcceptedAt time.Time       `json:"accepted_at"`
	Reason     string          `json:"reason,omitempty"` // of a dead letter
	Body       json.RawMessage `json:"body,omitempty"`
	Text       string          `json:"text,omitempty"`
}

// ExportLeftOut is something that had no room in an export.
type ExportLeftOut struct {
	What  string `json:"what"` // order, webhook or dead_letter
	ID    string `json:"id"`
	Bytes int    `json:"bytes"`
}

// exportRoom bounds the parts of an export: the rest is for what is around them, and for what is left out.
const exportRoom = store.MaxExport - 2<<20

const (
	// ExportTime is how long an owner can fetch an export.
	ExportTime = 30 * 24 * time.Hour
	// mostLeftOut bounds what an export names of what it leaves out.
	mostLeftOut = 10_000
)

// give makes an export of what is kept of a customer. A crash begins it anew.
func (w *work) give(ctx context.Context) error {
	g := &giving{room: exportRoom, at: w.Now(), Export: Export{Format: ExportFormat, Shop: w.r.Shop,
		Request: strconv.FormatInt(w.r.ID, 10), RequestedAt: w.r.RequestedAt, MadeAt: w.Now(),
		Customer: ExportCustomer{Email: w.r.Subject.Email, Phone: w.r.Subject.Phone},
		Orders:   []events.Order{}, Webhooks: []ExportWebhook{}, DeadLetters: []ExportWebhook{},
		LeftOut: []ExportLeftOut{}}}
	if id := w.r.Subject.CustomerID; id != 0 {
		g.Customer.ID = strconv.FormatInt(id, 10)
	}
	if err := w.gather(ctx, g); err != nil {
		return err
	}
	known, err := w.known(ctx)
	if err != nil {
		return err
	}
	if g.orders+g.webhooks+g.dead == 0 {
		return w.conclude(ctx, known)
	}
	text, err := json.MarshalIndent(g.Export, "", "\t")
	if err == nil && len(text) > store.MaxExport {
		text, err = json.Marshal(g.Export) // indented it may have twice the bytes
	}
	if err != nil {
		return err
	}
	if err := w.Store.PutExport(ctx, w.r.ID, text, g.at.Add(ExportTime)); err != nil {
		return err
	}
	w.Probe.At(PointExported)
	err = w.save(ctx, func(r *bellhop.PrivacyRequest) {
		r.ExportAt, r.ExportUntil = g.at, g.at.Add(ExportTime)
		r.Steps = []bellhop.PrivacyStep{{What: stepOrders, N: g.orders, At: g.at},
			{What: stepBodies, N: g.webhooks, At: g.at}, {What: stepDeadLetters, N: g.dead, At: g.at}}
	})
	if err != nil {
		return err
	}
	return w.conclude(ctx, known)
}

// gather looks for the customer everywhere.
func (w *work) gather(ctx context.Context, g *giving) error {
	p := newPerson(&w.r, w.lookUp)
	err := w.eachOrder(ctx, 0, func(orders []bellhop.Order, _ int64) error {
		for i := range orders {
			g.addOrder(&orders[i])
		}
		return nil
	})
	if err != nil {
		return err
	}
	died := map[bellhop.EventID]bool{}
	for _, q := range w.Queues {
		if err := w.part(ctx); err != nil {
			return err
		}
		_, err := q.DropFunc(ctx, w.r.Shop, func(d queue.DeadEvent) (bool, error) {
			named, err := p.in(ctx, d.Event)
			if named {
				g.dead++
				died[d.Event.ID] = true
				g.addWebhook(&g.DeadLetters, "dead_letter", d.Event, d.Reason)
			}
			return false, err
		})
		if err != nil {
			return err
		}
	}
	return w.eachBody(ctx, bellhop.EventID{}, func(batch []*bellhop.Event) error {
		for _, e := range batch {
			named, err := p.in(ctx, e)
			if err != nil {
				return err
			}
			if named && !died[e.ID] { // those are in the archive, too
				g.webhooks++
				g.addWebhook(&g.Webhooks, "webhook", e, "")
			}
		}
		return nil
	})
}

// giving is an export that is being made.
type giving struct {
	Export
	at                     time.Time
	room                   int
	orders, webhooks, dead int
}

func (g *giving) addOrder(o *bellhop.Order) {
	g.orders++
	shape := events.WholeOrderOf(o)
	text, err := json.Marshal(shape)
	if err == nil && g.fits("order", strconv.FormatInt(o.ID, 10), len(text)) {
		g.Orders = append(g.Orders, shape)
	}
}

func (g *giving) addWebhook(to *[]ExportWebhook, what string, e *bellhop.Event, reason string) {
	wh := ExportWebhook{Event: e.ID, Topic: e.Topic, AcceptedAt: e.AcceptedAt, Reason: reason}
	if json.Valid(e.Body) && utf8.Valid(e.Body) {
		var short bytes.Buffer
		_ = json.Compact(&short, e.Body) // it is valid
		wh.Body = short.Bytes()
	} else {
		wh.Text = string(bytes.ToValidUTF8(e.Body, []byte("\uFFFD")))
	}
	text, err := json.Marshal(wh)
	if err == nil && g.fits(what, e.ID.String(), len(text)) {
		*to = append(*to, wh)
	}
}

// fits takes room for something, or notes that it is left out.
func (g *giving) fits(what, id string, size int) bool {
	if size <= g.room {
		g.room -= size
		return true
	}
	if len(g.LeftOut) < mostLeftOut {
		g.LeftOut = append(g.LeftOut, ExportLeftOut{what, id, size})
	}
	return false
}
