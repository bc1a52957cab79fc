package rules

import (
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/driver"
)

// SettleBefore holds the stored pushes and devices that settlements name.
type SettleBefore struct {
	Pushes  map[int64]*Push
	Devices map[int64]*Address // that a settlement may retire
	Owed    []*Push            // to Devices
}

// Address is a device as settling sees it.
type Address struct {
	Value string
	InUse bool
}

// Settling holds the changes of settlements.
type Settling struct {
	Changes
	Retired []Retired
}

// Retired is a device that is no longer in use.
type Retired struct {
	DeviceID int64
	Reason   string
	At       time.Time
}

// PlanSettle decides the changes of several callers' settlements, all or none of each
// caller's. It returns an error for each caller.
func PlanSettle(before SettleBefore, callers ...[]store.Settled) (*Settling, []error) {
	s := &Settling{}
	errs := make([]error, len(callers))
	for i, all := range callers {
		if errs[i] = before.missing(all); errs[i] == nil {
			for k := range all {
				s.settle(before, &all[k])
			}
		}
	}
	for _, r := range s.Retired {
		for _, p := range before.Owed {
			if p.Device != r.DeviceID {
				continue
			}
			if settled := before.Pushes[p.ID]; settled != nil {
				p = settled
			}
			s.Skip([]*Push{p}, store.ReasonDeviceRetired, r.At)
		}
	}
	return s, errs
}

func (b SettleBefore) missing(all []store.Settled) error {
	for _, one := range all {
		for _, id := range one.Pushes {
			if b.Pushes[id] == nil {
				return driver.NotFound("push")
			}
		}
	}
	return nil
}

// settle decides about one settlement. A final status stays, since another claimer had the
// last word after the lease ran out; only sent replaces it. A device with a new address
// stays in use.
func (s *Settling) settle(before SettleBefore, one *store.Settled) {
	for _, id := range one.Pushes {
		p := before.Pushes[id]
		switch {
		case p.Final && (one.Status != bellhop.PushSent || p.Status == bellhop.PushSent):
		case one.RetryAt.IsZero():
			s.end(p, one.Status, one.Reason, one.At)
		default:
			s.set(p, PushChange{Status: one.Status, Reason: one.Reason, Next: one.RetryAt})
			s.Wake = true
		}
	}
	if r := one.Retire; r != nil {
		if d := before.Devices[r.DeviceID]; d != nil && d.InUse && d.Value == r.Value {
			d.InUse = false
			s.Retired = append(s.Retired, Retired{r.DeviceID, r.Reason, one.At})
		}
	}
}

// Resendable reports whether a push that has ended may be sent again.
func Resendable(s bellhop.PushStatus) bool {
	return s == bellhop.PushFailed || s == bellhop.PushUnknown || s == bellhop.PushSkipped
}
