package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/store/move"
)

// RunMove checks that a store of one driver can be copied whole into one of another, or of
// the same: both must be a [move.Mover].
func RunMove(t *testing.T, from, to Driver) {
	for _, c := range []struct {
		name string
		test func(*moving)
	}{
		{"Whole", (*moving).whole},
		{"Interrupted", (*moving).interrupted},
		{"GoesOnAsTheOriginalWould", (*moving).goesOn},
		{"Empty", (*moving).empty},
		{"Refused", (*moving).refused},
		{"SourceChanged", (*moving).sourceChanged},
		{"CopyDiffers", (*moving).copyDiffers},
		{"Chunks", (*moving).chunks},
		{"OddTexts", (*moving).oddTexts},
		{"TwoAtOnce", (*moving).twoAtOnce},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := &moving{
				from: &fixture{T: t, d: from, ctx: t.Context(), s: from.Open(t)},
				to:   &fixture{T: t, d: to, ctx: t.Context(), s: to.Open(t)},
			}
			c.test(m)
		})
	}
}

// moving is a store and the target of its copy.
type moving struct{ from, to *fixture }

func mover(f *fixture) move.Mover {
	f.Helper()
	m, ok := f.s.(move.Mover)
	if !ok {
		f.Fatalf("%T can't be moved", f.s)
	}
	return m
}

func (m *moving) copy(o move.Options) (move.Result, error) {
	return move.Copy(m.from.ctx, mover(m.from), mover(m.to), o)
}

// few makes many chunks of a test's store.
var few = move.Options{Chunk: move.ChunkLimit{Rows: 17, Bytes: 1 << 20}}

func (m *moving) whole() {
	fill(m.from)
	was := see(m.from)
	done := must(m.copy(few))(m.to)
	if done.Resumed || done.Anew || len(done.Tables) != len(move.Tables()) || done.Rows == 0 {
		m.to.Errorf("copied %+v", done)
	}
	for _, c := range done.Tables {
		if !c.Same() || c.From.Rows == 0 {
			m.to.Errorf("table %s has %d rows, the copy %d", c.Table, c.From.Rows, c.To.Rows)
		}
	}
	m.to.alike("the source stays", see(m.from), was)
	m.to.alike("the copy", see(m.to), was)
	m.to.must(move.Usable(m.to.ctx, mover(m.to)))
	m.to.s = m.to.d.Reopen(m.to, m.to.s)
	m.to.alike("the copy after a restart", see(m.to), was)
}

// stopping is a target that fails after each import, or at its end.
type stopping struct {
	move.Mover
	left int
}

var errStopped = errors.New("broken off")

func (s *stopping) Import(ctx context.Context, t move.Table, c move.Chunk, after, next string) error {
	if s.left--; s.left < 0 {
		return errStopped
	}
	return s.Mover.Import(ctx, t, c, after, next)
}

// interrupted breaks the copy off after each chunk, and goes on as another process would.
func (m *moving) interrupted() {
	fill(m.from)
	runs := 0
	for ; ; runs++ {
		done, err := move.Copy(m.from.ctx, mover(m.from), &stopping{mover(m.to), 1},
			move.Options{Chunk: move.ChunkLimit{Rows: 60, Bytes: 1 << 20}})
		if done.Resumed != (runs > 0) || done.Anew {
			m.to.Fatalf("run %d: %+v", runs, done)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, errStopped) {
			m.to.Fatal(err)
		}
		m.to.kind(bellhop.Conflict, move.Usable(m.to.ctx, mover(m.to)))
		m.to.s = m.to.d.Reopen(m.to, m.to.s)
	}
	if runs < 20 {
		m.to.Errorf("it took %d runs", runs)
	}
	m.to.alike("the copy", see(m.to), see(m.from))
}

// goesOn uses the original and the copy alike.
func (m *moving) goesOn() {
	fill(m.from)
	must(m.copy(move.Options{}))(m.to)
	m.to.n = m.from.n
	was, is := goOn(m.from), goOn(m.to)
	m.to.alike("what it came to", is, was)
	m.to.alike("the copy", steady(see(m.to)), steady(see(m.from)))
	m.to.countsMatch(shop, second, third, fourth)
}

