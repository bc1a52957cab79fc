package main

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/statement"
	"bellhop/store"
	"bellhop/store/sealed"
	"bellhop/web"
	"bellhop/wire"
)

// stated is a database with a shop whose hours are closed.
type stated struct {
	*testing.T
	db     string // its URL
	driver string
	dir    string
}

// statedDay is the day that its statements are of.
var statedDay = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// onEachDatabase runs a test on both, with an hour of three lines, hours of which the last has one line, and the rest
// of the day without any.
func onEachDatabase(t *testing.T, test func(*stated)) {
	t.Run("sqlite", func(t *testing.T) { test(newStated(t, "sqlite3", "")) })
	t.Run("postgres", func(t *testing.T) { test(newStated(t, "pgx", newPostgres(t))) })
}

func newStated(t *testing.T, driver, url string) *stated {
	s := &stated{T: t, driver: driver, db: url, dir: t.TempDir()}
	if url == "" {
		s.db = "sqlite:" + filepath.Join(s.dir, "bellhop.db")
	}
	t.Setenv("BELLHOP_DIR", s.dir)
	t.Setenv("BELLHOP_DB", s.db)
	t.Setenv("BELLHOP_KEY", base64.StdEncoding.EncodeToString(make([]byte, 32)))
	s.run(exitDone, "migrate")
	s.run(exitDone, "shop", "add", itsShop)
	s.open(func(db *sealed.Store) {
		s.record(db, 9, 1, "seen")
		s.record(db, 9, 2, "seen")
		s.record(db, 9, 3, "left")
		s.record(db, 12, 1, "left")
		s.close(db, 9, 10)
		s.close(db, 10, 13)
		s.close(db, 13, 24)
	})
	return s
}

