package main

import (
	"strconv"
	"strings"
	"time"

	"bellhop"
	"bellhop/events"
	"bellhop/store"
	"bellhop/wire"
)

type privacyCmd struct {
	Ls   privacyLsCmd   `cmd:"" help:"List requests for personal data, newest first." example:"bellhop privacy ls --open\nbellhop privacy ls --customer jo@example.com"`
	Show privacyShowCmd `cmd:"" help:"Show a request, and what was done for it." example:"bellhop privacy show 12 --json"`
	Run  privacyRunCmd  `cmd:"" help:"Carry out a request now." example:"bellhop privacy run 12"`
}

// requestRow is a request with what was done. It names the customer only where somebody asked for that.
type requestRow struct {
	ID          string                 `json:"id"`
	Shop        string                 `json:"shop"`
	Kind        bellhop.RequestKind    `json:"kind"`
	EventID     string                 `json:"event_id"` // "" for an operator's
	By          string                 `json:"by"`       // "" for Shopify's
	RequestedAt time.Time              `json:"requested_at"`
	ReceivedAt  time.Time              `json:"received_at"`
	DueAt       time.Time              `json:"due_at"`
	Names       string                 `json:"names"` // how it names the customer; "" once it is done
	Subject     *bellhop.Subject       `json:"subject,omitempty"`
	Outcome     bellhop.RequestOutcome `json:"outcome"` // "" while it is open
	DoneAt      *time.Time             `json:"done_at"`
	Process     string                 `json:"process"`
	Steps       []stepRow              `json:"steps"`
	Backups     []backupRow            `json:"backups"`
	ExportAt    *time.Time             `json:"export_at"`
	ExportUntil *time.Time             `json:"export_until"`
	FetchedAt   *time.Time             `json:"fetched_at"`
	FetchedBy   string                 `json:"fetched_by"`
}

type stepRow struct {
	What string     `json:"what"`
	N    int        `json:"n"`
	At   *time.Time `json:"at"` // null while it is under way
	Note string     `json:"note"`
}

type backupRow struct {
	Name   string     `json:"name"`
	MadeAt time.Time  `json:"made_at"`
	Until  *time.Time `json:"until"` // null: nobody said when it runs out
}

func requestRowOf(r *bellhop.PrivacyRequest) requestRow {
	v := requestRow{ID: requestID(r), Shop: r.Shop, Kind: r.Kind, By: r.By, RequestedAt: r.RequestedAt,
		ReceivedAt: r.ReceivedAt, DueAt: r.DueAt, Names: namesOf(r.Subject), Outcome: r.Outcome,
		DoneAt: events.AtUTC(r.DoneAt), Process: r.Process, Steps: []stepRow{}, Backups: []backupRow{},
		ExportAt: events.AtUTC(r.ExportAt), ExportUntil: events.AtUTC(r.ExportUntil),
		FetchedAt: events.AtUTC(r.FetchedAt), FetchedBy: r.FetchedBy}
	if r.Event != (bellhop.EventID{}) {
		v.EventID = r.Event.String()
	}
	for _, s := range r.Steps {
		v.Steps = append(v.Steps, stepRow{s.What, s.N, events.AtUTC(s.At), s.Note})
	}
	for _, b := range r.Backups {
		v.Backups = append(v.Backups, backupRow{b.Name, b.MadeAt, events.AtUTC(b.Until)})
	}
	return v
}

func requestID(r *bellhop.PrivacyRequest) string { return strconv.FormatInt(r.ID, 10) }

// namesOf says how a request names the customer, without the name.
func namesOf(s bellhop.Subject) string {
	var by []string
	for _, one := range []struct {
		there bool
		words string
	}{
		{s.CustomerID != 0, "customer id"}, {s.Email != "", "e-mail address"}, {s.Phone != "", "phone"},
		{len(s.Orders) > 0, plural(len(s.Orders), "order")},
	} {
		if one.there {
			by = append(by, one.words)
		}
	}
	return strings.Join(by, ", ")
}

type privacyLsCmd struct {
	wire.Storage
	jsonFlag
	Shop     string `name:"shop" placeholder:"DOMAIN" help:"Only this shop's requests."`
	Open     bool   `name:"open" help:"Only requests that are not done."`
	Customer string `name:"customer" placeholder:"ID-or-EMAIL" help:"Only requests about this customer: an id, an e-mail address, or a phone as +49 30 123456."`
	limitFlag
}

func (privacyLsCmd) Help() string {
	return `Shopify's topics are customers/data_request, customers/redact and shop/redact; erase is an operator's. A
request is carried out by whatever process works, within minutes, and is due 30 days after it was made.

--customer finds requests that are done, too, although these name nobody: they keep keyed hashes of the customer's id
and e-mail address. It finds a phone only where the request had nothing else.`
}

func (c *privacyLsCmd) Run(j *job) error {
	if err := c.check(); err != nil {
		return err
	}
	person, err := subjectOf(c.Customer)
	if err != nil {
		return err
	}
	q := store.RequestQuery{Open: c.Open, Person: person}
	if c.Shop != "" {
		if q.Shop, err = bellhop.ParseShopDomain(c.Shop); err != nil {
			return err
		}
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		all, err := readRequests(j, p.Store, q, c.Limit)
		if err != nil {
			return err
		}
		const head = "ID\tRECEIVED (UTC)\tDUE\tSHOP\tREQUEST\tSTATE\tDONE (UTC)\tFOUND"
		return list(j, c.jsonFlag, "There are no such requests.", head, all,
			func(r bellhop.PrivacyRequest) (requestRow, []string) {
				due := r.DueAt.UTC().Format(time.DateOnly)
				return requestRowOf(&r), []string{requestID(&r), when(r.ReceivedAt), due, r.Shop, string(r.Kind),
					requestState(&r), when(r.DoneAt), strconv.Itoa(r.Found())}
			})
	})
}