func (m *moving) empty() {
	done, err := m.copy(move.Options{})
	m.to.must(err)
	m.to.equal("rows", done.Rows, int64(0))
	m.to.addShop(shop)
	m.to.record(m.to.order(shop, 1, 1))
}

// conflict checks that an error names the obstacle.
func (m *moving) conflict(what string, err error) {
	m.to.Helper()
	m.to.kind(bellhop.Conflict, err)
	if err != nil && !strings.Contains(err.Error(), what) {
		m.to.Errorf("%v says nothing of %q", err, what)
	}
}

func (m *moving) refused() {
	m.from.addShop(shop)
	m.conflict("same store", errOf(move.Copy(m.from.ctx, mover(m.from), mover(m.from), few)))
	again := &fixture{T: m.from.T, d: m.from.d, ctx: m.from.ctx, s: m.from.d.Another(m.from, m.from.s)}
	m.conflict("same store", errOf(move.Copy(m.from.ctx, mover(m.from), mover(again), few)))

	m.to.addShop(second)
	m.conflict("has shops", errOf(m.copy(few)))
	m.conflict("has shops", mover(m.to).BeginCopy(m.to.ctx, "x", "y"))
	m.to.equal("shops", len(must(m.to.s.Shops(m.to.ctx))(m.to)), 1)

	m.to.s = m.to.d.Open(m.to)
	if _, err := move.Copy(m.from.ctx, mover(m.from), &stopping{mover(m.to), 1}, few); !errors.Is(err, errStopped) {
		m.to.Fatal(err)
	}
	other := &fixture{T: m.from.T, d: m.from.d, ctx: m.from.ctx, s: m.from.d.Open(m.from)}
	m.conflict("of another store", errOf(move.Copy(m.from.ctx, mover(other), mover(m.to), few)))
	m.conflict("unfinished", errOf(move.Copy(m.from.ctx, mover(m.to), mover(other), few)))

	must(m.copy(few))(m.to)
	m.conflict("whole", errOf(m.copy(few)))
	must(move.Copy(m.from.ctx, mover(m.to), mover(other), few))(m.to) // a copy of a copy
}

// sourceChanged changes the source where its counters show it.
func (m *moving) sourceChanged() {
	fill(m.from)
	late := few
	late.Step = func(s move.Step) {
		if s.Table == move.TablePushes && s.Done && !s.Verifying && len(m.from.allPushes(third, store.PushQuery{})) == 0 {
			m.from.record(m.from.order(third, 900, 1))
		}
	}
	m.conflict("changed in the meantime", errOf(m.copy(late)))
	m.to.kind(bellhop.Conflict, move.Usable(m.to.ctx, mover(m.to)))
	done := must(m.copy(few))(m.to)
	if !done.Anew || done.Resumed {
		m.to.Errorf("copied %+v", done)
	}
	m.to.alike("the copy", see(m.to), see(m.from))
}

// copyDiffers changes the source where only the checksums show it.
func (m *moving) copyDiffers() {
	fill(m.from)
	all := m.from.allPushes(shop, store.PushQuery{})
	p := all[slices.IndexFunc(all, func(p bellhop.Push) bool { return p.Attempts > 0 })]
	late := few
	late.Step = func(s move.Step) {
		if s.Table == move.TablePushes && s.Done && !s.Verifying {
			m.from.must(m.from.s.PushReceipt(m.from.ctx, shop, p.ID, true, at(9999)))
		}
	}
	done, err := m.copy(late)
	m.conflict("differs from its source in pushes (", err)
	for _, c := range done.Tables {
		if c.Same() == (c.Table == move.TablePushes) {
			m.to.Errorf("%s: the same is %t", c.Table, c.Same())
		}
	}
	done = must(m.copy(few))(m.to)
	m.to.equal("anew", done.Anew, true)
	m.to.alike("the copy", see(m.to), see(m.from))
}

