package main

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"bellhop"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/shopify"
	"bellhop/simulate"
	"bellhop/store"
	"bellhop/wire"
)

// works is the test's own process that carries out requests.
type works struct {
	*personal
	parts *wire.Parts
}

func (p *personal) opens() *works {
	p.Helper()
	parts, err := p.storage.Open(p.Context(), wire.Options{Now: time.Now})
	p.must(err)
	return &works{p, parts}
}

func (w *works) close() { w.must(w.parts.Close()) }

func (w *works) now() time.Time { return time.Now().Add(w.ahead) }

// round carries out what is open, and ends at the nth point. It reports whether it came to its end.
func (w *works) round(nth int) (whole bool) {
	w.Helper()
	w.ahead += 3 * time.Minute // a dead one's lease ran out
	ctx, kill := context.WithCancel(w.Context())
	defer kill()
	passed := 0
	work := host.NewPrivacy(w.parts.Store, w.parts.Queue, slog.New(slog.DiscardHandler), w.now, func(pipeline.Point) {
		if passed++; passed == nth {
			kill()
		}
	})
	err := work.Round(ctx)
	if ctx.Err() == nil {
		w.must(err)
	}
	return ctx.Err() == nil
}

func (w *works) requests(open bool) []bellhop.PrivacyRequest {
	w.Helper()
	page, err := w.parts.Store.Requests(w.Context(), store.RequestQuery{Open: open, Limit: 200})
	w.must(err)
	return page.Requests
}

// finish carries out all that is open, killed at another point each time.
func (w *works) finish() (kills int) {
	w.Helper()
	for nth := 1; len(w.requests(true)) > 0; nth++ {
		if nth > 200 {
			w.Fatalf("these are never done: %+v", w.requests(true))
		}
		if !w.round(nth) {
			kills++
		}
	}
	return kills
}

// give lets the owner have what is kept of the first person.
func (p *personal) give() {
	p.Helper()
	w := p.opens()
	defer w.close()
	one := p.people[0]
	p.post(itsShop, shopify.TopicCustomersDataRequest, one.request(itsShop, "orders_requested"))
	p.drained(6)
	w.finish()
	r := w.requests(false)[0]
	export, err := w.parts.Store.PrivacyExport(p.Context(), itsShop, r.ID)
	p.must(err)
	all := words{}
	all.add("all", one.said...)
	if n := len(all.in(export)); r.Outcome != bellhop.RequestDone || n < len(all)*9/10 {
		p.Errorf("the export has %d of %d words, and the request is %q", n, len(all), r.Outcome)
	}
	others := words{}
	for _, other := range append(p.people[1:len(p.people):len(p.people)], p.stays) {
		others.add("of another one", other.said...)
	}
	if n := len(others.in(export)); n > 0 {
		p.Errorf("the export has %d words of other people", n)
	}
}

// older is the address of another queue with newer versions of the people's orders, as when a team changes queues.
func (p *personal) older() string {
	p.Helper()
	dir := p.TempDir()
	from := wire.Storage{Dir: dir, DB: "sqlite:", Queue: "sqlite:" + filepath.Join(dir, "from.db")}
	parts, err := from.OpenQueue(p.Context(), wire.Options{})
	p.must(err)
	for n := range 20 {
		body := p.people[n%len(p.people)].newer(n)
		d := simulate.NewDelivery(itsShop, shopify.TopicOrderUpdated, itsSecret, time.Now(), body)
		p.must(parts.Queue.Send(p.Context(), d.Event(bellhop.EventID(uuid.Must(uuid.NewV7())), time.Now())))
	}
	p.must(parts.Close())
	return from.Queue
}

// forget lets the people be forgotten, in the middle of a flood of newer versions of their orders, of a replay and of
// a switch of queues. What carries it out is ended meanwhile, again and again.
func (p *personal) forget() {
	p.Helper()
	w := p.opens()
	defer w.close()
	for _, one := range p.people {
		p.post(itsShop, shopify.TopicCustomersRedact, one.request(itsShop, "orders_to_redact"))
	}
	older := p.older()
	var flood sync.WaitGroup
	flood.Go(func() { p.bellhop.run("queue", "switch", "--from", older, "--to", p.storage.Queue) })
	flood.Go(func() {
		for n := range 60 {
			one := p.people[n%len(p.people)]
			p.post(itsShop, shopify.TopicOrderUpdated, one.newer(n))
		}
	})
	flood.Go(func() { p.bellhop.run("replay", "--shop", itsShop, "--since", "1h") })
	kills := 0
	for nth := range 12 { // in the middle of the flood
		if !w.round(nth + 1) {
			kills++
		}
	}
	flood.Wait()
	p.drained(-1)
	kills += w.finish()
	p.drained(2) // those of people who stay
	for _, r := range w.requests(false) {
		if r.Outcome != bellhop.RequestDone {
			p.Errorf("a request ended as %q: %+v", r.Outcome, r.Steps)
		}
	}
	if kills < 3 {
		p.Errorf("killed only %d times", kills)
	}
	p.Logf("killed %d times", kills)
}

