package main

import (
	"errors"
	"fmt"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
	"bellhop/wire"
)

type shopCmd struct {
	Connect      shopConnectCmd  `cmd:"" help:"Connect a shop by Shopify's Admin API." example:"bellhop shop connect my-shop\nbellhop shop connect my-shop --token-stdin <token.json"`
	Check        shopCheckCmd    `cmd:"" help:"Check a shop's connection now: token, scopes and subscriptions." example:"bellhop shop check my-shop"`
	Backfill     shopBackfillCmd `cmd:"" help:"Compare all orders of a shop with Shopify, and fetch what is missing." example:"bellhop shop backfill my-shop\nbellhop shop backfill my-shop --since 7d --json"`
	Add          shopAddCmd      `cmd:"" help:"Add a shop." example:"bellhop shop add demo.myshopify.com --secret-file ./secret"`
	Ls           shopLsCmd       `cmd:"" help:"List the shops." example:"bellhop shop ls --json"`
	RotateSecret shopRotateCmd   `cmd:"" name:"rotate-secret" help:"Change a shop's own secret; the old one stays valid for now." example:"bellhop shop rotate-secret demo.myshopify.com --secret-file ./new-secret\nbellhop shop rotate-secret demo.myshopify.com --finish"`
	Disable      shopDisableCmd  `cmd:"" help:"Only keep a shop's events: record no orders and send no pushes." example:"bellhop shop disable demo.myshopify.com"`
	Enable       shopEnableCmd   `cmd:"" help:"Record a shop's orders and send pushes again." example:"bellhop shop enable demo.myshopify.com"`
	Erase        shopEraseCmd    `cmd:"" help:"Delete all that bellhop keeps of a shop, for good." example:"bellhop shop erase demo.myshopify.com"`
}

type shopAddCmd struct {
	wire.Storage
	Domain         string `arg:"" help:"The shop's domain, NAME.myshopify.com."`
	SecretFile     string `name:"secret-file" placeholder:"FILE" help:"A file with the shop's own signing secret; - is the standard input. Without it the app's secret applies."`
	OwnSecretOnly  bool   `name:"own-secret-only" help:"Refuse this shop's webhooks if the app's secret signed them."`
	CustomerInPush bool   `name:"customer-in-push" help:"Let pushes name the customer."`
}

func (c *shopAddCmd) Run(j *job) (err error) {
	s := bellhop.Shop{OwnSecretOnly: c.OwnSecretOnly, CustomerInPush: c.CustomerInPush, AddedAt: j.stamp()}
	if s.Domain, err = bellhop.ParseShopDomain(c.Domain); err != nil {
		return err
	}
	if c.SecretFile != "" {
		if s.Secret, err = j.secretFrom(c.SecretFile, "secret"); err != nil {
			return err
		}
	}
	if s.RefusesAll() {
		return bellhop.Invalidf("usage",
			"--own-secret-only needs --secret-file: without a secret every webhook of the shop would be refused")
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		if s, err = web.AddShop(j.ctx, p.Store, s); err != nil {
			return already(err, "shop_exists", "%s is here already: see bellhop shop ls", s.Domain)
		}
		kept, more, err := countLines(j, p.Store, store.LineQuery{Shop: s.Domain, Outcome: bellhop.OutcomeSkipped,
			Reason: bellhop.ReasonUnknownShop})
		if err != nil {
			return err
		}
		j.say("Added %s.", s.Domain)
		if kept > 0 {
			j.say("%s of this shop came before and were kept. Record them with:\n  bellhop replay --shop %s --since 30d",
				atLeast(kept, more, "webhook"), s.Domain)
		}
		j.say("Let its owner in with:\n  bellhop owner add --shop %s --email NAME@EXAMPLE.COM", s.Domain)
		return nil
	})
}

func atLeast(n int, more bool, one string) string {
	if more {
		return fmt.Sprintf("%d or more %ss", n, one)
	}
	return plural(n, one)
}

// countLines counts the ledger's lines, as far as a few thousand.
func countLines(j *job, l store.Ledger, q store.LineQuery) (n int, more bool, err error) {
	q.Limit = 200
	for range 50 {
		page, err := l.Lines(j.ctx, q)
		if err != nil {
			return n, false, err
		}
		n += len(page.Lines)
		if page.Next == "" {
			return n, false, nil
		}
		q.Cursor = page.Next
	}
	return n, true, nil
}

