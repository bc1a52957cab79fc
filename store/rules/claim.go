package rules

import (
	"slices"
	"time"

	"bellhop"
	"bellhop/store"
)

// Due is a push whose time has come.
type Due struct {
	ID       int64
	ShopID   int64 // as the driver numbers it
	DeviceID int64
	Kind     bellhop.PushKind
	Status   bellhop.PushStatus
	Attempts int
	Created  time.Time
	Gathered time.Time // the start of the digest that counts it; zero for none
	Deleted  bool      // its order
	Over     string    // why nobody has to be rung for its order any more
	Reason   string    // why it waited; "" if it didn't
	Order    store.OrderBrief
}

// DuePushes are a device's due pushes, in the order in which they became due.
type DuePushes struct {
	DeviceID int64
	Due      []Due
}

// ByDevice divides due pushes among the devices.
func ByDevice(due []Due) []DuePushes {
	at := map[int64]int{}
	var all []DuePushes
	for _, d := range due {
		i, ok := at[d.DeviceID]
		if !ok {
			i = len(all)
			at[d.DeviceID] = i
			all = append(all, DuePushes{DeviceID: d.DeviceID})
		}
		all[i].Due = append(all[i].Due, d)
	}
	return all
}

// DeviceBudget is a device with the rest of its budget. The zero value stands for a removed
// device.
type DeviceBudget struct {
	bellhop.Device
	Owner    bellhop.Shop // without secrets
	Settings bellhop.Settings
	Left     Allowance
	Shops    int // that push to its address
}

// budget is the device's part of its phone's: the push service knows addresses, not shops.
func (p *DeviceBudget) budget() bellhop.Budget { return bellhop.BudgetOf(p.Form).Share(p.Shops) }

// gone returns why the device receives no pushes; "" when it does.
func (p *DeviceBudget) gone() string {
	switch {
	case p.ID == 0:
		return store.ReasonDeviceRemoved
	case !p.RetiredAt.IsZero():
		return store.ReasonDeviceRetired
	case !p.Owner.UninstalledAt.IsZero():
		return store.ReasonUninstalled
	}
	return ""
}

// FreeAt is when the budget has room again; zero while it has. Drivers round times and
// allowances, so it is late rather than early.
func (p *DeviceBudget) FreeAt() time.Time {
	at := p.Left.FreeAt(p.budget())
	if !at.After(p.Left.At) {
		return time.Time{}
	}
	return at.Truncate(time.Microsecond).Add(time.Microsecond)
}

// DigestMax bounds the pushes in one digest, since each costs the database time.
const DigestMax = 5_000

// Claim is what a claim does to a device's due pushes.
type Claim struct {
	Take     []Taken  // the caller sends them
	Skip     []Missed // obsolete
	Postpone []Later  // put off; pushes that were being sent become unknown
	// Behind is when the device's other due pushes are due again, once its budget ran out
	// or the gate held it back; zero otherwise. Only a full claim needs it.
	Behind time.Time
	// Spent is set when DeviceBudget.Left changed.
	Spent bool
	Owed  []store.Owed // the result
}

// Taken is a claimed push.
type Taken struct {
	ID       int64
	From     bellhop.PushStatus
	Gathered time.Time // the start of its digest; zero by itself
}

// Later is a push that the claim puts off.
type Later struct {
	Due
	Until  time.Time
	Reason string // "" for no budget: the earlier reason stays
}

// Missed is a skipped push, and why.
type Missed struct {
	Due
	Reason string
}

// Claiming collects the changes of a claim, device after device.
type Claiming struct {
	Changes
	Taken     []Taken
	Postponed []Later
	Behind    []Behind
	Spent     []*DeviceBudget
	Owed      []store.Owed
}

// Behind is when all pushes of a device that wait behind a full claim are due again, so
// that the next claims need not look at them.
type Behind struct {
	DeviceID int64
	Until    time.Time
}