// look looks into the log, the files of the database, and a backup. The server is stopped.
func (p *personal) look() {
	p.Helper()
	log := []byte(p.bellhop.began[0].output.String())
	all := p.all(false)
	if found := all.in(log); len(found) > 0 || len(log) < 10_000 {
		p.Errorf("%d bytes of the log have %d words: %v", len(log), len(found), all.kinds(found))
	}
	stay := words{}
	stay.add("of who stays", append(p.stays.said, p.kin.said...)...)
	if n := p.left(p.all(true), stay); n < len(stay)*3/4 {
		p.Errorf("of those who stay %d of %d words are found: the search does not work", n, len(stay))
	}
}

// left fails for each file that has a word of those that are gone, and counts the words that stay.
func (p *personal) left(gone, stay words) int {
	p.Helper()
	stays := map[[width]byte]bool{}
	for _, file := range p.files() {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // another test's
		}
		p.must(err)
		if found := gone.in(text); len(found) > 0 {
			p.Errorf("%s has %d of %d words: %v", file, len(found), len(gone), gone.kinds(found))
		}
		maps.Copy(stays, stay.in(text))
	}
	p.Logf("%d words are gone, %d of %d stay", len(gone), len(stays), len(stay))
	return len(stays)
}

// erase erases both shops, with all that was left of anybody. A webhook that comes late leaves nothing either.
func (p *personal) erase() {
	p.Helper()
	w := p.opens()
	for _, domain := range []string{itsShop, otherShop} {
		_, err := w.parts.Store.AddRequest(p.Context(), bellhop.PrivacyRequest{Shop: domain, Kind: bellhop.RequestEraseNow,
			RequestedAt: time.Now(), ReceivedAt: time.Now(), DueAt: time.Now()})
		p.must(err)
	}
	w.finish()
	late := simulate.NewDelivery(itsShop, shopify.TopicOrderUpdated, itsSecret, time.Now(), p.stays.newer(0)).Event(
		bellhop.EventID(uuid.Must(uuid.NewV7())), time.Now())
	record := &pipeline.Recorder{Store: w.parts.Store, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	done := record.Record(p.Context(), []*bellhop.Event{late})[0]
	if p.must(done.Err); done.Reason != bellhop.ReasonUnknownShop {
		p.Errorf("a late webhook was %s, %q", done.Outcome, done.Reason)
	}
	w.close()
	p.left(p.all(false), words{})
}

// files are those of the database, once the server has done its part, and of a backup.
func (p *personal) files() (all []string) {
	p.Helper()
	if !strings.HasPrefix(p.storage.DB, "postgres") {
		if p.storage.Queue == "sqlite:" { // else it is backed up by other tools
			p.bellhop.run("backup", "--force", filepath.Join(p.storage.Dir, "bellhop.backup"))
		}
		p.must(filepath.WalkDir(p.storage.Dir, p.into(&all)))
		return all
	}
	server, err := thePostgres()
	p.must(err)
	name := p.storage.DB[strings.LastIndex(p.storage.DB, "/")+1:]
	name, _, _ = strings.Cut(name, "?")
	for _, s := range []string{`VACUUM FULL`, `CHECKPOINT`, `SELECT pg_switch_wal()`, `CHECKPOINT`} {
		p.must(server.Exec(p.Context(), name, s))
	}
	db, err := sql.Open("pgx", p.storage.DB)
	p.must(err)
	defer db.Close()
	var dir, oid string
	p.must(db.QueryRow(`SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = $1`, name).Scan(
		&dir, &oid))
	p.must(filepath.WalkDir(filepath.Join(dir, "base", oid), p.into(&all)))
	p.must(filepath.WalkDir(filepath.Join(dir, "pg_wal"), p.into(&all)))
	return append(all, p.dump())
}

// dump is a backup of Postgres.
func (p *personal) dump() string {
	p.Helper()
	u, err := url.Parse(p.storage.DB)
	p.must(err)
	password, _ := u.User.Password()
	u.User = url.User(u.User.Username())
	to := filepath.Join(p.TempDir(), "dump.sql")
	c := exec.Command("pg_dump", "--file", to, u.String())
	c.Env = append(os.Environ(), "PGPASSWORD="+password)
	p.must(c.Run())
	return to
}

func (p *personal) into(all *[]string) fs.WalkDirFunc {
	return func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			*all = append(*all, path)
		}
		return nil // other tests' files come and go
	}
}
