package main

import (
	"cmp"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"bellhop"
	"bellhop/events"
	"bellhop/statement"
	"bellhop/store"
	"bellhop/store/sealed"
	"bellhop/wire"
)

type verifyCmd struct {
	jsonFlag
	File  string       `arg:"" optional:"" help:"A file that bellhop statement --out wrote."`
	DB    databaseFlag `name:"db" help:"Check the database of BELLHOP_DB, or of --db=URL, and not a file."`
	Shop  string       `name:"shop" placeholder:"DOMAIN" help:"With --db: only this shop."`
	Keys  string       `name:"key" placeholder:"PUB" help:"The public key that bellhop statement key printed, kept elsewhere; several with commas between."`
	Since string       `name:"since" placeholder:"OLDER-FILE" help:"A file from before: the statements have to go on from it. With --db give --shop."`

	Dir     string `name:"dir" env:"BELLHOP_DIR" default:"./bellhop-data" help:"With --db: the folder of sqlite: files without a path."`
	Default string `name:"database" env:"BELLHOP_DB" default:"sqlite:" hidden:"" help:"The database of --db without a URL."`
	Sealing string `name:"sealing-key" env:"BELLHOP_KEY" hidden:"" help:"The key that the database's own keys are sealed with."`
}

// databaseFlag is --db, with or without a URL.
type databaseFlag struct {
	given bool
	url   string
}

// IsBool lets the flag have no value.
func (*databaseFlag) IsBool() bool { return true }

// Decode takes a URL behind = or as the next word, but not a file.
func (f *databaseFlag) Decode(c *kong.DecodeContext) error {
	f.given = true
	next := c.Scan.Peek()
	url, _ := next.Value.(string)
	if next.Type == kong.FlagValueToken || strings.HasPrefix(url, "sqlite:") || strings.HasPrefix(url, "postgres") {
		f.url = url
		c.Scan.Pop()
	}
	return nil
}

func (verifyCmd) Help() string {
	return `Checks a file of statements anywhere, without a database and without settings: that each statement is as it
was made and signed, that none is missing, and that no line of the ledger was changed, removed or inserted between two
statements of an hour. With --db it checks the statements in the database, and that the ledger still has their lines.

It ends with 0 if nothing was altered, with 1 if something was. What it can't find: see docs/statements.md.`
}

func (c *verifyCmd) Run(j *job) error {
	v, err := c.begin(j)
	if err != nil {
		return err
	}
	defer v.close()
	if c.DB.given {
		err = c.database(v)
	} else {
		err = v.file(c.File)
	}
	if err != nil {
		return err
	}
	return v.end(c.jsonFlag)
}

// begin reads what the flags say.
func (c *verifyCmd) begin(j *job) (v *verifying, err error) {
	switch {
	case c.DB.given == (c.File != ""):
		return nil, bellhop.Invalidf("usage", "give a file, or --db")
	case c.Shop != "" && !c.DB.given:
		return nil, bellhop.Invalidf("usage", "--shop belongs to --db: a file is of one shop")
	case c.Shop == "" && c.DB.given && c.Since != "":
		return nil, bellhop.Invalidf("usage", "--since with --db needs --shop")
	}
	v = &verifying{job: j, keySource: "the same file"}
	switch {
	case c.Since != "":
		v.keySource = "the older file"
	case c.DB.given:
		v.keySource = "the same database"
	}
	if c.Keys != "" {
		if v.keys, err = statement.ParseKeys(c.Keys); err != nil {
			return nil, err
		}
	}
	if c.Since != "" {
		v.older, err = v.open(c.Since)
	}
	return v, err
}

// verifying is a check under way.
type verifying struct {
	*job
	keys      statement.Keys // that somebody gave
	keySource string         // where they come from otherwise
	older     *statement.Chain
	files     []*os.File
	checked   []verifiedJSON
}

func (v *verifying) close() {
	for _, f := range v.files {
		_ = f.Close() // nothing was written
	}
}

// open opens a file of statements until v is closed.
func (v *verifying) open(path string) (*statement.Chain, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	v.files = append(v.files, f)
	c, err := statement.Read(f)
	if e, ok := errors.AsType[*bellhop.Error](err); ok {
		err = bellhop.Errorf(e.Kind, e.Code, "%s: %s", path, e.Message)
	}
	return c, err
}