func shopState(s bellhop.Shop) string {
	if s.Disabled {
		return "disabled"
	}
	return "enabled"
}

func secretState(s bellhop.Shop) string {
	if s.Secret == "" {
		return "app's"
	}
	words := "own or app's"
	if s.OwnSecretOnly {
		words = "own only"
	}
	if s.PreviousSecret != "" {
		words += ", rotating"
	}
	return words
}

type shopRotateCmd struct {
	wire.Storage
	Domain     string `arg:"" help:"The shop's domain."`
	SecretFile string `name:"secret-file" placeholder:"FILE" xor:"what" required:"" help:"A file with the new secret; - is the standard input."`
	Finish     bool   `name:"finish" xor:"what" required:"" help:"Forget the old secret: Shopify signs with the new one."`
}

func (shopRotateCmd) Help() string {
	return `Shopify takes up to an hour to sign with a new secret. Until then both are valid; bellhop shop ls shows
which one signed the last webhook.`
}

func (c *shopRotateCmd) Run(j *job) error {
	domain, err := bellhop.ParseShopDomain(c.Domain)
	if err != nil {
		return err
	}
	secret := ""
	if !c.Finish {
		if secret, err = j.secretFrom(c.SecretFile, "secret"); err != nil {
			return err
		}
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		changed, err := c.Finish, error(nil)
		if c.Finish {
			err = web.FinishRotation(j.ctx, p.Store, domain)
		} else {
			changed, err = web.RotateSecret(j.ctx, p.Store, domain, secret)
		}
		switch {
		case err != nil:
			return noShop(err, domain)
		case !changed:
			return bellhop.Errorf(bellhop.Conflict, "same_secret",
				"this is the secret that %s has already; nothing was changed", domain)
		case c.Finish:
			j.say("Forgot the old secret of %s.", domain)
		default:
			j.say("Changed the secret of %s; the old one is valid until: bellhop shop rotate-secret %s --finish",
				domain, domain)
		}
		return nil
	})
}

// noShop names the shop that isn't there.
func noShop(err error, domain string) error {
	if e, ok := errors.AsType[*bellhop.Error](err); ok && e.Kind == bellhop.NotFound {
		return bellhop.Errorf(bellhop.NotFound, e.Code, "there is no shop %s: see bellhop shop ls", domain)
	}
	return err
}

// shopSwitch is shared by disable and enable.
type shopSwitch struct {
	wire.Storage
	Domain string `arg:"" help:"The shop's domain."`
}

func (shopSwitch) Help() string {
	return `bellhop keeps the events of a disabled shop; bellhop replay records them later.`
}

func (c *shopSwitch) set(j *job, disabled bool, done string) error {
	domain, err := bellhop.ParseShopDomain(c.Domain)
	if err != nil {
		return err
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		err := web.ChangeShop(j.ctx, p.Store, domain, func(s *bellhop.Shop) { s.Disabled = disabled })
		return j.said(noShop(err, domain), done, domain)
	})
}

type shopDisableCmd struct{ shopSwitch }

func (c *shopDisableCmd) Run(j *job) error {
	return c.set(j, true, "Disabled %s: its events are kept, and nothing else is done with them.")
}

type shopEnableCmd struct{ shopSwitch }

func (c *shopEnableCmd) Run(j *job) error {
	return c.set(j, false, "Enabled %[1]s. Record what came meanwhile with:\n  bellhop replay --shop %[1]s --since 30d")
}

// missing replaces the error that something is not there by the command's own words.
func missing(err error, code, format string, args ...any) error {
	if bellhop.KindOf(err) == bellhop.NotFound {
		return bellhop.Errorf(bellhop.NotFound, code, format, args...)
	}
	return err
}

// already replaces an error with a code by the command's own words.
func already(err error, code, format string, args ...any) error {
	if bellhop.CodeOf(err) == code {
		return bellhop.Errorf(bellhop.Conflict, code, format, args...)
	}
	return err
}
