package rows

import (
	"strconv"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/driver"
	"bellhop/store/move"
	"bellhop/store/rules"
)

// An order's columns as it is saved: its state, its content, and what is set once when it came.
const (
	StateColumns = `deleted, version_updated_at, version_triggered_at, version_hash, edit_at, refund_at, refund_id,
		history, redacted_at, redacted_for`
	ContentColumns = `placed_at, placed_offset, updated_at, updated_offset, cancelled_at, name, number, currency, total,
		presentment_currency, presentment_total, customer_name, customer_email, note, financial_status, fulfillment_status,
		test, lines, created_at, created_offset, current_total, pieces, details`
	TraceColumns = `handling, triggered_at, accepted_at, recorded_at, trace_parent, found`
)

// OrderColumns are the columns for [OrderOf], of a table or alias o, but for the last: when
// the first of its pushes was sent.
const OrderColumns = `o.order_id, o.version_updated_at, o.version_triggered_at, o.version_hash, o.edit_at, o.refund_at,
	o.handling, o.placed_at, o.placed_offset, o.updated_at, o.updated_offset, o.cancelled_at, o.name, o.number,
	o.currency, o.total, o.presentment_currency, o.presentment_total, o.customer_name, o.customer_email, o.note,
	o.financial_status, o.fulfillment_status, o.test, coalesce(o.created_at, o.placed_at),
	coalesce(o.created_offset, o.placed_offset), coalesce(o.current_total, o.total), coalesce(o.pieces, o.lines),
	o.triggered_at, o.accepted_at, o.recorded_at, o.trace_parent, o.found, o.redacted_at, o.redacted_for,
	o.taken_by, o.taken_at, (SELECT tp.email FROM people tp JOIN memberships tm ON tm.person_id = tp.id
	WHERE tp.id = o.taken_by AND tm.shop_id = o.shop_id), `

// OrderOf reads a shop's order without its documents and pushes.
func OrderOf[R Row](shop string) func(R) bellhop.Order {
	return func(r R) bellhop.Order { return order(r, shop) }
}

// OrderOfAny is OrderOf for a row that begins with the shop's domain.
func OrderOfAny[R Row](r R) bellhop.Order {
	shop := r.Text()
	return order(r, shop)
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
	seenIn, seen := r.Text(), r.Text()
	if m := Money(r, seen, seenIn); seenIn != "" {
		o.Presentment = &m
	}
	o.CustomerName, o.CustomerEmail, o.Note = r.Text(), r.Text(), r.Text()
	o.FinancialStatus, o.FulfillmentStatus, o.Test = r.Text(), r.Text(), r.Bool()
	o.CreatedAt = driver.Zoned(r.Time(), r.Int())
	o.Current, o.Pieces = Money(r, r.Text(), currency), r.Int()
	o.Trace = bellhop.Trace{TriggeredAt: r.Time(), AcceptedAt: r.Time(), RecordedAt: r.Time(), TraceParent: r.Text(),
		Found: r.Text()}
	o.RedactedAt, o.RedactedFor = r.Time(), r.Text()
	if t := (bellhop.Taken{By: r.Int(), At: r.Time(), Email: r.Text()}); t.By != 0 {
		o.Taken = &t
	}
	o.Trace.PushedAt = r.Time()
	return o
}

// LoadedColumns are the columns for [State], of an order.
const LoadedColumns = `deleted, version_updated_at, version_triggered_at, version_hash, edit_at, refund_at, refund_id,
	CAST(history AS text), redacted_at, redacted_for, financial_status, cancelled_at IS NOT NULL,
	` + TakingColumns

// State reads what the rules know of an order.
func State[R Row](r R) (s rules.State) {
	s.Deleted = r.Bool()
	s.Version = bellhop.Version{UpdatedAt: r.Time(), TriggeredAt: r.Time(), Hash: uint64(r.Int())}
	s.EditedAt, s.RefundedAt, s.RefundID, s.History = r.Time(), r.Time(), r.Int(), History(r)
	s.RedactedAt, s.RedactedFor = r.Time(), r.Text()
	s.Paid, s.Cancelled = (&bellhop.Order{FinancialStatus: r.Text()}).WasPaid(), r.Bool()
	s.Taking = Taking(r)
	return s
}

