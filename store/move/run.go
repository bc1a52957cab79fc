package move

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"bellhop"
)

// Options are the settings of [Copy]. The zero value serves.
type Options struct {
	Chunk ChunkLimit // 0 means 5,000 rows and 4 MiB
	// Begun, if set, learns whether the copy goes on where an earlier run stopped, or
	// begins anew since the source has changed.
	Begun func(resumed, anew bool)
	// Step, if set, is called after each chunk.
	Step func(Step)
}

// Step says how far a copy has come.
type Step struct {
	Verifying bool // or else copying
	Table     Table
	Rows, Of  int64 // of the table
	Now       int64 // rows of this step
	Done      bool  // with the table
}

// Result is the result of a copy.
type Result struct {
	Resumed bool // as in Begun
	Anew    bool
	Rows    int64
	Tables  []Compared
}

// Compared is a table on both sides.
type Compared struct {
	Table    Table
	From, To Sum
}

// Same reports whether both sides hold the same rows.
func (c Compared) Same() bool { return c.From == c.To }

// Copy makes to a copy of from. After an interruption, calling it again goes on where it
// stopped. In the end it reads the rows of both sides again and compares them. If they
// differ it returns bellhop.Conflict with the tables' names; if from changed meanwhile, the
// error says so.
func Copy(ctx context.Context, from, to Mover, o Options) (Result, error) {
	if o.Chunk == (ChunkLimit{}) {
		o.Chunk = ChunkLimit{Rows: 5_000, Bytes: 4 << 20}
	}
	if o.Step == nil {
		o.Step = func(Step) {}
	}
	if o.Begun == nil {
		o.Begun = func(_, _ bool) {}
	}
	c := &copier{from: from, to: to, o: o}
	err := c.run(ctx)
	return c.done, err
}

type copier struct {
	from, to Mover
	o        Options
	of       map[Table]int64 // rows of from
	done     Result
}

func (c *copier) run(ctx context.Context) error {
	mark, progress, err := c.begin(ctx)
	if err != nil {
		return err
	}
	c.o.Begun(c.done.Resumed, c.done.Anew)
	for _, t := range Tables() {
		if err := c.table(ctx, t, progress[t]); err != nil {
			return fmt.Errorf("copy %s: %w", t, err)
		}
	}
	if err := c.unchanged(ctx, mark); err != nil { // before both sides are read in vain
		return err
	}
	for _, t := range Tables() {
		same, err := c.compare(ctx, t)
		if err != nil {
			return fmt.Errorf("verify %s: %w", t, err)
		}
		c.done.Tables = append(c.done.Tables, same)
	}
	if err := c.unchanged(ctx, mark); err != nil {
		return err
	}
	if err := c.differs(); err != nil {
		return c.spoil(ctx, err)
	}
	return c.to.EndCopy(ctx, true)
}

// begin finds an earlier copy to go on with, or begins one.
func (c *copier) begin(ctx context.Context) (mark string, progress map[Table]Progress, err error) {
	from, err := c.from.Identity(ctx)
	if err != nil {
		return "", nil, err
	}
	there, err := c.to.Identity(ctx)
	if err != nil {
		return "", nil, err
	}
	if err := mayCopy(from, there); err != nil {
		return "", nil, err
	}
	if err := c.count(ctx); err != nil {
		return "", nil, err
	}
	if mark, err = markOf(ctx, c.from, c.o.Chunk); err != nil {
		return "", nil, err
	}
	if there.Copy != nil && there.Copy.Mark == mark {
		c.done.Resumed = true
		return mark, there.Copy.Tables, nil
	}
	c.done.Anew = there.Copy != nil
	return mark, nil, c.to.BeginCopy(ctx, from.ID, mark)
}

func (c *copier) count(ctx context.Context) (err error) {
	c.of = map[Table]int64{}
	for _, t := range Tables() {
		if c.of[t], err = c.from.Count(ctx, t); err != nil {
			return fmt.Errorf("count %s: %w", t, err)
		}
	}
	return nil
}

// mayCopy returns why one store can't be copied into another, if it can't. BeginCopy checks
// for room in it.
func mayCopy(from, to Identity) error {
	if from.ID == to.ID {
		return bellhop.Errorf(bellhop.Conflict, "same_store", "both are the same store: name another one to copy into")
	}
	if from.Copy != nil && !from.Copy.Finished {
		return unfinished("the store to copy from")
	}
	switch c := to.Copy; {
	case c != nil && c.Finished:
		return bellhop.Errorf(bellhop.Conflict, "copied",
			"the store to copy into has been copied into before, and the copy is whole: use it, or name an empty one")
	case c != nil && c.Source != from.ID:
		return bellhop.Errorf(bellhop.Conflict, "other_copy",
			"the store to copy into holds an unfinished copy of another store: name an empty one")
	}
	return nil
}

func unfinished(which string) error {
	return bellhop.Errorf(bellhop.Conflict, "unfinished_copy",
		"%s is an unfinished copy: run the same bellhop store copy again to continue it", which)
}

// Usable returns nil unless m is an unfinished copy, which nobody may use.
func Usable(ctx context.Context, m Mover) error {
	i, err := m.Identity(ctx)
	if err == nil && i.Copy != nil && !i.Copy.Finished {
		err = unfinished("the database")
	}
	return err
}

