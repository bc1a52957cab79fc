package console

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
)

// ordersView is the list of orders.
type ordersView struct {
	*frame
	listing
	Q    string
	Show string // which choice is on
	Rows []orderRow
	Form *filterForm
	// Waiting is where an export of a customer's data is that nobody fetched; "" for none.
	Waiting string
}

// orderRow is an order in the list.
type orderRow struct {
	setting
	Name, Customer, Total string // Total is what it comes to now
	Pieces                string
	Placed                time.Time
	PlacedWords           string
	Label                 string // of its handling
	Paid                  string
	Cancelled, Test       string // words; "" when it is not
	Notified              string // how long from accepted to pushed; "" when it was not
	Late                  string // the same when that was late; "" when it was not
	URL                   string
}

var orderChoices = []choice[string]{{"", "orders.all"}, {"new", "orders.new"}, {"seen", "orders.seen"},
	{"handled", "orders.handled"}, {"cancelled", "orders.cancelled"}}

// askedOrders is what somebody asks of the list.
type askedOrders struct {
	query  store.OrderQuery
	filter web.OrderFilter
	pairs  []string // of the filter, for addresses of the same list
	show   string   // which choice is on
}

// askedOrders reads the query of a page of the list. The store refuses invalid values.
func (v *visit) askedOrders() (a askedOrders, err error) {
	if a.pairs, err = web.ReadQuery(v.dated(v.URL.Query()), &a.filter); err != nil {
		return a, err
	}
	a.query = a.filter.Query(50, v.URL.Query().Get("cursor"))
	switch a.show = v.URL.Query().Get("show"); a.show {
	case "", "all":
		a.show = ""
	case "cancelled":
		a.query.Cancelled = true
	default:
		a.query.Handling = []bellhop.Handling{bellhop.Handling(a.show)}
	}
	return a, nil
}

func (c *Console) showOrders(v *visit) error {
	v.At = "orders"
	a, err := v.askedOrders()
	if err != nil {
		return err
	}
	if err := v.live(c); err != nil {
		return err
	}
	page, err := c.Store.Orders(v.Context(), v.Shop, a.query)
	if err != nil {
		return err
	}
	waiting, err := c.waitingExport(v)
	if err != nil {
		return err
	}
	return c.show(v, "orders", &ordersView{
		frame: &v.frame, Waiting: waiting,
		listing: listed(v, "/", "show", orderChoices, a.show, a.query.Cursor, page.Next, a.pairs...),
		Q:       a.query.Text, Show: a.show, Form: v.filterForm(&a), Rows: web.Each(page.Orders, v.orderRow),
	})
}

func (v *visit) orderRow(o *bellhop.Order) orderRow {
	row := orderRow{
		setting: setting{o.ID, o.Handling, bellhop.HandlingHandled},
		Name:    cmp.Or(o.Name, web.ID(o.ID)), Customer: o.CustomerName,
		Total: v.Money(o.Current), Pieces: v.pieces(o.Pieces), Placed: o.PlacedAt, PlacedWords: v.Moment(o.PlacedAt),
		Label: v.T("handling." + string(o.Handling)), Paid: v.label("paid.", o.FinancialStatus),
		URL: v.Path("/orders/" + web.ID(o.ID)),
	}
	if v.masks() && row.Customer != "" {
		row.Customer = masked
	}
	if !o.RedactedAt.IsZero() {
		row.Customer = v.T("orders.redacted")
	}
	if !o.CancelledAt.IsZero() {
		row.Cancelled = v.T("order.cancelled")
	}
	if o.Test {
		row.Test = v.T("order.test")
	}
	if o.Handling == bellhop.HandlingHandled {
		row.To = bellhop.HandlingNew
	}
	if t := o.Trace; !t.PushedAt.IsZero() {
		row.Notified, row.Late = v.Span(t.PushedAt.Sub(t.AcceptedAt)), v.late(t.AcceptedAt, t.PushedAt)
	}
	return row
}

// setting changes an order's handling from Was to To. Pages write it as ID.was.to.
type setting struct {
	ID      int64
	Was, To bellhop.Handling
}

func (s setting) String() string { return web.ID(s.ID) + "." + string(s.Was) + "." + string(s.To) }

// Picked is the setting without To, which a button of the form adds.
func (s setting) Picked() string { return web.ID(s.ID) + "." + string(s.Was) }

// MarshalText and UnmarshalText write and read what String does.
func (s setting) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s *setting) UnmarshalText(b []byte) (err error) {
	*s, err = parseSetting(string(b))
	return err
}

func parseSetting(text string) (s setting, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return s, bellhop.Invalidf("order", "an order is set by ID.was.to")
	}
	if s.ID, err = web.ParseID(parts[0], "order"); err != nil {
		return s, err
	}
	if s.Was, err = bellhop.ParseHandling(parts[1]); err == nil {
		s.To, err = bellhop.ParseHandling(parts[2])
	}
	return s, err
}

// settings reads which orders to set: the one with the button, or all that are selected.
func (v *visit) settings() (all []web.HandlingChange, err error) {
	texts := slices.Clone(v.PostForm["set"])
	if len(texts) == 0 {
		for _, picked := range v.PostForm["order"] {
			texts = append(texts, picked+"."+v.PostForm.Get("to"))
		}
	}
	if len(texts) > web.MaxHandlings {
		return nil, bellhop.Invalidf("order", "at most %d orders are set at once", web.MaxHandlings)
	}
	for _, text := range texts {
		s, err := parseSetting(text)
		if err != nil {
			return nil, err
		}
		all = append(all, web.HandlingChange(s))
	}
	return all, nil
}

// doneWords say how orders were set.
var doneWords = map[bellhop.Handling]string{
	bellhop.HandlingNew: "orders.doneNew", bellhop.HandlingSeen: "orders.doneSeen",
	bellhop.HandlingHandled: "orders.doneHandled",
}

// setHandling is the form of the list and of an order.
func (c *Console) setHandling(v *visit) error {
	all, err := v.settings()
	if err != nil || len(all) == 0 {
		if err == nil {
			err = v.back(c, nil)
		}
		return err
	}
	done, kept := &notice{Say: doneWords[all[0].To]}, &notice{Say: "orders.meanwhile", Bad: true}
	results, err := web.SetHandlings(v.Context(), c.Store, v.Shop, all, c.Now())
	if err == nil && len(all) == 1 && bellhop.KindOf(results[0].Err) == bellhop.NotFound {
		err = results[0].Err
	}
	if err != nil {
		return err
	}
	for _, r := range results {
		switch {
		case r.Err == nil:
			done.N++
			if v.PostForm.Get("undo") == "" {
				done.Undo = append(done.Undo, setting{r.ID, r.To, r.Was})
			}
		case bellhop.KindOf(r.Err) == bellhop.Conflict:
			kept.N++
			kept.Order, kept.Now = r.Order.Name, r.Order.Handling
		}
	}
	if kept.N == 1 {
		kept.Say, kept.N = "orders.meanwhileOne", 0
	}
	if kept.Order != "" {
		kept.Undo = done.Undo
		done = kept
	}
	return v.back(c, done)
}
