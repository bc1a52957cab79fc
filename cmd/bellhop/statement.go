package main

import (
	"crypto/ed25519"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"bellhop"
	"bellhop/events"
	"bellhop/statement"
	"bellhop/store"
	"bellhop/store/sealed"
	"bellhop/web"
	"bellhop/wire"
)

type statementCmd struct {
	Show statementShowCmd `cmd:"" default:"withargs" help:"Show hour by hour what Shopify has of a shop and what is here." example:"bellhop statement --shop demo.myshopify.com --month 2026-11\nbellhop statement --shop demo.myshopify.com --out demo-2026-11-30.jsonl"`
	Key  statementKeyCmd  `cmd:"" help:"Print the public key that checks statements: keep it elsewhere." example:"bellhop statement key >statements.pub"`
}

type statementShowCmd struct {
	wire.Storage
	Shop  string `name:"shop" required:"" placeholder:"DOMAIN" help:"The statements' shop."`
	Month string `name:"month" placeholder:"MONTH" help:"Only this month, in UTC, such as 2026-11."`
	Hours bool   `name:"hours" help:"Show each hour, not each day."`
	Out   string `name:"out" placeholder:"FILE" xor:"form" help:"Write a new file with the statements and their lines, for bellhop verify."`
	CSV   bool   `name:"csv" xor:"form" help:"Print each hour as CSV for spreadsheets."`
	JSON  bool   `name:"json" xor:"form" help:"Print JSON instead of a table."`
}

func (statementShowCmd) Help() string {
	return `bellhop closes an hour once it compared all of the shop's orders that were created in it. SHOPIFY is how many
Shopify has, HERE how many bellhop has, DIFFERED how many of them were missing or different when they were compared for
the first time. A webhook brought them first, or they were FETCHED by a backfill, or FOUND LATER by a comparison
(backfill and reconciled in files). SLOWEST is the longest time from an order to its record, of those by webhook
(worst_us in files). RUNG had a push; the others did not for a reason: --hours shows it.

Keep a file of --out elsewhere from time to time: with it bellhop verify finds out if somebody who has the database and
its key made the statements anew. See docs/statements.md.`
}

// asked is what a command wants of a shop.
type asked struct {
	shop     string
	from, to time.Time // zero: all
	state    bellhop.Reconciliation
	all      []bellhop.Statement // of this time, by number
}

func (c *statementShowCmd) Run(j *job) error {
	a, err := c.asked()
	if err != nil {
		return err
	}
	return j.unsealed(&c.Storage, false, func(s store.Store, keys sealed.Keys) error {
		if a.state, err = s.Reconciliation(j.ctx, a.shop); err != nil {
			return noShop(err, a.shop)
		}
		if c.Out != "" {
			return a.write(j, s, keys, c.Out)
		}
		a.all, err = statement.Of(j.ctx, s, store.StatementQuery{Shop: a.shop, From: a.from, To: a.to})
		switch {
		case err != nil:
			return err
		case c.CSV:
			return statement.WriteCSV(j.out, statement.Latest(a.all))
		case c.JSON:
			return j.json(a.json(j.now()))
		}
		return a.table(j, c.Hours)
	})
}

func (c *statementShowCmd) asked() (a asked, err error) {
	if a.shop, err = bellhop.ParseShopDomain(c.Shop); err != nil || c.Month == "" {
		return a, err
	}
	if a.from, err = time.Parse("2006-01", c.Month); err != nil || a.from.Year() < web.FirstYear {
		return a, bellhop.Invalidf("month", "--month %q is not a month since %d: give one such as 2026-11",
			bellhop.Clip(c.Month, 40), web.FirstYear)
	}
	a.to = a.from.AddDate(0, 1, 0)
	return a, nil
}

// write writes the statements as a file.
func (a *asked) write(j *job, s store.Store, keys sealed.Keys, path string) error {
	c, err := statement.ChainOf(j.ctx, s, a.shop)
	if err != nil {
		return err
	}
	if !a.from.IsZero() {
		c = c.Within(a.from, a.to)
	}
	if len(c.Statements) == 0 {
		return bellhop.Errorf(bellhop.NotFound, "no_statements", "there is nothing to write: %s", a.none())
	}
	key, err := sealed.PublicKey(j.ctx, s, keys)
	if err != nil {
		return err
	}
	c.Keys = statement.Keys{statement.KeyID(key): key}
	err = newFile(path, func(to io.Writer) error { return statement.Write(to, c) })
	return j.said(err, "Wrote %s to %s. bellhop verify %[2]s --key %s checks it.",
		plural(len(c.Statements), "statement"), path, statement.KeyText(key))
}