// NotEmpty is a driver's error for a target that holds something else.
func NotEmpty(t Table) error {
	return bellhop.Errorf(bellhop.Conflict, "not_empty", "the store to copy into has %s already: name an empty one", t)
}

// CopiedElsewhere is a driver's error when another process went on with a copy.
func CopiedElsewhere() error {
	return bellhop.Errorf(bellhop.Conflict, "copied_elsewhere",
		"another bellhop store copy is writing to that store: wait for it, or stop it and run this again")
}

// markOf sums up the source: its counters, and the small tables whose rows come and go. Any
// use of the store changes it.
func markOf(ctx context.Context, m Mover, at ChunkLimit) (string, error) {
	h := sha256.New()
	for _, t := range []Table{TableShops, TableConnections, TablePeople, TableSessions, TableTokens, TableDevices,
		TableRelays, TableAccesses, TableRequests, TableMarkKey, TableBackups, TableSigningKey, TableCounters} {
		s, err := sumOf(ctx, m, t, at, func(int, bool) {})
		if err != nil {
			return "", fmt.Errorf("read %s: %w", t, err)
		}
		fmt.Fprintln(h, t, s.Rows, s)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// sumOf reads a whole table.
func sumOf(ctx context.Context, m Mover, t Table, at ChunkLimit, step func(rows int, end bool)) (s Sum, err error) {
	for after := ""; ; {
		c, next, err := m.Export(ctx, t, after, at)
		if err != nil {
			return s, err
		}
		s.Add(&c)
		step(c.Len(), next == "")
		if after = next; next == "" {
			return s, nil
		}
	}
}

// chunk is a chunk on its way.
type chunk struct {
	Chunk
	after, next string
	err         error
}

// table copies the rest of a table. It reads the next chunk while it writes one.
func (c *copier) table(ctx context.Context, t Table, p Progress) error {
	c.done.Rows += p.Rows
	if p.Done {
		c.o.Step(Step{Table: t, Rows: p.Rows, Of: p.Rows, Done: true})
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	chunks := make(chan chunk, 1)
	go func() {
		defer close(chunks)
		c.read(ctx, t, p.Next, chunks)
	}()
	defer func() {
		cancel()
		for range chunks { // until the reader has ended
		}
	}()
	for ch := range chunks {
		if ch.err != nil {
			return ch.err
		}
		if err := c.to.Import(ctx, t, ch.Chunk, ch.after, ch.next); err != nil {
			return err
		}
		n := int64(ch.Len())
		p.Rows += n
		c.done.Rows += n
		c.o.Step(Step{Table: t, Rows: p.Rows, Of: max(p.Rows, c.of[t]), Now: n, Done: ch.next == ""})
	}
	return ctx.Err()
}

func (c *copier) read(ctx context.Context, t Table, after string, chunks chan<- chunk) {
	for {
		ch := chunk{after: after}
		ch.Chunk, ch.next, ch.err = c.from.Export(ctx, t, after, c.o.Chunk)
		select {
		case chunks <- ch:
		case <-ctx.Done():
			return
		}
		if after = ch.next; after == "" || ch.err != nil {
			return
		}
	}
}

// compare reads a table on both sides at once.
func (c *copier) compare(ctx context.Context, t Table) (Compared, error) {
	type summed struct {
		Sum
		err error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	other := make(chan summed, 1)
	go func() {
		s, err := sumOf(ctx, c.from, t, c.o.Chunk, func(int, bool) {})
		other <- summed{s, err}
	}()
	var rows int64
	to, err := sumOf(ctx, c.to, t, c.o.Chunk, func(n int, end bool) {
		rows += int64(n)
		c.o.Step(Step{Verifying: true, Table: t, Rows: rows, Of: max(rows, c.of[t]), Now: int64(n), Done: end})
	})
	if err != nil {
		cancel()
	}
	from := <-other
	if err == nil {
		err = from.err
	}
	return Compared{Table: t, From: from.Sum, To: to}, err
}

// unchanged checks that the source is as it was when the copy began.
func (c *copier) unchanged(ctx context.Context, mark string) error {
	now, err := markOf(ctx, c.from, c.o.Chunk)
	if err != nil || now == mark {
		return err
	}
	return c.spoil(ctx, bellhop.Errorf(bellhop.Conflict, "source_changed",
		"the store to copy from changed in the meantime: stop bellhop serve and bellhop worker, and run this again; it "+
			"starts over"))
}

// spoil makes the next run begin anew.
func (c *copier) spoil(ctx context.Context, why error) error {
	if err := c.to.EndCopy(ctx, false); err != nil {
		return err
	}
	return why
}

func (c *copier) differs() error {
	var tables []string
	for _, t := range c.done.Tables {
		if !t.Same() {
			tables = append(tables, fmt.Sprintf("%s (%d rows, and %d in the copy)", t.Table, t.From.Rows, t.To.Rows))
		}
	}
	if tables == nil {
		return nil
	}
	return bellhop.Errorf(bellhop.Conflict, "copy_differs",
		"the copy differs from its source in %s: see that nothing else uses either, and run this again; it starts over",
		strings.Join(tables, ", "))
}
