package rules

import (
	"cmp"
	"slices"
	"time"

	"bellhop"
	"bellhop/store"
)

// Before holds the stored events, shops and orders that facts name. A missing one has no
// entry. Rows are the driver's own numbers.
type Before struct {
	Lines  map[bellhop.EventID]StoredLine
	Shops  map[string]*StoredShop
	Orders map[OrderKey]*StoredOrder
	// Marks are those of the facts that their shops have to forget, each with the creation of the last
	// order that it counts for; zero is all of them.
	Marks  map[bellhop.Mark]time.Time
	Erased map[string]bool // shops that are unknown because they were erased
}

// StoredLine is an event in the archive.
type StoredLine struct {
	Row     int64
	Outcome bellhop.Outcome // "" while it has no line in the ledger
	// Unsigned says that nobody checked what is there: a dead line came first.
	Unsigned bool
}

// StoredShop is a shop.
type StoredShop struct {
	Row         int64
	Shop        bellhop.Shop // Disabled, OwnSecretOnly, AddedAt, InfoAt, UninstalledAt
	ConnectedAt time.Time    // its connection's; zero for none
	GoneAt      time.Time    // of the newest app/uninstalled, dealt with or not; zero for none
	LastEventAt time.Time    // zero if the driver itself makes it only grow
	Receivers   []Receiver   // its devices in use; above FanOutAbove their number doesn't matter
}

// OrderKey names an order: the row of its shop, and Shopify's id.
type OrderKey struct{ Shop, ID int64 }

// StoredOrder is an order.
type StoredOrder struct {
	Row   int64
	State State
	Owed  []*Push // on their way; needed when a fact deletes the order
	// Known is its content, needed when a fact [Reads] it.
	Known *bellhop.Order
}

// Recording holds the changes of recorded facts. A driver saves all of it, in one
// transaction, in the order of its locks.
type Recording struct {
	Changes
	Lines    []*LineChange
	Orders   []*OrderChange
	Takings  []*OrderChange // whose Taking changed
	Bodiless []*OrderChange // drops the bodies of their webhooks, even if nothing else changes
	Requests []*bellhop.PrivacyRequest
	Owed     []NewPush
	FanOuts  []NewPush // for all devices of the shop
	Shops    []*ShopChange
	Told     []*ShopTold
	Heard    []*Heard // each key once
}

// LineChange is an event's new line in the ledger.
type LineChange struct {
	Event   *bellhop.Event
	Row     int64           // 0 for an event that is not in the archive
	Was     bellhop.Outcome // "" for an event without a line
	Outcome bellhop.Outcome
	Reason  string
	OrderID int64
	At      time.Time
	// Replaces says that the event takes the place of what is in the archive, which nobody checked. The row keeps the
	// time at which the first came.
	Replaces bool
	// DropsBody says that the event's body is not kept, nor stays if it is in the archive.
	DropsBody bool
}

// OrderChange is an order after the facts.
type OrderChange struct {
	OrderKey
	Domain  string // of its shop
	Row     int64  // 0 for a new order
	State   State
	Content *bellhop.Fact // replaces the content and the details; nil when they stay
	First   *bellhop.Fact // brought the order, and sets its trace; nil when that stays
	Wiped   bool          // only the tombstone stays; Content and First are nil

	Happened bool // its history changed

	owed              []*Push
	known             *bellhop.Order // its content as it is stored
	changed, bodiless bool           // it is in Recording.Orders, .Bodiless
	took              bool           // it is in Recording.Takings
}

// NewPush is a push, or a fan-out, that an order owes. A new order has owed none before.
// Later news may repeat: the driver leaves out a push that is there already.
type NewPush struct {
	Order   *OrderChange
	Device  int64 // 0 when there was none
	Kind    bellhop.PushKind
	Skipped string // why nobody sends it; "" when it is owed
	At, Due time.Time
}

// Status is the push's first status.
func (p *NewPush) Status() bellhop.PushStatus {
	if p.Skipped != "" {
		return bellhop.PushSkipped
	}
	return bellhop.PushPending
}

// ShopChange is a shop's newest event.
type ShopChange struct {
	Row         int64
	LastEventAt time.Time
	SignedBy    bellhop.Signer
}

// PlanRecord decides the changes and the result of each fact, one after the other: a fact
// sees the changes of those before it.
func PlanRecord(before Before, facts []bellhop.Fact) (*Recording, []bellhop.Result) {
	p := recordPlan{before: before, lines: make(map[bellhop.EventID]*LineChange, len(facts)),
		orders: make(map[OrderKey]*OrderChange, len(facts)), shops: map[string]*ShopChange{},
		told: map[int64]*ShopTold{}}
	p.Lines, p.Orders = make([]*LineChange, 0, len(facts)), make([]*OrderChange, 0, len(facts))
	p.lineRoom, p.orderRoom = make([]LineChange, len(facts)), make([]OrderChange, len(facts))
	results := make([]bellhop.Result, len(facts))
	for i := range facts {
		results[i] = p.settle(&facts[i])
	}
	return &p.Recording, results
}

