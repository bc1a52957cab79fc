package console

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
)

// ledgerView lists the events and their outcomes.
type ledgerView struct {
	*frame
	listing
	Find, Outcome string
	Rows          []lineRow
}

type lineRow struct {
	EventID, Shop, Topic, WebhookID string
	Outcome                         bellhop.Outcome
	Label, Reason                   string
	Order, OrderURL                 string // "" when it is about none
	DeadURL                         string // of the dead letter; "" for others
	At                              time.Time
	When                            string
}

var lineChoices = []choice[bellhop.Outcome]{
	{"", "ledger.all"}, {bellhop.OutcomeRecorded, "outcome.recorded"}, {bellhop.OutcomeDuplicate, "outcome.duplicate"},
	{bellhop.OutcomeStale, "outcome.stale"}, {bellhop.OutcomeSkipped, "outcome.skipped"},
	{bellhop.OutcomeDead, "outcome.dead"}}

func (c *Console) showLedger(v *visit) error {
	v.At = "ledger"
	asked := v.URL.Query()
	view := &ledgerView{frame: &v.frame, Find: strings.TrimSpace(asked.Get("find")), Outcome: asked.Get("outcome")}
	q := store.LineQuery{Limit: 50, Cursor: asked.Get("cursor"), Outcome: bellhop.Outcome(view.Outcome)}
	find(&q, view.Find)
	if view.Outcome != "" && !v.Has("outcome."+view.Outcome) {
		return bellhop.Invalidf("outcome", "there is no such outcome")
	}
	page, err := c.Store.Lines(v.Context(), q)
	if err == nil && len(page.Lines) == 0 && q.WebhookID != "" {
		q.OrderName, q.WebhookID = q.WebhookID, "" // a shop may call its orders anything
		page, err = c.Store.Lines(v.Context(), q)
	}
	if err != nil {
		return err
	}
	view.Rows = web.Each(page.Lines, v.lineRow)
	view.listing = listed(v, "/ledger", "outcome", lineChoices, q.Outcome, q.Cursor, page.Next, "find", view.Find)
	return c.show(v, "ledger", view)
}

// shortID is below every id of Shopify's orders: a smaller number is an order's name without
// its #.
const shortID = 1_000_000_000

// find narrows the ledger by what somebody typed: an order's id or name, or a webhook's id,
// with or without a shop.
func find(q *store.LineQuery, text string) {
	words := strings.Fields(text)
	for i, word := range words {
		if shop, err := bellhop.ParseShopDomain(word); err == nil {
			q.Shop = shop
			text = strings.Join(slices.Delete(words, i, i+1), " ")
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case strings.HasPrefix(text, "#"):
		q.OrderName = text
	case err == nil && n >= shortID:
		q.OrderID = n
	case err == nil && n > 0:
		q.OrderName = "#" + text
	default:
		q.WebhookID = text
	}
}

// why translates the code of a reason. What it names, such as fields, stays as it is.
func (v *visit) why(reason string) string {
	code, names := bellhop.ReasonParts(reason)
	words := v.label("why.", code)
	if names == "" || words == code {
		return v.label("why.", reason)
	}
	return words + ": " + names
}

func (v *visit) lineRow(l *store.Line) lineRow {
	e := &l.Event
	row := lineRow{EventID: e.ID.String(), Shop: e.Shop, Topic: e.Topic, WebhookID: e.WebhookID, Outcome: l.Outcome,
		Label: v.label("outcome.", string(l.Outcome)), Reason: v.why(l.Reason),
		At: e.AcceptedAt, When: v.Moment(e.AcceptedAt)}
	if l.OrderID != 0 {
		row.Order, row.OrderURL = web.ID(l.OrderID), withQuery("/orders/"+web.ID(l.OrderID), "shop", e.Shop)
	}
	if l.Outcome == bellhop.OutcomeDead {
		row.DeadURL = "/dead/" + row.EventID
	}
	return row
}
