package sqlitequeue

import (
	"context"
	"errors"
	"net/url"
	"time"

	"bellhop/internal/sqlitefile"
	"bellhop/queue"
)

// Broker holds the queues of one file.
type Broker struct {
	file *sqlitefile.File
	now  func() time.Time
}

var _ queue.Broker = (*Broker)(nil)

// NewBroker returns the queues of a file that was migrated to [Schema]. The caller
// closes the file. now is the clock; nil means the system's.
func NewBroker(f *sqlitefile.File, now func() time.Time) *Broker {
	if now == nil {
		now = time.Now
	}
	return &Broker{file: f, now: now}
}

// Create implements [queue.Broker].
func (b *Broker) Create(ctx context.Context, name string, a queue.Attributes) error {
	if err := errors.Join(queue.CheckName(name), a.Validate()); err != nil {
		return err
	}
	return b.file.Write(ctx, func(tx *sqlitefile.Tx) error {
		err := tx.Prepare(`INSERT INTO queues (name, visibility_us, max_attempts) VALUES (?,?,?)
			ON CONFLICT (name) DO NOTHING`).
			Text(name).Int(a.Visibility.Microseconds()).Int(int64(a.MaxAttempts)).Exec()
		if err != nil || tx.Changes() == 1 {
			return err
		}
		q, err := b.find(tx.Conn, name)
		if err != nil {
			return err
		}
		if has, err := q.attributes(tx.Conn); err != nil || has == a {
			return err
		}
		return queue.Exists(name)
	})
}

// Names implements [queue.Broker].
func (b *Broker) Names(ctx context.Context) (names []string, err error) {
	err = b.file.Read(ctx, func(c *sqlitefile.Conn) error {
		return c.Prepare(`SELECT name FROM queues ORDER BY name`).
			Each(func(r sqlitefile.Row) error { names = append(names, r.Text()); return nil })
	})
	return names, err
}

// URL implements [queue.Broker].
func (b *Broker) URL(ctx context.Context, name string) (string, error) {
	if _, err := b.Open(ctx, name); err != nil {
		return "", err
	}
	u := "sqlite:" + (&url.URL{Path: b.file.Path()}).EscapedPath()
	if name != queue.DefaultName {
		u += "?queue=" + url.QueryEscape(name)
	}
	return u, nil
}

// Open implements [queue.Broker].
func (b *Broker) Open(ctx context.Context, name string) (queue.Queue, error) {
	var q *Queue
	err := b.file.Read(ctx, func(c *sqlitefile.Conn) (err error) {
		q, err = b.find(c, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return q, nil
}

func (b *Broker) find(c *sqlitefile.Conn, name string) (*Queue, error) {
	id, err := c.Prepare(`SELECT id FROM queues WHERE name = ?`).Text(name).One()
	if err == nil && id == 0 {
		err = queue.NotFound(name)
	}
	return newQueue(b.file, id, name, b.now), queue.Wrap("look for the queue "+name, err)
}

// Remove implements [queue.Broker]. Events stay in the archive.
func (b *Broker) Remove(ctx context.Context, name string) error {
	return b.file.Write(ctx, func(tx *sqlitefile.Tx) error {
		q, err := b.find(tx.Conn, name)
		if err != nil {
			return err
		}
		for _, table := range []string{"waiting", "retries", "leases", "dead", "consumers"} {
			if err := tx.Prepare(`DELETE FROM ` + table + ` WHERE queue = ?`).Int(q.id).Exec(); err != nil {
				return err
			}
		}
		return tx.Prepare(`DELETE FROM queues WHERE id = ?`).Int(q.id).Exec()
	})
}
