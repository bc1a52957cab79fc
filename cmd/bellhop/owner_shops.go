package main

import (
	"bellhop"
	"bellhop/web"
	"bellhop/wire"
)

// addShop gives a shop to somebody who is there, and whose password stays.
func (a *account) addShop(j *job, parts *wire.Parts, p bellhop.Person) (there bool, err error) {
	was, err := parts.Store.PersonByEmail(j.ctx, p.Email)
	if bellhop.KindOf(err) == bellhop.NotFound {
		return false, nil
	}
	if err == nil && was.RoleIn(p.Shop) == p.Role {
		err = bellhop.Errorf(bellhop.Conflict, "email_taken", "%s is %s of %s already: see bellhop owner ls", p.Email,
			nounOf(p.Role), p.Shop)
	}
	if err == nil && a.PasswordFile != "" {
		err = bellhop.Invalidf("usage", "%s has a password already: leave --password-file out, or change it with "+
			"bellhop owner password", p.Email)
	}
	if err != nil {
		return true, err
	}
	err = parts.Store.SetMembership(j.ctx, was.ID, bellhop.Membership{Shop: p.Shop, Role: p.Role})
	err = missing(err, "shop", "there is no shop %s: add it first with bellhop shop add %[1]s", p.Shop)
	if err == nil && was.Unproven && was.RoleIn(p.Shop) == "" {
		j.say("An invitation made the account of %[1]s. Its password, sessions and devices are gone, in case it was "+
			"somebody else's. Let its owner in with: bellhop owner link %[1]s", p.Email)
	}
	return true, j.said(err, "%s is %s of %s, too.", p.Email, nounOf(p.Role), p.Shop)
}

func nounOf(r bellhop.Role) string {
	if r == bellhop.RoleStaff {
		return "staff"
	}
	return "an owner"
}

type ownerInviteCmd struct {
	wire.Storage
	Shop  string `name:"shop" required:"" placeholder:"DOMAIN" help:"The shop to join."`
	Email string `name:"email" required:"" help:"The address that the invitation is for."`
	Staff bool   `name:"staff" help:"As staff, who handle orders and have devices."`
	siteURL
}

func (ownerInviteCmd) Help() string {
	return `The link holds for seven days, once, for this address alone. Somebody with an account signs in and accepts it;
somebody new sets a password. A new invitation of an address takes the place of the one before.`
}

func (c *ownerInviteCmd) Run(j *job) error {
	shop, err := bellhop.ParseShopDomain(c.Shop)
	if err != nil {
		return err
	}
	email, err := bellhop.ParseEmail(c.Email)
	if err != nil {
		return err
	}
	base, err := c.base()
	if err != nil {
		return err
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		secret, i := web.NewInvitation(shop, email, memberRole(c.Staff), "", j.stamp())
		err := missing(p.Store.Invite(j.ctx, i), "shop", "there is no shop %s: add it first with bellhop shop add %[1]s",
			shop)
		return j.said(err, "Lets %s join %s, once, within seven days: %s%s", email, shop, base, web.InvitationPath(secret))
	})
}

func (c *ownerRmCmd) takeShop(j *job) error {
	shop, err := bellhop.ParseShopDomain(c.Shop)
	if err != nil {
		return err
	}
	return c.with(j, func(p *wire.Parts, who bellhop.Person) error {
		err := p.Store.RemoveMembership(j.ctx, who.ID, shop)
		if bellhop.KindOf(err) == bellhop.NotFound {
			err = bellhop.Errorf(bellhop.NotFound, "person_not_found", "%s does not belong to %s: see bellhop owner ls",
				who.Email, shop)
		}
		err = already(err, "last_owner", "%s is the only owner of %s: add another one first, with bellhop owner add, or "+
			"remove the whole account with bellhop owner rm %[1]s", who.Email, shop)
		if err == nil && len(who.Shops) == 1 {
			return j.said(nil, "Removed %s, who had no other shop.", who.Email)
		}
		return j.said(err, "Took %s from %s.", shop, who.Email)
	})
}