// Plan adds a device to the claim: it divides the due pushes into messages as far as the
// device's budget goes, and leaves the rest of the budget in d.Left. A last message that
// gathers all due pushes also takes those that the claim had no room for: all loads them,
// up to [DigestMax]. It is nil when the claim was not full.
func (cl *Claiming) Plan(
	d *DeviceBudget, h DuePushes, now time.Time, gate store.Gate, all func() ([]Due, error),
) error {
	c, err := PlanClaim(d, h, now, gate, all)
	if err != nil {
		return err
	}
	for _, m := range c.Skip {
		cl.end(&Push{ID: m.ID, Shop: m.ShopID, Order: m.Order.ID, Device: m.DeviceID, Status: m.Status},
			bellhop.PushSkipped, m.Reason, now)
	}
	for _, t := range c.Take {
		cl.Statuses.Move(t.From, bellhop.PushSending)
	}
	for _, l := range c.Postpone {
		if l.Status == bellhop.PushSending {
			cl.Statuses.Move(l.Status, bellhop.PushUnknown)
		}
	}
	if c.Spent {
		cl.Spent = append(cl.Spent, d)
	}
	if all != nil && !c.Behind.IsZero() {
		cl.Behind = append(cl.Behind, Behind{d.ID, c.Behind})
	}
	cl.Taken, cl.Postponed, cl.Owed = append(cl.Taken, c.Take...), append(cl.Postponed, c.Postpone...),
		append(cl.Owed, c.Owed...)
	return nil
}

// PlanClaim decides about one device; see [Claiming.Plan].
func PlanClaim(p *DeviceBudget, h DuePushes, now time.Time, gate store.Gate, all func() ([]Due, error)) (Claim, error) {
	planned := *p
	c := planned.plan(h, now, gate)
	if n := len(c.Owed); all != nil && n > 0 && c.Owed[n-1].Gathered != nil {
		due, err := all()
		if err != nil {
			return c, err
		}
		h.Due, planned = due, *p
		c = planned.plan(h, now, gate)
	}
	*p = planned
	return c, nil
}

func (p *DeviceBudget) plan(h DuePushes, now time.Time, gate store.Gate) (c Claim) {
	due := c.disconnected(p, c.tests(p, c.dropObsolete(p, h.Due), now), now, gate)
	due = c.applyQuietHours(p, due, now)
	if len(due) == 0 {
		return c
	}
	orders := p.briefs(due)
	portions, left, next := Ration(p.budget(), p.Settings.Budget(), p.Left, orders, now)
	if n, until := admitted(gate, p.Device, portions, now); !until.IsZero() {
		c.hold(due[n:], until, now)
		if due, orders = due[:n], orders[:n]; n == 0 {
			return c
		}
		portions, left, next = Ration(p.budget(), p.Settings.Budget(), p.Left, orders, now)
	}
	p.Left, c.Spent = left, true
	for _, portion := range portions {
		c.take(p, due[:portion.Count], orders[:portion.Count], portion.Gathered, now)
		due, orders = due[portion.Count:], orders[portion.Count:]
	}
	if !next.IsZero() {
		c.Behind = p.FreeAt()
		for _, d := range due {
			c.Postpone = append(c.Postpone, Later{Due: d, Until: c.Behind})
		}
	}
	return c
}

// admitted returns how many pushes may go to a device now, if not all, and when the others
// are due again.
func admitted(gate store.Gate, d bellhop.Device, portions []Portion, now time.Time) (n int, until time.Time) {
	if gate == nil || len(portions) == 0 {
		return 0, time.Time{}
	}
	most, until := gate.Admit(d, now)
	if most >= len(portions) {
		return 0, time.Time{}
	}
	for _, p := range portions[:most] {
		n += p.Count
	}
	return n, until
}

