package sqlitefile

import (
	"context"
	"errors"
	"time"

	"bellhop"
)

// Purpose is the purpose of a read. Each has connections of its own, so that none waits for
// another.
type Purpose int

// The purposes.
const (
	Pipeline Purpose = iota // the pipeline's steps
	People                  // a person waits, and an index answers
	Search                  // it may read many rows; see [longestSearch]
	purposes
)

// connections are how many each purpose has. They are made when they are first
// needed. One search at a time leaves the other of two cores to the writer.
var connections = [purposes]int{Pipeline: 3, People: 2, Search: 1}

// longestSearch is how long a search may keep the log from being written over.
const longestSearch = 5 * time.Second

// renewAfter is the duration of a read after which its connection is replaced: a connection's
// memory never shrinks.
const renewAfter = time.Second

// Sorting beyond the cache uses a file: with temp_store=MEMORY all of it would stay in memory.
const readerPragmas = `PRAGMA busy_timeout=5000; PRAGMA query_only=ON; PRAGMA cache_size=-4000; PRAGMA temp_store=FILE`

// readers are the connections for one purpose.
type readers struct {
	free   chan *Conn
	unmade chan struct{} // a token for each that could be made
}

func newReaders(n int) readers {
	r := readers{make(chan *Conn, n), make(chan struct{}, n)}
	for range n {
		r.unmade <- struct{}{}
	}
	return r
}

func (f *File) reader(ctx context.Context, r readers) (c *Conn, err error) {
	select {
	case c := <-r.free:
		return c, nil
	default:
	}
	select {
	case c = <-r.free:
	case <-r.unmade:
		if c, err = f.connect(ctx, readerPragmas); err != nil {
			r.unmade <- struct{}{}
		}
	case <-ctx.Done():
		err = ctx.Err()
	case <-f.stop:
		err = errClosed
	}
	return c, err
}

// Read is [File.ReadFor] the pipeline.
func (f *File) Read(ctx context.Context, fn func(*Conn) error) error {
	return f.ReadFor(ctx, Pipeline, fn)
}

// ReadFor runs fn on a connection of its own, in one read transaction: all of its
// queries see the same state. It waits for no writer.
func (f *File) ReadFor(ctx context.Context, p Purpose, fn func(*Conn) error) error {
	if p == Search {
		return f.search(ctx, fn)
	}
	return f.readOn(ctx, f.readers[p], fn)
}

// search waits while the log restarts, and ends by itself.
func (f *File) search(parent context.Context, fn func(*Conn) error) error {
	ctx, cancel := context.WithTimeout(parent, longestSearch)
	defer cancel()
	select {
	case <-*f.log.gate.Load():
	case <-ctx.Done():
	}
	err := f.readOn(ctx, f.readers[Search], fn)
	if errors.Is(err, context.DeadlineExceeded) && parent.Err() == nil {
		return bellhop.Errorf(bellhop.Unavailable, "search_too_long",
			"the search took too long: search for less, or try again later")
	}
	return err
}

// maxStmts bounds the prepared statements of a connection that is kept: lists have many forms.
const maxStmts = 500

func (f *File) readOn(ctx context.Context, r readers, fn func(*Conn) error) error {
	c, err := f.reader(ctx, r)
	if err != nil {
		return err
	}
	start := time.Now()
	defer func() {
		if time.Since(start) < renewAfter && len(c.stmts) <= maxStmts {
			r.free <- c
			return
		}
		c.close() // it changed nothing, and holds nothing
		r.unmade <- struct{}{}
	}()
	return readError(ctx, c.read(ctx, fn))
}

func (c *Conn) read(ctx context.Context, fn func(*Conn) error) error {
	c.db.SetInterrupt(ctx)
	defer c.db.SetInterrupt(context.Background())
	if err := c.Prepare("BEGIN").Exec(); err != nil {
		return err
	}
	err := fn(c)
	c.db.SetInterrupt(context.Background())
	if err != nil {
		c.reset()
	}
	if e := c.Prepare("COMMIT").Exec(); err == nil {
		err = e
	}
	return err
}

func readError(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// closeReaders waits for the reads under way.
func (f *File) closeReaders() (first error) {
	for _, r := range f.readers {
		for range cap(r.free) {
			select {
			case c := <-r.free:
				if err := c.close(); err != nil && first == nil {
					first = err
				}
			case <-r.unmade:
			}
		}
	}
	return first
}