// chunks checks both limits of an export.
func (m *moving) chunks() {
	m.from.addShop(shop)
	for i := range 10 {
		fact := m.from.order(shop, int64(i+1), 1)
		fact.Event.Body = []byte(strings.Repeat("0123456789", 10_000*(i%2)))
		m.from.record(fact)
	}
	count := func(t move.Table, l move.ChunkLimit) (sizes []int) {
		for after := ""; ; {
			c, next, err := mover(m.from).Export(m.from.ctx, t, after, l)
			m.from.must(err)
			sizes = append(sizes, c.Len())
			if after = next; next == "" {
				return sizes
			}
		}
	}
	m.from.equal("by rows", count(move.TableOrders, move.ChunkLimit{Rows: 4, Bytes: 1 << 20}), []int{4, 4, 2})
	m.from.equal("a whole chunk is the end", count(move.TableOrders, move.ChunkLimit{Rows: 5, Bytes: 1 << 20}),
		[]int{5, 5})
	m.from.equal("by bytes", count(move.TableEvents, move.ChunkLimit{Rows: 100, Bytes: 50_000}), []int{2, 2, 2, 2, 2})
	_, _, err := mover(m.from).Export(m.from.ctx, move.TableOrders, "nowhere", few.Chunk)
	m.from.kind(bellhop.Invalid, err)
	_, _, err = mover(m.from).Export(m.from.ctx, "chairs", "", few.Chunk)
	m.from.kind(bellhop.Invalid, err)
}

// oddTexts copies texts that not every database can store: U+FFFD there is no difference.
func (m *moving) oddTexts() {
	m.from.addShop(shop)
	fact := m.from.order(shop, 1, 1)
	fact.Order.Name, fact.Order.Note = "a\x00b", "\xff\xfec"
	fact.Event.WebhookID = "\x00"
	m.from.record(fact)
	must(m.copy(few))(m.to)
	o := m.to.getOrder(1)
	if o.Name != fact.Order.Name && o.Name != "a\uFFFDb" || o.Note != fact.Order.Note && o.Note != "\uFFFDc" {
		m.to.Errorf("name %q, note %q", o.Name, o.Note)
	}
}

// twoAtOnce makes another copy go on meanwhile.
func (m *moving) twoAtOnce() {
	fill(m.from)
	other := &fixture{T: m.to.T, d: m.to.d, ctx: m.to.ctx, s: m.to.d.Another(m.to, m.to.s)}
	late := few
	once := false
	late.Step = func(s move.Step) {
		if s.Table == move.TableOrders && !once {
			once = true
			must(move.Copy(m.from.ctx, mover(m.from), mover(other), few))(m.to)
		}
	}
	m.conflict("another bellhop store copy", errOf(m.copy(late)))
	m.to.alike("the copy", see(m.to), see(m.from))
}

// seen is all of a store that the ports show.
type seen struct {
	Shops       []bellhop.Shop
	Connections []bellhop.Connection
	Last        []map[string]time.Time
	Silent      [][]store.Silence
	People      []bellhop.Person
	Sessions    []bellhop.Session
	Tokens      []bellhop.Token
	Invited     []bellhop.Invitation
	Devices     []bellhop.Device
	Orders      []bellhop.Order
	Pushes      []bellhop.Push
	Lines       []store.Line
	Archived    []bellhop.Event
	Changes     []store.Change
	Relays      []store.Lease
	Accesses    []bellhop.Access
	Backups     []bellhop.BackupNote
	Statements  []bellhop.Statement
	Covered     []string // by statements
	Totals      map[bellhop.Outcome]int64
	Counts      map[bellhop.PushStatus]int64
	Next        time.Time
	Ends        [2]int64 // of the stream
}

