package simulate

import (
	"cmp"
	"slices"
	"time"

	"bellhop"
)

// FCM's limits for one device
// (https://firebase.google.com/docs/cloud-messaging/throttling-and-quotas,
// …/customize-messages/collapsible-message-types).
const (
	perMinute = 240 // messages that aren't collapsible
	perHour   = 5000
)

// Slot is one notification in a phone's drawer.
type Slot struct {
	Tag      string    `json:"tag"`
	Title    string    `json:"title"`
	Body     string    `json:"body"`
	Replaced int       `json:"replaced"` // how many times a later message took its place
	FirstAt  time.Time `json:"first_at"`
	LastAt   time.Time `json:"last_at"`
	order    int64     // of its first showing, over all phones
}

// Sent is one message that the twin accepted for a phone.
type Sent struct {
	At           time.Time         `json:"at"` // when it arrived at the twin
	Name         string            `json:"name"`
	Target       string            `json:"target"` // token, fid, topic or condition
	Device       string            `json:"device"` // its value
	Tag          string            `json:"tag"`    // of the slot in the drawer
	Title        string            `json:"title"`
	Body         string            `json:"body"`
	Data         map[string]string `json:"data,omitempty"`
	Notification bool              `json:"notification"`        // shown by the system; otherwise by the app
	Throttled    bool              `json:"throttled,omitempty"` // over the device's budget: shown later or never
	// ambiguous or hang: taken, though the answer didn't say so
	Fault       Fault `json:"fault,omitempty"`
	collapsible bool
}

// phone is a device as FCM and its owner see it.
type phone struct {
	bucket bucket
	minute *window // nil until a message comes that isn't collapsible
	hour   *window
	held   *Sent // the newest collapsible message over the budget
	slots  map[string]*Slot
}

// bucket is a token bucket for collapsible messages.
type bucket struct {
	used float64 // tokens taken and not yet refilled
	at   time.Time
}

// refill brings the bucket to now. An unused bucket is full.
func (b *bucket) refill(now time.Time, budget bellhop.Budget) {
	if now.After(b.at) {
		b.used = max(0, b.used-float64(now.Sub(b.at))/float64(budget.Refill))
		b.at = now
	}
}

// take takes a token if there is one.
func (b *bucket) take(budget bellhop.Budget) bool {
	if b.used > float64(budget.Burst-1) {
		return false
	}
	b.used++
	return true
}

// window counts events in the last sixty units of time. FCM doesn't say how it counts its minutes
// and hours [U].
type window struct {
	unit  time.Duration
	slots [60]uint16
	index int64
	sum   int
}

func (w *window) advance(now time.Time) {
	index := now.UnixNano() / int64(w.unit)
	for range min(index-w.index, int64(len(w.slots))) {
		w.index++
		slot := &w.slots[w.index%int64(len(w.slots))]
		w.sum -= int(*slot)
		*slot = 0
	}
	w.index = max(w.index, index)
}

func (w *window) add() {
	w.slots[w.index%int64(len(w.slots))]++
	w.sum++
}

// describe returns the notification that a phone would show for a message, and its slot; "" is a
// slot of its own.
func describe(m *message, now time.Time) *Sent {
	s := &Sent{
		At: now, Target: m.target, Device: m.to, Title: m.title, Body: m.body, Data: m.data,
		Notification: m.notification,
	}
	if m.ios && m.alert {
		s.Notification, s.Title, s.Body = true, cmp.Or(m.alertTitle, m.title), cmp.Or(m.alertBody, m.body)
	}
	switch {
	case m.ios && m.collapseID != "":
		s.Tag = m.collapseID
	case s.Notification && !m.ios && m.tag != "":
		s.Tag = m.tag
	case !s.Notification:
		// The app shows data messages: bellhop's under the tag in the data.
		s.Tag = m.data["tag"]
		s.Title, s.Body = cmp.Or(m.data["title"], s.Title), cmp.Or(m.data["body"], s.Body)
	}
	s.collapsible = m.collapsible || s.Notification
	return s
}

// allow counts a message against the limits of messages that aren't collapsible.
func (p *phone) allow(now time.Time) *fcmError {
	if p.minute == nil {
		p.minute, p.hour = &window{unit: time.Second}, &window{unit: time.Minute}
	}
	p.minute.advance(now)
	p.hour.advance(now)
	switch {
	case p.minute.sum >= perMinute:
		return overQuota("Device message rate exceeded.", time.Minute)
	case p.hour.sum >= perHour:
		return overQuota("Device message rate exceeded.", 10*time.Minute)
	}
	p.minute.add()
	p.hour.add()
	return nil
}

// drawer returns the slots, in the order in which they were first shown.
func (p *phone) drawer() []Slot {
	out := make([]Slot, 0, len(p.slots))
	for _, s := range p.slots {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Slot) int { return cmp.Compare(a.order, b.order) })
	return out
}
