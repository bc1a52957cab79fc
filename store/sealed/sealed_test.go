package sealed_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/internal/sqlitefile"
	"bellhop/store"
	"bellhop/store/sealed"
	"bellhop/store/sqlitestore"
)

const shop, other = "a.myshopify.com", "b.myshopify.com"

var day = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func key(t testing.TB, b byte) sealed.Key {
	t.Helper()
	k, err := sealed.ParseKey(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)))
	must(t, err)
	return k
}

// raw is a store with secrets as they are kept, and its file.
func raw(t testing.TB, path string) store.Store {
	t.Helper()
	_, err := sqlitefile.Migrate(t.Context(), path, sqlitestore.Schema())
	must(t, err)
	f, err := sqlitefile.Open(t.Context(), path, sqlitefile.Options{})
	must(t, err)
	db := sqlitestore.New(f)
	t.Cleanup(func() { db.Close(); f.Close() })
	return db
}

func fresh(t testing.TB) store.Store { return raw(t, filepath.Join(t.TempDir(), "bellhop.db")) }

func open(t testing.TB, s store.Store, keys ...sealed.Key) *sealed.Store {
	t.Helper()
	o, err := sealed.Open(t.Context(), s, keys)
	must(t, err)
	return o
}

// fill keeps secrets that nobody may find.
func fill(t testing.TB, s store.Store) {
	t.Helper()
	ctx := t.Context()
	must(t, s.AddShop(ctx, bellhop.Shop{Domain: shop, Secret: "canary-secret", PreviousSecret: "canary-previous",
		OwnSecretOnly: true, AddedAt: day}))
	must(t, s.AddShop(ctx, bellhop.Shop{Domain: other, AddedAt: day}))
	for _, domain := range []string{shop, other} {
		must(t, s.PutConnection(ctx, bellhop.Connection{Shop: domain, Grant: bellhop.GrantToken, ConnectedAt: day,
			Token: "canary-token", RefreshToken: "canary-refresh", Access: bellhop.AccessGood, Since: day, CheckDue: day}))
	}
}

func reads(t testing.TB, s store.Store) {
	t.Helper()
	shops, err := s.Shops(t.Context())
	must(t, err)
	all, err := s.Connections(t.Context())
	must(t, err)
	one, err := s.Connection(t.Context(), other)
	must(t, err)
	if shops[0].Secret != "canary-secret" || shops[0].PreviousSecret != "canary-previous" || shops[1].Secret != "" ||
		all[0].Token != "canary-token" || all[1].RefreshToken != "canary-refresh" || one.Token != "canary-token" {
		t.Errorf("%+v, %+v", shops, all)
	}
}

