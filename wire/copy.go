package wire

import (
	"context"
	"errors"

	"bellhop"
	"bellhop/queue"
	"bellhop/store"
	"bellhop/store/move"
)

// Copy is two databases, opened to copy one into the other.
type Copy struct {
	From, To move.Mover
	// Beside counts the events in the queues that share From's file or database, which
	// Copy leaves there; nil if there are none.
	Beside *queue.Depth

	parts []*Parts
}

// OpenCopy opens the database from, which must exist, and to, which it creates if
// missing. Both are URLs as BELLHOP_DB takes them; dir is BELLHOP_DIR. Errors call
// them --from and --to.
func OpenCopy(ctx context.Context, dir, from, to string, o Options) (c *Copy, err error) {
	c = &Copy{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	source, target := end{"--from", Storage{Dir: dir, DB: from, Queue: from}, o},
		end{"--to", Storage{Dir: dir, DB: to, Queue: to}, o}
	if _, err := target.only(theStore, o); err != nil { // before anything opens
		return c, target.withFlag(err)
	}
	if c.From, err = c.open(ctx, source, true); err != nil {
		return c, err
	}
	if c.To, err = c.open(ctx, target, false); err != nil {
		return c, err
	}
	c.Beside, err = source.beside(ctx)
	return c, err
}

// Close closes both.
func (c *Copy) Close() error { return closeAll(c.parts...) }

func (c *Copy) open(ctx context.Context, e end, mustBe bool) (move.Mover, error) {
	d, err := e.drivers(ctx, mustBe)
	if err != nil {
		return nil, e.withFlag(err)
	}
	p, err := d.openStoreUnchecked(ctx)
	if err != nil {
		return nil, e.withFlag(err)
	}
	c.parts = append(c.parts, p)
	m, ok := p.Store.(move.Mover)
	if !ok {
		return nil, WrongSetting(e.flag, "this database can't be copied", dbAccepted)
	}
	return m, nil
}

// usable refuses an unfinished copy.
func usable(ctx context.Context, s store.Store) error {
	if m, ok := s.(move.Mover); ok {
		return move.Usable(ctx, m)
	}
	return nil
}

// end is one of two databases or queues.
type end struct {
	flag string
	Storage
	opts Options
}

// drivers returns the drivers of a database. A missing file gets tables for a queue,
// as every other file.
func (e *end) drivers(ctx context.Context, mustBe bool) (*drivers, error) {
	d, err := e.only(theStore, e.opts)
	if err != nil {
		return nil, err
	}
	found, there := examineAll(ctx, d.shared)
	switch {
	case there:
		return d, nil
	case mustBe:
		return nil, notThere(found)
	case inFile(e.DB):
		return e.only(both, e.opts)
	}
	return d, nil
}

// notThere returns the worst finding as an error.
func notThere(found []Finding) error {
	for _, level := range []Level{LevelFail, LevelWarn} {
		for _, f := range found {
			if f.Level == level && f.Part != "folder" {
				return bellhop.Errorf(bellhop.Conflict, "no_database", "%s", f.Found)
			}
		}
	}
	return bellhop.Errorf(bellhop.Conflict, "no_database", "there is no database yet")
}

// beside counts the events in the queues of the same file or database.
func (e *end) beside(ctx context.Context) (*queue.Depth, error) {
	if _, there := e.Storage.Examine(ctx, e.opts); !there {
		return nil, nil
	}
	p, err := e.OpenBroker(ctx, e.opts)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	names, err := p.Broker.Names(ctx)
	if err != nil {
		return nil, err
	}
	var sum queue.Depth
	for _, name := range names {
		if err := addDepth(ctx, p.Broker, name, &sum); err != nil {
			return nil, err
		}
	}
	return &sum, nil
}

func addDepth(ctx context.Context, b queue.Broker, name string, sum *queue.Depth) error {
	q, err := b.Open(ctx, name)
	if err != nil {
		return err
	}
	defer q.Close()
	d, err := q.Depth(ctx)
	sum.Waiting, sum.Leased, sum.Dead = sum.Waiting+d.Waiting, sum.Leased+d.Leased, sum.Dead+d.Dead
	return err
}

// withFlag adds the flag's name to an error in the place of the setting's.
func (e *end) withFlag(err error) error { return withSetting(e.flag, err) }
