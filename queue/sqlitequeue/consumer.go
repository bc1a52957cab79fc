package sqlitequeue

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"bellhop/internal/sqlitefile"
	"bellhop/queue"
)

// consumer is this process as a holder of leases. Its lock, which the system takes
// away however the process ends, shows others that it lives.
type consumer struct {
	name string
	lock *os.File
	path string
}

func (c *consumer) unlock() {
	os.Remove(c.path)
	c.lock.Close()
}

// register makes the lock first and the row second: so each row has a lock while
// its process lives.
func (q *Queue) register(ctx context.Context) error {
	name := uuid.NewString()
	path := lockPath(q.file.Path(), name)
	h, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("make the consumer's lock: %w", err)
	}
	c := &consumer{name: name, lock: h, path: path}
	if _, err := sqlitefile.TryLock(h); err != nil {
		c.unlock()
		return fmt.Errorf("lock %s: %w", path, err)
	}
	err = q.file.Write(ctx, func(tx *sqlitefile.Tx) error {
		return tx.Prepare(`INSERT INTO consumers (name, queue, pid, since) VALUES (?,?,?,?)`).
			Text(name).Int(q.id).Int(int64(os.Getpid())).Time(q.now()).Exec()
	})
	if err != nil {
		c.unlock()
		return fmt.Errorf("register as a consumer: %w", err)
	}
	q.consumer = c
	return nil
}

func lockPath(db, name string) string {
	return db + "-consumer-" + filepath.Base(name)
}

// reap registers this process at its first receive, and from time to time gives
// back the leases of processes that are gone.
func (q *Queue) reap(ctx context.Context) error {
	if q.consumer == nil {
		if err := q.register(ctx); err != nil {
			return err
		}
	}
	now := q.now()
	if now.Sub(q.reaped) < reapEvery {
		return nil
	}
	q.reaped = now
	var names []string
	err := q.file.Read(ctx, func(c *sqlitefile.Conn) error {
		return c.Prepare(`SELECT name FROM consumers WHERE queue = ? AND name <> ?`).Int(q.id).Text(q.consumer.name).
			Each(func(r sqlitefile.Row) error { names = append(names, r.Text()); return nil })
	})
	if err != nil {
		return fmt.Errorf("list consumers: %w", err)
	}
	for _, name := range names {
		if err := q.reapOne(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (q *Queue) reapOne(ctx context.Context, name string) error {
	path := lockPath(q.file.Path(), name)
	h, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("look at another consumer's lock: %w", err)
	}
	if err == nil {
		defer h.Close()
		if free, err := sqlitefile.TryLock(h); err != nil || !free {
			return err
		}
	}
	if err = q.file.Write(ctx, func(tx *sqlitefile.Tx) error { return forget(tx, name) }); err == nil {
		os.Remove(path)
	}
	return queue.Wrap("give back the leases of a consumer that is gone", err)
}

// forget ends a consumer's leases.
func forget(tx *sqlitefile.Tx, name string) error {
	if err := tx.Prepare(`UPDATE leases SET expires_at = 0 WHERE consumer = ?`).Text(name).Exec(); err != nil {
		return err
	}
	return tx.Prepare(`DELETE FROM consumers WHERE name = ?`).Text(name).Exec()
}