// TakingColumns are the columns for [Taking], of an order.
const TakingColumns = `taken_by, taken_at, taking, ring_at`

// Taking reads who has an order, and how far its rings have come.
func Taking[R Row](r R) *rules.Taking {
	by, at, kept, due := r.Int(), r.Time(), r.Text(), r.Time()
	t, err := rules.ReadTaking(kept, by, at, due)
	r.Fail(err)
	return t
}

// StepColumns are the columns for [Steps], of an alias o: what was done, and the addresses of the shop's people.
const StepColumns = `o.taking, CASE WHEN o.taking IS NOT NULL THEN (SELECT string_agg(tp.id || ' ' || tp.email, ',')
	FROM memberships tm JOIN people tp ON tp.id = tm.person_id WHERE tm.shop_id = o.shop_id) END`

// Steps reads what was done so that somebody has an order.
func Steps[R Row](r R) []bellhop.RotaStep {
	t, err := rules.ReadTaking(r.Text(), 0, time.Time{}, time.Time{})
	r.Fail(err)
	email := map[string]string{}
	for one := range strings.SplitSeq(r.Text(), ",") {
		id, address, _ := strings.Cut(one, " ")
		email[id] = address
	}
	if t == nil {
		return nil
	}
	for i := range t.Steps {
		t.Steps[i].Email = email[strconv.FormatInt(t.Steps[i].Person, 10)]
	}
	return t.Steps
}

// ItemColumns are the columns for [Item], of a table or alias i.
const ItemColumns = `i.item_id, i.title, i.variant, i.sku, i.quantity, i.price`

// Item reads a line of an order that was recorded before orders had details.
func Item[R Row](r R) bellhop.Item {
	it := bellhop.Item{ID: r.Int(), Title: r.Text(), Variant: r.Text(), SKU: r.Text(), Quantity: r.Int(),
		Price: bellhop.Amount(r.Text())}
	it.Current = it.Quantity
	return it
}

// Details reads an order's details; none of one that was recorded before orders had them.
func Details[R Row](r R) bellhop.Details {
	d, err := driver.ReadDetails(r.Text())
	r.Fail(err)
	return d
}

// History reads an order's history.
func History[R Row](r R) bellhop.History {
	h, err := driver.ReadHistory(r.Text())
	r.Fail(err)
	return h
}

// WholeOrderColumns are the columns for [WholeOrder], of the aliases o and s.
const WholeOrderColumns = `s.domain, o.deleted, o.placed_at IS NOT NULL, CAST(o.details AS text),
	CAST(o.history AS text), o.refund_id, o.taken_by, o.taken_at, o.taking, o.ring_at, ` + OrderColumns + `NULL`

// WholeOrder reads all of an order but the lines of one that was recorded before orders had
// details.
func WholeOrder[R Row](r R) (row move.OrderRow) {
	row.Shop, row.State.Deleted = r.Text(), r.Bool()
	whole, details := r.Bool(), Details(r)
	row.State.History, row.State.RefundID, row.State.Taking = History(r), r.Int(), Taking(r)
	o := order(r, row.Shop)
	row.ID, row.State.Version = o.ID, o.Version
	row.State.EditedAt, row.State.RefundedAt = o.EditedAt, o.RefundedAt
	row.State.RedactedAt, row.State.RedactedFor = o.RedactedAt, o.RedactedFor
	if whole {
		o.Details = details
		o.Version, o.EditedAt, o.RefundedAt = bellhop.Version{}, time.Time{}, time.Time{}
		o.RedactedAt, o.RedactedFor, o.Taken = time.Time{}, "", nil
		row.Order = &o
	}
	return row
}

// HeadColumns are the columns for [Head], of an alias o.
const HeadColumns = `o.order_id, coalesce(o.created_at, o.placed_at), o.updated_at, o.version_triggered_at,
	CAST(o.details ->> 'schema' AS bigint), o.deleted`

// Head reads what tells whether an order has to be compared.
func Head[R Row](r R) store.OrderHead {
	return store.OrderHead{ID: r.Int(), CreatedAt: r.Time(), UpdatedAt: r.Time(), SaidAt: r.Time(),
		Schema: int(r.Int()), Deleted: r.Bool()}
}
