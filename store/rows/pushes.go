package rows

import (
	"strings"

	"bellhop"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/move"
	"bellhop/store/rules"
)

// OldestOwed is the query for it. A push that was not tried waits for its time, unless its
// service is in trouble; one of quiet hours does, too, while it is tried again.
const OldestOwed = `SELECT min(since) FROM (SELECT CASE WHEN reason = '` + store.ReasonQuietHours + `'
	OR attempts = 0 AND reason <> '` + store.ReasonServiceAway + `' THEN next_at ELSE created_at END AS since
	FROM pushes WHERE next_at IS NOT NULL UNION ALL SELECT created_at FROM fanouts
	UNION ALL SELECT ring_at FROM orders WHERE ring_at IS NOT NULL) owed`

// DeviceColumns are the columns for [Device], of the aliases d and s.
const DeviceColumns = `d.id, s.domain, d.person_id, d.installation, d.kind, d.value, d.platform, d.form, d.locale,
	d.timezone, d.added_at, d.seen_at, d.retired_at, d.retired_for, d.name, d.session_id`

// Device reads a device.
func Device[R Row](r R) bellhop.Device {
	return bellhop.Device{ID: r.Int(), Shop: r.Text(), PersonID: r.Int(), Installation: r.Text(),
		Kind: bellhop.AddressKind(r.Text()), Value: r.Text(), Platform: bellhop.Platform(r.Text()),
		Form: bellhop.Form(r.Text()), Locale: r.Text(), Timezone: r.Text(), AddedAt: r.Time(), SeenAt: r.Time(),
		RetiredAt: r.Time(), RetiredFor: r.Text(), Name: r.Text(), SessionID: r.Int()}
}

// allowanceColumns are the columns for allowance, of an alias d.
const allowanceColumns = `d.spent, d.rung, d.spent_at, d.gathered_orders, d.gathered_changes, d.gathered_total,
	d.gathered_currency, d.gathered_since`

func allowance[R Row](r R) rules.Allowance {
	a := rules.Allowance{Spent: r.Float(), Heard: r.Float(), At: r.Time()}
	g := store.Gathering{Orders: int(r.Int()), Changes: int(r.Int()), Total: Money(r, r.Text(), r.Text()),
		Since: r.Time()}
	if !g.Since.IsZero() {
		a.Gathering = &g
	}
	return a
}

// WholeDeviceColumns are the columns for [WholeDevice], of the aliases d and s.
const WholeDeviceColumns = DeviceColumns + `, d.free_at, ` + allowanceColumns

// WholeDevice reads a device with the rest of its budget.
func WholeDevice[R Row](r R) move.DeviceRow {
	return move.DeviceRow{Device: Device(r), FreeAt: r.Time(), Allowance: allowance(r)}
}

// BudgetColumns are the columns for [Budget], of the aliases d, s and p, the device's owner.
const BudgetColumns = DeviceColumns + `, s.added_at, s.disabled, s.own_secret_only, s.customer_in_push,
	s.last_event_at, s.last_signed_by, s.name, s.currency, s.timezone, s.plan, s.email, s.info_at, s.uninstalled_at,
	s.rota, ` +
	allowanceColumns + `, p.settings, (SELECT count(*) FROM devices x
	WHERE x.value = d.value AND x.kind = d.kind AND x.retired_at IS NULL)`

// Budget reads a device for a claim.
func Budget[R Row](r R) *rules.DeviceBudget {
	p := &rules.DeviceBudget{Device: Device(r)}
	p.Owner = bellhop.Shop{Domain: p.Shop, AddedAt: r.Time()}
	shopChanges(r, &p.Owner)
	p.Left, p.Settings, p.Shops = allowance(r), Settings(r), int(r.Int())
	return p
}

// Receiver reads a device's id, whose it is, when its budget has room again, and its owner's settings.
func Receiver[R Row](r R) rules.Receiver {
	return rules.Receiver{ID: r.Int(), Person: r.Int(), FreeAt: r.Time(), Settings: Settings(r)}
}

// PushColumns are the columns for [PushOf], of the aliases p, o and d.
const PushColumns = `p.id, o.order_id, o.name, p.device_id, d.installation, p.kind, p.status, p.attempts, p.reason,
	o.accepted_at, p.created_at, p.next_at, p.sent_at, p.received_at, p.opened_at`

// Tried says of a push that it was tried, also before somebody sent it again and its attempts began anew.
const Tried = `(attempts > 0 OR sent_at IS NOT NULL OR reason = '` + store.ReasonResent + `')`

// TestColumns are those for a push without an order.
const TestColumns = `p.id, 0, NULL, p.device_id, d.installation, p.kind, p.status, p.attempts, p.reason, NULL,
	p.created_at, p.next_at, p.sent_at, p.received_at, p.opened_at`

