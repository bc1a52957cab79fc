package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
	"bellhop/wire"
)

type ordersCmd struct {
	Export ordersExportCmd `cmd:"" help:"Write a shop's orders as CSV for spreadsheets." example:"bellhop orders export --shop demo.myshopify.com --since 30d --no-test --to orders.csv"`
	Refill ordersRefillCmd `cmd:"" help:"Add what an older bellhop did not keep of orders." example:"bellhop orders refill --shop demo.myshopify.com"`
}

type ordersExportCmd struct {
	wire.Storage
	orderFlags
	Shop string `name:"shop" required:"" placeholder:"DOMAIN" help:"The orders' shop."`
	To   string `name:"to" placeholder:"FILE" help:"A new file to write, instead of the standard output."`
}

// orderFlags are the parameters of [web.OrderFilter], but for the sort.
type orderFlags struct {
	Handling    string `name:"handling" enum:",new,seen,handled" default:"" help:"Only orders that are new, seen or handled."`
	Financial   string `name:"financial-status" placeholder:"STATUS" help:"Only orders that Shopify calls paid, pending, refunded and so on."`
	Fulfillment string `name:"fulfillment-status" placeholder:"STATUS" help:"Only orders that Shopify calls unfulfilled, partial, fulfilled or restocked."`
	Cancelled   *bool  `name:"cancelled" negatable:"" help:"Only orders that were cancelled, or (--no-cancelled) that were not."`
	Test        *bool  `name:"test" negatable:"" help:"Only test orders, or (--no-test) orders that are none."`
	Found       string `name:"found" enum:",webhook,backfill,reconcile" default:"" help:"Only orders that a webhook, a backfill or a later comparison brought first: webhook, backfill or reconcile."`
	Tag         string `name:"tag" help:"Only orders with this tag."`
	Since       string `name:"since" placeholder:"TIME" help:"Placed at or after: 2026-11-22, 2026-11-22T09:00:00Z, or how long ago, such as 30d."`
	Before      string `name:"before" placeholder:"TIME" help:"Placed before: as --since."`
	AtLeast     string `name:"at-least" placeholder:"AMOUNT" help:"Only orders that come to this now, or to more, such as 49.90."`
	Q           string `name:"q" placeholder:"WORDS" help:"Only orders that have these words, as the console's search finds them."`
}

func (f *orderFlags) query(j *job) (q store.OrderQuery, err error) {
	to := web.OrderFilter{Handling: f.Handling, Financial: f.Financial, Fulfillment: f.Fulfillment,
		Cancelled: yesOrNo(f.Cancelled), Test: yesOrNo(f.Test), Found: f.Found, Tag: f.Tag, AtLeast: f.AtLeast, Q: f.Q}
	if f.Since != "" {
		if to.Since, err = parseMoment("since", f.Since, j.now()); err != nil {
			return q, err
		}
	}
	if f.Before != "" {
		if to.Before, err = parseMoment("before", f.Before, j.now()); err != nil {
			return q, err
		}
	}
	return to.Query(0, ""), nil
}

// yesOrNo is a flag as a parameter: "" for one left out.
func yesOrNo(flag *bool) string {
	if flag == nil {
		return ""
	}
	return strconv.FormatBool(*flag)
}

func (ordersExportCmd) Help() string {
	return `The last placed order is the first. Times have the shop's offset; total is what an order came to when it was
placed, current_total what it comes to now. A text that a spreadsheet would take for a formula has an apostrophe before
it. The file has names, e-mail addresses and notes of customers: keep it as safe as the database.`
}

func (c *ordersExportCmd) Run(j *job) error {
	shop, err := bellhop.ParseShopDomain(c.Shop)
	if err != nil {
		return err
	}
	q, err := c.query(j)
	if err != nil {
		return err
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		if err := shopIsThere(j, p, shop); err != nil {
			return err
		}
		from := &counting{Lister: web.NewExport(p.Store, shop, operatingUser(), j.now())}
		if c.To == "" {
			return web.Export(j.ctx, from, shop, q, j.out)
		}
		err := newFile(c.To, func(to io.Writer) error { return web.Export(j.ctx, from, shop, q, to) })
		return j.said(err, "Wrote %s to %s.", plural(from.n, "order"), c.To)
	})
}

// counting counts the orders that are listed.
type counting struct {
	web.Lister
	n int
}

func (c *counting) Orders(ctx context.Context, shop string, q store.OrderQuery) (store.OrderPage, error) {
	page, err := c.Lister.Orders(ctx, shop, q)
	c.n += len(page.Orders)
	return page, err
}

// newFile makes a file that only its owner can read. It leaves none behind that is not whole.
func newFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return bellhop.Errorf(bellhop.Conflict, "file_exists", "%s is there already: choose another name", path)
	}
	if err != nil {
		return err
	}
	err = write(f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = os.Remove(path) // the first error says what is wrong
	}
	return err
}
