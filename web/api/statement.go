package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bellhop"
	"bellhop/events"
	"bellhop/statement"
	"bellhop/web"
)

// Statement says of a month of a shop what Shopify has beside what is here.
type Statement struct {
	Shop        string           `json:"shop" example:"demo.myshopify.com"`
	Month       string           `json:"month" example:"2026-11"`
	Timezone    string           `json:"timezone" example:"Asia/Seoul" doc:"Of the shop: the month and its days are those of its clock. An hour belongs to the day that it begins in."`
	From        time.Time        `json:"from"`
	To          time.Time        `json:"to"`
	Verdict     string           `json:"verdict" enum:"all_here,missing,not_checked,partly_checked,not_yet,before,not_connected" doc:"all_here: all that Shopify shows of the month since the shop was connected is here. missing: some orders are not here yet, and being fetched. not_checked: nobody can tell since checked_at, for the reason. partly_checked: some hours were never compared, and the app may no longer see their orders. not_yet: the first comparison is under way. before: the shop was connected later. not_connected: nobody connected it."`
	Missing     int              `json:"missing" doc:"Orders that Shopify has and that are not here, as far as anybody knows."`
	Since       *time.Time       `json:"since" doc:"From when on each order is accounted for: when the shop was first connected. null if nobody connected it."`
	CheckedAt   *time.Time       `json:"checked_at" doc:"When the shop was last compared with Shopify."`
	ClosedTo    *time.Time       `json:"closed_to" doc:"All hours before it are closed: all of their orders were compared, and no difference was left."`
	Reason      string           `json:"reason" example:"access_revoked" doc:"Why the shop is not compared, or not to the end: a stable code. Empty while it is."`
	ReasonSince *time.Time       `json:"reason_since" doc:"Since when."`
	Total       StatementTotal   `json:"total" doc:"With the orders of open hours, but for shopify."`
	More        bool             `json:"more" doc:"There are more orders in the open hours than were counted."`
	Days        []StatementDay   `json:"days" nullable:"false" doc:"Since the shop was connected, the newest first."`
	Hours       *[]StatementHour `json:"hours,omitempty" doc:"With hours=true: the hours in which something was, by time. The closed ones are signed statements."`
}

// StatementTotal adds up hours. Orders count where they were created.
type StatementTotal struct {
	Shopify    int            `json:"shopify" doc:"Orders that Shopify has, in the closed hours."`
	Here       int            `json:"here" doc:"Orders that bellhop has."`
	Differed   int            `json:"differed" doc:"How many were missing or different when they were compared for the first time."`
	Webhook    int            `json:"webhook" doc:"Of here: a webhook brought them first."`
	Backfill   int            `json:"backfill" doc:"Of here: fetched by a backfill."`
	Reconciled int            `json:"reconciled" doc:"Of here: found later, when the shop was compared."`
	WorstUS    int64          `json:"worst_us" doc:"Of the slowest by webhook: from its creation to its record, in microseconds."`
	Rung       int            `json:"rung" doc:"Orders with a push that was sent, or perhaps was."`
	Quiet      map[string]int `json:"quiet" nullable:"false" doc:"The other orders, by the reason why nobody was told."`
}

// StatementDay is a day on the shop's clock.
type StatementDay struct {
	Day    string `json:"day" format:"date" example:"2026-11-12"`
	Closed bool   `json:"closed" doc:"All of its hours are."`
	StatementTotal
}

// StatementHour is an hour, or several of one day in UTC of which nothing was in any but the last.
type StatementHour struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Number int64     `json:"number" doc:"Of the statement in the shop's chain; 0 for an open hour. Of an hour that was stated again it is the newest."`
	StatementTotal
	P50US     int64      `json:"p50_us" doc:"Half of the orders by webhook were recorded so many microseconds after their creation, or sooner."`
	P99US     int64      `json:"p99_us"`
	CheckedAt *time.Time `json:"checked_at" doc:"When its orders were compared."`
	Hash      string     `json:"hash" doc:"Of the statement; empty for an open hour. bellhop verify checks it."`
}

// Comparison is how far a shop was compared with Shopify.
type Comparison struct {
	CheckedAt    *time.Time `json:"checked_at" doc:"When it was last compared: what changed before is here, but for on_their_way."`
	ClosedTo     *time.Time `json:"closed_to" doc:"All hours before it are closed: see GET /v1/statement."`
	SweptAt      *time.Time `json:"swept_at" doc:"When all orders of the last days were last compared whole, at night."`
	Reason       string     `json:"reason" example:"queue_behind" doc:"Why it is not compared, or not to the end: a stable code. Empty while it is."`
	ReasonSince  *time.Time `json:"reason_since"`
	Missing      int        `json:"missing" doc:"Orders that Shopify has and that are not here yet."`
	OnTheirWay   int        `json:"on_their_way" doc:"Orders that were fetched and are not recorded yet, for whatever difference."`
	Backfill     Backfill   `json:"backfill"`
	BackfilledAt *time.Time `json:"backfilled_at" doc:"When the newest backfill ended; backfill is that one unless it is running."`
	Requests     int        `json:"requests" doc:"That all of this took of the Admin API on the latest day (UTC)."`
	Points       int        `json:"points" doc:"Of the shop's budget that these cost."`
}

