package main

import (
	"crypto/rand"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"bellhop"
	"bellhop/web"
	"bellhop/wire"
)

type ownerCmd struct {
	Add      ownerAddCmd      `cmd:"" help:"Add an owner of a shop, or staff. An account with other shops gets this one, too." example:"bellhop owner add --shop demo.myshopify.com --email jo@example.com\nbellhop owner add --shop demo.myshopify.com --email kim@example.com --staff"`
	Invite   ownerInviteCmd   `cmd:"" help:"Make a link with which somebody joins a shop." example:"bellhop owner invite --shop demo.myshopify.com --email kim@example.com --staff --url https://bellhop.example.com"`
	Ls       ownerLsCmd       `cmd:"" help:"List owners, staff and operators." example:"bellhop owner ls --shop demo.myshopify.com"`
	Rm       ownerRmCmd       `cmd:"" help:"Remove somebody, with their sessions and devices, or take one shop from them." example:"bellhop owner rm jo@example.com\nbellhop owner rm jo@example.com --shop demo.myshopify.com"`
	Password ownerPasswordCmd `cmd:"" help:"Change somebody's password and end their sessions." example:"bellhop owner password jo@example.com"`
	Export   ownerExportCmd   `cmd:"" help:"Write all that bellhop has of somebody who signs in, as JSON." example:"bellhop owner export jo@example.com --to jo.json"`
	Link     ownerLinkCmd     `cmd:"" help:"Make a link that signs somebody in once, for a forgotten password for example." example:"bellhop owner link jo@example.com --url https://bellhop.example.com"`
}

type operatorCmd struct {
	Add operatorAddCmd `cmd:"" help:"Add an operator." example:"bellhop operator add --email ops@example.com --password-file ./password"`
}

// minPassword exceeds the web's minimum: an operator sends such a password to its
// owner, who often keeps it.
const minPassword = 10

// account holds the flags for adding either kind of person.
type account struct {
	wire.Storage
	Email        string `name:"email" required:"" help:"The address to sign in with."`
	PasswordFile string `name:"password-file" placeholder:"FILE" help:"A file with the password; - is the standard input. Without it bellhop makes one up and shows it once."`
	siteURL
}

// siteURL is the address where people reach bellhop, for links that sign in.
type siteURL struct {
	URL  string `name:"url" env:"BELLHOP_URL" help:"The URL where people reach bellhop, for the sign-in link. Default: the address where bellhop serve listens."`
	Addr string `name:"addr" env:"BELLHOP_ADDR" default:"127.0.0.1:8080" help:"The address where bellhop serve listens."`
}

// base returns the address without a slash at its end.
func (r *siteURL) base() (string, error) {
	if r.URL != "" {
		return parseBase(r.URL)
	}
	host, port, err := net.SplitHostPort(r.Addr)
	if err != nil {
		return "", bellhop.Invalidf("addr",
			"BELLHOP_ADDR: %q is not an address: give HOST:PORT, such as 127.0.0.1:8080", r.Addr)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1" // it listens on all addresses; every machine has this one
	}
	return "http://" + net.JoinHostPort(host, port), nil
}

// link makes and prints a link that signs a person in once. base is parseBase's.
func (*siteURL) link(j *job, parts *wire.Parts, base string, person int64) error {
	secret, link := web.NewSignInLink(person, j.stamp())
	err := parts.Store.AddLink(j.ctx, link)
	return j.said(err, "Signs in once, within a day: %s/signin?once=%s", base, secret)
}

// person returns the person to add, and the password if bellhop made it up.
func (a *account) person(j *job, role bellhop.Role, shop string) (p bellhop.Person, made string, err error) {
	p = bellhop.Person{Role: role, Shop: shop, AddedAt: j.stamp()}
	if p.Email, err = bellhop.ParseEmail(a.Email); err != nil {
		return p, "", err
	}
	p.PasswordHash, made, err = newPassword(j, a.PasswordFile)
	return p, made, err
}

