package console

import (
	"cmp"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
)

// pushesView is the delivery log.
type pushesView struct {
	*frame
	listing
	Rows     []pushRow
	Filtered bool
}

// pushRow is one push in the log.
type pushRow struct {
	ID       int64
	Order    string
	OrderURL string
	About    string // what happened
	Device   string
	Status   bellhop.PushStatus
	Label    string
	Late     string // how late it was sent; "" when it was not
	Reason   string
	Attempts string // "" for one
	At       time.Time
	When     string
	Receipt  string // what the phone reported
}

var pushChoices = []choice[bellhop.PushStatus]{
	{"", "pushes.all"}, {bellhop.PushSent, "push.sent"}, {bellhop.PushPending, "push.pending"},
	{bellhop.PushSending, "push.sending"}, {bellhop.PushUnknown, "push.unknown"}, {bellhop.PushFailed, "push.failed"},
	{bellhop.PushSkipped, "push.skipped"}}

func (c *Console) showPushes(v *visit) (err error) {
	v.At = "pushes"
	asked := v.URL.Query()
	status := bellhop.PushStatus(asked.Get("status"))
	if status != "" {
		if status, err = bellhop.ParsePushStatus(string(status)); err != nil {
			return err
		}
	}
	if err := v.live(c); err != nil {
		return err
	}
	q := store.PushQuery{Limit: 50, Cursor: asked.Get("cursor"), Status: status}
	page, err := c.Store.Pushes(v.Context(), v.Shop, q)
	if err != nil {
		return err
	}
	return c.show(v, "pushes", &pushesView{
		frame: &v.frame, listing: listed(v, "/pushes", "status", pushChoices, status, q.Cursor, page.Next),
		Rows: web.Each(page.Pushes, v.pushRow), Filtered: status != "" || q.Cursor != "",
	})
}

// occasions are words for what pushes are about.
var occasions = map[bellhop.PushKind]string{
	bellhop.PushOrderNew: "pushes.new", bellhop.PushOrderPaid: "pushes.paid",
	bellhop.PushOrderCancelled: "pushes.cancelled", bellhop.PushOrderRefunded: "pushes.refunded",
	bellhop.PushOrderRing: "pushes.ring",
	bellhop.PushTest:      "push.testTitle",
}

// lateAfter is how long after its order a push is late: longer than people call "at once".
const lateAfter = 5 * time.Second

// late is the time between two moments in words, or "" if it is short or has no end.
func (f *frame) late(from, to time.Time) string {
	if to.Sub(from) <= lateAfter || from.IsZero() {
		return ""
	}
	return f.T("push.late", "Span", f.Span(to.Sub(from)))
}

func (v *visit) pushRow(p *bellhop.Push) pushRow {
	occasion, _ := p.Kind.Split()
	row := pushRow{ID: p.ID, About: v.T(occasions[occasion]), Device: v.device(p),
		Order: cmp.Or(p.OrderName, web.ID(p.OrderID)), OrderURL: v.Path("/orders/" + web.ID(p.OrderID)),
		Status: p.Status, Label: v.T("push." + string(p.Status)), Reason: v.reason(p.Reason), At: p.CreatedAt}
	if !p.SentAt.IsZero() {
		row.At = p.SentAt
		from := p.CreatedAt // the order changed then
		if p.Kind == bellhop.PushOrderNew {
			from = p.AcceptedAt
		}
		row.Late = v.late(from, p.SentAt)
	}
	row.When = v.Moment(row.At)
	if p.Attempts > 1 {
		row.Attempts = v.N("pushes.attempts", p.Attempts)
	}
	switch {
	case !p.OpenedAt.IsZero():
		row.Receipt = v.T("push.opened", "Time", v.Seconds(v.In(p.OpenedAt)))
	case !p.ReceivedAt.IsZero():
		row.Receipt = v.T("push.received", "Time", v.Seconds(v.In(p.ReceivedAt)))
	}
	return row
}

// device is where a push went: to no device if the shop had none, or if its order was to ring nobody.
func (v *visit) device(p *bellhop.Push) string {
	switch {
	case p.Installation != "":
		return p.Installation
	case p.Reason == store.ReasonOld, p.Reason == store.ReasonCancelled, p.Reason == store.ReasonBackfill:
		return v.T("app.none")
	}
	return v.T("pushes.noDevice")
}

// reason says in words why a push has its status.
func (f *frame) reason(code string) string {
	if cause, gaveUp := strings.CutPrefix(code, "gave_up: "); gaveUp {
		return f.T("reason.gave_up", "Reason", f.label("reason.", cause))
	}
	return f.label("reason.", code)
}