// see reads all of a store.
func see(f *fixture) (s seen) {
	f.Helper()
	s.Shops = must(f.s.Shops(f.ctx))(f)
	s.Connections = must(f.s.Connections(f.ctx))(f)
	s.People = must(f.s.People(f.ctx, ""))(f)
	for _, p := range s.People {
		s.Sessions = append(s.Sessions, must(f.s.Sessions(f.ctx, p.ID, day))(f)...)
	}
	s.Tokens = must(f.s.Tokens(f.ctx, ""))(f)
	for _, d := range s.Shops {
		s.Invited = append(s.Invited, must(f.s.Invitations(f.ctx, d.Domain, day))(f)...)
		s.Last = append(s.Last, must(f.s.LastEvents(f.ctx, d.Domain, time.Time{}))(f))
		s.Silent = append(s.Silent, must(f.s.Silences(f.ctx, d.Domain, time.Time{}, store.HeardSlot))(f))
		s.Tokens = append(s.Tokens, must(f.s.Tokens(f.ctx, d.Domain))(f)...)
		for _, one := range must(f.s.Statements(f.ctx, store.StatementQuery{Shop: d.Domain}))(f) {
			lines, err := f.s.StatementLines(f.ctx, d.Domain, one.Number)
			s.Statements, s.Covered = append(s.Statements, one), append(s.Covered, fmt.Sprint(lines, bellhop.KindOf(err)))
		}
		s.Devices = append(s.Devices, must(f.s.Devices(f.ctx, d.Domain))(f)...)
		s.Pushes = append(s.Pushes, f.allPushes(d.Domain, store.PushQuery{Limit: 200})...)
		for _, o := range f.allOrders(d.Domain, store.OrderQuery{Limit: 200}) {
			s.Orders = append(s.Orders, o, must(f.s.Order(f.ctx, d.Domain, o.ID))(f))
		}
		for _, e := range must(f.s.Archived(f.ctx, d.Domain, time.Time{}, bellhop.EventID{}, 10_000))(f) {
			s.Archived = append(s.Archived, *e)
		}
	}
	s.Lines = f.allLines(store.LineQuery{Limit: 200})
	// Newest first is by time in one driver, by id in another.
	slices.SortFunc(s.Pushes, func(a, b bellhop.Push) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(s.Lines, func(a, b store.Line) int { return bytes.Compare(a.Event.ID[:], b.Event.ID[:]) })
	slices.SortFunc(s.Archived, func(a, b bellhop.Event) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	s.Changes = must(f.s.Changes(f.ctx, "", 0, 100_000))(f)
	for _, l := range must(f.s.Leases(f.ctx))(f) {
		if l.Origin != "" { // others are not copied
			s.Relays = append(s.Relays, l.Free())
		}
	}
	for _, about := range []string{"one", "two"} {
		s.Accesses = append(s.Accesses, must(f.s.Accesses(f.ctx, store.AccessQuery{About: about, Limit: 100}))(f).Accesses...)
	}
	s.Backups = must(f.s.Backups(f.ctx, day))(f)
	s.Totals, s.Counts = must(f.s.Totals(f.ctx))(f), must(f.s.PushCounts(f.ctx))(f)
	s.Next = f.nextPush()
	s.Ends = [2]int64{must(f.s.FirstChange(f.ctx))(f), f.lastChange()}
	return s
}

// alike compares two values part by part, and shows the first difference.
func (f *fixture) alike(what string, got, want any) {
	f.Helper()
	f.alikeValues(what, reflect.ValueOf(got), reflect.ValueOf(want))
}

func (f *fixture) alikeValues(what string, got, want reflect.Value) {
	f.Helper()
	if reflect.DeepEqual(got.Interface(), want.Interface()) {
		return
	}
	switch {
	case got.Type() == reflect.TypeFor[seen]():
		for i := range got.NumField() {
			f.alikeValues(what+": "+got.Type().Field(i).Name, got.Field(i), want.Field(i))
		}
		return
	case got.Kind() == reflect.Slice && got.Len() == want.Len():
		for i := range got.Len() {
			if !reflect.DeepEqual(got.Index(i).Interface(), want.Index(i).Interface()) {
				f.equal(fmt.Sprintf("%s: %d of %d", what, i, got.Len()), got.Index(i).Interface(), want.Index(i).Interface())
				return
			}
		}
	}
	f.equal(what, got.Interface(), want.Interface())
}