func TestParseKey(t *testing.T) {
	b := bytes.Repeat([]byte{0xfb, 0xff}, 16)
	want, err := sealed.ParseKey(hex.EncodeToString(b))
	must(t, err)
	for _, text := range []string{base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
		strings.ToUpper(hex.EncodeToString(b))} {
		if k, err := sealed.ParseKey(text); err != nil || k.ID() != want.ID() {
			t.Errorf("%s: %v, %v", text, k.ID(), err)
		}
	}
	for _, text := range []string{"", "short", base64.StdEncoding.EncodeToString(b[:31]), hex.EncodeToString(b) + "00",
		strings.Repeat("?", 44)} {
		if _, err := sealed.ParseKey(text); bellhop.KindOf(err) != bellhop.Invalid ||
			text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if a, b := sealed.MakeKey(), sealed.MakeKey(); a == b {
		t.Error("two keys are the same")
	}
}

// TestASealedTextOpensInItsPlaceAlone: not in another shop's row, column or table.
func TestASealedTextOpensInItsPlaceAlone(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	o := open(t, s, key(t, 1))
	fill(t, o)
	a, err := s.Shop(ctx, shop)
	must(t, err)
	c, err := s.Connection(ctx, shop)
	must(t, err)
	for name, text := range map[string]string{"a token": c.Token, "a previous secret": a.PreviousSecret,
		"another shop's": a.Secret} {
		must(t, s.UpdateShop(ctx, other, func(to *bellhop.Shop) { to.Secret = text }))
		if _, err := o.Shop(ctx, other); bellhop.CodeOf(err) != "sealed" {
			t.Errorf("%s as a secret: %v", name, err)
		}
	}
	for name, text := range map[string]string{"a secret": a.Secret, "a refresh token": c.RefreshToken,
		"another shop's": c.Token} {
		err := s.UpdateConnection(ctx, other, func(to *bellhop.Connection) error { to.Token = text; return nil })
		must(t, err)
		if _, err := o.Connection(ctx, other); bellhop.CodeOf(err) != "sealed" {
			t.Errorf("%s as a token: %v", name, err)
		}
	}
}

// TestWhatBeginsLikeASealedText is never taken for a secret, whatever is left of it: everybody knows its beginning.
func TestWhatBeginsLikeASealedText(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	o := open(t, s, key(t, 1))
	fill(t, o)
	whole, err := s.Shop(ctx, shop)
	must(t, err)
	for n := len("sealed:"); n < len(whole.Secret); n++ {
		must(t, s.UpdateShop(ctx, shop, func(a *bellhop.Shop) { a.Secret = whole.Secret[:n] }))
		if a, err := o.Shop(ctx, shop); err == nil {
			t.Fatalf("cut after %d bytes, the secret is %q", n, a.Secret)
		}
		if err := sealed.Check(ctx, s, sealed.Keys{key(t, 1)}); bellhop.KindOf(err) != bellhop.Conflict {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
	}
}

// TestChanges changes what has secrets: each change sees them open, and the others stay as they are kept.
func TestChanges(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	o := open(t, s, key(t, 1))
	fill(t, o)
	kept, err := s.Connection(ctx, shop)
	must(t, err)
	must(t, o.UpdateConnection(ctx, shop, func(c *bellhop.Connection) error {
		if c.Token != "canary-token" {
			t.Errorf("sees %+v", c)
		}
		c.RefreshToken, c.CheckDue = "canary-new", day.Add(time.Hour)
		return nil
	}))
	now, err := s.Connection(ctx, shop)
	must(t, err)
	if now.Token != kept.Token || now.RefreshToken == kept.RefreshToken || strings.Contains(now.RefreshToken, "canary") {
		t.Errorf("kept %+v, was %+v", now, kept)
	}
	must(t, o.UpdateShop(ctx, shop, func(a *bellhop.Shop) { a.PreviousSecret, a.Secret = a.Secret, "canary-third" }))
	shops, err := o.Shops(ctx)
	must(t, err)
	if shops[0].Secret != "canary-third" || shops[0].PreviousSecret != "canary-secret" {
		t.Errorf("%+v", shops[0])
	}
	no := errors.New("no")
	if err := o.UpdateConnection(ctx, shop, func(*bellhop.Connection) error { return no }); !errors.Is(err, no) {
		t.Error(err)
	}
}

// TestNoSecretIsInTheFile searches the database's files for every secret, also those that were plain.
func TestNoSecretIsInTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bellhop.db")
	s := raw(t, path)
	fill(t, open(t, s, key(t, 1)))
	files, err := filepath.Glob(path + "*")
	must(t, err)
	for _, name := range files {
		b, err := os.ReadFile(name)
		must(t, err)
		if bytes.Contains(b, []byte("canary")) {
			t.Errorf("%s has a secret", name)
		}
	}
	if len(files) < 2 {
		t.Errorf("looked at %v", files)
	}
}

func TestSealsWhatIsPlain(t *testing.T) {
	s := fresh(t)
	fill(t, s)
	reads(t, open(t, s, key(t, 1)))
	shops, err := s.Shops(t.Context())
	must(t, err)
	if !strings.HasPrefix(shops[0].Secret, "sealed:1:") || shops[1].Secret != "" {
		t.Errorf("kept as %+v", shops)
	}
	// A secret opens in its own place only.
	must(t, s.UpdateShop(t.Context(), other, func(o *bellhop.Shop) { o.Secret = shops[0].Secret }))
	if err := sealed.Check(t.Context(), s, sealed.Keys{key(t, 1)}); bellhop.KindOf(err) != bellhop.Conflict {
		t.Errorf("a secret of another shop: %v", err)
	}
}

func TestWrongKey(t *testing.T) {
	s := fresh(t)
	fill(t, open(t, s, key(t, 1)))
	for _, keys := range []sealed.Keys{{key(t, 2)}, {}, {key(t, 2), key(t, 3)}} {
		_, err := sealed.Open(t.Context(), s, keys)
		if bellhop.KindOf(err) != bellhop.Conflict || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v", keys.IDs(), err)
		}
	}
	if _, err := sealed.Keyless(s).Shops(t.Context()); err == nil || !strings.Contains(err.Error(), "BELLHOP_KEY") {
		t.Errorf("without a key: %v", err)
	}
	reads(t, open(t, s, key(t, 2), key(t, 1)))
	// Of two processes with different keys on an empty database one is first.
	empty := fresh(t)
	open(t, empty, key(t, 1))
	if _, err := sealed.Open(t.Context(), empty, sealed.Keys{key(t, 2)}); bellhop.KindOf(err) != bellhop.Conflict {
		t.Errorf("a second key: %v", err)
	}
}

