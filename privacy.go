package bellhop

import (
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// RequestKind is what a request about personal data wants.
type RequestKind string

// The kinds. The first three are Shopify's topics.
const (
	RequestGive     RequestKind = "customers/data_request" // give the owner all that is kept of a customer
	RequestForget   RequestKind = "customers/redact"
	RequestErase    RequestKind = "shop/redact" // 48 hours after an uninstall, unless the shop came back
	RequestEraseNow RequestKind = "erase"       // an operator's, of a shop
)

// RequestOutcome is a request's end; "" while it is open.
type RequestOutcome string

// The outcomes.
const (
	RequestDone           RequestOutcome = "done"
	RequestNothingFound   RequestOutcome = "nothing_found"
	RequestUnknownShop    RequestOutcome = "unknown_shop"
	RequestInstalledAgain RequestOutcome = "installed_again"
)

// RequestTime is how long a request may take.
const RequestTime = 30 * 24 * time.Hour

// RequestLate is how long before its end an open request is late: people are warned.
const RequestLate = 10 * 24 * time.Hour

// The bounds of a request.
const (
	MaxRequestOrders  = 10_000 // that it names
	MaxSubjectText    = 320    // bytes of an e-mail address or a phone
	MaxRequestSteps   = 1_000
	MaxRequestBackups = 1_000
)

// PrivacyRequest asks to give, forget or erase personal data, and records what was done. A database keeps
// the fields with names as one JSON document.
type PrivacyRequest struct {
	ID    int64       `json:"-"`
	Shop  string      `json:"-"` // myshopify.com domain; bellhop need not know it
	Kind  RequestKind `json:"-"`
	Event EventID     `json:"event,omitzero"` // that brought it; zero for an operator's
	By    string      `json:"by,omitempty"`   // the operator's e-mail address or token; "" for Shopify

	RequestedAt time.Time `json:"requested_at"`
	ReceivedAt  time.Time `json:"received_at"`
	DueAt       time.Time `json:"due_at"`

	Subject Subject `json:"subject,omitzero"`
	// Marks keep out what the request wants forgotten: see [Mark]. A store takes them with a request, and
	// does not return them.
	Marks []Mark `json:"-"`
	// Person are keyed hashes of whom the request names, as far as it says. They stay, so that a request
	// is found by its person once its subject is gone.
	Person []Mark `json:"person,omitempty"`

	Outcome RequestOutcome `json:"-"`
	DoneAt  time.Time      `json:"done_at,omitzero"`  // zero while it is open
	Process string         `json:"process,omitempty"` // that finished it
	Steps   []PrivacyStep  `json:"steps,omitempty"`
	Backups []BackupNote   `json:"backups,omitempty"` // that still hold the person

	// Of RequestGive: when the export was ready, until when it stays, when it was fetched, and by whom.
	ExportAt    time.Time `json:"export_at,omitzero"`
	ExportUntil time.Time `json:"export_until,omitzero"`
	FetchedAt   time.Time `json:"fetched_at,omitzero"`
	FetchedBy   string    `json:"fetched_by,omitempty"`
}

// Open reports whether something is left to do.
func (r *PrivacyRequest) Open() bool { return r.Outcome == "" }

// HasExport reports whether a request has an export that an owner can fetch at a time.
func (r *PrivacyRequest) HasExport(at time.Time) bool {
	return !r.ExportAt.IsZero() && r.ExportUntil.After(at)
}

// Found counts what the steps found.
func (r *PrivacyRequest) Found() (n int) {
	for i := range r.Steps {
		n += r.Steps[i].N
	}
	return n
}

// Covers reports whether a request is about an order. Somebody who orders again after they asked to be
// forgotten is a customer again.
func (r *PrivacyRequest) Covers(o *Order) bool {
	if slices.Contains(r.Subject.Orders, o.ID) {
		return true
	}
	return r.Subject.Names(o) && (r.Kind != RequestForget || !o.CreatedAt.After(r.RequestedAt))
}

// PrivacyStep is something that was done for a request.
type PrivacyStep struct {
	What string    `json:"what"` // orders, bodies, dead_letters, queue, exports, search, backups, files, people, …
	N    int       `json:"n"`
	At   time.Time `json:"at"`
	Note string    `json:"note,omitempty"`

	// Place is how far a step under way has come, and Doing are the ids of what N counts already and
	// may still be there.
	Place string   `json:"place,omitempty"`
	Doing []string `json:"doing,omitempty"`
}

// BackupNote is a backup that was made before a request was done.
type BackupNote struct {
	Name   string    `json:"name"` // without a path
	MadeAt time.Time `json:"made_at"`
	Until  time.Time `json:"until,omitzero"` // when it runs out; zero if nobody said so
}

// Subject is the person that a request is about, as far as it says. It is empty once the request is
// done.
type Subject struct {
	CustomerID int64   `json:"customer_id,omitempty"`
	Email      string  `json:"email,omitempty"`
	Phone      string  `json:"phone,omitempty"`
	Orders     []int64 `json:"orders,omitempty"` // at most MaxRequestOrders
}

// IsZero reports whether s names nobody.
func (s Subject) IsZero() bool {
	return s.CustomerID == 0 && s.Email == "" && s.Phone == "" && len(s.Orders) == 0
}

// ByPhone reports whether only the phone says who it is. Several people may share one, such as a shop's
// own number, so that it counts nowhere else.
func (s Subject) ByPhone() bool { return s.CustomerID == 0 && s.Email == "" && s.Phone != "" }

// Names reports whether an order is this person's: by its id, or its customer's id, e-mail address or phone.
func (s Subject) Names(o *Order) bool {
	if slices.Contains(s.Orders, o.ID) {
		return true
	}
	id, emails, phones := o.People()
	return s.CustomerID != 0 && s.CustomerID == id ||
		s.Email != "" && slices.Contains(emails, FoldEmail(s.Email)) ||
		s.ByPhone() && slices.Contains(phones, FoldPhone(s.Phone))
}

// People returns what an order says of who ordered: the customer's id, the e-mail addresses and the phones,
// folded, each once.
func (o *Order) People() (id int64, emails, phones []string) {
	add := func(all *[]string, text string) {
		if text != "" && !slices.Contains(*all, text) {
			*all = append(*all, text)
		}
	}
	add(&emails, FoldEmail(o.CustomerEmail))
	if c := o.Customer; c != nil {
		id = c.ID
		add(&emails, FoldEmail(c.Email))
		add(&phones, FoldPhone(c.Phone))
	}
	for _, a := range [...]*Address{o.Billing, o.Shipping} {
		if a != nil {
			add(&phones, FoldPhone(a.Phone))
		}
	}
	return id, emails, phones
}

// FoldEmail returns an e-mail address as it is compared.
func FoldEmail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// FoldPhone returns a phone number as it is compared: its last eight digits. The same number is written with a country
// and without, and with a 0 before the area that others leave out.
func FoldPhone(s string) string {
	digits := strings.Map(func(c rune) rune {
		if c >= '０' && c <= '９' { // as some keyboards of East Asia write them
			c -= '０' - '0'
		}
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, s)
	return digits[max(0, len(digits)-8):]
}

// Mark is a keyed hash of something that names a person in a shop: an order's id, a customer's id, an
// e-mail address or a phone. Who has the database alone can't tell whose it is. The first byte is its
// [MarkKind].
type Mark [16]byte

// MarshalText and UnmarshalText write and read a mark in hexadecimal.
func (m Mark) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, m[:]), nil }

