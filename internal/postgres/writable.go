package postgres

import (
	"context"
	"time"
)

// writtenLately is how long a committed change is proof enough.
const writtenLately = 5 * time.Second

// Writable returns nil while the database accepts changes. Unless this process wrote in the last
// seconds, it rewrites the first row of a schema's migration table unchanged: after a failover a
// server may go on answering readers. A table of its own for this would need another grant.
func (p *Pools) Writable(ctx context.Context, pool *Pool, s Schema) error {
	if last := p.written.Load(); last != 0 && p.now().UnixNano()-last < writtenLately.Nanoseconds() {
		return pool.Read(ctx, func(b *Batch) { b.Exec(`SELECT 1`) })
	}
	return pool.Once(ctx, func(b *Batch) {
		b.Exec(`UPDATE ` + table(s) + ` SET is_applied = is_applied WHERE version_id = 0`)
	})
}

// wrote notes the time of a writing transaction that committed.
func (p *Pools) wrote(begin string) {
	if begin == beginWrite {
		p.written.Store(p.now().UnixNano())
	}
}

// renew closes all connections before their next use: others may lead to the same read-only server,
// where readers would see old data.
func (p *Pools) renew() {
	p.written.Store(0)
	for _, pool := range []*Pool{p.Webhooks, p.API, p.Worker} {
		pool.pool.Reset()
	}
}
