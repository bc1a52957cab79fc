package realserver

import (
	"context"
	"errors"
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
	settings = append([]string{"fsync=off", "max_connections=100"}, settings...)
	return startPostgres(ctx, filepath.Dir(initdb), settings, func(dir string) ([]string, error) {
		pw := filepath.Join(dir, "password")
		err := os.WriteFile(pw, []byte(postgresPassword), 0o600)
		return []string{"initdb", "-U", "bellhop", "--pwfile=" + pw, "-A", "scram-sha-256", "-E", "UTF8",
			"--locale=C.UTF-8", "--no-sync"}, errors.Join(err, givePostgres(pw))
	})
}

// startPostgres starts a server on the files that the command of fill makes. They belong
// to a user of their own when this one is root, whom Postgres refuses.
func startPostgres(ctx context.Context, bin string, settings []string,
	fill func(dir string) ([]string, error)) (*Postgres, error) {
	dir, addr, err := place("bellhop-pg-")
	if err != nil {
		return nil, err
	}
	p := &Postgres{Addr: addr, dir: dir, bin: bin, settings: settings}
	command, err := fill(dir)
	if err = errors.Join(err, givePostgres(dir)); err == nil {
		args := asPostgres(append([]string{filepath.Join(bin, command[0]), "-D", filepath.Join(dir, "data")},
			command[1:]...)...)
		var out []byte
		if out, err = exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			err = fmt.Errorf("%s: %w: %s", command[0], err, out)
		}
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return p, p.run(ctx)
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
	return p.ready(ctx, "postgres", connects(p.URL("postgres")))
}

// connects reports whether a database accepts a connection.
func connects(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		return c.Close(ctx)
	}
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
	return startPostgres(ctx, p.bin, p.settings, func(string) ([]string, error) {
		return []string{"pg_basebackup", "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d", p.URL("postgres")}, nil
	})
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

func findInitdb() (string, error) {
	return find("initdb", "/usr/lib/postgresql/*/bin", "/usr/local/opt/postgresql*/bin",
		"/opt/homebrew/opt/postgresql*/bin")
}

// PostgresInstalled is why PostgreSQL can't be started, if that is known.
func PostgresInstalled() error {
	_, err := findInitdb()
	return err
}
