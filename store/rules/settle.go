package rules

import (
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/driver"
)

// SettleBefore is what a store holds of what settlements name.
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

// Settling is what settlements change.
type Settling struct {
	Changes
	Retired []Retired
}

// Retired is a device that is out of use from now on.
type Retired struct {
	DeviceID int64
	Reason   string
	At       time.Time
}

// PlanSettle decides what the settlements of several callers change, each caller's all
// or none of them: the errors are theirs.
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

// settle decides about one settlement. What is final stays: another claimer, after the
// lease ran out, had the last word. Only that it was sent after all is worth knowing
// still. A device with another address by now stays in use.
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
