package console

import (
	"time"

	"bellhop"
	"bellhop/web"
)

// comparedView says on a shop's page how far it was compared with Shopify.
type comparedView struct {
	sentence
	URL, Link string // of the month's statement
	Facts     []fact
	Backfill  string // how far it is, or what the newest one did; "" for none
	Seen, Of  int    // while it runs; Of is 0 where nobody knows
	Paused    string // since when, and why
}

func (c *Console) comparedView(v *visit) (*comparedView, error) {
	m, err := web.ReadMonth(v.Context(), c.Store, v.Shop, "", c.Now())
	if err != nil {
		return nil, err
	}
	s := &m.State
	view := &comparedView{sentence: v.sentence(m), URL: v.Path("/statement"), Link: v.T("compared.statement")}
	if v.who.Operator() {
		view.Facts = v.compared(s)
	}
	w := &s.Backfill
	switch {
	case w.Running():
		v.Every = backfillEvery
		view.Backfill, view.Seen, view.Of = v.backfilling(s), w.Seen, w.Total
		if w.Bulk != "" {
			view.Seen = w.BulkRead
		}
		if s.Reason != "" {
			view.Paused = v.T("backfill.paused", "When", v.Moment(s.Since), "Why", v.refusal(s.Reason))
		}
	case s.WantsBackfill():
		v.Every = backfillEvery
		view.Backfill = v.T("backfill.soon")
	case !s.BackfilledAt.IsZero():
		view.Backfill = v.backfilled(s.BackfilledAt, &s.Backfilled)
	}
	return view, nil
}

// backfillEvery is how often the page of a shop reloads during a backfill, in seconds.
const backfillEvery = 5

// comparedFact says in a line how far a shop was compared.
func (v *visit) comparedFact(s *bellhop.Reconciliation, now time.Time) fact {
	f := fact{Label: v.T("compared.title"), Value: v.Moment(s.CheckedAt)}
	switch why := web.NotChecked(s, now); {
	case why != "":
		f.Value, f.Bad = v.T("statement.notChecked", "When", v.Moment(web.LastCompared(s)))+" "+v.refusal(why), true
	case s.Missing() > 0:
		f.Value, f.Bad = v.N("statement.missing", s.Missing()), true
	case s.CheckedAt.IsZero():
		f.Value = v.T("statement.notYet")
	}
	return f
}
