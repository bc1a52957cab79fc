package rows

import (
	"bellhop"
	"bellhop/store/rules"
)

// DueRings is a condition for orders whose step is due: two times follow, now and one that is too far away to be meant.
const (
	DueRings = `ring_at IS NOT NULL AND (ring_at <= `
	OrBeyond = ` OR ring_at > `
)

// RingingColumns are the columns for [Ringing], of an alias o, but for the first: its row.
const RingingColumns = `o.shop_id, o.order_id, o.currency, o.total, o.handling, o.cancelled_at IS NOT NULL, o.taken_by,
	o.taken_at, o.taking, o.ring_at`

// Ringing reads an order whose step is due.
func Ringing[R Row](r R) *rules.Ringing {
	o := &rules.Ringing{}
	o.Row, o.Shop, o.ID = r.Int(), r.Int(), r.Int()
	currency := r.Text()
	o.Total = Money(r, r.Text(), currency)
	o.Handled, o.Cancelled = bellhop.Handling(r.Text()) == bellhop.HandlingHandled, r.Bool()
	o.State.Taking = Taking(r)
	return o
}

// Member reads somebody of a shop, by their id and settings.
func Member[R Row](r R) rules.OnRota {
	return rules.OnRota{ID: r.Int(), Duty: bellhop.Duty{Settings: Settings(r)}}
}

// DutyDeviceColumns are the columns for [DutyDevice], of an alias d.
const DutyDeviceColumns = `d.id, d.person_id, d.free_at, d.timezone`

// DutyDevice reads a device of a person.
func DutyDevice[R Row](r R) rules.DutyDevice {
	return rules.DutyDevice{Receiver: rules.Receiver{ID: r.Int(), Person: r.Int(), FreeAt: r.Time()}, Timezone: r.Text()}
}
