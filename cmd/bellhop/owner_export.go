package main

import (
	"encoding/json"
	"io"

	"bellhop"
	"bellhop/web"
	"bellhop/wire"
)

type ownerExportCmd struct {
	personArg
	To string `name:"to" placeholder:"FILE" help:"A new file to write, instead of the standard output."`
}

func (ownerExportCmd) Help() string {
	return `It works for operators too. Hashes of passwords and of sessions are left out. The same file is in the console's
settings and at GET /v1/me/data.`
}

func (c *ownerExportCmd) Run(j *job) error {
	return c.with(j, func(p *wire.Parts, who bellhop.Person) error {
		data, err := p.Store.PersonData(j.ctx, who.ID)
		if err != nil {
			return err
		}
		write := func(to io.Writer) error {
			e := json.NewEncoder(to)
			e.SetIndent("", "  ")
			return e.Encode(web.AccountOf(&data))
		}
		if c.To == "" {
			return write(j.out)
		}
		return j.said(newFile(c.To, write), "Wrote what bellhop has of %s to %s.", who.Email, c.To)
	})
}