// hold puts off pushes to a service in trouble while they are news. It costs no attempt and
// no budget.
func (c *Claim) hold(due []Due, until, now time.Time) {
	c.Behind = until
	for _, d := range due {
		news, reason := newFor, store.ReasonServiceAway
		if d.Reason == store.ReasonQuietHours {
			news, reason = 2*newFor, "" // it still goes with the others of its quiet hours
		}
		if now.Sub(d.Created) > news {
			c.Skip = append(c.Skip, Missed{d, store.ReasonStale})
		} else {
			c.Postpone = append(c.Postpone, Later{Due: d, Until: until, Reason: reason})
		}
	}
}

// applyQuietHours puts off pushes that are due in quiet hours, but for loud ones.
func (c *Claim) applyQuietHours(p *DeviceBudget, all []Due, now time.Time) (kept []Due) {
	until := p.Settings.QuietUntil(now, p.Timezone)
	if until.IsZero() {
		return all
	}
	for _, d := range all {
		if p.Settings.Loud(d.Order.Total) {
			kept = append(kept, d)
		} else {
			c.Postpone = append(c.Postpone, Later{Due: d, Until: until, Reason: store.ReasonQuietHours})
		}
	}
	return kept
}

// tests claims a test push: by itself and at once, past the budget, since there are few,
// and past a push service's trouble, which it shows.
func (c *Claim) tests(p *DeviceBudget, all []Due, now time.Time) []Due {
	i := slices.IndexFunc(all, func(d Due) bool { return d.Kind == bellhop.PushTest })
	switch { // there is one for a device at the most
	case i < 0:
		return all
	case now.Sub(all[i].Created) > store.TestFor:
		c.Skip = append(c.Skip, Missed{all[i], store.ReasonStale})
	default:
		c.take(p, all[i:i+1:i+1], p.briefs(all[i:i+1]), nil, now)
	}
	return slices.Delete(slices.Clone(all), i, i+1)
}

// dropObsolete skips useless pushes.
func (c *Claim) dropObsolete(p *DeviceBudget, all []Due) (kept []Due) {
	gone := p.gone()
	kept = make([]Due, 0, len(all))
	for _, d := range all {
		switch {
		case d.Deleted:
			c.Skip = append(c.Skip, Missed{d, store.ReasonOrderDeleted})
		case gone != "":
			c.Skip = append(c.Skip, Missed{d, gone})
		case d.Kind.Rings() && d.Over != "":
			c.Skip = append(c.Skip, Missed{d, d.Over})
		case d.Kind.Rings(): // whoever is on the rota asked for it
			kept = append(kept, d)
		case below(p.Settings, d.Order.Total):
			c.Skip = append(c.Skip, Missed{d, store.ReasonBelowAmount})
		default:
			kept = append(kept, d)
		}
	}
	return kept
}

func (p *DeviceBudget) briefs(due []Due) []store.OrderBrief {
	briefs := make([]store.OrderBrief, len(due))
	for i, d := range due {
		briefs[i] = d.Order
		briefs[i].Kind = d.Kind
		briefs[i].Held, briefs[i].Loud = d.Reason == store.ReasonQuietHours, p.Settings.Loud(d.Order.Total)
		briefs[i].Gathered = p.Left.Gathering != nil && d.Gathered.Equal(p.Left.Gathering.Since)
	}
	return briefs
}

// take claims pushes for one message.
func (c *Claim) take(p *DeviceBudget, due []Due, orders []store.OrderBrief, g *store.Gathering, now time.Time) {
	o := store.Owed{Device: p.Device, Shop: p.Owner, Settings: p.Settings, Kind: due[0].Kind, Orders: orders, Gathered: g}
	var since time.Time
	if g != nil {
		since, o.Kind = g.Since, bellhop.PushOrderNew
	}
	for i, d := range due {
		c.Take = append(c.Take, Taken{ID: d.ID, From: d.Status, Gathered: since})
		o.Pushes = append(o.Pushes, d.ID)
		o.Attempt = max(o.Attempt, d.Attempts+1)
		o.Held = o.Held || orders[i].Held
		if first := orders[i].FirstAttemptAt; first.IsZero() || first.After(now) {
			orders[i].FirstAttemptAt = now
		}
	}
	c.Owed = append(c.Owed, o)
}
