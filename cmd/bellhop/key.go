package main

import (
	"slices"
	"strconv"

	"bellhop"
	"bellhop/store"
	"bellhop/store/sealed"
	"bellhop/wire"
)

type keyCmd struct {
	Check  keyCheckCmd  `cmd:"" help:"Show which keys tokens and secrets are sealed with." example:"bellhop key check"`
	Rotate keyRotateCmd `cmd:"" help:"Seal everything anew with the first key of BELLHOP_KEY." example:"BELLHOP_KEY=file:/etc/bellhop/new.key,file:/etc/bellhop/old.key bellhop key rotate"`
	Reset  keyResetCmd  `cmd:"" help:"Drop the tokens and secrets whose key is lost." example:"bellhop key reset"`
}

type keyCheckCmd struct {
	wire.Storage
	jsonFlag
}

func (keyCheckCmd) Help() string {
	return `Names keys by an id that says nothing of them. It fails if BELLHOP_KEY lacks a key that something is sealed
with.`
}

type keyRow struct {
	Key     string `json:"key"` // its id; "" for plain
	State   string `json:"state"`
	Secrets int    `json:"secrets"`
	Tokens  int    `json:"tokens"`
	Marks   int    `json:"marks"`   // the key of marks
	Signing int    `json:"signing"` // the key of statements
}

func (c *keyCheckCmd) Run(j *job) error {
	return j.unsealed(&c.Storage, false, func(s store.Store, keys sealed.Keys) error {
		found, err := keyRows(j, s, keys)
		if err != nil {
			return err
		}
		err = list(j, c.jsonFlag, "There is no key yet, and nothing to seal.",
			"KEY\tSTATE\tSHOPS' SECRETS\tTOKENS\tKEY OF MARKS\tKEY OF STATEMENTS", found,
			func(r keyRow) (keyRow, []string) {
				return r, []string{orDash(r.Key), r.State, strconv.Itoa(r.Secrets), strconv.Itoa(r.Tokens),
					strconv.Itoa(r.Marks), strconv.Itoa(r.Signing)}
			})
		if err != nil {
			return err
		}
		return sealed.Check(j.ctx, s, keys)
	})
}

// keyRows lists the keys in use, those of BELLHOP_KEY first.
func keyRows(j *job, s store.Store, keys sealed.Keys) (found []keyRow, err error) {
	ids := keys.IDs()
	for i, id := range ids {
		state := "seals"
		if i > 0 {
			state = "opens: run bellhop key rotate, then drop it"
		}
		found = append(found, keyRow{Key: id, State: state})
	}
	uses, err := sealed.Uses(j.ctx, s)
	for _, u := range uses {
		i := slices.Index(ids, u.Key)
		if i < 0 {
			i = len(found)
			found = append(found, keyRow{Key: u.Key, State: "is not in BELLHOP_KEY: can't be read"})
		}
		if u.Key == "" {
			found[i].State = "plain until bellhop starts with a key"
		}
		found[i].Secrets, found[i].Tokens, found[i].Marks, found[i].Signing = u.Secrets, u.Tokens, u.Marks, u.Signing
	}
	return found, err
}

// unsealed opens the database with its secrets as they are kept, while fn runs. need makes a missing key
// an error, or a key beside an SQLite file.
func (j *job) unsealed(s *wire.Storage, need bool, fn func(store.Store, sealed.Keys) error) error {
	o := j.options()
	o.Existing, o.NeedKey = true, need
	p, keys, err := s.OpenUnsealed(j.ctx, o)
	return closing(func(p *wire.Parts) error { return fn(p.Store, keys) })(p, err)
}

type keyRotateCmd struct{ wire.Storage }

func (keyRotateCmd) Help() string {
	return `First restart every bellhop of this database with both keys, the new one first. Then run this. Then drop the
old key from BELLHOP_KEY. If it is interrupted, run it again. See docs/key.md.`
}

func (c *keyRotateCmd) Run(j *job) error {
	return j.unsealed(&c.Storage, false, func(s store.Store, keys sealed.Keys) error {
		done, err := sealed.Rotate(j.ctx, s, keys)
		if err != nil {
			return err
		}
		j.say("Sealed the secrets of %s and the tokens of %s anew.", plural(done.Shops, "shop"),
			plural(done.Connections, "connection"))
		if done.Marks {
			j.say("Sealed the key of marks anew.")
		}
		if done.Signing {
			j.say("Sealed the key of statements anew: it stays the same key.")
		}
		return j.said(nil, "Everything is sealed with the key %s: BELLHOP_KEY needs no other.", keys.IDs()[0])
	})
}

type keyResetCmd struct {
	wire.Storage
	yesFlag
}

func (keyResetCmd) Help() string {
	return `For when a key is lost for good. It drops the tokens and shops' secrets that BELLHOP_KEY can't open, and keeps
all else: orders, people, devices. Shops have to be connected again, and secrets of their own be given again. Customers
who were to be forgotten are no longer recognised; what was redacted stays so. Statements are signed with a new key from
then on. See docs/key.md.`
}

func (c *keyResetCmd) Run(j *job) error {
	if !c.Yes && !isTerminal(j.in) {
		return bellhop.Invalidf("usage", "this drops tokens and secrets for good: give --yes to do so")
	}
	if err := c.confirm(j.terminal, "This drops the tokens and secrets that BELLHOP_KEY can't open. Go on?"); err != nil {
		return err
	}
	return j.unsealed(&c.Storage, true, func(s store.Store, keys sealed.Keys) error {
		lost, err := sealed.Reset(j.ctx, s, keys, j.stamp())
		if err != nil {
			return err
		}
		for _, domain := range lost.Connections {
			j.say("Dropped the tokens of %s. Connect it again: bellhop shop connect %[1]s", domain)
		}
		for _, domain := range lost.Secrets {
			j.say("Dropped the own secret of %s. Give it again: bellhop shop rotate-secret %[1]s --secret-file FILE", domain)
		}
		if lost.Marks {
			j.say("Made a new key of marks: customers who were to be forgotten are no longer recognised in new webhooks. " +
				"Orders that were redacted stay so.")
		}
		if lost.Signing {
			j.say("Made a new key of statements: those of before keep their signatures, and the next ones are signed with " +
				"the new key. Give its public key to whoever verifies them.")
		}
		return j.said(nil, "What is left opens with the key %s.", keys.IDs()[0])
	})
}

// key reports the keys in use.
func (c *doctorCmd) key(j *job, _ *wire.Parts) (found []wire.Finding, err error) {
	err = j.unsealed(&c.Storage, false, func(_ store.Store, keys sealed.Keys) error {
		found = append(found, keyFinding(keys))
		return nil
	})
	return found, err
}

func keyFinding(keys sealed.Keys) wire.Finding {
	switch len(keys) {
	case 0: // beside a file there is one by now
		return wire.Fail("key", "there is none: nothing keeps a secret, and no server starts",
			"set BELLHOP_KEY, the same for every server of this database: openssl rand -base64 32 makes one")
	case 1:
		return wire.OK("key", keys.IDs()[0]+" seals tokens and secrets")
	}
	return wire.Warn("key", "two are in use while they rotate",
		"run bellhop key rotate, then take the old one out of BELLHOP_KEY")
}
