package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrNoSession is returned by [Pools.Listen] behind a connection pooler that gives each transaction
// any free session: a notification to one session would reach a random client or nobody.
var ErrNoSession = errors.New("a connection pooler is in between: there is no session to listen in")

// Listen calls ready once it listens on a channel, and heard for each notification, until ctx is
// done or the connection breaks; the error says which. It has a connection of its own, beside those
// of the pools, and gives it up when they renew theirs. A listener still has to poll now and then:
// a silent connection may be dead, or its server no longer the primary.
func (p *Pools) Listen(ctx context.Context, channel string, ready func(), heard func(payload string)) error {
	ctx, cancel := context.WithTimeout(ctx, defaultLifetime)
	defer cancel()
	conn, err := p.session(ctx)
	if err != nil {
		return err
	}
	defer hangUp(ctx, conn)
	if _, err := conn.Exec(ctx, `LISTEN `+pgx.Identifier{channel}.Sanitize()); err != nil {
		return fmt.Errorf("listen to the database: %w", explain(err))
	}
	ready()
	for {
		n, err := conn.WaitForNotification(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("listen to the database: %w", explain(err))
		}
		heard(n.Payload)
	}
}

func hangUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingWait)
	defer cancel()
	conn.Close(ctx)
}

// session connects to the server itself: PgBouncer greets with a made-up session number.
func (p *Pools) session(ctx context.Context) (*pgx.Conn, error) {
	cfg := p.config.Copy()
	if p.signIn != nil {
		if err := p.signIn(ctx, cfg); err != nil {
			return nil, err
		}
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, diagnose(p.config, err)
	}
	ask, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	if err := hasSession(ask, conn); err != nil {
		conn.Close(ask)
		return nil, fmt.Errorf("see whether there is a session: %w", explain(err))
	}
	return conn, nil
}

// hasSession returns [ErrNoSession] if conn does not talk to the server itself.
func hasSession(ctx context.Context, conn *pgx.Conn) error {
	var pid uint32
	err := conn.QueryRow(ctx, `SELECT pg_backend_pid()`, pgx.QueryExecModeExec).Scan(&pid)
	if err == nil && pid != conn.PgConn().PID() {
		err = ErrNoSession
	}
	return err
}
