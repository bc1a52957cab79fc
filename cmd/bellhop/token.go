package main

import (
	"cmp"
	"time"

	"bellhop"
	"bellhop/events"
	"bellhop/web"
	"bellhop/wire"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Create an API token and show its secret once." example:"bellhop token create --shop demo.myshopify.com --name reports\nbellhop token create --operator --name provisioning"`
	Ls     tokenLsCmd     `cmd:"" help:"List the tokens." example:"bellhop token ls --shop demo.myshopify.com --json"`
	Revoke tokenRevokeCmd `cmd:"" help:"Revoke a token at once." example:"bellhop token revoke --shop demo.myshopify.com --name reports"`
}

// tokenName names a token of a shop, or an operator's.
type tokenName struct {
	wire.Storage
	Shop     string `name:"shop" placeholder:"DOMAIN" help:"The shop that the token gives access to."`
	Operator bool   `name:"operator" help:"An operator's token, which gives access to every shop."`
	Name     string `name:"name" required:"" help:"The token's purpose; unique in the shop, or among operators' tokens."`
}

const maxTokenName = 100

func (n *tokenName) check() (err error) {
	if n.Operator == (n.Shop != "") {
		return bellhop.Invalidf("usage", "give --shop NAME.myshopify.com, or --operator for a token of every shop")
	}
	if !n.Operator {
		if n.Shop, err = bellhop.ParseShopDomain(n.Shop); err != nil {
			return err
		}
	}
	if n.Name == "" || len(n.Name) > maxTokenName {
		return bellhop.Invalidf("name", "a token's name has 1 to %d characters", maxTokenName)
	}
	return nil
}

// whose says whose token it is.
func (n *tokenName) whose() string { return cmp.Or(n.Shop, "all shops") }

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
		_, err := p.Store.AddToken(j.ctx, bellhop.Token{Shop: c.Shop, Operator: c.Operator, Name: c.Name, Hash: hash,
			CreatedAt: j.stamp()})
		if err != nil {
			err = already(err, "token_exists", "for %s there is a token %q already: take another name, or revoke that one first",
				c.whose(), c.Name)
			return noShop(err, c.Shop)
		}
		return j.answer(c.jsonFlag, tokenMade{c.Shop, c.Operator, c.Name, secret}, "%s", secret)
	})
}

type tokenMade struct {
	Shop     string `json:"shop"` // "" for an operator's
	Operator bool   `json:"operator"`
	Name     string `json:"name"`
	Token    string `json:"token"`
}

type tokenLsCmd struct {
	wire.Storage
	Shop string `name:"shop" placeholder:"DOMAIN" help:"Only the tokens of this shop."`
	jsonFlag
}

type tokenRow struct {
	Shop       string     `json:"shop"` // "" for an operator's
	Operator   bool       `json:"operator"`
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
			return tokenRow{t.Shop, t.Operator, t.Name, t.CreatedAt, events.AtUTC(t.LastUsedAt)},
				[]string{cmp.Or(t.Shop, "all (operator)"), t.Name, when(t.CreatedAt), when(t.LastUsedAt)}
		})
	})
}

func (c *tokenLsCmd) tokens(j *job, p *wire.Parts) (all []bellhop.Token, err error) {
	shops, err := chosenShops(j, p, c.Shop)
	if err != nil {
		return nil, err
	}
	if c.Shop == "" {
		shops = append(shops, "") // operators'
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
			"there is no token %q for %s: see bellhop token ls", c.Name, c.whose())
		return j.said(err, "Revoked %q of %s.", c.Name, c.whose())
	})
}
