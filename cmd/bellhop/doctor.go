package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bellhop"
	"bellhop/host"
	"bellhop/store"
	"bellhop/wire"
)

type doctorCmd struct {
	wire.Config
	jsonFlag
	Live bool          `name:"live" help:"Wait for a test order of --shop, and follow it to a phone."`
	Shop string        `name:"shop" placeholder:"DOMAIN" help:"With --live: the shop that the test order is placed in."`
	Wait time.Duration `name:"wait" default:"10m" help:"With --live: how long to wait for the order."`
}

func (doctorCmd) Help() string {
	return `Prints a line for each part: ok, warn or fail, and what to do. Run it with bellhop's settings, as bellhop's
user. It fails if a part fails. It changes nothing and pushes nothing.

With --live it waits, while bellhop serves, for a test order that you place in the shop, and says when its webhook
came, when it was recorded, and when its push was sent and received.`
}

func (c *doctorCmd) Run(j *job) error {
	found, err := c.find(j)
	if err != nil {
		return err
	}
	err = list(j, c.jsonFlag, "", "STATE\tPART\tFOUND", found, func(f wire.Finding) (wire.Finding, []string) {
		words := f.Found
		if f.Fix != "" {
			words += " → " + f.Fix
		}
		return f, []string{string(f.Level), f.Part, words}
	})
	if err != nil {
		return err
	}
	if n := failed(found); n > 0 {
		return bellhop.Errorf(bellhop.Internal, "doctor", "%s failed: the lines above say what to do", plural(n, "check"))
	}
	return nil
}

func failed(found []wire.Finding) (n int) {
	for _, f := range found {
		if f.Level == wire.LevelFail {
			n++
		}
	}
	return n
}

func (c *doctorCmd) find(j *job) (found []wire.Finding, err error) {
	if !c.Live {
		return c.examine(j), nil
	}
	if c.Shop, err = bellhop.ParseShopDomain(c.Shop); err != nil {
		return nil, err
	}
	err = j.open(&c.Storage, func(p *wire.Parts) (err error) {
		found, err = c.follow(j, p)
		return err
	})
	return found, err
}

// How long doctor waits for single parts.
const (
	integrityPatience = 30 * time.Second
	pushPatience      = 15 * time.Second
)

func (c *doctorCmd) examine(j *job) []wire.Finding {
	if err := c.Check(); err != nil {
		return []wire.Finding{wire.Fail("settings", oneLine(err), "correct the setting")}
	}
	found := []wire.Finding{wire.OK("settings", "can be read")}
	more, there := c.Examine(j.ctx, j.options())
	found = append(found, more...)
	var owed owing
	if there {
		err := j.open(&c.Storage, func(p *wire.Parts) (err error) {
			found = append(found, c.stored(j, p)...)
			owed, err = readOwing(j, p)
			return err
		})
		if err != nil {
			found = append(found, wire.Fail("storage", oneLine(err), "correct that, and run bellhop doctor again"))
		}
	}
	found = append(found, c.push(j, owed))
	if c.Events != "" {
		found = append(found, c.events(j))
	}
	if c.JWT != "" {
		found = append(found, c.issuers(j))
	}
	if c.Mail != "" {
		found = append(found, c.mail(j))
	}
	return found
}

// stored checks the contents of the database and the queue.
func (c *doctorCmd) stored(j *job, p *wire.Parts) (found []wire.Finding) {
	found = append(found, integrity(j, p))
	for _, check := range []func(*job, *wire.Parts) ([]wire.Finding, error){
		depth, c.key, c.traffic, compliance, c.personal, c.shops, c.connections, compared, unknownShops, c.bodyLimit,
		tooLarge, heard, people, c.relay, clock,
	} {
		more, err := check(j, p)
		found = append(found, more...)
		if err != nil {
			found = append(found, wire.Fail("database", oneLine(err), "restore a backup if this stays"))
		}
	}
	return found
}

func integrity(j *job, p *wire.Parts) wire.Finding {
	ctx, cancel := context.WithTimeout(j.ctx, integrityPatience)
	defer cancel()
	err := p.QuickCheck(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return wire.Warn("integrity", fmt.Sprintf("not known: reading everything takes longer than %v",
			integrityPatience),
			"run PRAGMA quick_check in the sqlite3 shell")
	case err != nil:
		return wire.Fail("integrity", oneLine(err), "end bellhop and restore a backup")
	}
	return wire.OK("integrity", "nothing is damaged")
}