// TestKeylessKeepsNoSecret goes on with a plain secret of before there were keys, and takes no new one.
func TestKeylessKeepsNoSecret(t *testing.T) {
	below := fresh(t)
	must(t, below.AddShop(t.Context(), bellhop.Shop{Domain: shop, Secret: "s", AddedAt: day}))
	s := sealed.Keyless(below)
	must(t, s.UpdateShop(t.Context(), shop, func(s *bellhop.Shop) { s.Disabled = true }))
	if got, err := s.Shop(t.Context(), shop); err != nil || got.Secret != "s" {
		t.Errorf("a plain secret: %q, %v", got.Secret, err)
	}
	for what, err := range map[string]error{
		"token": s.PutConnection(t.Context(), bellhop.Connection{Shop: shop, Grant: bellhop.GrantToken, Token: "t",
			Access: bellhop.AccessGood}),
		"secret":          s.UpdateShop(t.Context(), shop, func(s *bellhop.Shop) { s.Secret = "new" }),
		"secret of a new": s.AddShop(t.Context(), bellhop.Shop{Domain: other, Secret: "s", AddedAt: day}),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "BELLHOP_KEY: ") {
			t.Errorf("a %s without a key: %v", what, err)
		}
	}
}

// dying is a store that fails after some changes, as one whose process is killed does.
type dying struct {
	store.Store
	left int
}

var errKilled = errors.New("killed")

func (d *dying) dies() bool { d.left--; return d.left < 0 }

func (d *dying) UpdateConnection(ctx context.Context, shop string, change func(*bellhop.Connection) error) error {
	if d.dies() {
		return errKilled
	}
	return d.Store.UpdateConnection(ctx, shop, change)
}

func (d *dying) PutMarkKey(ctx context.Context, was, is string) error {
	if d.dies() {
		return errKilled
	}
	return d.Store.PutMarkKey(ctx, was, is)
}

func (d *dying) PutKeyCheck(ctx context.Context, was, is string) error {
	if d.dies() {
		return errKilled
	}
	return d.Store.PutKeyCheck(ctx, was, is)
}

func TestRotate(t *testing.T) {
	s := fresh(t)
	fill(t, open(t, s, key(t, 1)))
	both, ctx := sealed.Keys{key(t, 2), key(t, 1)}, t.Context()
	for _, left := range []int{0, 1, 1, 1} { // killed at each step
		if _, err := sealed.Rotate(ctx, &dying{s, left}, both); !errors.Is(err, errKilled) {
			t.Fatalf("killed after %d: %v", left, err)
		}
		reads(t, open(t, s, both...))
	}
	done, err := sealed.Rotate(ctx, s, both)
	must(t, err)
	if done != (sealed.Resealed{}) {
		t.Errorf("what was done before was done again: %+v", done)
	}
	reads(t, open(t, s, key(t, 2))) // the old one can go
	uses, err := sealed.Uses(ctx, s)
	must(t, err)
	if want := []sealed.Use{{Key: key(t, 2).ID(), Secrets: 2, Tokens: 4, Marks: 1}}; !slices.Equal(uses, want) {
		t.Errorf("uses %+v", uses)
	}
	if _, err := sealed.Open(ctx, s, sealed.Keys{key(t, 1)}); bellhop.KindOf(err) != bellhop.Conflict {
		t.Errorf("with the old key alone: %v", err)
	}
}

func TestReset(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	fill(t, open(t, s, key(t, 1)))
	lost, err := sealed.Reset(ctx, s, sealed.Keys{key(t, 2)}, day.Add(time.Hour))
	must(t, err)
	if !slices.Equal(lost.Secrets, []string{shop}) || !slices.Equal(lost.Connections, []string{shop, other}) {
		t.Errorf("lost %+v", lost)
	}
	o := open(t, s, key(t, 2))
	shops, err := o.Shops(ctx)
	must(t, err)
	c, err := o.Connection(ctx, shop)
	must(t, err)
	if shops[0].Secret != "" || !shops[0].OwnSecretOnly || c.Token != "" || c.Access != bellhop.AccessLost ||
		c.Reason != "reconnect_needed" || !c.Since.Equal(day.Add(time.Hour)) {
		t.Errorf("%+v, %+v", shops, c)
	}
	if !lost.Marks {
		t.Error("the key of the marks is not among what was lost")
	}
	lost, err = sealed.Reset(ctx, s, sealed.Keys{key(t, 2)}, day)
	if err != nil || len(lost.Secrets)+len(lost.Connections) > 0 || lost.Marks {
		t.Errorf("again: %+v, %v", lost, err)
	}
}
