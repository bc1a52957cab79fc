package rows

import (
	"time"

	"bellhop"
	"bellhop/store/driver"
	"bellhop/store/move"
)

// An order's columns as it is saved: its state, its content, and what is set once when it came.
const (
	StateColumns = `deleted, version_updated_at, version_triggered_at, version_hash, edit_at, edit_id, refund_at,
		refund_id`
	ContentColumns = `placed_at, placed_offset, updated_at, updated_offset, cancelled_at, name, number, currency, total,
		presentment_currency, presentment_total, customer_name, customer_email, note, financial_status, fulfillment_status,
		test, lines`
	TraceColumns = `handling, triggered_at, accepted_at, recorded_at, trace_parent`
)

// OrderColumns are the columns for [OrderOf], of a table or alias o, but for the last: when
// the first of its pushes was sent.
const OrderColumns = `o.order_id, o.version_updated_at, o.version_triggered_at, o.version_hash, o.edit_at, o.refund_at,
	o.handling, o.placed_at, o.placed_offset, o.updated_at, o.updated_offset, o.cancelled_at, o.name, o.number,
	o.currency, o.total, o.presentment_currency, o.presentment_total, o.customer_name, o.customer_email, o.note,
	o.financial_status, o.fulfillment_status, o.test, o.triggered_at, o.accepted_at, o.recorded_at, o.trace_parent, `

// OrderOf reads a shop's order without its items and pushes.
func OrderOf[R Row](shop string) func(R) bellhop.Order {
	return func(r R) bellhop.Order { return order(r, shop) }
}

func order[R Row](r R, shop string) (o bellhop.Order) {
	o.Shop, o.ID = shop, r.Int()
	o.Version = bellhop.Version{UpdatedAt: r.Time(), TriggeredAt: r.Time(), Hash: uint64(r.Int())}
	o.EditedAt, o.RefundedAt = r.Time(), r.Time()
	o.Handling = bellhop.Handling(r.Text())
	o.PlacedAt = driver.Zoned(r.Time(), r.Int())
	o.UpdatedAt = driver.Zoned(r.Time(), r.Int())
	o.CancelledAt = r.Time()
	o.Name, o.Number = r.Text(), r.Int()
	currency, total := r.Text(), r.Text()
	o.Total = Money(r, total, currency)
	currency, total = r.Text(), r.Text()
	if seen := Money(r, total, currency); currency != "" {
		o.Presentment = &seen
	}
	o.CustomerName, o.CustomerEmail, o.Note = r.Text(), r.Text(), r.Text()
	o.FinancialStatus, o.FulfillmentStatus, o.Test = r.Text(), r.Text(), r.Bool()
	o.Trace = bellhop.Trace{TriggeredAt: r.Time(), AcceptedAt: r.Time(), RecordedAt: r.Time(), TraceParent: r.Text(),
		PushedAt: r.Time()}
	return o
}

// ItemColumns are the columns for [Item], of a table or alias i, but for the last: the order's
// currency.
const ItemColumns = `i.item_id, i.title, i.variant, i.sku, i.quantity, i.price, `

// Item reads a line of an order.
func Item[R Row](r R) bellhop.Item {
	i := bellhop.Item{ID: r.Int(), Title: r.Text(), Variant: r.Text(), SKU: r.Text(), Quantity: r.Int()}
	i.Price = Money(r, r.Text(), r.Text())
	return i
}

// Touch reads the time and the id of the last touch of a kind.
func Touch[R Row](r R, kind bellhop.TouchKind) bellhop.Touch {
	t := bellhop.Touch{At: r.Time(), ID: r.Int()}
	if t != (bellhop.Touch{}) {
		t.Kind = kind
	}
	return t
}

// WholeOrderColumns are the columns for [WholeOrder], of the aliases o and s.
const WholeOrderColumns = `s.domain, o.edit_at, o.edit_id, o.refund_at, o.refund_id, o.deleted,
	o.placed_at IS NOT NULL, ` + OrderColumns + `NULL`

// WholeOrder reads all of an order but its items.
func WholeOrder[R Row](r R) (row move.OrderRow) {
	row.Shop = r.Text()
	row.State.Edit, row.State.Refund = Touch(r, bellhop.TouchEdit), Touch(r, bellhop.TouchRefund)
	row.State.Deleted = r.Bool()
	whole := r.Bool()
	o := order(r, row.Shop)
	if row.ID, row.State.Version = o.ID, o.Version; whole {
		o.Version, o.EditedAt, o.RefundedAt = bellhop.Version{}, time.Time{}, time.Time{}
		row.Order = &o
	}
	return row
}
