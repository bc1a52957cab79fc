// Package postgres is shared by the drivers in one PostgreSQL database: bounded pools of
// connections, transactions in few round trips, kinds of errors, and migrations.
//
// All of it works through PgBouncer in transaction mode. It uses no session settings, only
// connection parameters that PgBouncer takes, and prepared statements only on direct connections. A
// transaction's settings travel with its BEGIN. Only [Pools.Listen] needs a session, and fails
// without one.
package postgres

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"bellhop"
)

// Options are the settings of [Pools].
type Options struct {
	// URL is postgres://USER:PASSWORD@HOST:PORT/DATABASE. Its pool_max_conns
	// bounds the connections of all pools together; 16 unless given. With fewer
	// than three all share one pool. Of several hosts, separated by commas, it
	// uses the first that takes changes.
	URL string
	Log *slog.Logger     // nil discards
	Now func() time.Time // nil means the system's clock
}

// Pools are the connections to one database, divided among their users so that none starves
// another.
type Pools struct {
	Webhooks *Pool // for accepting events: a quarter
	API      *Pool // for people who wait: a quarter
	Worker   *Pool // for background work: a half

	config *pgx.ConnConfig
	signIn func(context.Context, *pgx.ConnConfig) error // nil: the URL holds the password
	mode   pgx.QueryExecMode                            // of new connections; settled while opening
	now    func() time.Time
	log    *slog.Logger

	written atomic.Int64 // when a change was last kept, in nanoseconds; 0 once one was refused
}

// Time limits. The server gives up a little before the client does, so that the connection stays
// usable.
const (
	connectWait = 3 * time.Second
	hostWait    = time.Second // for each of several hosts, so that one that is silent leaves time for the next
	acquireWait = 3 * time.Second
	pingWait    = time.Second
	readLimit   = 5 * time.Second
	writeLimit  = 10 * time.Second

	// A connection is closed at this age and up to a quarter later, so that one
	// to a server that is no longer the primary does not last.
	defaultLifetime = 10 * time.Minute

	defaultConns = 16
	oldestServer = 13
)

// Open connects once. Its error is one line that says what is wrong and how to fix it.
func Open(ctx context.Context, o Options) (*Pools, error) {
	cfg, err := parsePool(o.URL)
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Pools{config: cfg.ConnConfig.Copy(), signIn: cfg.BeforeConnect, mode: pgx.QueryExecModeCacheStatement,
		now: o.Now,
		log: o.Log}
	if err := p.divide(cfg); err != nil {
		p.Close()
		return nil, diagnose(cfg.ConnConfig, err)
	}
	if err := p.Worker.greet(ctx); err != nil {
		p.Close()
		return nil, diagnose(cfg.ConnConfig, err)
	}
	return p, nil
}

// divide makes the pools. None of them connects yet.
func (p *Pools) divide(cfg *pgxpool.Config) (err error) {
	total := int(cfg.MaxConns)
	if total < 3 {
		p.Worker, err = p.newPool(cfg, "process", total)
		p.Webhooks, p.API = p.Worker, p.Worker
		return err
	}
	quarter := max(1, total/4)
	for _, share := range []struct {
		pool  **Pool
		name  string
		conns int
	}{{&p.Webhooks, "webhooks", quarter}, {&p.API, "api", quarter}, {&p.Worker, "worker", total - 2*quarter}} {
		if *share.pool, err = p.newPool(cfg, share.name, share.conns); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pools) newPool(cfg *pgxpool.Config, name string, conns int) (*Pool, error) {
	cfg = cfg.Copy()
	cfg.MaxConns = int32(conns)
	cfg.MinConns, cfg.MinIdleConns = 0, 0
	cfg.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) error {
		c.DefaultQueryExecMode = p.mode
		if p.signIn == nil {
			return nil
		}
		return p.signIn(ctx, c)
	}
	// The pool's own life is not that of the context it was opened with.
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		return nil, err
	}
	return &Pool{name: name, pool: pool, all: p, log: p.log, read: readTerms(readLimit), write: writeTerms(writeLimit)},
		nil
}

