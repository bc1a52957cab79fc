package main

import (
	"time"

	"bellhop"
	"bellhop/events"
	"bellhop/web"
	"bellhop/wire"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Create an API token and show its secret once." example:"bellhop token create --shop demo.myshopify.com --name reports"`
	Ls     tokenLsCmd     `cmd:"" help:"List the tokens." example:"bellhop token ls --shop demo.myshopify.com --json"`
	Revoke tokenRevokeCmd `cmd:"" help:"Revoke a token at once." example:"bellhop token revoke --shop demo.myshopify.com --name reports"`
}

// tokenName names a token of a shop.
type tokenName struct {
	wire.Storage
	Shop string `name:"shop" required:"" placeholder:"DOMAIN" help:"The shop that the token gives access to."`
	Name string `name:"name" required:"" help:"The token's purpose; unique in the shop."`
}

const maxTokenName = 100

func (n *tokenName) check() (err error) {
	if n.Shop, err = bellhop.ParseShopDomain(n.Shop); err != nil {
		return err
	}
	if n.Name == "" || len(n.Name) > maxTokenName {
		return bellhop.Invalidf("name", "a token's name has 1 to %d characters", maxTokenName)
	}
	return nil
}

type tokenCreateCmd struct {
	tokenName
	jsonFlag
}

func (c *tokenCreateCmd) Run(j *job) error {
	if err := c.check(); err != nil {
		return err
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		secret, hash := web.NewToken()
		_, err := p.Store.AddToken(j.ctx, bellhop.Token{Shop: c.Shop, Name: c.Name, Hash: hash, CreatedAt: j.stamp()})
		if err != nil {
			err = already(err, "token_exists", "%s has a token %q already: take another name, or revoke that one first",
				c.Shop, c.Name)
			return noShop(err, c.Shop)
		}
		return j.answer(c.jsonFlag, map[string]string{"shop": c.Shop, "name": c.Name, "token": secret}, "%s", secret)
	})
}

type tokenLsCmd struct {
	wire.Storage
	Shop string `name:"shop" placeholder:"DOMAIN" help:"Only the tokens of this shop."`
	jsonFlag
}

type tokenRow struct {
	Shop       string     `json:"shop"`
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

func (c *tokenLsCmd) Run(j *job) error {
	return j.open(&c.Storage, func(p *wire.Parts) error {
		tokens, err := c.tokens(j, p)
		if err != nil {
			return err
		}
		const none = "There are no tokens. Make one with: bellhop token create"
		const head = "SHOP\tNAME\tCREATED (UTC)\tLAST USED (UTC)"
		return list(j, c.jsonFlag, none, head, tokens, func(t bellhop.Token) (tokenRow, []string) {
			return tokenRow{t.Shop, t.Name, t.CreatedAt, events.AtUTC(t.LastUsedAt)},
				[]string{t.Shop, t.Name, when(t.CreatedAt), when(t.LastUsedAt)}
		})
	})
}

func (c *tokenLsCmd) tokens(j *job, p *wire.Parts) (all []bellhop.Token, err error) {
	shops, err := chosenShops(j, p, c.Shop)
	if err != nil {
		return nil, err
	}
	for _, shop := range shops {
		tokens, err := p.Store.Tokens(j.ctx, shop)
		if err != nil {
			return nil, err
		}
		all = append(all, tokens...)
	}
	return all, nil
}

type tokenRevokeCmd struct{ tokenName }

func (c *tokenRevokeCmd) Run(j *job) error {
	if err := c.check(); err != nil {
		return err
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		err := missing(p.Store.RemoveToken(j.ctx, c.Shop, c.Name), "token",
			"%s has no token %q: see bellhop token ls", c.Shop, c.Name)
		return j.said(err, "Revoked %q of %s.", c.Name, c.Shop)
	})
}