type recordPlan struct {
	Recording
	before   Before
	lines    map[bellhop.EventID]*LineChange
	orders   map[OrderKey]*OrderChange
	shops    map[string]*ShopChange
	told     map[int64]*ShopTold
	heard    map[HeardKey]*Heard
	portions portions

	lineRoom  []LineChange // for Lines, in one allocation
	orderRoom []OrderChange
}

// settle decides about one fact, and writes its event's line.
func (p *recordPlan) settle(f *bellhop.Fact) bellhop.Result {
	l := p.line(f.Event)
	if l == nil {
		return p.redelivered(f)
	}
	l.DropsBody = p.forgets(f) || p.before.Erased[f.Event.Shop]
	r := p.decide(f, l)
	p.Outcomes.Move(l.Outcome, r.Outcome)
	l.Outcome, l.Reason, l.OrderID, l.At = r.Outcome, r.Reason, f.OrderID, f.At
	return r
}

// decide skips a fact, or merges it into its order, owes pushes and adds to the stream.
func (p *recordPlan) decide(f *bellhop.Fact, l *LineChange) bellhop.Result {
	shop := p.shop(f.Event)
	if why := skipFor(f, shop); why != "" {
		return bellhop.Result{Outcome: bellhop.OutcomeSkipped, Reason: why}
	}
	switch {
	case f.Request != nil:
		return p.request(f, l)
	case f.Shop != nil:
		return p.tell(shop, f)
	}
	if !bellhop.Fetched(f.Event.Topic) {
		p.comesBack(shop, f)
	}
	o := p.order(shop, f)
	before := o.State
	f, why := p.redacted(&before, f)
	m := Merge(before, *f)
	m.redact(&before, why, f.At)
	f, kept := o.keep(&m, &before, f, why)
	l.DropsBody = l.DropsBody || m.State.RedactedFor != ""
	p.change(o, &m, f, kept)
	for _, n := range m.News {
		m.Result.Pushes += p.owe(shop, o, n, f)
	}
	if kind, ok := m.Change(before); ok || kept {
		p.Stream = append(p.Stream, StreamRow{Kind: cmp.Or(kind, store.ChangeUpdated), Shop: shop.Row, Order: f.OrderID,
			At: f.At, TraceParent: f.Event.TraceParent})
	}
	return m.Result
}

// line returns nil for a settled event.
func (p *recordPlan) line(e *bellhop.Event) *LineChange {
	l := p.lines[e.ID]
	if l == nil {
		was := p.before.Lines[e.ID]
		if settles(was.Outcome) {
			return nil
		}
		l = &p.lineRoom[len(p.lines)]
		*l = LineChange{Event: e, Row: was.Row, Was: was.Outcome, Outcome: was.Outcome, Replaces: was.Unsigned}
		p.lines[e.ID], p.Lines = l, append(p.Lines, l)
	}
	if settles(l.Outcome) {
		return nil
	}
	return l
}

// shop returns nil for a missing shop.
func (p *recordPlan) shop(e *bellhop.Event) *StoredShop {
	s := p.before.Shops[e.Shop]
	if s == nil || bellhop.Fetched(e.Topic) { // Shopify sent nothing
		return s
	}
	p.hear(s.Row, e)
	c := p.shops[e.Shop]
	switch {
	case c == nil && e.AcceptedAt.After(s.LastEventAt):
		c = &ShopChange{Row: s.Row}
		p.shops[e.Shop], p.Shops = c, append(p.Shops, c)
		fallthrough
	case c != nil && e.AcceptedAt.After(c.LastEventAt):
		c.LastEventAt, c.SignedBy = e.AcceptedAt, e.SignedBy
	}
	return s
}

// settles reports whether an outcome stays: recording such an event again is a redelivery.
func settles(o bellhop.Outcome) bool {
	switch o {
	case bellhop.OutcomeRecorded, bellhop.OutcomeDuplicate, bellhop.OutcomeStale:
		return true
	}
	return false
}

// redelivered is the result of an event that was settled before: the transaction that wrote
// its line also saved its fact. Only what the caller had to do after it may be left to do.
func (p *recordPlan) redelivered(f *bellhop.Fact) bellhop.Result {
	shop := p.before.Shops[f.Event.Shop]
	left := f.Shop != nil && f.Shop.Uninstalled && skipFor(f, shop) == "" && shop.uninstalled(f.Shop.At).Uninstalls
	return bellhop.Result{Outcome: bellhop.OutcomeDuplicate, Reason: "redelivered", Uninstalls: left}
}