// greet connects and checks the server. Behind a connection pooler it hangs up, so that the next
// connection prepares no statements. Else the server plans each statement once for a connection instead
// of each time: planning is a third of a small transaction's cost.
func (p *Pool) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	c, err := p.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	switch err := hasSession(ctx, c.Conn()); {
	case errors.Is(err, ErrNoSession):
		p.all.mode = pgx.QueryExecModeCacheDescribe
		hangUp(ctx, c.Conn())
	case err != nil:
		return err
	}
	return checkServer(c.Conn().PgConn().ParameterStatus("server_version"))
}

// checkServer refuses a server that is too old for the queries.
func checkServer(version string) error {
	digits := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(version)
	}
	if major, err := strconv.Atoi(version[:digits]); err == nil && major < oldestServer {
		return bellhop.Invalidf("database_version", "the database server is PostgreSQL %s: bellhop needs %d or later",
			version, oldestServer)
	}
	return nil
}

// parsePool reads a URL. Errors of the libraries may quote parts of it, the
// password among them, and are not passed on.
func parsePool(raw string) (*pgxpool.Config, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" && u.Query().Get("host") == "" {
		return nil, bellhop.Invalidf("database_url",
			"the database's URL can't be read: give postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %%XX for "+
				"special characters in the password")
	}
	q := u.Query()
	cfg, err := pgxpool.ParseConfig(raw)
	if err != nil {
		return nil, bellhop.Invalidf("database_url", "the database's URL can't be used: %s", inner(err, u))
	}
	if !q.Has("pool_max_conns") {
		cfg.MaxConns = defaultConns
	}
	if !q.Has("pool_max_conn_lifetime") {
		cfg.MaxConnLifetime, cfg.MaxConnLifetimeJitter = defaultLifetime, defaultLifetime/4
	}
	cfg.PingTimeout = pingWait
	if _, fixed := u.User.Password(); !fixed && !q.Has("password") {
		cfg.BeforeConnect = renewLogin(raw)
	}
	if tame(cfg.ConnConfig); len(hosts(cfg.ConnConfig)) > 1 && !q.Has("target_session_attrs") {
		cfg.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	return cfg, nil
}

// renewLogin returns what takes a login that is not in the URL anew for each connection: a file that
// holds it may change while the process runs.
func renewLogin(raw string) func(context.Context, *pgx.ConnConfig) error {
	return func(_ context.Context, c *pgx.ConnConfig) error {
		if fresh, err := pgx.ParseConfig(raw); err == nil {
			c.User, c.Password = fresh.User, fresh.Password
		}
		return nil
	}
}

// tame makes connections serve through PgBouncer, and keeps a network that
// swallows everything from holding up anybody for long.
func tame(c *pgx.ConnConfig) {
	c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	wait := connectWait
	if len(hosts(c)) > 1 {
		wait = hostWait
	}
	if c.ConnectTimeout == 0 || c.ConnectTimeout > wait {
		c.ConnectTimeout = wait
	}
	c.DialFunc = (&net.Dialer{Timeout: wait, KeepAlive: 15 * time.Second}).DialContext
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "bellhop"
	}
}

// inner returns the library's complaint about a URL, unless it repeats the URL's secrets.
func inner(err error, u *url.URL) string {
	text := err.Error()
	if i := strings.LastIndex(text, "`: "); i >= 0 {
		text = text[i+3:] // after the quoted URL
	}
	if secret, ok := u.User.Password(); ok && secret != "" && strings.Contains(text, secret) {
		return "one of its parts is not as it must be"
	}
	return text
}

// Ping asks the database for a sign of life.
func (p *Pools) Ping(ctx context.Context) error {
	return p.API.Read(ctx, func(b *Batch) { b.Exec(`SELECT 1`) })
}

// Now returns the time.
func (p *Pools) Now() time.Time { return p.now() }

// Log is the log for errors that reach no caller.
func (p *Pools) Log() *slog.Logger { return p.log }

// Close gives the connections back, once those in use are free.
func (p *Pools) Close() {
	for _, pool := range []*Pool{p.Webhooks, p.API, p.Worker} {
		if pool != nil {
			pool.pool.Close()
		}
	}
}