// PushOf reads a push of a shop.
func PushOf[R Row](shop string) func(R) bellhop.Push {
	return func(r R) bellhop.Push {
		return bellhop.Push{Shop: shop, ID: r.Int(), OrderID: r.Int(), OrderName: r.Text(), DeviceID: r.Int(),
			Installation: r.Text(), Kind: bellhop.PushKind(r.Text()), Status: bellhop.PushStatus(r.Text()),
			Attempts: int(r.Int()), Reason: r.Text(), AcceptedAt: r.Time(), CreatedAt: r.Time(), NextAt: r.Time(),
			SentAt: r.Time(), ReceivedAt: r.Time(), OpenedAt: r.Time()}
	}
}

// WholePushColumns are the columns for [WholePush], of the aliases p, s and o.
const WholePushColumns = `p.id, s.domain, o.order_id, p.device_id, p.kind, p.status, p.attempts, p.reason, p.created_at,
	p.next_at, p.sent_at, p.received_at, p.opened_at, p.first_attempt_at, p.gathered_since`

// WholePush reads a push with what a copy needs.
func WholePush[R Row](r R) move.PushRow {
	return move.PushRow{Push: bellhop.Push{ID: r.Int(), Shop: r.Text(), OrderID: r.Int(), DeviceID: r.Int(),
		Kind: bellhop.PushKind(r.Text()), Status: bellhop.PushStatus(r.Text()), Attempts: int(r.Int()), Reason: r.Text(),
		CreatedAt: r.Time(), NextAt: r.Time(), SentAt: r.Time(), ReceivedAt: r.Time(), OpenedAt: r.Time()},
		FirstAttemptAt: r.Time(), GatheredSince: r.Time()}
}

// FanOutColumns are the columns for [FanOut], of the aliases s, o and f.
const FanOutColumns = `s.domain, o.order_id, f.kind, f.after_id, f.last_id, f.created_at`

// FanOut reads a fan-out.
func FanOut[R Row](r R) move.FanOutRow {
	return move.FanOutRow{Shop: r.Text(), OrderID: r.Int(), Kind: bellhop.PushKind(r.Text()), After: r.Int(),
		Last: r.Int(), CreatedAt: r.Time()}
}

// DueColumns are the columns for [Due], of the aliases p and o, but for the last: the amount of the
// refund that the push is about, a space, and its currency.
const DueColumns = `p.id, p.shop_id, p.device_id, p.kind, p.status, p.attempts, p.created_at, p.gathered_since,
	p.reason, o.order_id, o.deleted, o.name, o.currency, o.total, coalesce(o.current_total, o.total),
	coalesce(o.pieces, o.lines), o.test, o.customer_name, o.trace_parent, o.accepted_at, p.first_attempt_at, ` +
	over + `, `

// over says why nobody has to be rung for an order any more; "" while somebody does.
const over = `CASE WHEN o.taken_by IS NOT NULL THEN '` + store.ReasonTaken + `' WHEN o.handling = 'handled' THEN '` +
	store.ReasonHandled + `' WHEN o.cancelled_at IS NOT NULL THEN '` + store.ReasonSince + `' END`

// Due reads a due push.
func Due[R Row](r R) rules.Due {
	d := rules.Due{ID: r.Int(), ShopID: r.Int(), DeviceID: r.Int(), Kind: bellhop.PushKind(r.Text()),
		Status: bellhop.PushStatus(r.Text()), Attempts: int(r.Int()), Created: r.Time(), Gathered: r.Time(),
		Reason: r.Text()}
	d.Order.ID, d.Deleted, d.Order.Name = r.Int(), r.Bool(), r.Text()
	currency := r.Text()
	d.Order.Total, d.Order.Current = Money(r, r.Text(), currency), Money(r, r.Text(), currency)
	d.Order.Pieces, d.Order.Test, d.Order.CustomerName = int(r.Int()), r.Bool(), r.Text()
	d.Order.TraceParent, d.Order.AcceptedAt, d.Order.FirstAttemptAt = r.Text(), r.Time(), r.Time()
	d.Over = r.Text()
	amount, in, _ := strings.Cut(r.Text(), " ")
	d.Order.Refunded, _ = driver.ReadMoney(amount, in) // an unreadable one only decorates
	return d
}

// Owed reads a push that the rules may end.
func Owed[R Row](r R) *rules.Push {
	return &rules.Push{ID: r.Int(), Shop: r.Int(), Order: r.Int(), Device: r.Int(), Status: bellhop.PushStatus(r.Text()),
		Final: r.Bool()}
}