// idleAfter is the age of the oldest event from which doctor warns that nobody works.
const idleAfter = 5 * time.Minute

func depth(j *job, p *wire.Parts) ([]wire.Finding, error) {
	d, err := p.Queue.Depth(j.ctx)
	if err != nil {
		return nil, err
	}
	found := []wire.Finding{wire.OK("queue", fmt.Sprintf("%d waiting, %d leased", d.Waiting, d.Leased))}
	if d.Oldest > idleAfter {
		found[0] = wire.Warn("queue", fmt.Sprintf("%d waiting, the oldest since %v", d.Waiting,
			d.Oldest.Round(time.Second)),
			"start bellhop serve or bellhop worker, or look into its log")
	}
	if d.Dead > 0 {
		return append(found, wire.Warn("dead letters", plural(d.Dead, "event")+" given up",
			"see bellhop dead ls; fix the causes; then run bellhop dead replay --all, or bellhop dead drop for "+
				"hopeless ones")), nil
	}
	return append(found, wire.OK("dead letters", "none")), nil
}

// compliance reports open requests for personal data, and those that an older bellhop left to a person.
func compliance(j *job, p *wire.Parts) (found []wire.Finding, err error) {
	open, first, err := openRequests(j, p.Store)
	if err != nil {
		return nil, err
	}
	switch about := plural(open, "open request") + " for data or its deletion"; {
	case open == 0:
		found = append(found, wire.OK("requests", "no open request for data or its deletion"))
	case first.Sub(j.stamp()) > bellhop.RequestLate:
		found = append(found, wire.OK("requests", about))
	default:
		found = append(found, wire.Warn("requests", about+", due on "+first.UTC().Format(time.DateOnly),
			"start bellhop serve or bellhop worker, which carry them out, or look into its log"))
	}
	n, more, err := countLines(j, p.Store, store.LineQuery{Outcome: bellhop.OutcomeSkipped,
		Reason: bellhop.ReasonNotActedOn})
	if err != nil || n == 0 {
		return found, err
	}
	return append(found, wire.Warn("requests", atLeast(n, more, "event")+" that an older bellhop left to a person",
		"see bellhop ledger ls --reason "+bellhop.ReasonNotActedOn+", then run bellhop replay for each of these shops")), nil
}

// openRequests counts them, and returns when the first one is due.
func openRequests(j *job, s store.Store) (n int, due time.Time, err error) {
	err = store.EachRequest(j.ctx, s, store.RequestQuery{Open: true}, func(r *bellhop.PrivacyRequest) error {
		if n++; due.IsZero() || r.DueAt.Before(due) {
			due = r.DueAt
		}
		return nil
	})
	return n, due, err
}

// quietAfter is the silence of a shop from which doctor warns: Shopify drops a
// subscription after failures, and only sends mail about it.
const quietAfter = 7 * 24 * time.Hour

func (c *doctorCmd) shops(j *job, p *wire.Parts) ([]wire.Finding, error) {
	shops, err := p.Store.Shops(j.ctx)
	if err != nil {
		return nil, err
	}
	secret := c.ShopifySecret != ""
	var found []wire.Finding
	for _, s := range shops {
		secret = secret || s.Secret != ""
		if f, quiet := quietShop(s, j.now()); quiet {
			found = append(found, f)
		}
	}
	switch {
	case len(shops) == 0:
		found = append(found, wire.Warn("shops", "there are none: bellhop keeps webhooks and records no orders",
			"bellhop shop add NAME.myshopify.com"))
	case len(found) == 0:
		found = append(found, wire.OK("shops", plural(len(shops), "shop")))
	}
	if !secret {
		return append(found, wire.Fail("secret", "there is none: bellhop refuses every webhook",
			"set BELLHOP_SHOPIFY_SECRET, or give shops their own with bellhop shop rotate-secret")), nil
	}
	more, err := refused(j, p)
	return append(found, more...), err
}