// newPassword reads a password, or makes one up, and hashes it.
func newPassword(j *job, file string) (hash, made string, err error) {
	password := ""
	if file == "" {
		made = strings.ToLower(rand.Text())
		password = made
	} else if password, err = j.secretFrom(file, "password"); err != nil {
		return "", "", err
	}
	if utf8.RuneCountInString(password) < minPassword {
		return "", "", bellhop.Invalidf("password", "the password is too short: take at least %d characters",
			minPassword)
	}
	hash, err = web.HashPassword(password)
	return hash, made, err
}

func (a *account) add(j *job, role bellhop.Role, shop string) error {
	p, made, err := a.person(j, role, shop)
	if err != nil {
		return err
	}
	base, err := a.base()
	if err != nil {
		return err
	}
	return j.open(&a.Storage, func(parts *wire.Parts) error {
		if shop != "" {
			if there, err := a.addShop(j, parts, p); there || err != nil {
				return err
			}
		}
		if p, err = parts.Store.AddPerson(j.ctx, p); err != nil {
			err = missing(err, "shop", "there is no shop %s: add it first with bellhop shop add %[1]s", shop)
			return already(err, "email_taken", "somebody signs in with %s already: see bellhop owner ls", a.Email)
		}
		j.say("Added %s.", p.Email)
		sayMade(j, made)
		return a.link(j, parts, base, p.ID)
	})
}

// parseBase checks the address where people reach bellhop, and returns it without a
// slash at its end.
func parseBase(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" ||
		u.Fragment != "" || u.User != nil {
		return "", bellhop.Invalidf("url", "--url: %q is not an address: give the form https://bellhop.example.com", s)
	}
	return strings.TrimSuffix(s, "/"), nil
}

func sayMade(j *job, password string) {
	if password != "" {
		j.say("Password, shown this once: %s", password)
	}
}

type ownerAddCmd struct {
	Shop  string `name:"shop" required:"" placeholder:"DOMAIN" help:"The shop to see."`
	Staff bool   `name:"staff" help:"Staff handle orders and have devices; they invite nobody and set nothing of the shop."`
	account
}

func memberRole(staff bool) bellhop.Role {
	if staff {
		return bellhop.RoleStaff
	}
	return bellhop.RoleOwner
}

func (c *ownerAddCmd) Run(j *job) error {
	shop, err := bellhop.ParseShopDomain(c.Shop)
	if err != nil {
		return err
	}
	return c.add(j, memberRole(c.Staff), shop)
}

type operatorAddCmd struct{ account }

func (c *operatorAddCmd) Run(j *job) error { return c.add(j, bellhop.RoleOperator, "") }

type ownerLsCmd struct {
	wire.Storage
	Shop string `name:"shop" placeholder:"DOMAIN" help:"Only the people of this shop."`
	jsonFlag
}

type personRow struct {
	Email   string    `json:"email"`
	Role    string    `json:"role"` // in this shop
	Shop    string    `json:"shop"` // "" for an operator
	AddedAt time.Time `json:"added_at"`
}

// perShop returns a row for each shop of each person, or only for this shop.
func perShop(people []bellhop.Person, shop string) (rows []personRow) {
	for _, p := range people {
		if len(p.Shops) == 0 {
			rows = append(rows, personRow{p.Email, string(p.Role), "", p.AddedAt})
		}
		for _, m := range p.Shops {
			if shop == "" || shop == m.Shop {
				rows = append(rows, personRow{p.Email, string(m.Role), m.Shop, p.AddedAt})
			}
		}
	}
	return rows
}

func (c *ownerLsCmd) Run(j *job) error {
	if c.Shop != "" {
		shop, err := bellhop.ParseShopDomain(c.Shop)
		if err != nil {
			return err
		}
		c.Shop = shop
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		people, err := p.Store.People(j.ctx, c.Shop)
		if err != nil {
			return noShop(err, c.Shop)
		}
		const none, head = "There is nobody. Add somebody with: bellhop owner add", "E-MAIL\tROLE\tSHOP\tADDED (UTC)"
		return list(j, c.jsonFlag, none, head, perShop(people, c.Shop), func(r personRow) (personRow, []string) {
			return r, []string{r.Email, r.Role, orDash(r.Shop), when(r.AddedAt)}
		})
	})
}

