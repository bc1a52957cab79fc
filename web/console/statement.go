package console

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"bellhop"
	"bellhop/statement"
	"bellhop/web"
)

// statementView is a month of a shop: what Shopify has beside what is here.
type statementView struct {
	*frame
	sentence
	Month        string
	Older, Newer string // addresses; "" for none
	How, Connect string // how the shop is connected, and where by a click
	Rang         []string
	Clock        string // that days are on
	Columns      []string
	Days         []dayRow
	Notes        []string
	CSV, JSON    string // addresses of files, for operators
	Facts        []fact
}

// sentence is what an owner wants to know.
type sentence struct {
	Words, More string
	Class       string // of the card
}

// Width is how many columns the table has.
func (s *statementView) Width() int { return len(s.Columns) + 2 }

func (c *Console) showStatement(v *visit) error {
	v.At, v.Every = "shop", statementEvery
	if v.who.Operator() {
		v.At = "shops"
	}
	m, err := c.month(v)
	if err != nil {
		return err
	}
	conn, err := c.connectionOf(v.Context(), v.Shop)
	if err != nil {
		return err
	}
	view := &statementView{frame: &v.frame, sentence: v.sentence(m), Month: v.Locale.Month(m.From), Notes: v.notes(m),
		Clock: m.Zone.String()}
	if m.Verdict() == web.VerdictNotConnected {
		view.How, view.Connect = c.again(v, conn)
	}
	view.Older, view.Newer = v.months(m)
	if view.Days, err = v.dayRows(m); err != nil {
		return err
	}
	for _, one := range v.cells(&statement.Total{}) {
		view.Columns = append(view.Columns, one.Label)
	}
	t := m.Total()
	if t.Rung > 0 {
		view.Rang = append(view.Rang, v.N("statement.rung", t.Rung))
	}
	view.Rang = append(view.Rang, v.quiet(t.Quiet)...)
	if v.who.Operator() {
		month := m.From.Format("2006-01")
		view.CSV = v.Path("/statement.csv", "month", month)
		view.JSON = v.Path("/v1/statement", "month", month, "hours", "true")
		view.Facts = v.compared(&m.State)
	}
	return c.show(v, "statement", view)
}

// statementEvery is how often the page reloads, in seconds.
const statementEvery = 60

func (c *Console) month(v *visit) (*web.Month, error) {
	return web.ReadMonth(v.Context(), c.Store, v.Shop, v.URL.Query().Get("month"), c.Now())
}

// downloadStatement answers with the closed hours of a month as CSV.
func (c *Console) downloadStatement(v *visit) error {
	m, err := c.month(v)
	if err != nil {
		return err
	}
	out := &download{w: v.w, rc: http.NewResponseController(v.w),
		name: fmt.Sprintf("statement-%s-%s.csv", strings.TrimSuffix(v.Shop, ".myshopify.com"), m.From.Format("2006-01"))}
	return statement.WriteCSV(out, m.Closed)
}

// months links to the month before, as far as there is something to say of it, and to the one after.
func (v *visit) months(m *web.Month) (older, newer string) {
	first, all := m.State.From, false
	for _, w := range []bellhop.Walk{m.State.Backfilled, m.State.Backfill} {
		if w.Running() && w.From.Before(first) {
			first, all = w.From, w.From.IsZero()
		}
	}
	if all {
		first = time.Date(web.FirstYear, 1, 1, 0, 0, 0, 0, m.Zone)
	}
	if m.From.After(first) && !first.IsZero() {
		older = v.Path("/statement", "month", m.From.AddDate(0, -1, 0).Format("2006-01"))
	}
	if m.To.Before(m.Now) {
		newer = v.Path("/statement", "month", m.To.Format("2006-01"))
	}
	return older, newer
}

// sentence says whether all orders of a month are here.
func (v *visit) sentence(m *web.Month) (s sentence) {
	ago := v.ago(m.State.CheckedAt, m.Now)
	t := m.Total()
	values := []any{"Month", v.Locale.Month(m.From), "Ago", ago, "Since", v.Moment(m.State.From)}
	switch m.Verdict() {
	case web.VerdictNotConnected:
		return sentence{v.T("statement.notConnected"), "", "unsure"}
	case web.VerdictBefore:
		return sentence{v.T("statement.before", values...), "", ""}
	case web.VerdictNotChecked:
		s = sentence{v.T("statement.notChecked", "When", v.Moment(web.LastCompared(&m.State))),
			v.refusal(web.NotChecked(&m.State, m.Now)), "bad"}
		if t.Here > 0 && !m.State.CheckedAt.IsZero() {
			s.More += " " + v.N("statement.until", t.Here)
		}
		return s
	case web.VerdictNotYet:
		return sentence{v.T("statement.notYet"), "", "unsure"}
	case web.VerdictPartly:
		return sentence{v.unchecked(m), v.T("statement.checked", values...), "bad"}
	case web.VerdictMissing:
		return sentence{v.N("statement.missing", m.Missing(), values...), v.T("statement.checked", values...), "bad"}
	}
	s.Class = "good"
	switch since := m.State.From.After(m.From); {
	case m.More:
		s.Words = v.N("statement.more", t.Here, values...)
	case t.Here == 0:
		s.Words = v.T("statement.none", values...)
	case since:
		s.Words = v.N("statement.allSince", t.Here, values...)
	default:
		s.Words = v.N("statement.all", t.Here, values...)
	}
	return s
}

