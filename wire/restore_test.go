package wire_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/sealed"
	"bellhop/wire"
)

// TestConnectionsOfARestoredBackup: those of the replaced state are newer and stay; others are checked before anybody
// trusts them, and take away no subscription where the backup's bellhop goes on.
func TestConnectionsOfARestoredBackup(t *testing.T) {
	ctx, dir, day := t.Context(), t.TempDir(), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	live, another := wire.Storage{Dir: filepath.Join(dir, "live"), DB: "sqlite:", Queue: "sqlite:"},
		wire.Storage{Dir: filepath.Join(dir, "another"), DB: "sqlite:", Queue: "sqlite:"}
	use := func(s wire.Storage, fn func(*wire.Parts) error) {
		t.Helper()
		p, err := s.Open(ctx, wire.Options{})
		if err == nil {
			err = errors.Join(fn(p), p.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	const kept, gone, back = "kept.myshopify.com", "gone.myshopify.com", "back.myshopify.com"
	conn := func(shop, token string) bellhop.Connection {
		return bellhop.Connection{Shop: shop, Grant: bellhop.GrantToken, ConnectedAt: day, Token: token,
			Access: bellhop.AccessGood, Since: day, CheckedAt: day, CheckDue: time.Now().Add(time.Hour),
			Subscriptions: []bellhop.Subscription{{Topic: "orders/create", There: true, Address: "https://live.example"}}}
	}
	backup := filepath.Join(dir, "backup.db")
	use(live, func(p *wire.Parts) (err error) {
		for _, shop := range []string{kept, gone, back} {
			err = errors.Join(err, p.Store.AddShop(ctx, bellhop.Shop{Domain: shop, AddedAt: day}),
				p.Store.PutConnection(ctx, conn(shop, "old")))
		}
		return errors.Join(err, p.Store.Uninstall(ctx, back, day),
			p.Backup(ctx, backup, bellhop.BackupNote{Name: "backup.db", MadeAt: day}),
			p.Store.PutConnection(ctx, conn(kept, "new")), p.Store.PutConnection(ctx, conn(back, "new")),
			p.Store.Uninstall(ctx, gone, day))
	})
	key, err := os.ReadFile(filepath.Join(live.Dir, "bellhop.key"))
	err = errors.Join(err, os.MkdirAll(another.Dir, 0o700),
		os.WriteFile(filepath.Join(another.Dir, "bellhop.key"), key, 0o600))
	for _, s := range []wire.Storage{live, another} {
		_, e := s.Restore(ctx, backup, wire.Options{})
		err = errors.Join(err, e)
	}
	if err != nil {
		t.Fatal(err)
	}
	use(live, func(p *wire.Parts) error {
		for shop, token := range map[string]string{kept: "new", back: "new", gone: ""} {
			c, err := p.Store.Connection(ctx, shop)
			is, err2 := p.Store.Shop(ctx, shop)
			if err = errors.Join(err, err2); err != nil {
				return err
			}
			if c.Token != token || is.UninstalledAt.IsZero() == (shop == gone) {
				t.Errorf("%s has the token %q and is uninstalled at %v", shop, c.Token, is.UninstalledAt)
			}
		}
		return nil
	})
	use(another, func(p *wire.Parts) error {
		c, err := p.Store.Connection(ctx, kept)
		if c.Token != "old" || c.CheckDue.After(time.Now()) || len(c.Subscriptions) > 0 {
			t.Errorf("%+v", c)
		}
		return err
	})
}

// TestNotesOfBackups restores a backup: it knows itself, and the notes of the replaced state stay.
func TestNotesOfBackups(t *testing.T) {
	ctx, dir, day := t.Context(), t.TempDir(), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	s := wire.Storage{Dir: filepath.Join(dir, "live"), DB: "sqlite:", Queue: "sqlite:", Key: strings.Repeat("0a", 32)}
	note := func(name string, n int) bellhop.BackupNote {
		return bellhop.BackupNote{Name: name, MadeAt: day.AddDate(0, 0, n), Until: day.AddDate(0, 1, n)}
	}
	first, second := note("first.db", 1), note("second.db", 2)
	notes := func(s wire.Storage, do func(*wire.Parts) error) (all []bellhop.BackupNote) {
		t.Helper()
		p, err := s.Open(ctx, wire.Options{})
		if err == nil {
			err = do(p)
		}
		if err == nil {
			all, err = p.Store.Backups(ctx, day)
		}
		if err = errors.Join(err, p.Close()); err != nil {
			t.Fatal(err)
		}
		return all
	}
	path := filepath.Join(dir, first.Name)
	notes(s, func(p *wire.Parts) error {
		return errors.Join(p.Backup(ctx, path, first), p.Backup(ctx, filepath.Join(dir, second.Name), second))
	})
	another := s
	another.Dir = filepath.Join(dir, "another")
	for _, in := range []struct {
		wire.Storage
		want []bellhop.BackupNote
	}{{s, []bellhop.BackupNote{second, first}}, {another, []bellhop.BackupNote{first}}} {
		if _, err := in.Restore(ctx, path, wire.Options{}); err != nil {
			t.Fatal(err)
		}
		if got := notes(in.Storage, func(*wire.Parts) error { return nil }); !slices.Equal(got, in.want) {
			t.Errorf("the notes are %v, want %v", got, in.want)
		}
	}
}

// TestStatementsOfARestoredBackup: a chain goes on where the replaced state ended, with its key. In another database
// it goes on where the backup ended.
func TestStatementsOfARestoredBackup(t *testing.T) {
	ctx, dir, day := t.Context(), t.TempDir(), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	live := wire.Storage{Dir: filepath.Join(dir, "live"), DB: "sqlite:", Queue: "sqlite:", Key: strings.Repeat("0a", 32)}
	another := live
	another.Dir = filepath.Join(dir, "another")
	const shop, late = "demo.myshopify.com", "late.myshopify.com"
	state := func(s store.Store, shop string, mark byte) error {
		last, err := s.LastStatement(ctx, shop)
		from := day.Add(time.Duration(last.Number) * time.Hour)
		return errors.Join(err, s.AddStatement(ctx, bellhop.Statement{Shop: shop, Number: last.Number + 1, From: from,
			To: from.Add(time.Hour), Previous: last.Hash, Hash: bellhop.Hash{mark, byte(last.Number)},
			LinesHash: sha256.Sum256(nil)}, nil))
	}
	use := func(s wire.Storage, fn func(store.Store, *wire.Parts) error) {
		t.Helper()
		p, err := s.Open(ctx, wire.Options{})
		if err == nil {
			err = errors.Join(fn(p.Store, p), p.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	note := bellhop.BackupNote{Name: "backup.db", MadeAt: day}
	numbers := func(s store.Store, shop string) (all []int64) {
		found, err := s.Statements(ctx, store.StatementQuery{Shop: shop})
		if err != nil {
			t.Error(err)
		}
		for _, one := range found {
			all = append(all, one.Number)
		}
		return all
	}
	key := func(s store.Store) []byte {
		k, err := s.(*sealed.Store).PrivateKey(ctx)
		if err != nil {
			t.Error(err)
		}
		return k
	}
	var unsigned, backup = filepath.Join(dir, "unsigned.db"), filepath.Join(dir, "backup.db")
	var signs []byte
	use(live, func(s store.Store, p *wire.Parts) error {
		return errors.Join(s.AddShop(ctx, bellhop.Shop{Domain: shop, AddedAt: day}),
			s.AddShop(ctx, bellhop.Shop{Domain: late, AddedAt: day}), p.Backup(ctx, unsigned, note))
	})
	use(live, func(s store.Store, p *wire.Parts) error {
		signs = key(s)
		return errors.Join(state(s, shop, 1), state(s, shop, 1), p.Backup(ctx, backup, note),
			state(s, shop, 1), state(s, late, 1))
	})
	for _, c := range []struct {
		in         wire.Storage
		from       string
		shop, late []int64
	}{{live, backup, []int64{1, 2, 3}, []int64{1}}, {live, unsigned, []int64{1, 2, 3}, []int64{1}},
		{another, backup, []int64{1, 2}, nil}} {
		if _, err := c.in.Restore(ctx, c.from, wire.Options{}); err != nil {
			t.Fatal(err)
		}
		use(c.in, func(s store.Store, _ *wire.Parts) error {
			if a, b := numbers(s, shop), numbers(s, late); !slices.Equal(a, c.shop) || !slices.Equal(b, c.late) {
				t.Errorf("%s in %s has the statements %v and %v", filepath.Base(c.from), filepath.Base(c.in.Dir), a, b)
			}
			if !bytes.Equal(key(s), signs) {
				t.Errorf("%s has another key", filepath.Base(c.from))
			}
			return nil
		})
	}
	// Another database went on by itself: its chain is not the backup's.
	use(another, func(s store.Store, _ *wire.Parts) error { return errors.Join(state(s, shop, 2), state(s, shop, 2)) })
	longer := filepath.Join(dir, "longer.db")
	use(live, func(_ store.Store, p *wire.Parts) error { return p.Backup(ctx, longer, note) })
	if _, err := another.Restore(ctx, longer, wire.Options{}); err != nil {
		t.Fatal(err)
	}
	use(another, func(s store.Store, _ *wire.Parts) error {
		if got := numbers(s, shop); !slices.Equal(got, []int64{1, 2, 3}) {
			t.Errorf("the statements of two chains became one: %v", got)
		}
		return nil
	})
}