func (s *stated) run(want int, args ...string) string {
	s.Helper()
	code, stdout, stderr := runHere(args...)
	if code != want {
		s.Fatalf("bellhop %s ended with %d: %s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout + stderr
}

func (s *stated) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *stated) open(fn func(*sealed.Store)) {
	s.Helper()
	storage := wire.Storage{Dir: s.dir, DB: s.db, Key: os.Getenv("BELLHOP_KEY"), Queue: "sqlite:"}
	p, err := storage.Open(s.Context(), wire.Options{})
	s.check(err)
	fn(p.Store.(*sealed.Store))
	s.check(p.Close())
}

// eventAt is the id of the n-th event of an hour.
func eventAt(hour, n int) (id bellhop.EventID) {
	at := statedDay.Add(time.Duration(hour)*time.Hour + time.Duration(n)*time.Minute)
	binary.BigEndian.PutUint64(id[:8], uint64(at.UnixMilli())<<16|0x7000)
	id[8], id[15] = 0x80, byte(n)
	return id
}

// record settles an event, which bellhop skips for a reason.
func (s *stated) record(db store.Store, hour, n int, why string) {
	s.Helper()
	at := statedDay.Add(time.Duration(hour)*time.Hour + time.Duration(n)*time.Minute)
	e := &bellhop.Event{ID: eventAt(hour, n), Shop: itsShop, Topic: "orders/create", APIVersion: "2026-10",
		WebhookID: "w", TriggeredAt: at, AcceptedAt: at, SignedBy: bellhop.SignerApp, Body: []byte("{}")}
	settled := at.Add(time.Second)
	if why == "replayed" {
		settled = statedDay.Add(1000 * time.Hour)
	}
	_, err := db.Record(s.Context(), []bellhop.Fact{{Event: e, At: settled, Skip: why}})
	s.check(err)
}

// close states an hour, as bellhop does once it compared it.
func (s *stated) close(db *sealed.Store, from, to int) {
	s.Helper()
	ctx := s.Context()
	st := bellhop.Statement{Shop: itsShop, From: statedDay.Add(time.Duration(from) * time.Hour),
		To: statedDay.Add(time.Duration(to) * time.Hour), Shopify: 3, Here: 3, Webhook: 3, P50: time.Second / 4,
		P99: 2 * time.Second, Worst: 90 * time.Second, Rung: 1, Quiet: map[string]int{"quiet_hours": 2}}
	st.MadeAt = st.To.Add(20 * time.Minute)
	st.CheckedAt = st.MadeAt
	last, err := db.LastStatement(ctx, itsShop)
	s.check(err)
	key, err := db.PrivateKey(ctx)
	s.check(err)
	lines, err := statement.Lines(ctx, db, itsShop, st.From, st.To)
	s.check(err)
	st, err = statement.Make(st, last, lines, key)
	s.check(err)
	s.check(db.AddStatement(ctx, st, lines))
	s.check(db.UpdateReconciliation(ctx, itsShop, func(r *bellhop.Reconciliation) error {
		if r.From.IsZero() {
			r.From = st.From
		}
		r.ClosedTo, r.CheckedAt = st.To, st.MadeAt
		return nil
	}))
}

// alter changes the database by hand. The statement is of SQLite's tables, or of Postgres's.
func (s *stated) alter(sqlite, postgres string) {
	s.Helper()
	at, query := "file:"+filepath.Join(s.dir, "bellhop.db"), sqlite
	if s.driver == "pgx" {
		at, query = s.db, postgres
	}
	db, err := sql.Open(s.driver, at)
	s.check(err)
	defer db.Close()
	for one := range strings.SplitSeq(query, ";") {
		result, err := db.ExecContext(context.Background(), one)
		s.check(err)
		if n, err := result.RowsAffected(); n != 1 {
			s.Fatalf("%s changed %d rows: %v", one, n, err)
		}
	}
}

// blob is an event's id as SQLite writes it.
func blob(id bellhop.EventID) string { return fmt.Sprintf("x'%x'", id[:]) }

const firstHour = "statement 1 (2026-11-22 09:00 to 10:00 UTC): "

// alteration is something that somebody does to a database by hand: in SQLite's tables, or in Postgres's.
type alteration struct{ sqlite, postgres, want string }

// alterations returns those that fit together into one database, by what is altered.
func alterations() map[string][]alteration {
	first, second, third, added := eventAt(9, 1), eventAt(9, 2), eventAt(9, 3), eventAt(9, 4)
	moved := eventAt(33, 3) // to another day
	of := func(id bellhop.EventID) string {
		return ` WHERE seq = (SELECT seq FROM events WHERE id = ` + blob(id) + `)`
	}
	at := func(id bellhop.EventID) string { return ` WHERE id = '` + id.String() + `'` }
	skipped := func(n int) string { return fmt.Sprintf("skipped at 2026-11-22 09:0%d:01.000000", n) }
	const columns = `shop, topic, api_version, webhook_id, shopify_event_id, triggered_at, accepted_at, signed_by, coding`
	both := func(query, want string) alteration { return alteration{query, query, want} }
	return map[string][]alteration{
		"lines": {
			{`INSERT INTO events (id, ` + columns + `) SELECT ` + blob(added) + `, ` + columns + ` FROM events` + of(third) +
				`; INSERT INTO ledger (seq, outcome, at) SELECT (SELECT seq FROM events WHERE id = ` + blob(added) +
				`), outcome, at FROM ledger` + of(third),
				`INSERT INTO events (id, outcome, reason, at, ` + columns + `) SELECT '` + added.String() +
					`', outcome, reason, at, ` + columns + ` FROM events` + at(third),
				firstHour + "event " + added.String() + " was inserted: it is " + skipped(3) +
					", and the statement of 2026-11-22 10:20:00.000000 does not have it"},
			{`UPDATE ledger SET outcome = 'recorded'` + of(first), `UPDATE events SET outcome = 'recorded'` + at(first),
				firstHour + "event " + first.String() + " was changed: it was " + skipped(1) +
					", and is recorded at 2026-11-22 09:01:01.000000"},
			{`UPDATE ledger SET at = at + 1` + of(second), `UPDATE events SET at = at + interval '1 microsecond'` + at(second),
				firstHour + "event " + second.String() + " was changed: it was " + skipped(2) +
					", and is skipped at 2026-11-22 09:02:01.000001"},
			{`DELETE FROM ledger` + of(third), `DELETE FROM events` + at(third),
				firstHour + "event " + third.String() + " was removed: it was " + skipped(3)},
		},
		"statements": {
			{`UPDATE events SET id = ` + blob(moved) + of(third), `UPDATE events SET id = '` + moved.String() + `'` + at(third),
				firstHour + "event " + third.String() + " was removed: it was " + skipped(3)},
			both(`UPDATE statements SET document = replace(document, '"here":3', '"here":2') WHERE number = 2`,
				"statement 2 (2026-11-22 10:00 to 13:00 UTC): it was altered"),
			both(`UPDATE statements SET document = replace(document, '"signature":"', '"signature":"AAAA') WHERE number = 3`,
				"statement 3 (2026-11-22 13:00 to 24:00 UTC): its signature is not one of the key"),
		},
		"the last one, and lines beside another": {
			{`UPDATE statements SET lines = x'00' WHERE number = 1`, `UPDATE statements SET lines = '\x00' WHERE number = 1`,
				firstHour + "its lines were altered"},
			both(`DELETE FROM statements WHERE number = 3`,
				"2026-11-22 13:00 to 24:00 UTC: hours are closed to 2026-11-23 00:00, and their statements are missing"),
		},
		"the first one":   {both(`DELETE FROM statements WHERE number = 1`, "statement 1: missing")},
		"one between two": {both(`DELETE FROM statements WHERE number = 2`, "statement 2: missing")},
	}
}

func TestVerifyNamesWhatWasAltered(t *testing.T) {
	for name, all := range alterations() {
		t.Run(name, func(t *testing.T) {
			onEachDatabase(t, func(s *stated) {
				out := s.run(exitDone, "verify", "--db", "--shop", itsShop)
				if !strings.Contains(out, "Nothing was altered.") {
					s.Errorf("before: %s", out)
				}
				for _, a := range all {
					s.alter(a.sqlite, a.postgres)
				}
				out = s.run(exitFailed, "verify", "--db", "--shop", itsShop)
				for _, a := range all {
					if !strings.Contains(out, "ALTERED  "+a.want) {
						s.Errorf("it does not say %q:\n%s", a.want, out)
					}
				}
				if n := strings.Count(out, "ALTERED"); n != len(all) {
					s.Errorf("it names %d alterations of %d:\n%s", n, len(all), out)
				}
			})
		})
	}
}

// TestStatementsElsewhere takes statements out of the database, and checks them and what became of the chain.
func TestStatementsElsewhere(t *testing.T) {
	onEachDatabase(t, func(s *stated) {
		older, newer := filepath.Join(s.dir, "older.jsonl"), filepath.Join(s.dir, "newer.jsonl")
		key := strings.TrimSpace(s.run(exitDone, "statement", "key"))
		s.run(exitDone, "statement", "--shop", itsShop, "--out", older)
		s.run(exitFailed, "statement", "--shop", itsShop, "--out", older) // it is there
		s.open(func(db *sealed.Store) {
			s.record(db, 25, 1, "seen")
			s.close(db, 24, 26)
			s.record(db, 9, 3, "replayed")
		})
		s.run(exitDone, "statement", "--shop", itsShop, "--out", newer)
		out := s.run(exitDone, "verify", newer, "--key", key, "--since", older)
		if strings.Count(out, "Nothing was altered.") != 2 || !strings.Contains(out, "statements 1 to 4 of "+itsShop) {
			s.Errorf("it says\n%s", out)
		}
		if out = s.run(exitDone, "verify", "--db", "--key", key, "--since", older, "--shop", itsShop); !strings.Contains(out,
			"1 line came, or came to another end, after the statement was made") {
			s.Errorf("the replayed line is not named:\n%s", out)
		}
		s.run(exitFailed, "verify", older, "--key", key, "--since", newer)
		for from, args := range map[string][]string{"the same file": {newer}, "the older file": {newer, "--since", older},
			"the same database": {"--db"}} {
			out = s.run(exitDone, append([]string{"verify"}, args...)...)
			if !strings.Contains(out, "The key was taken from "+from+": ") {
				s.Errorf("it does not say that the key is from %s:\n%s", from, out)
			}
		}
		t := s.T
		t.Setenv("BELLHOP_KEY", strings.Repeat("A", 42)+"Q="+","+os.Getenv("BELLHOP_KEY"))
		if out = s.run(exitDone, "key", "rotate"); !strings.Contains(out, "Sealed the key of statements anew") {
			s.Errorf("rotating says\n%s", out)
		}
		s.run(exitFailed, "verify", newer, "--key", statement.KeyText(make([]byte, 32)))
		text, err := os.ReadFile(newer)
		s.check(err)
		cut := filepath.Join(s.dir, "cut.jsonl")
		s.check(os.WriteFile(cut, text[:len(text)-20], 0o600))
		if out = s.run(exitFailed, "verify", cut, "--json"); !strings.Contains(out, "line 5: the file was cut off") {
			s.Errorf("the file that was cut off: %s", out)
		}

		// Somebody with the key drops the chain, and begins anew.
		s.open(func(db *sealed.Store) {
			for n := range 4 {
				one := fmt.Sprintf(`DELETE FROM statements WHERE number = %d`, n+1)
				s.alter(one, one)
			}
			s.close(db, 8, 10)
			s.close(db, 10, 13)
			s.close(db, 13, 24)
			s.close(db, 24, 26)
		})
		s.run(exitDone, "verify", "--db", "--key", key)
		out = s.run(exitFailed, "verify", "--db", "--shop", itsShop, "--key", key, "--since", older)
		if !strings.Contains(out, "statement 1 (2026-11-22 08:00 to 10:00 UTC): from here on the chain is another one") {
			s.Errorf("the chain that was begun anew: %s", out)
		}
	})
}

// TestVerifyAccusesNobody looks at a pruned ledger and at an erased shop.
func TestVerifyAccusesNobody(t *testing.T) {
	onEachDatabase(t, func(s *stated) {
		older := filepath.Join(s.dir, "older.jsonl")
		s.run(exitDone, "statement", "--shop", itsShop, "--out", older)
		s.open(func(db *sealed.Store) {
			_, err := db.PruneLedger(s.Context(), statedDay.Add(10*time.Hour), 100)
			s.check(err)
		})
		out := s.run(exitDone, "verify", "--db")
		if !strings.Contains(out, "The lines of 1 statement, up to 2026-11-22 10:00, were pruned with the ledger") {
			s.Errorf("the pruned ledger: %s", out)
		}
		s.run(exitDone, "shop", "erase", itsShop, "--yes")
		out = s.run(exitDone, "verify", "--db", "--shop", itsShop, "--since", older)
		if !strings.Contains(out, itsShop+": the shop was erased on ") {
			s.Errorf("the erased shop: %s", out)
		}
		s.run(exitFailed, "verify", "--db", "--shop", "nobody.myshopify.com")
		s.run(exitDone, "shop", "add", itsShop)
		s.open(func(db *sealed.Store) {
			s.record(db, 24*365, 1, "left")
			s.close(db, 24*365, 24*365+1)
		})
		out = s.run(exitDone, "verify", "--db", "--shop", itsShop, "--since", older)
		if !strings.Contains(out, "its statements of before with it") || !strings.Contains(out, "Nothing was altered.") {
			s.Errorf("the shop that was erased and begun anew: %s", out)
		}
	})
}

func TestStatementShow(t *testing.T) {
	s := newStated(t, "sqlite3", "")
	out := s.run(exitDone, "statement", "--shop", itsShop, "--month", "2026-11")
	for _, want := range []string{
		"2026-11-22  15     9        9     0         9        0        0            1m30s    3     6",
		"All 9 orders that Shopify has of these hours are here.",
		"All hours before 2026-11-23 00:00:00 UTC are closed."} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	out = s.run(exitDone, "statement", "--shop", itsShop, "--hours")
	if !strings.Contains(out, "2026-11-22 10:00  13:00  3        3") || !strings.Contains(out, "quiet_hours 2  2\n") {
		t.Errorf("by hour:\n%s", out)
	}
	out = s.run(exitDone, "statement", "--shop", itsShop, "--csv")
	if lines := strings.Split(out, "\n"); len(lines) != 5 || !strings.HasPrefix(lines[1], "2026-11-22T09:00:00Z,") {
		t.Errorf("CSV:\n%s", out)
	}
	var v statementsJSON
	s.check(json.Unmarshal([]byte(s.run(exitDone, "statement", "--shop", itsShop, "--json")), &v))
	if v.Total.Here != 9 || len(v.Statements) != 3 || v.ClosedTo == nil {
		t.Errorf("JSON: %+v", v)
	}
	// What a sweep found in an hour that is still open is missing, too, as on the page.
	s.open(func(db *sealed.Store) {
		s.check(db.UpdateReconciliation(s.Context(), itsShop, func(r *bellhop.Reconciliation) error {
			r.CheckedAt, r.LookedTo = time.Now(), time.Now()
			r.Pending = []bellhop.PendingOrder{{ID: 7, Missing: true, At: time.Now()}}
			return nil
		}))
	})
	if out = s.run(exitDone, "statement", "--shop", itsShop); !strings.Contains(out, "Missing here: 1 order.") {
		s.Errorf("an order is missing:\n%s", out)
	}
	s.check(json.Unmarshal([]byte(s.run(exitDone, "statement", "--shop", itsShop, "--json")), &v))
	if v.Verdict != web.VerdictMissing || v.Missing != 1 {
		s.Errorf("JSON: %s, %d missing", v.Verdict, v.Missing)
	}
	s.open(func(db *sealed.Store) {
		s.check(db.UpdateReconciliation(s.Context(), itsShop, func(r *bellhop.Reconciliation) error {
			r.Pending = nil
			r.CheckedAt = statedDay.Add(14*time.Hour + 10*time.Minute)
			r.Reason, r.Since = "access_revoked", r.CheckedAt.Add(5*time.Minute)
			r.Hours = []bellhop.OpenHour{{Hour: statedDay.Add(24 * time.Hour), Left: 2}}
			r.Unchecked = []bellhop.Span{{From: statedDay.Add(-48 * time.Hour), To: statedDay.Add(-24 * time.Hour)}}
			return nil
		}))
	})
	out = s.run(exitDone, "statement", "--shop", itsShop)
	for _, want := range []string{"The hours from 2026-11-20 00:00:00 to 2026-11-21 00:00:00 UTC were never checked:",
		"All other hours before 2026-11-23 00:00:00 UTC are closed.\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	out = s.run(exitDone, "statement", "--shop", itsShop, "--month", "2026-12")
	for _, want := range []string{"There are no statements: no hour of this month is closed.\n",
		"Not checked since 2026-11-22 14:10:00 UTC: access revoked (Shopify no longer takes bellhop's token",
		"All hours before 2026-11-23 00:00:00 UTC are closed.\n",
		"The hour from 2026-11-23 00:00:00 UTC is not: 2 differences left.\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

func TestStatementUsage(t *testing.T) {
	t.Setenv("BELLHOP_DIR", t.TempDir())
	none := filepath.Join(t.TempDir(), "none.jsonl")
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"verify"}, {"verify", none}, {"verify", text}, {"verify", text, "--db"},
		{"verify", text, "--shop", itsShop}, {"verify", text, "--key", "x"}, {"verify", "--db", "--since", text},
		{"verify", "--db=mysql://x"}, {"verify", text, "--since", none}, {"statement"}, {"statement", "--shop", "a b"},
		{"verify", t.TempDir()}, {"verify", os.DevNull}, {"verify", text, "--since", t.TempDir()},
		{"statement", "--shop", itsShop, "--month", "0001-01"},
		{"statement", "--shop", itsShop, "--month", "2026-13"}, {"statement", "--shop", itsShop, "--csv", "--json"}} {
		if code, _, stderr := runHere(args...); code != exitUsage || strings.Count(stderr, "\n") != 1 {
			t.Errorf("bellhop %s ended with %d: %s", strings.Join(args, " "), code, stderr)
		}
	}
}