func quietShop(s bellhop.Shop, now time.Time) (f wire.Finding, quiet bool) {
	if s.Disabled {
		return f, false
	}
	if at := s.UninstalledAt; !at.IsZero() {
		return wire.Warn("shops", fmt.Sprintf("the app was uninstalled from %s at %s UTC", s.Domain, when(at)),
			"if that was a mistake, the owner installs it again; else bellhop shop disable "+s.Domain), true
	}
	since, what := s.LastEventAt, "no webhook of %s for %d days"
	if since.IsZero() {
		since, what = s.AddedAt, "no webhook of %s ever, %d days after it was added"
	}
	if now.Sub(since) < quietAfter {
		return f, false
	}
	days := int(now.Sub(since).Hours() / 24)
	return wire.Warn("shops", fmt.Sprintf(what, s.Domain, days), "look at the app's webhook subscriptions in Shopify"),
		true
}

func people(j *job, p *wire.Parts) ([]wire.Finding, error) {
	all, err := p.Store.People(j.ctx, "")
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return []wire.Finding{wire.Warn("people", "nobody can sign in",
			"bellhop owner add --shop DOMAIN --email NAME@EXAMPLE.COM")}, nil
	}
	n := fmt.Sprintf("%d can sign in", len(all))
	return []wire.Finding{wire.OK("people", n)}, nil
}

// clockSlack is how far the clocks of several machines may differ.
const clockSlack = time.Minute

func clock(j *job, p *wire.Parts) ([]wire.Finding, error) {
	page, err := p.Store.Lines(j.ctx, store.LineQuery{Limit: 1})
	if err != nil {
		return nil, err
	}
	now := j.now()
	if len(page.Lines) > 0 && page.Lines[0].Event.AcceptedAt.After(now.Add(clockSlack)) {
		return []wire.Finding{wire.Fail("clock", fmt.Sprintf("it says %s, and bellhop already accepted an event at %s",
			when(now), when(page.Lines[0].Event.AcceptedAt)), "set the clock, and keep it with NTP")}, nil
	}
	return []wire.Finding{wire.OK("clock", when(now)+" UTC")}, nil
}

// relay reports events that wait for other services, even if no setting publishes them.
func (c *doctorCmd) relay(j *job, p *wire.Parts) ([]wire.Finding, error) {
	n, age, err := host.Behind(j.ctx, p.Store, j.now())
	switch {
	case err != nil:
		return nil, err
	case n == 0 && c.Events == "":
		return nil, nil
	case age < idleAfter:
		return []wire.Finding{wire.OK("events waiting", fmt.Sprintf("%d for other services", n))}, nil
	case c.Events == "":
		return []wire.Finding{wire.Warn("events waiting",
			fmt.Sprintf("%d for other services, the oldest since %v, and BELLHOP_EVENTS is empty", n,
				age.Round(time.Second)),
			"set it where bellhop serves, or run bellhop events forget")}, nil
	}
	return []wire.Finding{wire.Warn("events waiting", fmt.Sprintf("%d for other services, the oldest since %v", n,
		age.Round(time.Second)),
		"start bellhop serve or bellhop worker, or look into its log")}, nil
}

// issuers asks the issuers in BELLHOP_JWT for their keys.
func (c *doctorCmd) issuers(j *job) wire.Finding {
	ctx, cancel := context.WithTimeout(j.ctx, pushPatience)
	defer cancel()
	v, err := c.Identity(wire.Options{Now: j.now})
	if err == nil {
		err = v.Ready(ctx)
	}
	if err != nil {
		return wire.Fail("identity", oneLine(err), "compare BELLHOP_JWT with the iss of a token; see docs/sign-in.md")
	}
	return wire.OK("identity", "each issuer of tokens answers")
}

// mail signs in to the mail server, and sends nothing.
func (c *doctorCmd) mail(j *job) wire.Finding {
	ctx, cancel := context.WithTimeout(j.ctx, pushPatience)
	defer cancel()
	sender, err := c.OpenMail(wire.Options{Now: j.now})
	if err == nil {
		err = sender.Check(ctx)
	}
	if err != nil {
		return wire.Fail("mail", oneLine(err), "compare BELLHOP_MAIL with what the mail server's owner says")
	}
	return wire.OK("mail", "the mail server takes the login")
}

func (c *doctorCmd) events(j *job) wire.Finding {
	ctx, cancel := context.WithTimeout(j.ctx, pushPatience)
	defer cancel()
	to, err := c.OpenEvents(ctx, wire.Options{Now: j.now})
	if err != nil {
		return wire.Fail("events", oneLine(err), "correct the setting")
	}
	defer to.Close()
	if err := to.Check(ctx); err != nil {
		return wire.Fail("events", oneLine(err), "fix that; until then events wait in the database")
	}
	return wire.OK("events", "the broker for events answers")
}