// subjectOf reads --customer.
func subjectOf(text string) (s bellhop.Subject, err error) {
	id, notID := strconv.ParseInt(text, 10, 64)
	switch {
	case text == "":
	case strings.Contains(text, "@"):
		s.Email = text
	case strings.HasPrefix(text, "+") && bellhop.FoldPhone(text) != "":
		s.Phone = text
	case notID == nil && id > 0:
		s.CustomerID = id
	default:
		err = bellhop.Invalidf("customer", "--customer %q is neither an id, an e-mail address nor a phone with a +", text)
	}
	return s, err
}

// readRequests reads pages up to a limit.
func readRequests(j *job, s store.Privacy, q store.RequestQuery, limit int) (all []bellhop.PrivacyRequest, err error) {
	for len(all) < limit {
		q.Limit = 200
		page, err := s.Requests(j.ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Requests[:min(len(page.Requests), limit-len(all))]...)
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	return all, nil
}

func requestState(r *bellhop.PrivacyRequest) string {
	if r.Open() {
		return "open"
	}
	return string(r.Outcome)
}

// requestArg names a request.
type requestArg struct {
	ID int64 `arg:"" help:"The request's id, as bellhop privacy ls shows it."`
}

func (a requestArg) read(j *job, s store.Privacy) (bellhop.PrivacyRequest, error) {
	r, err := s.Request(j.ctx, "", a.ID)
	return r, missing(err, "privacy_request_not_found", "there is no request %d: see bellhop privacy ls", a.ID)
}

type privacyShowCmd struct {
	wire.Storage
	jsonFlag
	requestArg
	Subject bool `name:"subject" help:"Name the customer too. A request that is done names nobody."`
}

func (c *privacyShowCmd) Run(j *job) error {
	return j.open(&c.Storage, func(p *wire.Parts) error {
		r, err := c.read(j, p.Store)
		if err != nil {
			return err
		}
		return j.showRequest(c.jsonFlag, &r, c.Subject)
	})
}

// showRequest prints a request's record.
func (t *terminal) showRequest(as jsonFlag, r *bellhop.PrivacyRequest, subject bool) error {
	v := requestRowOf(r)
	if subject && !r.Subject.IsZero() {
		v.Subject = &r.Subject
	}
	if as.JSON {
		return t.json(v)
	}
	t.say("request    %s: %s\nshop       %s\nasked      %s UTC, by %s\nreceived   %s UTC\ndue        %s UTC", v.ID, v.Kind,
		v.Shop, when(r.RequestedAt), askedBy(&v), when(r.ReceivedAt), when(r.DueAt))
	if v.Names != "" {
		t.say("names      %s", v.Names)
	}
	if s := v.Subject; s != nil {
		t.say("customer   %s", strings.Join(subjectWords(s), ", "))
	}
	if r.Open() {
		t.say("state      open")
	} else {
		t.say("state      %s at %s UTC, by process %s", v.Outcome, when(r.DoneAt), v.Process)
	}
	t.showExport(r)
	return t.showDone(&v)
}

func askedBy(v *requestRow) string {
	if v.EventID == "" {
		return orDash(v.By)
	}
	return "Shopify (event " + v.EventID + ")"
}

func subjectWords(s *bellhop.Subject) (all []string) {
	if s.CustomerID != 0 {
		all = append(all, "id "+strconv.FormatInt(s.CustomerID, 10))
	}
	for _, text := range []string{s.Email, s.Phone} {
		if text != "" {
			all = append(all, text)
		}
	}
	for _, id := range s.Orders {
		all = append(all, "order "+strconv.FormatInt(id, 10))
	}
	return all
}

func (t *terminal) showExport(r *bellhop.PrivacyRequest) {
	switch {
	case r.ExportAt.IsZero():
		return
	case r.HasExport(t.now()):
		t.say("export     ready since %s UTC, until %s UTC; the shop's owners fetch it in the console", when(r.ExportAt),
			when(r.ExportUntil))
	default:
		t.say("export     ready since %s UTC, gone since %s UTC", when(r.ExportAt), when(r.ExportUntil))
	}
	if !r.FetchedAt.IsZero() {
		t.say("fetched    %s UTC by %s", when(r.FetchedAt), r.FetchedBy)
	}
}

// showDone prints what was done, and which backups still hold the person.
func (t *terminal) showDone(v *requestRow) error {
	var rows [][]string
	for _, s := range v.Steps {
		at := "under way"
		if s.At != nil {
			at = when(*s.At)
		}
		rows = append(rows, []string{s.What, strconv.Itoa(s.N), at, s.Note})
	}
	if len(rows) > 0 {
		t.say("")
		if err := t.table(jsonFlag{}, nil, "", "WHERE\tHOW MANY\tWHEN (UTC)\tNOTE", rows); err != nil {
			return err
		}
	}
	rows = nil
	for _, b := range v.Backups {
		until := "not known: nobody said"
		if b.Until != nil {
			until = when(*b.Until)
		}
		rows = append(rows, []string{b.Name, when(b.MadeAt), until})
	}
	if len(rows) == 0 {
		return nil
	}
	t.say("\n%s from before still %s it:", plural(len(rows), "backup"), holdWord(len(rows)))
	return t.table(jsonFlag{}, nil, "", "BACKUP\tMADE (UTC)\tRUNS OUT (UTC)", rows)
}

func holdWord(n int) string {
	if n == 1 {
		return "holds"
	}
	return "hold"
}
