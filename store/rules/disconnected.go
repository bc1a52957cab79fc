package rules

import (
	"slices"
	"time"

	"bellhop"
	"bellhop/store"
)

// Disconnects reports whether a change of a connection is the moment in which Shopify's access is lost: the shop's
// owners are told, once for each loss.
func Disconnects(was, is bellhop.AccessState) bool {
	return is == bellhop.AccessLost && was != bellhop.AccessLost
}

// disconnected claims the push about a lost connection: by itself, since it counts with no orders, and whatever the
// owner's settings say. It has its part of the push service's budget, and waits while the service is in trouble.
func (c *Claim) disconnected(p *DeviceBudget, all []Due, now time.Time, gate store.Gate) []Due {
	i := slices.IndexFunc(all, func(d Due) bool { return d.Kind == bellhop.PushDisconnected })
	if i < 0 { // there is one for a device at the most
		return all
	}
	due, rest := all[i:i+1:i+1], slices.Delete(slices.Clone(all), i, i+1)
	if gate != nil {
		if most, until := gate.Admit(p.Device, now); most == 0 {
			c.hold(due, until, now)
			return rest
		}
	}
	left := p.Left.refill(p.budget(), p.Settings.Budget(), now)
	if float64(p.budget().Burst)-left.Spent < 1 {
		c.Postpone = append(c.Postpone, Later{Due: due[0], Until: p.FreeAt()})
		return rest
	}
	left.Spent++
	p.Left, c.Spent = left, true
	c.take(p, due, p.briefs(due), nil, now)
	return rest
}
