package realserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// Postgres is a PostgreSQL server with nothing in it.
type Postgres struct {
	*process
	Addr string // HOST:PORT

	dir, bin string
	settings []string
	n        atomic.Int64
}

const postgresPassword = "only for tests"

// StartPostgres starts a new server, with default settings and the given ones as NAME=VALUE. It
// does not force commits to disk unless fsync=on is given.
func StartPostgres(ctx context.Context, settings ...string) (*Postgres, error) {
	initdb, err := findInitdb()
	if err != nil {
		return nil, err
	}
	if initdb, err = filepath.EvalSymlinks(initdb); err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bellhop-pg-")
	if err != nil {
		return nil, err
	}
	p := &Postgres{Addr: fmt.Sprint("127.0.0.1:", port), dir: dir, bin: filepath.Dir(initdb),
		settings: append([]string{"fsync=off", "max_connections=100"}, settings...)}
	if err := p.init(ctx, initdb); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return p, p.run(ctx)
}

// init makes the files of the server. They belong to a user of their own when
// that is root, whom Postgres refuses.
func (p *Postgres) init(ctx context.Context, initdb string) error {
	pw := filepath.Join(p.dir, "password")
	if err := os.WriteFile(pw, []byte(postgresPassword), 0o600); err != nil {
		return err
	}
	if err := givePostgres(p.dir, pw); err != nil {
		return err
	}
	args := asPostgres(initdb, "-D", filepath.Join(p.dir, "data"), "-U", "bellhop", "--pwfile="+pw, "-A",
		"scram-sha-256",
		"-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

func asPostgres(command ...string) []string {
	if os.Getuid() != 0 {
		return command
	}
	return append([]string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"}, command...)
}

func (p *Postgres) run(ctx context.Context) (err error) {
	_, port, _ := strings.Cut(p.Addr, ":")
	args := []string{filepath.Join(p.bin, "postgres"), "-D", filepath.Join(p.dir, "data"), "-p", port,
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + p.dir}
	for _, s := range p.settings {
		args = append(args, "-c", s)
	}
	if p.process, err = start(p.dir, "INT", nil, asPostgres(args...)...); err != nil {
		return err
	}
	return p.ready(ctx, "postgres", func(ctx context.Context) error {
		c, err := pgx.Connect(ctx, p.URL("postgres"))
		if err != nil {
			return err
		}
		return c.Close(ctx)
	})
}

// URL returns the address of one of its databases, with the password.
func (p *Postgres) URL(database string) string { return PostgresURL(p.Addr, database) }

// PostgresURL returns the address of a database of a [Postgres] that is reached
// at another address, as through a proxy.
func PostgresURL(addr, database string) string {
	return fmt.Sprintf("postgres://bellhop:%s@%s/%s?sslmode=disable", strings.ReplaceAll(postgresPassword, " ", "%20"),
		addr, database)
}

// NewDatabase makes an empty database and returns its name.
func (p *Postgres) NewDatabase(ctx context.Context) (name string, err error) {
	return p.CopyDatabase(ctx, "template1")
}

// CopyDatabase makes a copy of a database that nobody is connected to, and returns
// its name.
func (p *Postgres) CopyDatabase(ctx context.Context, of string) (name string, err error) {
	name = fmt.Sprint("db", p.n.Add(1))
	return name, p.Exec(ctx, "postgres", "CREATE DATABASE "+name+" TEMPLATE "+of)
}

// StartStandby makes a server that follows this one, and takes no changes until it is
// promoted.
func (p *Postgres) StartStandby(ctx context.Context) (*Postgres, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bellhop-pg-")
	if err != nil {
		return nil, err
	}
	s := &Postgres{Addr: fmt.Sprint("127.0.0.1:", port), dir: dir, bin: p.bin, settings: p.settings}
	err = givePostgres(dir)
	if err == nil {
		args := asPostgres(filepath.Join(p.bin, "pg_basebackup"), "-D", filepath.Join(dir, "data"), "-R", "-X",
			"stream",
			"-c", "fast", "--no-sync", "-d", p.URL("postgres"))
		var out []byte
		if out, err = exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			err = fmt.Errorf("pg_basebackup: %w: %s", err, out)
		}
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return s, s.run(ctx)
}

// Exec runs a statement in one of the server's databases.
func (p *Postgres) Exec(ctx context.Context, database, statement string) error {
	c, err := pgx.Connect(ctx, p.URL(database))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, statement)
	return err
}

// Restart starts the server again after Stop, with all that it committed.
func (p *Postgres) Restart(ctx context.Context) error { return p.run(ctx) }

// Close ends the server and deletes its files.
func (p *Postgres) Close() error {
	p.Stop()
	return os.RemoveAll(p.dir)
}

func findInitdb() (string, error) {
	return find("initdb", "/usr/lib/postgresql/*/bin", "/usr/local/opt/postgresql*/bin",
		"/opt/homebrew/opt/postgresql*/bin")
}

// PostgresInstalled is why PostgreSQL can't be started, if that is known.
func PostgresInstalled() error {
	_, err := findInitdb()
	return err
}