// personArg names a person.
type personArg struct {
	wire.Storage
	Address string `arg:"" optional:"" name:"address" help:"The e-mail address."`
	Email   string `name:"email" help:"The same, as a flag."`
}

// with opens the database and finds the person.
func (w *personArg) with(j *job, fn func(*wire.Parts, bellhop.Person) error) error {
	return j.open(&w.Storage, func(p *wire.Parts) error {
		who, err := w.find(j, p)
		if err != nil {
			return err
		}
		return fn(p, who)
	})
}

func (w *personArg) find(j *job, p *wire.Parts) (bellhop.Person, error) {
	if (w.Address == "") == (w.Email == "") {
		return bellhop.Person{}, bellhop.Invalidf("usage", "give one e-mail address")
	}
	email, err := bellhop.ParseEmail(w.Address + w.Email)
	if err != nil {
		return bellhop.Person{}, err
	}
	who, err := p.Store.PersonByEmail(j.ctx, email)
	return who, missing(err, "person", "there is nobody with the address %s: see bellhop owner ls", email)
}

type ownerRmCmd struct {
	personArg
	Shop string `name:"shop" placeholder:"DOMAIN" help:"Take only this shop. An account without another one is removed."`
}

func (c *ownerRmCmd) Run(j *job) error {
	if c.Shop != "" {
		return c.takeShop(j)
	}
	return c.with(j, func(p *wire.Parts, who bellhop.Person) error {
		return j.said(p.Store.RemovePerson(j.ctx, who.ID), "Removed %s.", who.Email)
	})
}

type ownerPasswordCmd struct {
	personArg
	PasswordFile  string `name:"password-file" placeholder:"FILE" help:"A file with the password; - is the standard input. Without it bellhop makes one up and shows it once."`
	RemoveDevices bool   `name:"remove-devices" help:"Also remove the person's phones and browsers: none gets pushes until somebody signs in on it again."`
}

func (c *ownerPasswordCmd) Run(j *job) error {
	return c.with(j, func(p *wire.Parts, who bellhop.Person) error {
		hash, made, err := newPassword(j, c.PasswordFile)
		if err != nil {
			return err
		}
		// An operator knows whose the account is. Whoever made it under somebody else's address loses it.
		if err := p.Store.Reclaim(j.ctx, who.ID); err != nil {
			return err
		}
		if err := p.Store.SetPassword(j.ctx, who.ID, hash); err != nil {
			return err
		}
		j.say("Changed the password of %s.", who.Email)
		sayMade(j, made)
		return c.devices(j, p, who)
	})
}

// devices removes the person's devices, or says that they still get pushes.
func (c *ownerPasswordCmd) devices(j *job, p *wire.Parts, who bellhop.Person) error {
	phones := map[string]bool{}
	for _, m := range who.Shops {
		all, err := p.Store.Devices(j.ctx, m.Shop)
		if err != nil {
			return err
		}
		for _, d := range all {
			if d.PersonID == who.ID && d.RetiredAt.IsZero() {
				phones[d.Installation] = true
			}
		}
	}
	switch {
	case c.RemoveDevices:
		for phone := range phones {
			if err := p.Store.RemovePhone(j.ctx, who.ID, phone); err != nil && bellhop.KindOf(err) != bellhop.NotFound {
				return err
			}
		}
		j.say("Removed devices: %d.", len(phones))
	case len(phones) > 0:
		j.say("Devices that still get pushes: %d. If somebody else may have them: bellhop owner password %s --remove-devices",
			len(phones), who.Email)
	}
	return nil
}

type ownerLinkCmd struct {
	personArg
	siteURL
}

func (ownerLinkCmd) Help() string {
	return `The password and open sessions stay. It works for operators too.`
}

func (c *ownerLinkCmd) Run(j *job) error {
	base, err := c.base()
	if err != nil {
		return err
	}
	return c.with(j, func(p *wire.Parts, who bellhop.Person) error {
		return c.link(j, p, base, who.ID)
	})
}
