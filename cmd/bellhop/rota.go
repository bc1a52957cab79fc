package main

import (
	"strconv"
	"strings"
	"time"

	"bellhop"
	"bellhop/web"
	"bellhop/wire"
)

type rotaCmd struct {
	Show rotaShowCmd `cmd:"" default:"withargs" help:"Show whom a shop's orders ring, in order, and when nobody is on duty." example:"bellhop rota --shop demo.myshopify.com"`
	Set  rotaSetCmd  `cmd:"" help:"Set whom a shop's orders ring, the first to ring first." example:"bellhop rota set --shop demo.myshopify.com --after 5m --from 100 jo@example.com kim@example.com"`
	Off  rotaOffCmd  `cmd:"" help:"Switch a shop's rota off." example:"bellhop rota off --shop demo.myshopify.com"`
}

// rotaOf names the shop of a rota.
type rotaOf struct {
	wire.Storage
	Shop string `name:"shop" required:"" placeholder:"DOMAIN" help:"The rota's shop."`
}

// with opens the database for the shop.
func (c *rotaOf) with(j *job, fn func(*wire.Parts, string) error) error {
	shop, err := bellhop.ParseShopDomain(c.Shop)
	if err != nil {
		return err
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		if _, err := p.Store.Shop(j.ctx, shop); err != nil {
			return noShop(err, shop)
		}
		return fn(p, shop)
	})
}

type rotaShowCmd struct {
	rotaOf
	jsonFlag
}

func (rotaShowCmd) Help() string {
	return `An order rings the first of the list who is on duty: outside their quiet hours, with a device in use. If
nobody takes it in time it rings the next, and in the end all of them. See docs/taking.md.`
}

// rotaRow is a rota as JSON.
type rotaRow struct {
	Shop         string         `json:"shop"`
	On           bool           `json:"on"`
	AfterMinutes int            `json:"after_minutes"`
	From         string         `json:"from"`
	People       []onRotaRow    `json:"people"`
	Holes        []bellhop.Hole `json:"holes"`
	Timezone     string         `json:"timezone"` // of the holes
}

type onRotaRow struct {
	Email  string `json:"email"`
	OnDuty bool   `json:"on_duty"`
	Device bool   `json:"device"`
}

func (c *rotaShowCmd) Run(j *job) error {
	return c.with(j, func(p *wire.Parts, shop string) error {
		v, err := web.RotaOf(j.ctx, p.Store, shop, j.now())
		if err != nil {
			return err
		}
		rows := make([]onRotaRow, len(v.People))
		for i, one := range v.People {
			rows[i] = onRotaRow{one.Person.Email, one.OnDuty, one.Device}
		}
		if c.JSON {
			r := rotaRow{Shop: shop, People: rows, Holes: append([]bellhop.Hole{}, v.Holes...), Timezone: v.Timezone}
			if v.Rota != nil {
				r.On, r.AfterMinutes, r.From = true, v.Rota.After, v.Rota.From
			}
			return j.json(r)
		}
		return sayRota(j, shop, v, rows)
	})
}

func sayRota(j *job, shop string, v web.RotaView, rows []onRotaRow) error {
	if v.Rota == nil {
		return j.said(nil, "%s has no rota: its orders ring nobody until somebody takes them. Set one with: "+
			"bellhop rota set --shop %[1]s EMAIL…", shop)
	}
	i := 0
	err := list(j, jsonFlag{}, "Nobody of the rota belongs to the shop any more.", "\tE-MAIL\tON DUTY\tDEVICE", rows,
		func(r onRotaRow) (onRotaRow, []string) {
			i++
			return r, []string{strconv.Itoa(i), r.Email, yesNo(r.OnDuty), yesNo(r.Device)}
		})
	if err != nil {
		return err
	}
	from := "All orders"
	if v.Rota.From != "" {
		from = "Orders of at least " + v.Rota.From
	}
	j.say("%s ring. The next one rings after %s.", from, plural(v.Rota.After, "minute"))
	sayHoles(j, v)
	return nil
}

func sayHoles(j *job, v web.RotaView) {
	for _, h := range v.Holes {
		j.say("Nobody is on duty from %s to %s (%s).", h.From, h.To, v.Timezone)
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

type rotaSetCmd struct {
	rotaOf
	After  time.Duration `name:"after" default:"5m" help:"How long each ring waits for somebody to take the order: 1m to 24h, in whole minutes."`
	From   string        `name:"from" placeholder:"AMOUNT" help:"Only orders of at least this amount ring, in their own currency."`
	People []string      `arg:"" name:"email" help:"The people's e-mail addresses."`
}

func (c *rotaSetCmd) Run(j *job) error {
	if c.After%time.Minute != 0 {
		return bellhop.Invalidf("after", "--after %v is not a whole number of minutes: give one such as 5m", c.After)
	}
	return c.with(j, func(p *wire.Parts, shop string) error {
		err := web.SetRota(j.ctx, p.Store, shop, c.People, int(c.After/time.Minute), c.From)
		if err != nil {
			return err
		}
		v, err := web.RotaOf(j.ctx, p.Store, shop, j.now())
		if err != nil {
			return err
		}
		j.say("Orders of %s ring, in this order: %s.", shop, strings.Join(c.People, ", "))
		sayHoles(j, v)
		return nil
	})
}

type rotaOffCmd struct{ rotaOf }

func (c *rotaOffCmd) Run(j *job) error {
	return c.with(j, func(p *wire.Parts, shop string) error {
		return j.said(web.RotaOff(j.ctx, p.Store, shop), "%s has no rota any more.", shop)
	})
}
