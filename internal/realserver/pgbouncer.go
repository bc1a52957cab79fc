package realserver

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// PgBouncer pools connections before a [Postgres], in transaction mode: each
// transaction of a client may run in another session of the server.
type PgBouncer struct {
	*process
	Addr string // HOST:PORT

	dir string
}

// StartPgBouncer starts one in front of p, with default settings and the given ones as NAME=VALUE.
func StartPgBouncer(ctx context.Context, p *Postgres, settings ...string) (*PgBouncer, error) {
	program, err := find("pgbouncer", "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bellhop-pgb-")
	if err != nil {
		return nil, err
	}
	b := &PgBouncer{Addr: fmt.Sprint("127.0.0.1:", port), dir: dir}
	_, upstream, _ := strings.Cut(p.Addr, ":")
	config := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%s\n"+
		"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\n"+
		"unix_socket_dir =\nauth_type = plain\nauth_file = %s\npool_mode = transaction\nmax_client_conn = 1000\n",
		upstream, port, filepath.Join(dir, "users.txt"))
	for _, s := range settings {
		config += s + "\n"
	}
	if err := b.write(config); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if b.process,
		err = start(dir, "INT", nil, asPostgres(program, filepath.Join(dir, "pgbouncer.ini"))...); err != nil {
		return nil, err
	}
	return b, b.ready(ctx, "pgbouncer", func(ctx context.Context) error {
		c, err := pgx.Connect(ctx, b.URL("postgres"))
		if err != nil {
			return err
		}
		return c.Close(ctx)
	})
}

// write makes the files. They belong to the user that [asPostgres] runs as:
// PgBouncer refuses root, too.
func (b *PgBouncer) write(config string) error {
	files := map[string]string{"pgbouncer.ini": config,
		"users.txt": fmt.Sprintf("%q %q\n", "bellhop", postgresPassword)}
	paths := []string{b.dir}
	for name, content := range files {
		path := filepath.Join(b.dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
		paths = append(paths, path)
	}
	return givePostgres(paths...)
}

// givePostgres makes files those of the user that [asPostgres] runs as.
func givePostgres(paths ...string) error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	for _, path := range paths {
		if err := os.Chown(path, uid, gid); err != nil {
			return err
		}
	}
	return nil
}

// URL returns the address of a database behind it, with the password.
func (b *PgBouncer) URL(database string) string { return PostgresURL(b.Addr, database) }

// Close ends it and deletes its files.
func (b *PgBouncer) Close() error {
	b.Stop()
	return os.RemoveAll(b.dir)
}
