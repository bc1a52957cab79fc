package main

import (
	"fmt"
	"slices"
	"time"

	"bellhop"
	"bellhop/reconcile"
	"bellhop/web"
	"bellhop/wire"
)

const (
	comparedShops = 20 // doctor names the shops that were compared the longest ago
	// openTooLong is the age of an hour that needs somebody if it is not closed. A quiet shop's day is closed as a whole,
	// up to 18 minutes after its end.
	openTooLong = 26 * time.Hour
)

// compared says how far each connected shop was compared with Shopify, and what is wrong.
func compared(j *job, p *wire.Parts) (found []wire.Finding, err error) {
	all, err := p.Store.Reconciliations(j.ctx, time.Time{}, 0)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(s bellhop.Reconciliation) bool { return s.From.IsZero() })
	slices.SortStableFunc(all, func(a, b bellhop.Reconciliation) int { return a.CheckedAt.Compare(b.CheckedAt) })
	var well []bellhop.Reconciliation
	for i := range all {
		more := comparison(&all[i], j.now())
		if len(more) == 0 {
			well = append(well, all[i])
		}
		found = append(found, more...)
	}
	for i := range well[:min(len(well), comparedShops)] {
		found = append(found, wire.OK("compared", howFar(&well[i])))
	}
	if n := len(well) - comparedShops; n > 0 {
		found = append(found, wire.OK("compared", plural(n, "more shop")+" with Shopify since "+
			when(well[comparedShops].CheckedAt)+" UTC"))
	}
	return found, nil
}

// howFar says how far a shop was compared.
func howFar(s *bellhop.Reconciliation) string {
	words := s.Shop + " with Shopify for the first time: under way"
	if !s.CheckedAt.IsZero() {
		words = fmt.Sprintf("%s with Shopify at %s, hours closed until %s UTC", s.Shop, when(s.CheckedAt), when(s.ClosedTo))
	}
	if w := &s.Backfill; w.Running() {
		words += fmt.Sprintf("; backfill since %s: %d of %d seen", when(w.StartedAt), max(w.Seen, w.BulkRead), w.Total)
	}
	return words
}

// comparison reports what is wrong with a shop's; nothing if it is well, or if the app was removed on purpose.
func comparison(s *bellhop.Reconciliation, now time.Time) (found []wire.Finding) {
	warn := func(fix, format string, values ...any) {
		found = append(found, wire.Warn("compared", fmt.Sprintf(format, values...), fix))
	}
	switch reason := web.NotChecked(s, now); {
	case reason == reconcile.ReasonUninstalled:
		return nil
	case reason != "":
		warn(reasonAdvice(reason), "%s was not compared with Shopify since %s UTC: %s", s.Shop,
			when(web.LastCompared(s)), reason)
	case s.Reason != "":
		warn(reasonAdvice(s.Reason), "%s is not compared to the end since %s UTC: %s", s.Shop, when(s.Since), s.Reason)
	}
	if now.Sub(s.ClosedTo) > openTooLong {
		left := 0
		for _, h := range s.Hours {
			left += h.Left
		}
		warn("bellhop statement --shop "+s.Shop+" --hours shows them; see bellhop dead ls for events of orders that it found",
			"hours of %s from %s UTC on are not closed: %s left in them", s.Shop, when(s.ClosedTo), plural(left, "difference"))
	}
	for _, never := range s.Unchecked {
		warn("with the scope read_all_orders, bellhop shop backfill "+s.Shop+" fetches what was missed then",
			"hours of %s from %s to %s UTC were never checked", s.Shop, when(never.From), when(never.To))
	}
	if n := again(s); n > 0 {
		warn("see bellhop dead ls, and the worker's log", "%s of %s found and not recorded, although sent again",
			plural(n, "order"), s.Shop)
	}
	if n := len(s.Altered); n > 0 {
		found = append(found, wire.Fail("compared", fmt.Sprintf("lines of the ledger were altered in %s of %s, such as that "+
			"from %s UTC, or a backup was restored", plural(n, "closed hour"), s.Shop, when(s.Altered[0])),
			"bellhop verify --db --shop "+s.Shop+" names the lines; doctor names an hour for 30 days"))
	}
	return found
}

// again counts the orders that were sent to the queue more than once.
func again(s *bellhop.Reconciliation) (n int) {
	for _, p := range s.Pending {
		if p.Tries > 1 {
			n++
		}
	}
	return n
}

func reasonAdvice(reason string) string {
	if reason == web.ReasonNotRunning {
		return "start bellhop serve or bellhop worker, or look into its log"
	}
	return reconcile.Advice(reason)
}