// skipFor returns why a fact changes nothing: its own reason, or the shop is unknown,
// disabled or refuses the app's secret. It returns "" for a fact to merge, and for a request for
// personal data, of whatever shop. The endpoint that accepted the event may not have known the shop.
func skipFor(f *bellhop.Fact, s *StoredShop) string {
	switch {
	case f.Skip == bellhop.ReasonBodyTooLarge: // there is no body to replay, whatever changes
		return f.Skip
	case s == nil && f.Request == nil:
		return bellhop.ReasonUnknownShop
	case s != nil && s.Shop.Disabled && f.Request == nil:
		return bellhop.ReasonShopDisabled
	case s != nil && s.Shop.OwnSecretOnly && f.Event.SignedBy.Shared():
		return bellhop.ReasonAppSecret
	case len(f.Lacks) > 0:
		return bellhop.IncompleteReason(f.Lacks)
	}
	return f.Skip
}

func (p *recordPlan) order(shop *StoredShop, f *bellhop.Fact) *OrderChange {
	k := OrderKey{shop.Row, f.OrderID}
	o := p.orders[k]
	if o == nil {
		o = &p.orderRoom[len(p.orders)]
		o.OrderKey, o.Domain = k, f.Event.Shop
		if was := p.before.Orders[k]; was != nil {
			o.Row, o.State, o.owed, o.known = was.Row, was.State, was.Owed, was.Known
		}
		p.orders[k] = o
	}
	return o
}

// change brings an order to the merged state. Its content was changed before if it keeps something of an older fact.
func (p *recordPlan) change(o *OrderChange, m *Merged, f *bellhop.Fact, kept bool) {
	if !o.changed && (o.Row == 0 || m.Result.Outcome == bellhop.OutcomeRecorded ||
		m.Happened || kept || m.State.Version.Compare(o.State.Version) != 0) {
		o.changed, p.Orders = true, append(p.Orders, o)
	}
	if !o.bodiless && m.State.Deleted {
		o.bodiless, p.Bodiless = true, append(p.Bodiless, o)
	}
	cancelled := m.State.Cancelled && !o.State.Cancelled
	o.State = m.State
	if to := m.State.Taking.Ends(bellhop.EndedCancelled, f.At); cancelled && to != nil {
		p.setTaking(o, to)
	}
	o.Happened = o.Happened || m.Happened
	switch {
	case m.Wipe:
		p.wipe(o, f.At)
	case m.Content:
		o.Content = f
		if m.First {
			o.First = f
		}
	}
}

// setTaking changes who has an order, and what it rings.
func (p *recordPlan) setTaking(o *OrderChange, to *Taking) {
	if o.State.Taking = to; !o.took {
		o.took, p.Takings = true, append(p.Takings, o)
	}
	p.Wake = true
}

// wipe removes an order and its owed pushes. A push that this batch would add begins as
// skipped, since nobody has seen it.
func (p *recordPlan) wipe(o *OrderChange, at time.Time) {
	o.Wiped, o.Content, o.First, o.known = true, nil, nil, nil
	p.Skip(o.owed, store.ReasonOrderDeleted, at)
	for i := range p.Owed {
		if n := &p.Owed[i]; n.Order == o && n.Skipped == "" {
			n.Skipped, n.Due = store.ReasonOrderDeleted, time.Time{}
		}
	}
	p.FanOuts = slices.DeleteFunc(p.FanOuts, func(n NewPush) bool { return n.Order == o })
}

// PlanDead decides the changes of giving up an event; nil if it is settled. The body of an erased shop's event
// is not kept, and neither is one that nobody has checked: the true one may follow under the same id. Of a shop that
// nobody added such an event gets no line: strangers could make up any number.
func PlanDead(e *bellhop.Event, was StoredLine, known, erased bool, reason string, at time.Time) *Recording {
	_, unchecked := e.SignedBy.Unchecked()
	if settles(was.Outcome) || unchecked && !known && was.Row == 0 {
		return nil
	}
	if unchecked {
		bare := *e
		bare.Body, bare.SignedBy = nil, ""
		e = &bare
	}
	r := &Recording{Lines: []*LineChange{{Event: e, Row: was.Row, Was: was.Outcome, Outcome: bellhop.OutcomeDead,
		Reason: reason, At: at, Replaces: was.Unsigned && !unchecked, DropsBody: erased}}}
	r.Outcomes.Move(was.Outcome, bellhop.OutcomeDead)
	return r
}
