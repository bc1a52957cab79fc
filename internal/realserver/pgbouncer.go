package realserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// PgBouncer pools connections before a [Postgres], in transaction mode: each
// transaction of a client may run in another session of the server.
type PgBouncer struct {
	*process
	Addr string // HOST:PORT
}

// StartPgBouncer starts one in front of p, with default settings and the given ones as NAME=VALUE.
func StartPgBouncer(ctx context.Context, p *Postgres, settings ...string) (*PgBouncer, error) {
	program, err := find("pgbouncer", "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")
	if err != nil {
		return nil, err
	}
	dir, addr, err := place("bellhop-pgb-")
	if err != nil {
		return nil, err
	}
	b := &PgBouncer{Addr: addr}
	_, port, _ := strings.Cut(addr, ":")
	_, upstream, _ := strings.Cut(p.Addr, ":")
	ini, users := filepath.Join(dir, "pgbouncer.ini"), filepath.Join(dir, "users.txt")
	config := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%s\n"+
		"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %s\n"+
		"unix_socket_dir =\nauth_type = plain\nauth_file = %s\npool_mode = transaction\nmax_client_conn = 1000\n",
		upstream, port, users) + strings.Join(append(settings, ""), "\n")
	// The files belong to the user that asPostgres runs as: PgBouncer refuses root, too.
	err = errors.Join(os.WriteFile(ini, []byte(config), 0o600),
		os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", "bellhop", postgresPassword), 0o600), givePostgres(dir, ini, users))
	if err == nil {
		b.process, err = start(dir, "INT", nil, asPostgres(program, ini)...)
	}
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return b, b.ready(ctx, "pgbouncer", connects(b.URL("postgres")))
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