// none says why there are no statements.
func (a *asked) none() string {
	switch {
	case !a.from.IsZero():
		return "no hour of this month is closed"
	case a.state.From.IsZero():
		return "the hours of " + a.shop + " are stated once it is connected: bellhop shop connect " + a.shop
	}
	return "no hour of " + a.shop + " is closed yet"
}

func (a *asked) table(j *job, byHour bool) error {
	none := "There are no statements: " + a.none() + "."
	const came = "SHOPIFY\tHERE\tDIFFERED\tWEBHOOK\tFETCHED\tFOUND LATER\t"
	head, rows := "DAY (UTC)\tHOURS\t"+came+"SLOWEST\tRUNG\tOTHERS", a.days()
	if byHour {
		head = "FROM (UTC)\tTO\t" + came + "P50\tP99\tSLOWEST\tRUNG\tOTHERS\tSTATEMENT"
		rows = a.hours()
	}
	if err := j.table(jsonFlag{}, nil, none, head, rows); err != nil {
		return err
	}
	if len(rows) > 0 {
		j.say("")
		j.say("%s", a.verdict(j.now()))
	}
	for _, line := range a.checked(j.now()) {
		j.say("%s", line)
	}
	return nil
}

func (a *asked) days() (rows [][]string) {
	for _, d := range statement.Days(a.all) {
		rows = append(rows, append([]string{d.Day.Format(time.DateOnly), strconv.Itoa(d.Hours)},
			append(counts(d.Shopify, d.Here, d.Differed, d.Webhook, d.Backfill, d.Reconciled),
				short(d.Worst), strconv.Itoa(d.Rung), strconv.Itoa(d.Here-d.Rung))...))
	}
	return rows
}

func (a *asked) hours() (rows [][]string) {
	for _, s := range statement.Latest(a.all) {
		from, to, _ := strings.Cut(strings.TrimSuffix(statement.Span(s.From, s.To), " UTC"), " to ")
		rows = append(rows, append([]string{from, to},
			append(counts(s.Shopify, s.Here, s.Differed, s.Webhook, s.Backfill, s.Reconciled), short(s.P50), short(s.P99),
				short(s.Worst), strconv.Itoa(s.Rung), orDash(statement.Reasons(s.Quiet)), strconv.FormatInt(s.Number, 10))...))
	}
	return rows
}

func counts(all ...int) (cells []string) {
	for _, n := range all {
		cells = append(cells, strconv.Itoa(n))
	}
	return cells
}

