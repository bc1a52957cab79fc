package wire_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/pipeline"
	"bellhop/shopify"
	"bellhop/store"
	"bellhop/wire"
)

// forgetting is a database whose backup knows what it has to forget since.
type forgetting struct {
	*testing.T
	wire.Storage
	n   uint64
	day time.Time
}

const asked, removed = "asked.myshopify.com", "removed.myshopify.com"

func (f *forgetting) must(errs ...error) {
	f.Helper()
	for _, err := range errs {
		if err != nil {
			f.Fatal(err)
		}
	}
}

func (f *forgetting) use(do func(*wire.Parts)) {
	f.Helper()
	p, err := f.Open(f.Context(), wire.Options{})
	f.must(err)
	defer func() { f.must(p.Close()) }()
	do(p)
}

// event is one with the fixture's order, under another id and of another customer.
func (f *forgetting) event(shop, topic string, id int64, email string) *bellhop.Event {
	f.Helper()
	body, err := os.ReadFile("../shopify/testdata/orders_create.jpy.json")
	f.must(err)
	text := strings.NewReplacer("6100200300401", fmt.Sprint(id), "hanako@example.jp", email, "91234567890123456",
		fmt.Sprint(id+1)).Replace(string(body))
	f.n++
	e := &bellhop.Event{Shop: shop, Topic: topic, WebhookID: fmt.Sprint(f.n), TriggeredAt: f.day, AcceptedAt: f.day,
		SignedBy: bellhop.SignerShop, Body: []byte(text)}
	binary.BigEndian.PutUint64(e.ID[8:], f.n)
	return e
}

func (f *forgetting) order(p *wire.Parts, shop string, id int64, email string) {
	f.Helper()
	fact, err := shopify.Decode(f.event(shop, shopify.TopicOrderCreate, id, email))
	f.must(err)
	fact.At = f.day
	_, err = p.Store.Record(f.Context(), []bellhop.Fact{fact})
	f.must(err)
}

// request adds a request that is done, as if it had found nothing.
func (f *forgetting) request(p *wire.Parts, r bellhop.PrivacyRequest) {
	f.Helper()
	r.RequestedAt, r.ReceivedAt = f.day.AddDate(0, 0, 2), f.day.AddDate(0, 0, 2)
	r, err := p.Store.AddRequest(f.Context(), r)
	f.must(err, p.Store.UpdateRequest(f.Context(), r.ID, func(r *bellhop.PrivacyRequest) error {
		r.Outcome, r.DoneAt, r.Process = bellhop.RequestDone, f.day.AddDate(0, 0, 3), "host-1"
		return nil
	}))
}

// export adds a request with an export that names somebody whom the shop has to forget later.
func (f *forgetting) export(p *wire.Parts) {
	f.Helper()
	ctx, until := f.Context(), time.Now().AddDate(0, 0, 30)
	r, err := p.Store.AddRequest(ctx, bellhop.PrivacyRequest{Shop: asked, Kind: bellhop.RequestGive, RequestedAt: f.day,
		ReceivedAt: f.day})
	f.must(err, p.Store.PutExport(ctx, r.ID, []byte(`{"email":"canary@example.com"}`), until),
		p.Store.UpdateRequest(ctx, r.ID, func(r *bellhop.PrivacyRequest) error {
			r.Outcome, r.DoneAt, r.Process = bellhop.RequestDone, f.day, "host-1"
			r.ExportAt, r.ExportUntil = f.day, until
			return nil
		}))
}

// fill makes a backup, and then asks to forget somebody in it and to erase a shop.
func (f *forgetting) fill(backup string) {
	f.use(func(p *wire.Parts) {
		ctx := f.Context()
		for _, shop := range []string{asked, removed} {
			f.must(p.Store.AddShop(ctx, bellhop.Shop{Domain: shop, AddedAt: f.day}))
		}
		f.order(p, asked, 1001, "canary@example.com")
		f.order(p, asked, 2001, "other@example.com")
		f.order(p, asked, 3001, "else@example.com") // which the request names
		f.order(p, removed, 4001, "erased@example.com")
		f.must(p.Store.Dead(ctx, f.event(asked, "customers/data_request", 5001, "canary@example.com"), "old", f.day),
			p.Store.Dead(ctx, f.event(asked, "customers/data_request", 6001, "other@example.com"), "old", f.day))
		f.export(p)
		f.must(p.Backup(ctx, backup, bellhop.BackupNote{Name: "backup.db", MadeAt: f.day.AddDate(0, 0, 1)}))
	})
}

func (f *forgetting) ask() {
	f.use(func(p *wire.Parts) {
		f.request(p, bellhop.PrivacyRequest{Shop: asked, Kind: bellhop.RequestForget,
			Subject: bellhop.Subject{Email: "Canary@example.com", Orders: []int64{3001}}})
		f.request(p, bellhop.PrivacyRequest{Shop: removed, Kind: bellhop.RequestEraseNow, By: "ops"})
	})
}

func (f *forgetting) restore(backup string) pipeline.Again {
	f.Helper()
	done, err := f.Storage.Restore(f.Context(), backup, wire.Options{})
	f.must(err)
	return done
}

