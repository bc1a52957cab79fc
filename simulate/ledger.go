package simulate

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"bellhop/shopify"
)

// DeliveryStatus is how far a delivery has got.
type DeliveryStatus string

// The statuses.
const (
	DeliveryPending      DeliveryStatus = "pending"      // under way, or waiting for a retry
	DeliveryAcknowledged DeliveryStatus = "acknowledged" // answered with a 2xx
	DeliveryGivenUp      DeliveryStatus = "given_up"     // all tries failed
)

// Entry is one delivery in the ledger.
type Entry struct {
	Seq         int            `json:"seq"`
	Shop        string         `json:"shop"`
	OrderID     int64          `json:"order_id,string"` // 0 with poison
	Topic       string         `json:"topic"`
	WebhookID   string         `json:"webhook_id"`
	EventID     string         `json:"event_id"`
	UpdatedAt   time.Time      `json:"updated_at,omitzero"` // of the order, where the delivery carries one
	TriggeredAt time.Time      `json:"triggered_at"`
	BodyHash    string         `json:"body_hash"` // xxhash64, 16 hexadecimal digits
	Bytes       int            `json:"bytes"`
	Copy        Copy           `json:"copy,omitempty"`
	Poison      string         `json:"poison,omitempty"`
	Status      DeliveryStatus `json:"status"`
	Attempts    int            `json:"attempts"`
	LastAnswer  string         `json:"last_answer,omitempty"` // the HTTP status, or the error
	BegunAt     time.Time      `json:"begun_at,omitzero"`
	AckedAt     time.Time      `json:"acked_at,omitzero"`
	AckSeconds  float64        `json:"ack_seconds,omitempty"` // how long the acknowledged attempt took
}

// Summary counts a ledger's deliveries.
type Summary struct {
	Deliveries   int `json:"deliveries"` // begun
	Orders       int `json:"orders"`     // that were placed, by their webhooks or their Events; no copies and no poison
	Events       int `json:"events"`     // among the deliveries; the rest are webhooks
	Copies       int `json:"copies"`
	Poison       int `json:"poison"`
	Acknowledged int `json:"acknowledged"`
	GivenUp      int `json:"given_up"`
	Pending      int `json:"pending"`
	Attempts     int `json:"attempts"`
	Failed       int `json:"failed_attempts"` // no 2xx within 5 s
	// Delayed is how many deliveries began late because Options.Concurrency
	// requests were under way; above 0, the rate was not held.
	Delayed int     `json:"delayed"`
	Seconds float64 `json:"seconds"`
}

// Ledger records the twin's deliveries and which ones were acknowledged. It can be read while the
// twin runs.
type Ledger struct {
	mu         sync.Mutex
	entries    []entry // by Delivery.Seq; empty when only counts are kept
	sum        Summary
	begun      time.Time
	countsOnly bool
	placed     map[string]int // the deliveries of new orders, by their topic
}

// entry is a delivery without its body.
type entry struct {
	d *Delivery
	Entry
}

func newLedger(countsOnly bool) *Ledger {
	return &Ledger{countsOnly: countsOnly, placed: map[string]int{}}
}

// start records the beginning of the first run that uses the ledger.
func (l *Ledger) start(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun.IsZero() {
		l.begun = at
	}
}

// begin notes a delivery that is about to be tried for the first time.
func (l *Ledger) begin(d *Delivery, at time.Time, delayed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.Deliveries++
	l.sum.Pending++
	switch {
	case d.Copy != CopyNone:
		l.sum.Copies++
	case d.Poison != "":
		l.sum.Poison++
	}
	placed := d.Topic == shopify.TopicOrderCreate || d.Topic == shopify.TopicEventCreate
	if placed && d.Copy == CopyNone && d.OrderID != 0 {
		l.placed[d.Topic]++
		l.sum.Orders = max(l.sum.Orders, l.placed[d.Topic])
	}
	if d.Handle != "" {
		l.sum.Events++
	}
	if delayed {
		l.sum.Delayed++
	}
	if l.countsOnly {
		return
	}
	d.Seq = len(l.entries)
	kept := *d
	kept.Body = nil // bodies would fill the memory within minutes
	l.entries = append(l.entries, entry{&kept, Entry{Bytes: len(d.Body), Status: DeliveryPending, BegunAt: at}})
}

// attempt is the result of one attempt.
type attempt struct {
	ok     bool
	answer string
	at     time.Time
	took   time.Duration
	last   bool // no try follows
}

// tried notes the outcome of one try.
func (l *Ledger) tried(d *Delivery, a attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.Attempts++
	l.sum.Seconds = a.at.Sub(l.begun).Seconds()
	status := DeliveryPending
	switch {
	case a.ok:
		status = DeliveryAcknowledged
		l.sum.Acknowledged++
		l.sum.Pending--
	case a.last:
		status = DeliveryGivenUp
		l.sum.GivenUp++
		l.sum.Pending--
	}
	if !a.ok {
		l.sum.Failed++
	}
	if l.countsOnly {
		return
	}
	e := &l.entries[d.Seq]
	e.Attempts++
	e.Status, e.LastAnswer = status, a.answer
	if a.ok {
		e.AckedAt, e.AckSeconds = a.at, a.took.Seconds()
	}
}

// Summary returns the counts so far.
func (l *Ledger) Summary() Summary {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sum
}

// Entries returns the deliveries so far, in the order of their first attempt.
func (l *Ledger) Entries() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Entry, len(l.entries))
	for i := range l.entries {
		out[i] = l.entries[i].public()
	}
	return out
}

// public sets what the delivery says.
func (e entry) public() Entry {
	d := e.d
	e.Seq, e.Shop, e.OrderID, e.Topic, e.WebhookID, e.EventID = d.Seq, d.Shop, d.OrderID, d.Topic, d.WebhookID, d.EventID
	e.UpdatedAt, e.TriggeredAt, e.BodyHash = d.Version().UpdatedAt, d.TriggeredAt, fmt.Sprintf("%016x", d.Hash)
	e.Copy, e.Poison = d.Copy, d.Poison
	return e.Entry
}

// Expect returns the state that a database must have of each order with an acknowledged delivery.
func (l *Ledger) Expect() map[OrderKey]Expected {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := NewModel()
	for i := range l.entries {
		if e := &l.entries[i]; e.Status == DeliveryAcknowledged {
			m.Take(e.d)
		} else {
			m.doubt(e.d)
		}
	}
	return m.Expect()
}

// WriteJSON writes the summary and all entries.
func (l *Ledger) WriteJSON(w io.Writer) error {
	out := struct {
		Summary Summary `json:"summary"`
		Entries []Entry `json:"entries"`
	}{l.Summary(), l.Entries()}
	if err := json.NewEncoder(w).Encode(out); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	return nil
}

// String returns the counts as one line for people.
func (s Summary) String() string {
	events := ""
	if s.Events > 0 {
		events = fmt.Sprintf("%d Events, ", s.Events)
	}
	line := fmt.Sprintf("%d deliveries of %d orders (%s%d copies, %d poison): %d acknowledged, %d given up, %d pending; "+
		"%d tries failed",
		s.Deliveries, s.Orders, events, s.Copies, s.Poison, s.Acknowledged, s.GivenUp, s.Pending, s.Failed)
	if s.Delayed > 0 {
		line += "; " + strconv.Itoa(s.Delayed) + " began late: allow more requests at once"
	}
	return line
}