// short shows how late something was.
func short(d time.Duration) string {
	switch {
	case d == 0:
		return "-"
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Hour:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// month is the asked time as the console's page has a month, so that both judge it by the same rules.
func (a *asked) month(now time.Time) *web.Month {
	m := &web.Month{Now: now, From: a.from, To: a.to, State: a.state, Closed: statement.Latest(a.all)}
	if m.To.IsZero() {
		m.To = now
	}
	return m
}

// verdict says whether orders are missing.
func (a *asked) verdict(now time.Time) string {
	if n := a.month(now).Missing(); n > 0 {
		return "Missing here: " + plural(n, "order") + "."
	}
	return "All " + plural(statement.Sum(a.all).Shopify, "order") + " that Shopify has of these hours are here."
}

// checked says when the shop was compared with Shopify, why it no longer is, and what is left in hours that are over.
func (a *asked) checked(now time.Time) (lines []string) {
	s := &a.state
	switch reason := web.NotChecked(s, now); {
	case reason != "":
		lines = append(lines, "Not checked since "+when(web.LastCompared(s))+" UTC: "+inWords(reason)+".")
	case !s.CheckedAt.IsZero():
		lines = append(lines, "Last checked "+when(s.CheckedAt)+" UTC.")
		if s.Reason != "" {
			lines = append(lines, "Not to the end since "+when(s.Since)+" UTC: "+inWords(s.Reason)+".")
		}
	}
	all := "All"
	for _, never := range a.month(now).Unchecked() {
		all = "All other"
		lines = append(lines, "The hours from "+when(never.From)+" to "+when(never.To)+
			" UTC were never checked: the app may no longer see their orders.")
	}
	if s.ClosedTo.After(s.From) {
		lines = append(lines, all+" hours before "+when(s.ClosedTo)+" UTC are closed.")
	}
	for _, h := range s.Hours {
		if h.Left > 0 {
			lines = append(lines, "The hour from "+when(h.Hour)+" UTC is not: "+plural(h.Left, "difference")+" left.")
		}
	}
	return lines
}

// inWords says a reason, and what to do.
func inWords(reason string) string {
	words := strings.ReplaceAll(reason, "_", " ")
	if advice := reasonAdvice(reason); advice != "" {
		words += " (" + advice + ")"
	}
	return words
}

// statementsJSON is what --json prints.
type statementsJSON struct {
	Shop       string          `json:"shop"`
	Verdict    web.Verdict     `json:"verdict"` // as GET /v1/statement has it
	Missing    int             `json:"missing"`
	CheckedAt  *time.Time      `json:"checked_at"`
	ClosedTo   *time.Time      `json:"closed_to"`
	Reason     string          `json:"reason"` // why it is not checked, or not to the end; "" while it is
	Since      *time.Time      `json:"since"`  // of the reason
	Open       []openJSON      `json:"open"`   // hours that have something left
	Total      totalJSON       `json:"total"`
	Statements []statementJSON `json:"statements"` // the newest of each hour
}

type openJSON struct {
	Hour time.Time `json:"hour"`
	Left int       `json:"left"` // differences
}

type totalJSON struct {
	Hours      int            `json:"hours"`
	Shopify    int            `json:"shopify"`
	Here       int            `json:"here"`
	Differed   int            `json:"differed"`
	Webhook    int            `json:"webhook"`
	Backfill   int            `json:"backfill"`
	Reconciled int            `json:"reconciled"`
	Rung       int            `json:"rung"`
	Quiet      map[string]int `json:"quiet"`
	Lines      int            `json:"lines"`
	Worst      int64          `json:"worst_us"`
}

// statementJSON is a statement as files have it.
type statementJSON struct {
	Statement json.RawMessage `json:"statement"`
	Hash      bellhop.Hash    `json:"hash"`
	Signature []byte          `json:"signature"`
}

func (a *asked) json(now time.Time) statementsJSON {
	t, m := statement.Sum(a.all), a.month(now)
	v := statementsJSON{Shop: a.shop, Verdict: m.Verdict(), Missing: m.Missing(),
		CheckedAt: events.AtUTC(a.state.CheckedAt), ClosedTo: events.AtUTC(a.state.ClosedTo),
		Reason: a.state.Reason, Since: events.AtUTC(a.state.Since), Open: []openJSON{}, Statements: []statementJSON{},
		Total: totalJSON{t.Hours, t.Shopify, t.Here, t.Differed, t.Webhook, t.Backfill, t.Reconciled, t.Rung, t.Quiet,
			t.Lines, t.Worst.Microseconds()}}
	for _, h := range a.state.Hours {
		if h.Left > 0 {
			v.Open = append(v.Open, openJSON{h.Hour, h.Left})
		}
	}
	for _, s := range statement.Latest(a.all) {
		v.Statements = append(v.Statements, statementJSON{statement.Canonical(&s), s.Hash, s.Signature})
	}
	return v
}

type statementKeyCmd struct {
	wire.Storage
	jsonFlag
}

func (statementKeyCmd) Help() string {
	return `bellhop signs statements with a key that the database keeps sealed. bellhop verify --key takes the public one.
After bellhop key reset another key signs: keep both, with a comma between.`
}

func (c *statementKeyCmd) Run(j *job) error {
	return j.unsealed(&c.Storage, false, func(s store.Store, keys sealed.Keys) error {
		key, err := sealed.PublicKey(j.ctx, s, keys)
		if err != nil {
			return err
		}
		return j.answer(c.jsonFlag, keyJSON{statement.KeyID(key), key}, "%s", statement.KeyText(key))
	})
}

type keyJSON struct {
	ID  string            `json:"id"`
	Key ed25519.PublicKey `json:"key"`
}
