package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"bellhop"
	"bellhop/internal/postgres"
	"bellhop/internal/realserver"
)

// server is the one PostgreSQL of this process.
var server = sync.OnceValues(func() (*realserver.Postgres, error) {
	return realserver.StartPostgres(context.Background())
})

var (
	serverOnce sync.Once
	atExit     = func() error { return nil }
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := atExit(); err != nil {
		log.Print(err)
	}
	os.Exit(code)
}

func need(t testing.TB) *realserver.Postgres {
	t.Helper()
	s, err := server()
	realserver.Need(t, err)
	serverOnce.Do(func() { atExit = s.Close })
	return s
}

func fresh(t testing.TB) string {
	t.Helper()
	s := need(t)
	name, err := s.NewDatabase(context.Background())
	must(t, err)
	return s.URL(name)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, url string) *postgres.Pools {
	t.Helper()
	p, err := postgres.Open(context.Background(), postgres.Options{URL: url})
	must(t, err)
	t.Cleanup(p.Close)
	return p
}

// refused checks that opening fails with one line that has all words in it, and
// no password.
func refused(t *testing.T, url string, kind bellhop.Kind, words ...string) {
	t.Helper()
	p, err := postgres.Open(t.Context(), postgres.Options{URL: url})
	if err == nil {
		p.Close()
		t.Fatalf("%v: opened", words)
	}
	text := err.Error()
	if bellhop.KindOf(err) != kind || strings.ContainsAny(text, "\n") || strings.Contains(text, "only") ||
		strings.Contains(text, "s3cret") {
		t.Errorf("kind %d: %s", bellhop.KindOf(err), text)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q does not say %q", text, w)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for _, url := range []string{"", "mysql://u:s3cret@h/d", "postgres://u:s3cret@h:port/d", "postgres://u:s3/cret@h/d",
		"postgres:", "\x00"} {
		refused(t, url, bellhop.Invalid, "postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	refused(t, "postgres://u:s3cret@127.0.0.1/d?sslmode=maybe", bellhop.Invalid, "sslmode")
	refused(t, "postgres://u:s3cret@127.0.0.1/d?pool_max_conns=many", bellhop.Invalid, "pool_max_conns")

	s := need(t)
	url := s.URL("postgres")
	port, err := realserver.FreePort()
	must(t, err)
	refused(t, strings.Replace(url, s.Addr, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), 1), bellhop.Unavailable,
		"nothing answers", strconv.Itoa(port))
	refused(t, strings.Replace(url, s.Addr, "nowhere.invalid:5432", 1), bellhop.Unavailable, "no host nowhere.invalid")
	refused(t, strings.Replace(url, "only", "s3cret", 1), bellhop.Invalid, "password", "bellhop")
	refused(t, s.URL("lost"), bellhop.Invalid, "no database lost", "createdb")
	refused(t, strings.Replace(url, "sslmode=disable", "sslmode=require", 1), bellhop.Invalid, "TLS", "sslmode=disable")
	refused(t, url+"&no_such_setting=1", bellhop.Unavailable, "no_such_setting")
}

func TestOpenThroughPgBouncer(t *testing.T) {
	s := need(t)
	b, err := realserver.StartPgBouncer(t.Context(), s)
	realserver.Need(t, err)
	t.Cleanup(func() { b.Close() })
	refused(t, b.URL("postgres")+"&statement_timeout=1s", bellhop.Invalid, "PgBouncer", "statement_timeout",
		"ignore_startup_parameters")
	refused(t, b.URL("lost"), bellhop.Invalid, "no database lost")
	refused(t, strings.Replace(b.URL("postgres"), "only", "s3cret", 1), bellhop.Invalid, "password")
	must(t, open(t, b.URL("postgres")).Ping(t.Context()))
}

// TestSilentServer connects to one that never says anything.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	began := time.Now()
	refused(t, "postgres://u:s3cret@"+l.Addr().String()+"/d", bellhop.Unavailable, "did not answer in time")
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestTLSDemanded needs a server that lets nobody in without.
func TestTLSDemanded(t *testing.T) {
	s, err := realserver.StartPostgres(t.Context(),
		"hba_file="+hba(t, "hostssl all all all scram-sha-256\nhost all bellhop 127.0.0.1/32 scram-sha-256\nhostssl "+
			"all u all scram-sha-256"))
	realserver.Need(t, err)
	t.Cleanup(func() { s.Close() })
	refused(t, "postgres://u:s3cret@"+s.Addr+"/postgres?sslmode=disable", bellhop.Invalid, "sslmode=require")
}

func hba(t *testing.T, lines string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bellhop-hba-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	must(t, os.WriteFile(dir+"/hba.conf", []byte(lines+"\n"), 0o644))
	return dir + "/hba.conf"
}

// TestReadOnlySessions opens sessions while the server takes no changes, and they stay
// so: the next write makes all of them anew.
func TestReadOnlySessions(t *testing.T) {
	s := need(t)
	db, err := s.NewDatabase(t.Context())
	must(t, err)
	one := schema("sessions", "CREATE TABLE written (a int);")
	_, err = postgres.Migrate(t.Context(), s.URL(db), one)
	must(t, err)
	must(t, s.Exec(t.Context(), "postgres", `ALTER DATABASE `+db+` SET default_transaction_read_only = on`))
	p := open(t, s.URL(db))
	for _, pool := range []*postgres.Pool{p.Webhooks, p.API, p.Worker} {
		must(t, pool.Read(t.Context(), func(b *postgres.Batch) { b.Exec(`SELECT 1`) }))
	}
	if err := p.Writable(t.Context(), p.API, one); bellhop.KindOf(err) != bellhop.Unavailable ||
		!strings.Contains(err.Error(), "no changes") {
		t.Errorf("a server that takes no changes: %v", err)
	}
	must(t, s.Exec(t.Context(), "postgres", `ALTER DATABASE `+db+` RESET default_transaction_read_only`))
	must(t, p.Worker.Once(t.Context(), func(b *postgres.Batch) { b.Exec(`INSERT INTO written VALUES (1)`) }))
	for _, pool := range []*postgres.Pool{p.Webhooks, p.API, p.Worker} {
		must(t, pool.Read(t.Context(), func(b *postgres.Batch) {
			b.Each(func(r pgx.Rows) error {
				var set string
				err := r.Scan(&set)
				if set != "off" {
					t.Error("a session that takes no changes is used still")
				}
				return err
			}, `SELECT current_setting('default_transaction_read_only')`)
		}))
	}
	must(t, p.Writable(t.Context(), p.API, one))
}

// TestSeveralHosts uses the host that takes changes, wherever it stands, and names the
// fault when none does.
func TestSeveralHosts(t *testing.T) {
	s := need(t)
	db, err := s.NewDatabase(t.Context())
	must(t, err)
	port, err := realserver.FreePort()
	must(t, err)
	nobody := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for _, scheme := range []string{"postgres", "postgresql"} {
		url := scheme + strings.TrimPrefix(s.URL(db), "postgres")
		must(t, open(t, strings.Replace(url, s.Addr, nobody+","+s.Addr, 1)).Ping(t.Context()))
		must(t, open(t, strings.Replace(url, s.Addr, s.Addr+","+nobody, 1)).Ping(t.Context()))
	}
	both := strings.Replace(s.URL(db), s.Addr, nobody+","+s.Addr, 1)
	must(t, s.Exec(t.Context(), "postgres", `ALTER DATABASE `+db+` SET default_transaction_read_only = on`))
	refused(t, both, bellhop.Unavailable, "takes changes", nobody, s.Addr)
	must(t, open(t, both+"&target_session_attrs=any").Ping(t.Context()))
}

func schema(name string, files ...string) postgres.Schema {
	all := fstest.MapFS{}
	for i, f := range files {
		all["migrations/0000"+strconv.Itoa(i+1)+"_x.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + f + "\n")}
	}
	return postgres.Schema{Name: name, FS: all}
}

func TestMigrateAndCheck(t *testing.T) {
	url := fresh(t)
	one, two := schema("a", "CREATE TABLE a1 ();"), schema("a", "CREATE TABLE a1 ();", "CREATE TABLE a2 ();")
	p := open(t, url)
	if err := postgres.Check(t.Context(), p, one); !errors.Is(err, postgres.ErrNoSchema) ||
		!strings.Contains(err.Error(), "bellhop migrate") {
		t.Errorf("nothing there: %v", err)
	}
	migrate := func(want int, s ...postgres.Schema) {
		t.Helper()
		n, err := postgres.Migrate(t.Context(), url, s...)
		must(t, err)
		if n != want {
			t.Errorf("applied %d, want %d", n, want)
		}
	}
	migrate(1, one)
	must(t, postgres.Check(t.Context(), p, one))
	if err := postgres.Check(t.Context(), p, two); bellhop.KindOf(err) != bellhop.Conflict ||
		!strings.Contains(err.Error(), "run bellhop migrate") {
		t.Errorf("older: %v", err)
	}
	migrate(1, two)
	migrate(0, two)
	if err := postgres.Check(t.Context(), p, one); bellhop.KindOf(err) != bellhop.Conflict ||
		!strings.Contains(err.Error(), "newer") {
		t.Errorf("newer: %v", err)
	}
	if _, err := postgres.Migrate(t.Context(), url, one); bellhop.KindOf(err) != bellhop.Conflict {
		t.Errorf("migrated a newer one: %v", err)
	}
	two.Oldest = 1
	migrate(0, two)
	must(t, postgres.Check(t.Context(), p, one))
	migrate(0, one)
	two.Oldest = 2
	migrate(0, two)
	two.Oldest = 1
	migrate(0, two)
	if err := postgres.Check(t.Context(), p, one); bellhop.KindOf(err) != bellhop.Conflict {
		t.Errorf("an oldest version was lowered: %v", err)
	}
	if _, err := postgres.Migrate(t.Context(), "postgres://u:s3cret@127.0.0.1:1/d",
		one); bellhop.KindOf(err) != bellhop.Unavailable || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("nobody there: %v", err)
	}
}

// TestMigratorsTakeTurns runs several at once, also through PgBouncer.
func TestMigratorsTakeTurns(t *testing.T) {
	b, err := realserver.StartPgBouncer(t.Context(), need(t))
	realserver.Need(t, err)
	t.Cleanup(func() { b.Close() })
	url := fresh(t)
	s := schema("b", "CREATE TABLE b1 (); SELECT pg_sleep(0.1);", "CREATE TABLE b2 (); SELECT pg_sleep(0.1);")
	total := make(chan int, 6)
	var wg sync.WaitGroup
	for i := range cap(total) {
		to := url
		if i%2 == 0 {
			to = strings.Replace(url, need(t).Addr, b.Addr, 1)
		}
		wg.Go(func() {
			n, err := postgres.Migrate(t.Context(), to, s)
			if err != nil {
				t.Error(err)
			}
			total <- n
		})
	}
	wg.Wait()
	close(total)
	sum := 0
	for n := range total {
		sum += n
	}
	if sum != 2 {
		t.Errorf("applied %d", sum)
	}
}

// TestMigrateTriesAgain holds a table until a migration has stopped waiting for it
// once.
func TestMigrateTriesAgain(t *testing.T) {
	url := fresh(t)
	_, err := postgres.Migrate(t.Context(), url, schema("c", "CREATE TABLE c1 ();"))
	must(t, err)
	holder, err := pgx.Connect(t.Context(), url)
	must(t, err)
	defer holder.Close(context.Background())
	_, err = holder.Exec(t.Context(), `BEGIN; LOCK TABLE c1 IN ACCESS SHARE MODE`)
	must(t, err)
	released := make(chan error, 1)
	go func() {
		defer close(released)
		for _, want := range []int{1, 0} { // it waits, and no longer
			for waiting := -1; waiting != want; {
				if err := holder.QueryRow(t.Context(),
					`SELECT count(*) FROM pg_locks WHERE relation = 'c1'::regclass AND NOT granted`).
					Scan(&waiting); err != nil {
					released <- err
					return
				}
			}
		}
		_, err := holder.Exec(t.Context(), `COMMIT`)
		released <- err
	}()
	n, err := postgres.Migrate(t.Context(), url, schema("c", "CREATE TABLE c1 ();",
		"SET LOCAL lock_timeout = '200ms';\nALTER TABLE c1 ADD COLUMN x int;"))
	must(t, err)
	must(t, <-released)
	if n != 1 {
		t.Errorf("applied %d", n)
	}
}

// TestLoginChangesInItsFile changes a login while the pools are open: its password in a password file, then the role
// in a connection service file.
func TestLoginChangesInItsFile(t *testing.T) {
	raw := fresh(t)
	boss := open(t, raw)
	file := filepath.Join(t.TempDir(), "login")
	for name, form := range map[string]string{"passfile": "*:*:*:%s:%s\n",
		"servicefile": "[login]\nuser=%s\npassword=%s\n"} {
		change := func(role, password string) {
			t.Helper()
			must(t, boss.API.Once(t.Context(), func(b *postgres.Batch) {
				b.Exec("DROP ROLE IF EXISTS renewed_a, renewed_b")
				b.Exec("CREATE ROLE " + role + " LOGIN PASSWORD '" + password + "'")
			}))
			must(t, os.WriteFile(file, fmt.Appendf(nil, form, role, password), 0o600))
		}
		change("renewed_a", "first")
		u, err := url.Parse(raw)
		must(t, err)
		u.User = nil
		u.RawQuery += "&" + name + "=" + file
		second := "renewed_b"
		if name == "passfile" {
			u.User, second = url.User("renewed_a"), "renewed_a"
		} else {
			u.RawQuery += "&service=login"
		}
		p := open(t, u.String())
		change(second, "second")
		for range 3 { // none is open yet in these pools
			must(t, p.Webhooks.Read(t.Context(), func(b *postgres.Batch) { b.Exec("SELECT 1") }))
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := p.Listen(ctx, "renewed", cancel, func(string) {}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: listen with the new login: %v", name, err)
		}
		p.Close()
	}
}

func TestOldServers(t *testing.T) {
	for version, ok := range map[string]bool{"15.10 (Debian 15.10-0+deb12u1)": true, "13.1": true, "18beta1": true,
		"": true, "9.6.24": false, "12.4": false} {
		if err := postgres.CheckServer(version); (err == nil) != ok {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{"": "", "山田 🎉": "山田 🎉", "a\x00b": "a\uFFFDb", "\xff": "\uFFFD",
		"a\xc3": "a\uFFFD"} {
		if got := postgres.Text(in); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
}

// TestListen hears notifications until its connection breaks; through a pooler it
// says that there is nothing to hear.
func TestListen(t *testing.T) {
	url := fresh(t)
	p, err := postgres.Open(t.Context(), postgres.Options{URL: url})
	must(t, err)
	defer p.Close()
	ready, heard, ended := make(chan struct{}), make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- p.Listen(t.Context(), "a channel", func() { close(ready) }, func(s string) { heard <- s })
	}()
	<-ready
	must(t, p.Worker.Once(t.Context(), func(b *postgres.Batch) { b.Exec(`SELECT pg_notify('a channel', 'hello')`) }))
	if got := <-heard; got != "hello" {
		t.Errorf("heard %q", got)
	}
	must(t, p.Worker.Once(t.Context(), func(b *postgres.Batch) {
		b.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`)
	}))
	if err := <-ended; bellhop.KindOf(err) != bellhop.Unavailable {
		t.Errorf("once the connection is broken: %v", err)
	}

	b, err := realserver.StartPgBouncer(t.Context(), need(t))
	realserver.Need(t, err)
	t.Cleanup(func() { b.Close() })
	through, err := postgres.Open(t.Context(), postgres.Options{URL: strings.Replace(url, need(t).Addr, b.Addr, 1)})
	must(t, err)
	defer through.Close()
	if err := through.Listen(t.Context(), "a channel", func() {}, func(string) {}); !errors.Is(err,
		postgres.ErrNoSession) {
		t.Errorf("through a pooler: %v", err)
	}
}

// TestPreparedStatements checks that a session plans statements once, also when a
// table changes under them, and a pooler never.
func TestPreparedStatements(t *testing.T) {
	url := fresh(t)
	b, err := realserver.StartPgBouncer(t.Context(), need(t))
	realserver.Need(t, err)
	t.Cleanup(func() { b.Close() })
	for _, c := range []struct {
		url      string
		prepares bool
	}{{url, true}, {strings.Replace(url, need(t).Addr, b.Addr, 1), false}} {
		p := open(t, c.url)
		exec := func(query string) {
			t.Helper()
			must(t, p.Worker.Write(t.Context(), func(tx *postgres.Tx) error {
				return tx.Commit(func(b *postgres.Batch) { b.Exec(query) })
			}))
		}
		rows := func(query string) (n int) {
			t.Helper()
			must(t, p.Worker.Read(t.Context(), func(b *postgres.Batch) {
				n = 0
				b.Each(func(pgx.Rows) error { n++; return nil }, query)
			}))
			return n
		}
		exec(`CREATE TABLE changing (a int)`)
		exec(`INSERT INTO changing VALUES (1)`)
		for _, change := range []string{`ADD b int`, `ALTER a TYPE bigint`} {
			if n := rows(`SELECT * FROM changing`); n != 1 {
				t.Errorf("%d rows", n)
			}
			exec(`ALTER TABLE changing ` + change)
		}
		if n := rows(`SELECT * FROM changing`); n != 1 {
			t.Errorf("%d rows after the changes", n)
		}
		if n := rows(`SELECT name FROM pg_prepared_statements`); n > 0 != c.prepares {
			t.Errorf("%d prepared statements, wanted some: %v", n, c.prepares)
		}
		exec(`DROP TABLE changing`)
	}
}

// TestWithin checks that a call ends within its limit, with a connection that is
// still good.
func TestWithin(t *testing.T) {
	p, err := postgres.Open(t.Context(), postgres.Options{URL: fresh(t)})
	must(t, err)
	defer p.Close()
	began := time.Now()
	err = p.Webhooks.Within(time.Second).Once(t.Context(), func(b *postgres.Batch) { b.Exec(`SELECT pg_sleep(60)`) })
	if bellhop.KindOf(err) != bellhop.Unavailable || time.Since(began) > 8*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	must(t, p.Webhooks.Unforced().Once(t.Context(), func(b *postgres.Batch) {
		b.Each(func(r pgx.Rows) error {
			var set string
			err := r.Scan(&set)
			if set != "off" {
				t.Errorf("synchronous_commit is %s", set)
			}
			return err
		}, `SELECT current_setting('synchronous_commit')`)
	}))
}