// ago says how long ago something was.
func (v *visit) ago(at, now time.Time) string {
	past := max(time.Second, now.Sub(at))
	span := v.Span(past)
	if past < 10*time.Second { // nobody asks for hundredths
		span = v.T("span.seconds", "N", v.Number(int(past.Seconds())))
	}
	return v.T("statement.ago", "Span", span)
}

// notes are what else there is to say of a month.
func (v *visit) notes(m *web.Month) (notes []string) {
	s := &m.State
	if m.From.Before(s.From) && !s.From.IsZero() {
		notes = append(notes, v.fetchedThen(m)...)
	}
	if never := v.unchecked(m); never != "" && m.Verdict() != web.VerdictPartly { // it says so
		notes = append(notes, never)
	}
	if s.Reason != "" && web.NotChecked(s, m.Now) == "" {
		notes = append(notes, v.T("statement.notToTheEnd", "When", v.Moment(s.Since), "Why", v.refusal(s.Reason)))
	}
	if !v.who.Operator() {
		return notes
	}
	for _, hour := range s.Altered {
		if !hour.Before(m.From) && hour.Before(m.To) {
			notes = append(notes, v.T("statement.altered", "When", v.When(hour.In(m.Zone)), "Shop", v.Shop))
		}
	}
	return notes
}

// unchecked says which hours of a month were never compared, the first of them and how many times more; "" for none.
func (v *visit) unchecked(m *web.Month) (words string) {
	all := m.Unchecked()
	if len(all) == 0 {
		return ""
	}
	words = v.T("statement.unchecked", "From", v.When(all[0].From.In(m.Zone)), "To", v.When(all[0].To.In(m.Zone)))
	if n := len(all) - 1; n > 0 {
		words += " " + v.N("statement.uncheckedMore", n)
	}
	return words
}

// fetchedThen says what of a month was fetched when the shop was connected.
func (v *visit) fetchedThen(m *web.Month) []string {
	w := &m.State.Backfilled
	switch {
	case m.State.Backfill.Running():
		return []string{v.backfilling(&m.State)}
	case !w.Running():
		return []string{v.T("statement.notFetched")}
	case !m.To.After(w.From):
		return []string{v.T("statement.fetchedLater", "From", v.Date(w.From.In(m.Zone)))}
	}
	return []string{v.backfilled(m.State.BackfilledAt, w)}
}

// backfilled says what a backfill did.
func (v *visit) backfilled(at time.Time, w *bellhop.Walk) string {
	words := "backfill.doneAll"
	if !w.From.IsZero() {
		words = "backfill.done"
	}
	return v.N(words, w.Seen, "When", v.Moment(at), "From", v.Moment(w.From), "Found", v.Number(w.Found))
}

// backfilling says how far a backfill is.
func (v *visit) backfilling(s *bellhop.Reconciliation) string {
	w := &s.Backfill
	values := []any{"Total", v.Number(w.Total), "Found", v.Number(w.Found), "When", v.Moment(w.StartedAt)}
	switch {
	case w.Bulk != "":
		return v.N("backfill.bulk", w.BulkRead, values...)
	case w.Total == 0:
		return v.N("backfill.seen", w.Seen, values...)
	}
	return v.N("backfill.running", w.Seen, values...)
}

// compared are how far a shop was compared with Shopify, and what that costs.
func (v *visit) compared(s *bellhop.Reconciliation) (facts []fact) {
	add := func(label, value string, bad bool) {
		if value != "" {
			facts = append(facts, fact{Label: v.T(label), Value: value, Bad: bad})
		}
	}
	if s.From.IsZero() {
		return nil
	}
	add("compared.checked", v.Moment(s.CheckedAt), false)
	add("compared.closed", v.Moment(s.ClosedTo), false)
	add("compared.swept", v.Moment(s.SweptAt), false)
	if w := &s.Older; w.Running() {
		add("compared.older", v.N("compared.olderSeen", w.Seen, "Day", v.Date(v.In(w.Place))), false)
	} else if !s.OlderTo.IsZero() {
		add("compared.older", v.T("compared.olderRests", "Day", v.Date(v.In(s.OlderTo))), false)
	}
	if n := len(s.Pending); n > 0 {
		add("compared.pending", v.Number(n), false)
	}
	left := 0
	for _, h := range s.Hours {
		left += h.Left
	}
	if left > 0 {
		add("compared.left", v.Number(left), false)
	}
	if n := len(s.Altered); n > 0 {
		add("compared.altered", v.N("compared.hours", n), true)
	}
	if !s.RequestsOn.IsZero() {
		add("compared.asked", v.N("compared.requests", s.Requests, "Points", v.Number(s.Points),
			"Day", v.Date(s.RequestsOn.UTC())), false)
	}
	return facts
}