// forgotten checks what is left.
func (f *forgetting) forgotten() {
	f.Helper()
	ctx := f.Context()
	f.use(func(p *wire.Parts) {
		for id, gone := range map[int64]bool{1001: true, 2001: false, 3001: true} {
			o, err := p.Store.Order(ctx, asked, id)
			f.must(err)
			if why := o.RedactedFor; (o.CustomerEmail == "") != gone || (why == bellhop.RedactedForRequest) != gone {
				f.Errorf("order %d is redacted for %q, and has the address %q", id, why, o.CustomerEmail)
			}
		}
		left, err := p.Store.Archived(ctx, asked, time.Time{}, bellhop.EventID{}, 100)
		f.must(err)
		for _, e := range left {
			if !bytes.Contains(e.Body, []byte("other@example.com")) {
				f.Errorf("a body of %s is left", e.Topic)
			}
		}
		if _, err := p.Store.Shop(ctx, removed); len(left) != 2 || bellhop.KindOf(err) != bellhop.NotFound {
			f.Errorf("%d bodies are left; the erased shop: %v", len(left), err)
		}
		page, err := p.Store.Requests(ctx, store.RequestQuery{})
		f.must(err)
		for _, r := range page.Requests {
			if r.Outcome != bellhop.RequestDone || r.Process != "host-1" || len(page.Requests) != 3 ||
				r.ExportUntil.After(time.Now()) {
				f.Errorf("of %d requests one is %+v", len(page.Requests), r)
			}
			if _, err := p.Store.PrivacyExport(ctx, asked, r.ID); bellhop.KindOf(err) != bellhop.NotFound {
				f.Errorf("request %d: its export is there, or %v", r.ID, err)
			}
		}
	})
	files, err := filepath.Glob(filepath.Join(f.Dir, "bellhop.db*"))
	f.must(err)
	for _, name := range files {
		b, err := os.ReadFile(name)
		f.must(err)
		if bytes.Contains(b, []byte("canary@")) || bytes.Contains(b, []byte("erased@")) {
			f.Errorf("%s has what was forgotten", filepath.Base(name))
		}
	}
}

func forgettingIn(t *testing.T, dir string) *forgetting {
	return &forgetting{T: t, day: time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC),
		Storage: wire.Storage{Dir: dir, DB: "sqlite:", Queue: "sqlite:", Key: strings.Repeat("0a", 32)}}
}

func TestRestoredBackupForgets(t *testing.T) {
	dir := t.TempDir()
	f, backup := forgettingIn(t, filepath.Join(dir, "live")), filepath.Join(dir, "backup.db")
	f.fill(backup)
	f.ask()
	want := pipeline.Again{Requests: 2, Shops: 1, Orders: 2, Bodies: 1}
	for range 2 { // the second restore replaces a state that forgot by the first
		if done := f.restore(backup); done != want {
			t.Errorf("took away %+v, want %+v", done, want)
		}
		f.forgotten()
	}
	f.use(func(p *wire.Parts) { // late webhooks, of a known order and of one that nobody knew
		f.order(p, asked, 1001, "canary@example.com")
		f.order(p, asked, 7001, "canary@example.com")
		f.order(p, asked, 8001, "new@example.com")
		for id, email := range map[int64]string{1001: "", 7001: "", 8001: "new@example.com"} {
			o, err := p.Store.Order(t.Context(), asked, id)
			f.must(err)
			if o.CustomerEmail != email {
				t.Errorf("order %d brought %q", id, o.CustomerEmail)
			}
		}
	})
	backup = filepath.Join(dir, "later.db")
	f.use(func(p *wire.Parts) { f.must(p.Backup(t.Context(), backup, aBackup())) })
	if done := f.restore(backup); done != (pipeline.Again{}) {
		t.Errorf("from a backup of after the requests it took %+v", done)
	}
}

// TestRestoreForgetsByAnotherList restores a backup over a database that was begun anew, and has marks under a key of
// its own.
func TestRestoreForgetsByAnotherList(t *testing.T) {
	dir := t.TempDir()
	f, backup := forgettingIn(t, filepath.Join(dir, "live")), filepath.Join(dir, "backup.db")
	f.fill(backup)
	f = forgettingIn(t, filepath.Join(dir, "anew"))
	f.ask()
	f.restore(backup)
	f.forgotten()
}

// TestRestoreNeedsTheKeyToForget restores over a database whose key is away.
func TestRestoreNeedsTheKeyToForget(t *testing.T) {
	dir := t.TempDir()
	f, backup := forgettingIn(t, filepath.Join(dir, "live")), filepath.Join(dir, "backup.db")
	f.fill(backup)
	f.ask()
	f.Key = ""
	for _, lost := range []bool{false, true} {
		_, err := f.Storage.Restore(t.Context(), backup, wire.Options{LostKey: lost})
		if bellhop.CodeOf(err) != "key_missing" && !lost || lost != (err == nil) {
			t.Errorf("with a lost key, and that said to be so %t: %v", lost, err)
		}
	}
}

// TestRedactAgain takes out of a database that other tools restored what the replaced one has forgotten.
func TestRedactAgain(t *testing.T) {
	dir := t.TempDir()
	f, backup := forgettingIn(t, filepath.Join(dir, "replaced")), filepath.Join(dir, "backup.db")
	f.fill(backup)
	f.ask()
	replaced := "sqlite:" + filepath.Join(f.Dir, "bellhop.db")
	f = forgettingIn(t, filepath.Join(dir, "restored"))
	if done := f.restore(backup); done != (pipeline.Again{}) {
		t.Errorf("nothing was replaced, and %+v was taken", done)
	}
	for _, want := range []pipeline.Again{{Requests: 2, Shops: 1, Orders: 2, Bodies: 1}, {}} {
		done, err := f.RedactAgain(t.Context(), replaced, wire.Options{})
		if err != nil || done != want {
			t.Errorf("took away %+v, %v; want %+v", done, err, want)
		}
		f.forgotten()
	}
	for url, says := range map[string]string{"sqlite:" + dir + "/none.db": "--replaced: ", "nonsense": "--replaced: "} {
		if _, err := f.RedactAgain(t.Context(), url, wire.Options{}); err == nil || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%s: %v", url, err)
		}
	}
}