// openFile opens a file that is read twice. A pipe has nothing the second time, and opening one may wait for ever.
func openFile(path string) (*os.File, error) {
	is, err := os.Stat(path)
	if err == nil && !is.Mode().IsRegular() {
		return nil, bellhop.Invalidf("file", "%s is no file, but a folder, a pipe or a device: write what it has to a file "+
			"and give that", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, bellhop.Invalidf("file", "can't read %s: %v", path, cmp.Or(errors.Unwrap(err), err))
	}
	return f, nil
}

// file checks a file.
func (v *verifying) file(path string) error {
	c, err := v.open(path)
	if err != nil {
		return err
	}
	if v.older != nil { // whoever made the file could have put a key of their own into it
		c.Keys = nil
	}
	k, err := v.check(path, c)
	if err == nil {
		k.End()
	}
	return err
}

// check checks a chain by itself and against the older file.
func (v *verifying) check(what string, c *statement.Chain) (*statement.Check, error) {
	if v.older != nil && v.older.Shop != c.Shop {
		return nil, bellhop.Invalidf("usage", "the older file is of %s, and these are statements of %s", v.older.Shop, c.Shop)
	}
	keys := v.keys
	if keys == nil {
		keys = statement.Keys{}
		maps.Copy(keys, c.Keys)
		if v.older != nil {
			maps.Copy(keys, v.older.Keys)
		}
	}
	if v.older != nil {
		k, err := v.alone("the older file", v.older, keys, nil)
		if err != nil {
			return nil, err
		}
		k.End()
	}
	return v.alone(what, c, keys, v.older)
}

func (v *verifying) alone(what string, c *statement.Chain, keys statement.Keys, older *statement.Chain) (
	*statement.Check, error) {
	k, err := statement.Start(c, keys, older)
	if err != nil {
		return nil, err
	}
	v.checked = append(v.checked, verifiedJSON{What: what, Shop: c.Shop, chain: c, report: k.Report})
	return k, nil
}

// database checks the database, one shop or all.
func (c *verifyCmd) database(v *verifying) error {
	s := &wire.Storage{Dir: c.Dir, DB: cmp.Or(c.DB.url, c.Default), Key: c.Sealing}
	return v.unsealed(s, false, func(db store.Store, keys sealed.Keys) error {
		shops, err := chosenShops(v.job, &wire.Parts{Store: db}, c.Shop)
		if bellhop.KindOf(err) == bellhop.NotFound {
			return v.erased(db, shops[0], err)
		}
		own := statement.Keys{}
		if err == nil && v.keys == nil {
			own, err = ownKeys(v.job, db, keys)
		}
		for _, shop := range shops {
			if err == nil {
				err = v.shop(db, shop, own)
			}
		}
		return err
	})
}

// ownKeys returns the key of a database's own statements, none before there is one.
func ownKeys(j *job, db store.Store, keys sealed.Keys) (statement.Keys, error) {
	key, err := sealed.PublicKey(j.ctx, db, keys)
	switch {
	case bellhop.KindOf(err) == bellhop.NotFound:
		return statement.Keys{}, nil
	case err != nil:
		return nil, bellhop.Invalidf("key", "give --key, the public key that bellhop statement key printed: this "+
			"database's own can't be read (%v)", err)
	}
	return statement.Keys{statement.KeyID(key): key}, nil
}

// shop checks a shop's statements in the database, and the ledger.
func (v *verifying) shop(db store.Store, shop string, own statement.Keys) error {
	state, err := db.Reconciliation(v.ctx, shop)
	if err != nil {
		return err
	}
	c, err := statement.ChainOf(v.ctx, db, shop)
	if err != nil {
		return err
	}
	c.Keys = own
	k, err := v.check(shop, c)
	if err == nil {
		err = k.Ledger(func(from, to time.Time) ([]byte, error) { return statement.Lines(v.ctx, db, shop, from, to) })
	}
	if err != nil {
		return err
	}
	k.Closed(state.From, state.ClosedTo)
	k.End()
	return v.forgive(db, &v.checked[len(v.checked)-1])
}

// erased answers for a shop that is no longer there: it accuses nobody if the shop was erased.
func (v *verifying) erased(db store.Store, shop string, unknown error) error {
	at, err := erasedAt(v.job, db, shop)
	if err == nil && at.IsZero() {
		err = unknown
	}
	v.checked = append(v.checked, verifiedJSON{What: shop, Shop: shop, ErasedAt: events.AtUTC(at),
		chain: &statement.Chain{Shop: shop}, report: &statement.Report{}})
	return err
}

// erasedAt returns when a shop was erased for the last time; zero for never.
func erasedAt(j *job, db store.Store, shop string) (at time.Time, err error) {
	err = store.EachRequest(j.ctx, db, store.RequestQuery{Shop: shop}, func(r *bellhop.PrivacyRequest) error {
		if (r.Kind == bellhop.RequestErase || r.Kind == bellhop.RequestEraseNow) &&
			r.Outcome == bellhop.RequestDone && r.DoneAt.After(at) {
			at = r.DoneAt
		}
		return nil
	})
	return at, err
}

// forgive notes that a shop was erased between the older file and the first statement of a new chain: nobody is to
// blame for that.
func (v *verifying) forgive(db store.Store, d *verifiedJSON) error {
	anew := func(f statement.Fault) bool { return f.Code == statement.FaultAnew }
	if !slices.ContainsFunc(d.report.Faults, anew) {
		return nil
	}
	at, err := erasedAt(v.job, db, d.Shop)
	if err != nil || !at.After(v.older.Statements[len(v.older.Statements)-1].MadeAt) {
		return err
	}
	d.report.Faults, d.ErasedAt = slices.DeleteFunc(d.report.Faults, anew), events.AtUTC(at)
	return nil
}
