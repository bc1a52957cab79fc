package console

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"bellhop"
	"bellhop/statement"
	"bellhop/web"
)

// dayRow is a day, or an hour of one.
type dayRow struct {
	Key, Label, URL string
	Cells           []cell
	Badge, State    string
	Quiet           []string // why orders of an opened day rang nobody
	Hours           []dayRow
}

// cell is a figure below a heading.
type cell struct {
	Label, Value, More string
	Bad                bool
}

// Nothing reports whether a phone can leave the cell out.
func (c cell) Nothing() bool { return c.Value == "0" || c.Value == "" }

// dayRows lists the days of a month, and the hours of the one that is asked for.
func (v *visit) dayRows(m *web.Month) (rows []dayRow, err error) {
	var opened time.Time
	if day := v.URL.Query().Get("day"); day != "" {
		if opened, err = time.ParseInLocation(time.DateOnly, day, m.Zone); err != nil {
			return nil, bellhop.Invalidf("day", "give a day such as %s", m.From.Format(time.DateOnly))
		}
	}
	days := m.Days()
	for i := range days {
		d := &days[i]
		key := d.At.Format(time.DateOnly)
		row := dayRow{Key: key, Label: v.Date(d.At), Cells: v.cells(&d.Total)}
		row.Badge, row.State = v.dayState(d)
		if v.who.Operator() && !d.Closed {
			row.Cells[0] = v.soFar(m, row.Cells[0], d)
		}
		month := m.From.Format("2006-01")
		if d.Here > 0 || d.Shopify > 0 {
			row.URL = v.Path("/statement", "month", month, "day", key)
		}
		if d.At.Equal(opened) {
			row.URL = v.Path("/statement", "month", month)
			row.Quiet, row.Hours = v.quiet(d.Quiet), v.hourRows(m, d.At)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// soFar is Shopify's figure of a day whose hours are not all closed.
func (v *visit) soFar(m *web.Month, c cell, d *web.Day) cell {
	if d.Shopify == 0 {
		c.Value = ""
		return c
	}
	c.More = v.T("statement.untilTime", "Time", v.Time(m.State.ClosedTo.In(m.Zone)))
	return c
}

// dayState says whether all orders of a day are here.
func (v *visit) dayState(d *web.Day) (badge, words string) {
	switch {
	case d.Closed && d.Here < d.Shopify:
		return "bad", v.N("statement.lacks", d.Shopify-d.Here)
	case d.Closed && d.Here == 0:
		return "", v.T("statement.noOrders")
	case d.Closed:
		return "push-sent", v.T("statement.allHere")
	}
	return "", v.T("statement.open")
}

func (v *visit) hourRows(m *web.Month, day time.Time) (rows []dayRow) {
	closed, open := m.HoursOf(day)
	for _, s := range slices.Backward(append(closed, open...)) {
		d := web.Day{Closed: s.Number > 0, Total: statement.Sum([]bellhop.Statement{s})}
		row := dayRow{Label: v.Time(s.From.In(m.Zone)) + " – " + v.Time(s.To.In(m.Zone)), Cells: v.cells(&d.Total)}
		row.Badge, row.State = v.dayState(&d)
		if v.who.Operator() {
			row.late(v, &s)
			row.Quiet = v.quiet(s.Quiet)
		}
		rows = append(rows, row)
	}
	return rows
}

// late adds to an hour's row how late its webhooks were.
func (r *dayRow) late(v *visit, s *bellhop.Statement) {
	i := slices.IndexFunc(r.Cells, func(c cell) bool { return c.Label == v.T("statement.slowest") })
	if s.Webhook > 0 && i >= 0 {
		r.Cells[i].More = v.T("statement.usual", "P50", v.Span(s.P50), "P99", v.Span(s.P99))
	}
}

// cells are the figures of some hours: all for operators, and for owners what matters to them.
func (v *visit) cells(t *statement.Total) []cell {
	one := func(words string, n int, bad bool) cell {
		return cell{Label: v.T(words), Value: v.Number(n), Bad: bad}
	}
	rung, quiet := one("statement.rang", t.Rung, false), one("statement.silent", t.Here-t.Rung, false)
	if !v.who.Operator() {
		return []cell{one("statement.orders", t.Here, false), rung, quiet}
	}
	shopify := one("statement.shopify", t.Shopify, false)
	if t.Shopify < 0 {
		shopify.Value = ""
	}
	slowest := cell{Label: v.T("statement.slowest")}
	if t.Webhook > 0 {
		slowest.Value = v.Span(t.Worst)
	}
	return []cell{shopify, one("statement.here", t.Here, t.Here < t.Shopify), one("statement.differed", t.Differed, false),
		one("statement.webhook", t.Webhook, false), slowest, one("statement.found", t.Reconciled, false),
		one("statement.fetched", t.Backfill, false), rung, quiet}
}

// quiet says of how many orders nobody was told and why, the most frequent reason first.
func (v *visit) quiet(reasons map[string]int) (all []string) {
	names := slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(reasons[b], reasons[a]), cmp.Compare(a, b))
	})
	for _, name := range names {
		all = append(all, v.N("statement.quiet", reasons[name], "Why", v.whyQuiet(name)))
	}
	return all
}

// whyQuiet says in words why nobody was rung for an order.
func (v *visit) whyQuiet(reason string) string {
	switch reason {
	case "gave_up":
		return v.T("statement.gaveUp")
	case "unnamed":
		return v.T("statement.unnamed")
	case string(bellhop.PushPending), string(bellhop.PushSending), string(bellhop.PushFailed):
		return v.label("push.", reason)
	}
	return v.reason(reason)
}