func (m *Mark) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(m) {
		return Invalidf("mark", "a mark has %d bytes", len(m))
	}
	_, err := hex.Decode(m[:], text)
	return err
}

// MarkKind says for how long a mark of a request keeps something out.
type MarkKind byte

// The kinds.
const (
	MarkOrder  MarkKind = 1 // of an order: for good
	MarkPerson MarkKind = 2 // of a person: for orders of before the request
)

// Kind returns a mark's kind.
func (m Mark) Kind() MarkKind { return MarkKind(m[0]) }

// Forgotten reports whether a fact is about somebody whom its shop has to forget: one of its marks is among
// these, each with the creation of the last order that it counts for; zero is all of them.
func (f *Fact) Forgotten(marks map[Mark]time.Time) bool {
	for _, m := range f.Marks {
		until, there := marks[m]
		if there && (until.IsZero() || f.Named() != nil && !f.Named().CreatedAt.After(until)) {
			return true
		}
	}
	return false
}

// Why an order's personal data was taken away.
const (
	RedactedForRequest   = "request"   // whatever comes later
	RedactedForRetention = "retention" // until a newer version comes
)

// Redact takes an order's personal data away. The order, its sums, items, tags and codes stay. What it
// shares with copies of the order stays as it is.
func (o *Order) Redact() {
	o.CustomerName, o.CustomerEmail, o.Note = "", "", ""
	o.Customer, o.Billing, o.Shipping, o.Kept, o.Attributes, o.PONumber = nil, nil, nil, nil, nil, ""
	o.Items = slices.Clone(o.Items)
	for i := range o.Items {
		o.Items[i].Properties = nil
	}
	o.History.Redact()
}

// Redact takes away the notes of refunds, and the numbers and URLs of parcels. What it shares with copies
// of the history stays as it is.
func (h *History) Redact() {
	h.Refunds, h.Fulfillments = slices.Clone(h.Refunds), slices.Clone(h.Fulfillments)
	for i := range h.Refunds {
		h.Refunds[i].Note = ""
	}
	for i := range h.Fulfillments {
		h.Fulfillments[i].Tracking = nil
	}
}