// Backfill fetches the orders that were there before bellhop was.
type Backfill struct {
	Running   bool       `json:"running"`
	StartedAt *time.Time `json:"started_at"`
	From      *time.Time `json:"from" doc:"Orders that were created from then on; null for all."`
	Total     int        `json:"total" doc:"Orders that Shopify counts; 0 while unknown."`
	Seen      int        `json:"seen"`
	Found     int        `json:"found" doc:"Of these, how many were missing here."`
}

func comparisonShape(s *bellhop.Reconciliation) Comparison {
	w := &s.Backfill
	if !w.Running() {
		w = &s.Backfilled
	}
	return Comparison{CheckedAt: events.AtUTC(s.CheckedAt), ClosedTo: events.AtUTC(s.ClosedTo),
		SweptAt: events.AtUTC(s.SweptAt), Reason: s.Reason, ReasonSince: events.AtUTC(s.Since), Missing: s.Missing(),
		OnTheirWay: len(s.Pending), BackfilledAt: events.AtUTC(s.BackfilledAt), Requests: s.Requests, Points: s.Points,
		Backfill: Backfill{Running: s.Backfill.Running(), StartedAt: events.AtUTC(w.StartedAt),
			From: events.AtUTC(w.From), Total: w.Total, Seen: max(w.Seen, w.BulkRead), Found: w.Found}}
}

func totalShape(t *statement.Total) StatementTotal {
	quiet := t.Quiet
	if quiet == nil {
		quiet = map[string]int{}
	}
	return StatementTotal{Shopify: max(0, t.Shopify), Here: t.Here, Differed: t.Differed, Webhook: t.Webhook,
		Backfill: t.Backfill, Reconciled: t.Reconciled, WorstUS: t.Worst.Microseconds(), Rung: t.Rung, Quiet: quiet}
}

func statementShape(m *web.Month, hours bool) Statement {
	s, t := &m.State, m.Total()
	out := Statement{Shop: m.Shop.Domain, Month: m.From.Format("2006-01"), Timezone: m.Zone.String(), From: m.From,
		To: m.To, Verdict: string(m.Verdict()), Missing: m.Missing(), Since: events.AtUTC(s.From),
		CheckedAt: events.AtUTC(s.CheckedAt), ClosedTo: events.AtUTC(s.ClosedTo), Reason: s.Reason,
		ReasonSince: events.AtUTC(s.Since), Total: totalShape(&t), More: m.More, Days: []StatementDay{}}
	if m.Verdict() == web.VerdictNotChecked {
		out.Reason = web.NotChecked(s, m.Now)
	}
	for _, d := range m.Days() {
		out.Days = append(out.Days, StatementDay{d.At.Format(time.DateOnly), d.Closed, totalShape(&d.Total)})
	}
	if hours {
		all := append(web.Each(m.Closed, hourShape), web.Each(m.Open, hourShape)...)
		out.Hours = &all
	}
	return out
}

func hourShape(s *bellhop.Statement) StatementHour {
	t := statement.Sum([]bellhop.Statement{*s})
	h := StatementHour{From: s.From.UTC(), To: s.To.UTC(), Number: s.Number, StatementTotal: totalShape(&t),
		P50US: s.P50.Microseconds(), P99US: s.P99.Microseconds(), CheckedAt: events.AtUTC(s.CheckedAt)}
	if s.Number > 0 {
		h.Hash = s.Hash.String()
	}
	return h
}

type getStatement struct {
	ShopParam
	Month string `query:"month" maxLength:"7" example:"2026-11" doc:"On the shop's clock; the one that is under way if it is missing."`
	Hours bool   `query:"hours" doc:"List the hours, too."`
}

type statementBody struct{ Body Statement }

func (a *API) registerStatement() {
	register(a, "get-statement", "GET /v1/statement", huma.Operation{
		Summary: "Get whether all orders of a month are here",
		Description: "What Shopify has of a shop's orders beside what bellhop has, by day and, with hours=true, by hour: " +
			"how they came, how late, whom they rang and why others did not ring. It is for everybody of the shop, and " +
			"has no personal data. bellhop statement --out has the same statements with their signatures, for bellhop verify.",
	}, about(a.getStatement))
}

func (a *API) getStatement(ctx context.Context, who web.Principal, in *getStatement) (*statementBody, error) {
	m, err := web.ReadMonth(ctx, a.Store, who.Shop, in.Month, a.Now())
	if err != nil {
		return nil, err
	}
	return &statementBody{statementShape(m, in.Hours)}, nil
}
