package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"bellhop"
)

// Pool is a share of the connections. Its methods may be called from many
// goroutines at once. They return bellhop.Unavailable within seconds when the
// database is away or slow, and go on by themselves once it is back.
type Pool struct {
	name  string
	pool  *pgxpool.Pool
	all   *Pools
	log   *slog.Logger
	read  terms
	write terms
}

// The statements that begin transactions.
const (
	beginRead  = `BEGIN READ ONLY`
	beginWrite = `BEGIN`
)

// terms are a transaction's time limits; limits is the statement that sets them. They end with the
// transaction, so that the connection's next user does not inherit them. The server soon releases
// the locks of a client that vanished in the midst of a transaction.
type terms struct {
	limit  time.Duration
	limits string
}

func readTerms(limit time.Duration) terms {
	return terms{limit, fmt.Sprintf(`SELECT set_config('statement_timeout', '%d', true),
		set_config('idle_in_transaction_session_timeout', '10000', true)`, limit.Milliseconds()*9/10)}
}

func writeTerms(limit time.Duration) terms {
	return terms{limit, fmt.Sprintf(`SELECT set_config('statement_timeout', '%d', true),
		set_config('idle_in_transaction_session_timeout', '10000', true), set_config('lock_timeout', '%d', true)`,
		limit.Milliseconds()*9/10, limit.Milliseconds()*6/10)}
}

// Within returns the same connections with a limit for callers that can't wait longer.
func (p *Pool) Within(limit time.Duration) *Pool {
	hasty := *p
	hasty.read, hasty.write = readTerms(limit), writeTerms(limit)
	return &hasty
}

// Unforced returns the same connections for writes that may be lost: a commit does not wait for the
// disk. If the server dies, the last transactions are lost, each as a whole and none without its
// successors.
func (p *Pool) Unforced() *Pool {
	lax := *p
	lax.write.limits += `, set_config('synchronous_commit', 'off', true)`
	return &lax
}

// maxTries bounds how often a transaction runs when others get in its way.
const maxTries = 20

// Read runs the queries that fn puts into a batch, in one round trip and on one
// state of the database each. fn may be called more than once.
func (p *Pool) Read(ctx context.Context, fn func(*Batch)) error {
	return p.run(ctx, p.read, beginRead, func(tx *Tx) error {
		return tx.Commit(fn)
	})
}

// Once runs fn's statements as one transaction, in one round trip. It may call fn
// more than once.
func (p *Pool) Once(ctx context.Context, fn func(*Batch)) error {
	return p.Write(ctx, func(tx *Tx) error { return tx.Commit(fn) })
}

// Write runs fn in a transaction. fn's changes count once its tx.Commit returned nil;
// without a Commit Write drops them. It calls fn again when another transaction got
// in the way.
func (p *Pool) Write(ctx context.Context, fn func(*Tx) error) error {
	return p.run(ctx, p.write, beginWrite, fn)
}

func (p *Pool) run(parent context.Context, t terms, begin string, fn func(*Tx) error) error {
	ctx, cancel := context.WithTimeout(parent, t.limit)
	defer cancel()
	for try := 1; ; try++ {
		tx := Tx{ctx: ctx, begin: begin, limits: t.limits}
		err := p.try(&tx, fn)
		if err == nil {
			p.all.wrote(begin)
			return nil
		}
		if parent.Err() != nil {
			return parent.Err()
		}
		switch {
		case codeOf(err) == codeReadOnly:
			p.log.Warn("the database is read-only on this connection: connecting again", "pool", p.name)
			p.all.renew()
		case tx.lost:
			// The cause most likely broke the idle connections too.
			p.log.Warn("a connection to the database was lost", "pool", p.name)
			p.pool.Reset()
		}
		if ctx.Err() != nil || try == maxTries || !isAgain(err) && !(try == 1 && tx.neverHappened(err)) {
			return explain(err)
		}
	}
}

// try runs fn once, on one connection.
func (p *Pool) try(tx *Tx, fn func(*Tx) error) error {
	conn, err := p.acquire(tx.ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	tx.conn = conn.Conn()
	err = fn(tx)
	if endsSession(err) {
		hangUp(tx.ctx, tx.conn) // so that nobody gets it again
	}
	if tx.lost = tx.conn.IsClosed(); !tx.lost {
		tx.rollback()
	}
	return err
}

func (p *Pool) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	wait, cancel := context.WithTimeout(ctx, acquireWait)
	defer cancel()
	conn, err := p.pool.Acquire(wait)
	if err != nil && wait.Err() != nil && p.pool.Stat().AcquiredConns() == p.pool.Config().MaxConns {
		return nil, bellhop.Errorf(bellhop.Unavailable, "database_busy",
			"all %d connections to the database for the %s are in use: try again later", p.pool.Config().MaxConns,
			p.name)
	}
	return conn, err
}

// Tx is a transaction. Its BEGIN travels with the first batch.
type Tx struct {
	ctx           context.Context
	conn          *pgx.Conn
	begin, limits string
	begun         bool
	greeted       bool // the BEGIN was answered
	ending        bool // a COMMIT was sent
	lost          bool // the connection was
}

// neverHappened reports whether a lost transaction surely changed nothing: its end was not sent, or
// it had no changes, or the server is read-only, or the server said goodbye before it heard
// anything.
func (tx *Tx) neverHappened(err error) bool {
	if !tx.lost {
		return false
	}
	code := codeOf(err)
	return !tx.ending || tx.begin == beginRead || code == codeReadOnly || !tx.greeted && strings.HasPrefix(code, "57P")
}

// Do sends fn's statements in one round trip.
func (tx *Tx) Do(fn func(*Batch)) error { return tx.send(fn, false) }

// Commit sends fn's statements and ends the transaction, in one round
// trip. When it returns an error that is no bellhop.Unavailable, nothing was
// kept; else that is not known.
func (tx *Tx) Commit(fn func(*Batch)) error { return tx.send(fn, true) }

func (tx *Tx) send(fn func(*Batch), end bool) error {
	var b Batch
	if !tx.begun {
		b.batch.Queue(tx.begin).Exec(func(pgconn.CommandTag) error { tx.greeted = true; return nil })
		b.Exec(tx.limits)
		tx.begun = true
	}
	fn(&b)
	if end {
		b.Exec(`COMMIT`)
		tx.ending = true
	}
	return tx.conn.SendBatch(tx.ctx, &b.batch).Close()
}

// rollback leaves the connection as it was found.
func (tx *Tx) rollback() {
	if tx.conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tx.ctx), pingWait)
	defer cancel()
	tx.conn.Exec(ctx, `ROLLBACK`) // a connection that fails here is not used again
}

// Batch gathers statements that travel together. Texts among the arguments are
// made storable: see [Text].
type Batch struct{ batch pgx.Batch }

// Exec adds a statement whose result nobody needs.
func (b *Batch) Exec(query string, args ...any) { b.batch.Queue(query, storable(args)...) }

// Count adds a statement and tells how many rows it changed or found.
func (b *Batch) Count(n *int64, query string, args ...any) {
	b.batch.Queue(query, storable(args)...).Exec(func(tag pgconn.CommandTag) error {
		*n = tag.RowsAffected()
		return nil
	})
}

// Each adds a query; fn scans each row, and can use the results of the batch's earlier queries.
func (b *Batch) Each(fn func(pgx.Rows) error, query string, args ...any) {
	b.batch.Queue(query, storable(args)...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := fn(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}
