package statement

import (
	"context"
	"time"

	"bellhop"
	"bellhop/store"
)

// Of returns all statements that a query finds, in the order of their numbers.
func Of(ctx context.Context, from store.Statements, q store.StatementQuery) (all []bellhop.Statement, err error) {
	for q.Limit = 200; ; {
		page, err := from.Statements(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < q.Limit {
			return all, nil
		}
		q.After = page[len(page)-1].Number
	}
}

// ChainOf returns a shop's chain with all statements.
func ChainOf(ctx context.Context, from store.Statements, shop string) (*Chain, error) {
	all, err := Of(ctx, from, store.StatementQuery{Shop: shop})
	if err != nil {
		return nil, err
	}
	c := &Chain{Shop: shop, Whole: true, Statements: all}
	c.Lines = func(i int) ([]byte, error) {
		lines, err := from.StatementLines(ctx, shop, c.Statements[i].Number)
		if bellhop.KindOf(err) == bellhop.NotFound {
			return nil, nil
		}
		return lines, err
	}
	return c, nil
}

// Within leaves out the statements of a chain before and behind all those of a time. Between them may be some of other
// times: an hour may be stated again much later.
func (c *Chain) Within(from, to time.Time) *Chain {
	first, last := -1, -1
	for i := range c.Statements {
		if s := &c.Statements[i]; s.From.Before(to) && s.To.After(from) {
			if last = i; first < 0 {
				first = i
			}
		}
	}
	part := &Chain{Shop: c.Shop, Keys: c.Keys}
	if first >= 0 {
		part.Statements = c.Statements[first : last+1]
		part.Lines = func(i int) ([]byte, error) { return c.Lines(first + i) }
	}
	return part
}

// Lines returns the ledger's lines of a shop's events whose ids begin with a time at or after from and before to, as a
// statement covers them.
func Lines(ctx context.Context, of store.Statements, shop string, from, to time.Time) (lines []byte, err error) {
	var after bellhop.EventID
	for {
		page, err := of.LedgerStamps(ctx, shop, from, to, after, store.FatesMost)
		if err != nil {
			return nil, err
		}
		for _, l := range page {
			lines = AppendLine(lines, l)
			after = l.Event
		}
		switch {
		case len(page) < store.FatesMost:
			return lines, nil
		case len(lines) > store.MaxStatementLines*bellhop.StampBytes:
			return nil, tooMany()
		}
	}
}
