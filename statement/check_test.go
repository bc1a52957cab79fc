package statement_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/statement"
	"bellhop/store"
)

// TestAlterations is the table of what may become of a line.
func TestAlterations(t *testing.T) {
	made := day.Add(24 * time.Hour)
	recorded, skipped, dead := line(1, 1, bellhop.OutcomeRecorded), line(1, 1, bellhop.OutcomeSkipped),
		line(1, 1, bellhop.OutcomeDead)
	later := func(l store.LedgerStamp) store.LedgerStamp { l.At = made.Add(time.Hour); return l }
	writing := recorded
	writing.At = made.Add(-statement.Slack)
	slowClock := recorded // the clock of a server may be four minutes behind that of another
	slowClock.At = made.Add(-4 * time.Minute)
	moved := recorded
	moved.At = moved.At.Add(time.Microsecond)
	movedDead := dead
	movedDead.At = moved.At
	some := func(l ...store.LedgerStamp) []store.LedgerStamp { return l }
	for name, c := range map[string]struct {
		was, is []store.LedgerStamp
		kind    statement.Kind
	}{
		"the same":                 {some(recorded), some(recorded), ""},
		"removed":                  {some(recorded), nil, statement.Removed},
		"inserted":                 {nil, some(recorded), statement.Inserted},
		"came later":               {nil, some(later(recorded)), statement.Settled},
		"was being written":        {nil, some(writing), statement.Settled},
		"by a clock behind":        {nil, some(slowClock), statement.Settled},
		"another time":             {some(recorded), some(moved), statement.Changed},
		"recorded again":           {some(recorded), some(later(recorded)), statement.Changed},
		"recorded became stale":    {some(recorded), some(later(line(1, 1, bellhop.OutcomeStale))), statement.Changed},
		"duplicate became dead":    {some(line(1, 1, bellhop.OutcomeDuplicate)), some(later(dead)), statement.Changed},
		"skipped, then recorded":   {some(skipped), some(later(recorded)), statement.Settled},
		"skipped again":            {some(skipped), some(later(skipped)), statement.Settled},
		"dead, then skipped":       {some(dead), some(later(skipped)), statement.Settled},
		"recorded before it was":   {some(skipped), some(recorded), statement.Changed},
		"dead, and another moment": {some(dead), some(movedDead), statement.Changed},
	} {
		got := statement.Alterations(c.was, c.is, made)
		if c.kind == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || got[0].Kind != c.kind || got[0].Event() != recorded.Event {
			t.Errorf("%s: %v, want %s", name, got, c.kind)
		}
	}
}

// TestEachAlterationIsNamed alters one thing after the other.
func TestEachAlterationIsNamed(t *testing.T) {
	again := func(c *chain, lines ...store.LedgerStamp) { // states 09:00 again with these lines, as who has the key does
		var b []byte
		for _, l := range lines {
			b = statement.AppendLine(b, l)
		}
		last := c.all[2]
		s, err := statement.Make(c.all[3], last, b, c.key)
		if err != nil {
			t.Fatal(err)
		}
		c.all[3], c.lines[3] = s, b
	}
	one, two := line(9, 1, bellhop.OutcomeRecorded), line(9, 2, bellhop.OutcomeDuplicate)
	three, four := line(9, 3, bellhop.OutcomeSkipped), line(9, 4, bellhop.OutcomeRecorded)
	stale := one
	stale.Outcome = bellhop.OutcomeStale
	for name, c := range map[string]struct {
		alter func(c *chain)
		want  []string // one for each fault
	}{
		"a number": {func(c *chain) { c.all[1].Here++ },
			[]string{"statement_altered statement 2 (2026-11-22 10:00 to 14:00 UTC): it was altered"}},
		"a number, and its hash": {func(c *chain) { c.all[1].Here++; c.all[1].Hash = statement.Hash(&c.all[1]) },
			[]string{"wrong_signature statement 2 (2026-11-22 10:00 to 14:00 UTC): its signature is not one of the key"}},
		"a number, signed again": {func(c *chain) { c.all[1].Here++; c.sign(1) },
			[]string{"chain_broken statement 3 (2026-11-22 14:00 to 24:00 UTC): it was not made behind statement 2"}},
		"a signature": {func(c *chain) { c.all[0].Signature[5] ^= 1 }, []string{"wrong_signature statement 1"}},
		"no id of a key": {func(c *chain) { c.all[0].Key = "\x1b[2J"; c.sign(0) },
			[]string{`statement_altered statement 1 (2026-11-22 09:00 to 10:00 UTC): it was altered: "\x1b[2J" is no id`}},
		"no signature": {func(c *chain) { c.all[0].Signature = nil }, []string{"wrong_signature statement 1"}},
		"another shop": {func(c *chain) { c.all[0].Shop = "other.myshopify.com"; c.sign(0) }, []string{"statement_altered statement 1"}},
		"no hour":      {func(c *chain) { c.all[0].To = day.Add(1e6 * time.Hour) }, []string{"statement_altered statement 1"}},
		"one removed": {func(c *chain) { c.all = slices.Delete(c.all, 1, 2); c.lines = slices.Delete(c.lines, 1, 2) },
			[]string{"statement_removed statement 2: missing"}},
		"two removed": {func(c *chain) { c.all = slices.Delete(c.all, 1, 3); c.lines = slices.Delete(c.lines, 1, 3) },
			[]string{"statement_removed statements 2 to 3: missing"}},
		"one twice": {func(c *chain) {
			c.all, c.lines = slices.Insert(c.all, 1, c.all[0]), slices.Insert(c.lines, 1, c.lines[0])
		}, []string{"statement_misplaced statement 1"}},
		"a line": {func(c *chain) { c.lines[1][20] ^= 1 }, []string{"lines_altered statement 2"}},
		"lines in another order, signed again": {func(c *chain) {
			c.lines[3] = append(c.lines[3][25:], c.lines[3][:25]...)
			c.all[3].LinesHash = sha256.Sum256(c.lines[3])
			c.sign(3)
		}, []string{"lines_altered statement 4 (2026-11-22 09:00 to 10:00 UTC): its lines are not such as"}},
		"a line less": {func(c *chain) { c.lines[1] = c.lines[1][25:] },
			[]string{"lines_altered statement 2 (2026-11-22 10:00 to 14:00 UTC): its lines were altered: 2 of them"}},
		"stated again with a line less": {func(c *chain) { again(c, one, three) },
			[]string{"line_removed statement 1 (2026-11-22 09:00 to 10:00 UTC): event " + two.Event.String() +
				" was removed: it was duplicate at 2026-11-22 09:00:02.000250"}},
		"stated again with another one": {func(c *chain) { again(c, stale, two, three) },
			[]string{"line_changed statement 1 (2026-11-22 09:00 to 10:00 UTC): event " + one.Event.String() +
				" was changed: it was recorded at 2026-11-22 09:00:01.000250, and is stale at 2026-11-22 09:00:01.000250"}},
		"stated again with one more": {func(c *chain) { again(c, one, two, three, four) },
			[]string{"line_inserted statement 1 (2026-11-22 09:00 to 10:00 UTC): event " + four.Event.String() +
				" was inserted: it is recorded at 2026-11-22 09:00:04.000250"}},
		"stated again without any": {func(c *chain) { again(c) }, []string{"line_removed", "line_removed", "line_removed"}},
	} {
		altered := sample(t)
		c.alter(altered)
		k := start(t, altered.chain(), keysOf(altered.key), nil)
		for i, want := range c.want {
			if i >= len(k.Faults) || !strings.HasPrefix(words(k.Faults[i:i+1]), want) {
				t.Errorf("%s: fault %d is not %q", name, i+1, want)
			}
		}
		if len(k.Faults) != len(c.want) {
			t.Errorf("%s: %d faults, want %d:\n%s", name, len(k.Faults), len(c.want), words(k.Faults))
		}
	}
}

func TestWrongKey(t *testing.T) {
	c := sample(t)
	k := start(t, c.chain(), keysOf(keyOf(8)), nil)
	want := "wrong_key statements 1 to 4 (2026-11-22 09:00 to 10:00 UTC): the key " + c.all[0].Key + " signed it, and not "
	if len(k.Faults) != 1 || !strings.HasPrefix(words(k.Faults), want) {
		t.Errorf("%s, want %s", words(k.Faults), want)
	}
	// A key was lost, and a new one goes on with the chain.
	c.key = keyOf(8)
	c.add(t, 24, 25, line(24, 1, bellhop.OutcomeRecorded))
	if k := start(t, c.chain(), keysOf(keyOf(7), keyOf(8)), nil); !k.Whole() {
		t.Errorf("with both keys: %s", words(k.Faults))
	}
}

func TestPruned(t *testing.T) {
	c := sample(t)
	c.add(t, 24, 48)
	c.add(t, 48, 49, line(48, 1, bellhop.OutcomeRecorded))
	c.add(t, 49, 72)
	c.add(t, 72, 73)
	c.add(t, 73, 74, line(73, 1, bellhop.OutcomeRecorded))
	c.lines[0], c.lines[1], c.lines[3] = nil, nil, nil
	k := start(t, c.chain(), keysOf(c.key), nil)
	if k.End(); !k.Whole() || k.Pruned != 3 || !k.PrunedTo.Equal(day.Add(14*time.Hour)) {
		t.Errorf("pruned %d to %s, with faults:\n%s", k.Pruned, k.PrunedTo, words(k.Faults))
	}
	kept := sample(t).chain()
	k = start(t, c.chain(), keysOf(c.key), kept)
	if k.End(); !k.Whole() || k.Pruned != 0 || len(k.Since) != 2 {
		t.Errorf("an older file has the lines: pruned %d, %d since: %s", k.Pruned, len(k.Since), words(k.Faults))
	}
	c.lines[8] = nil // while those of the day before are there
	k = start(t, c.chain(), keysOf(c.key), nil)
	k.End()
	if !strings.HasPrefix(words(k.Faults), "lines_removed statement 9") || len(k.Faults) != 1 {
		t.Errorf("removed lines pass for pruned ones: %s", words(k.Faults))
	}
}

// TestSince compares a chain with what somebody kept of it.
func TestSince(t *testing.T) {
	whole := sample(t)
	for i := range 3 {
		whole.add(t, 24+i, 25+i, line(24+i, 1, bellhop.OutcomeRecorded))
	}
	part := func(c *chain, from, to int) *statement.Chain {
		return (&chain{key: c.key, all: c.all[from:to], lines: c.lines[from:to]}).chain()
	}
	anew := &chain{key: whole.key}
	anew.add(t, 9, 10, line(9, 1, bellhop.OutcomeRecorded))
	for i := range anew.all {
		anew.all[i].MadeAt = day.Add(1000 * time.Hour)
		anew.sign(i)
	}
	forked := whole.copy()
	forked.all[1].Here = 2
	for i := 1; i < len(forked.all); i++ {
		forked.all[i].Previous = forked.all[i-1].Hash
		forked.sign(i)
	}
	altered := whole.copy()
	altered.all[1].Here = 2
	for name, c := range map[string]struct {
		older, newer *statement.Chain
		want         string
	}{
		"goes on":       {part(whole, 0, 3), part(whole, 0, 7), ""},
		"the same":      {part(whole, 0, 7), part(whole, 0, 7), ""},
		"the next part": {part(whole, 0, 3), part(whole, 3, 7), ""},
		"overlaps":      {part(whole, 1, 4), part(whole, 2, 7), ""},
		"nothing kept":  {part(whole, 0, 0), part(whole, 0, 7), ""},
		"shorter": {part(whole, 0, 7), part(whole, 0, 5),
			"statement_removed statements 6 to 7 (2026-11-23 01:00 to 03:00 UTC): they are missing"},
		"empty": {part(whole, 0, 7), part(whole, 0, 0), "statement_removed statements 1 to 7"},
		"a part between is missing": {part(whole, 0, 3), part(whole, 5, 7),
			"statements_not_given statements 4 to 5: neither file has them"},
		"begun anew": {part(whole, 0, 7), anew.chain(), "chain_begun_anew statement 1"},
		"made again with the key": {part(whole, 0, 3), part(forked, 0, 7),
			"another_chain statement 2 (2026-11-22 10:00 to 14:00 UTC): from here on the chain is another one than in the " +
				"older file: here was 3, is 2"},
		"made again behind it": {part(whole, 0, 3), part(forked, 3, 7), "another_chain statement 4"},
		"altered":              {part(whole, 0, 3), part(altered, 0, 7), "statement_altered statement 2"},
	} {
		k := start(t, c.newer, keysOf(whole.key), c.older)
		if got := words(k.Faults); !strings.HasPrefix(got, c.want) || len(k.Faults) > 1 || (got == "") != (c.want == "") {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	k := start(t, part(altered, 0, 7), keysOf(whole.key), part(whole, 0, 3))
	if !strings.HasSuffix(words(k.Faults), ": here was 3, is 2") {
		t.Errorf("it does not say what the statement said: %s", words(k.Faults))
	}
}

// TestLedger alters the ledger that the statements are about.
func TestLedger(t *testing.T) {
	c := sample(t)
	now := map[int][]byte{9: c.lines[3], 13: c.lines[1]} // by the hour
	ledger := func(from, to time.Time) (all []byte, err error) {
		for at := from; at.Before(to); at = at.Add(time.Hour) {
			all = append(all, now[int(at.Sub(day).Hours())]...)
		}
		return all, nil
	}
	check := func() *statement.Check {
		k := start(t, c.chain(), keysOf(c.key), nil)
		k.Report = &statement.Report{} // what the statements say of each other is another test's
		if err := k.Ledger(ledger); err != nil {
			t.Fatal(err)
		}
		return k
	}
	if k := check(); !k.Whole() || len(k.Since) > 0 {
		t.Errorf("nothing was altered: %s%s", words(k.Faults), words(k.Since))
	}
	now[13] = bytesOf(line(13, 1, bellhop.OutcomeRecorded), line(13, 3, bellhop.OutcomeDead))
	if got := words(check().Faults); !strings.HasPrefix(got, "line_removed statement 2 (2026-11-22 13:00 to 14:00 UTC)") {
		t.Errorf("removed: %s", got)
	}
	lost := line(13, 1, "lost")
	now[13] = bytesOf(lost, line(13, 2, bellhop.OutcomeStale), line(13, 3, bellhop.OutcomeDead))
	const changed = "it was recorded at 2026-11-22 13:00:01.000250, and is unknown at 2026-11-22 13:00:01.000250"
	if got := words(check().Faults); !strings.HasSuffix(got, changed) {
		t.Errorf("another outcome: %s", got)
	}
	now[13] = c.lines[1]
	now[11] = bytesOf(line(11, 1, bellhop.OutcomeRecorded)) // an hour that was empty
	if got := words(check().Faults); !strings.HasPrefix(got, "line_inserted statement 2") {
		t.Errorf("inserted: %s", got)
	}
	delete(now, 11)
	now[20] = bytesOf(line(20, 1, bellhop.OutcomeSkipped))
	if got := words(check().Faults); !strings.HasPrefix(got, "line_inserted statement 3") {
		t.Errorf("inserted into a day's end: %s", got)
	}
	delete(now, 20)
	now[13] = nil
	c.lines[1] = nil
	if k := check(); !k.Whole() {
		t.Errorf("pruned: %s", words(k.Faults))
	}
	c.lines[1] = bytesOf(line(13, 1, bellhop.OutcomeRecorded)) // both were altered
	if got := words(check().Faults); !strings.HasPrefix(got, "ledger_altered statement 2") {
		t.Errorf("both altered: %s", got)
	}
}

// TestClosed compares a chain with how far hours are said to be closed.
func TestClosed(t *testing.T) {
	c := sample(t)
	for name, at := range map[string]struct {
		chain *chain
		to    time.Time
		whole bool
	}{
		"all":         {c, day.Add(24 * time.Hour), true},
		"one less":    {c, day.Add(25 * time.Hour), false},
		"none yet":    {&chain{key: c.key}, day.Add(9 * time.Hour), true},
		"all dropped": {&chain{key: c.key}, day.Add(24 * time.Hour), false},
	} {
		k := start(t, at.chain.chain(), keysOf(c.key), nil)
		if k.Closed(day.Add(9*time.Hour+20*time.Minute), at.to); k.Whole() != at.whole {
			t.Errorf("%s: %s", name, words(k.Faults))
		}
	}
}

func TestManyFaults(t *testing.T) {
	c := &chain{key: keyOf(1)}
	for i := range 12 {
		c.add(t, i, i+1)
	}
	long := c.chain()
	for range 100 {
		long.Statements = append(long.Statements, c.all...)
	}
	for i := range long.Statements {
		long.Statements[i].Here++
	}
	k := start(t, long, keysOf(c.key), nil)
	if len(k.Faults) != statement.MaxFaults || k.More == 0 {
		t.Errorf("%d faults and %d more", len(k.Faults), k.More)
	}
}

func TestSignatureCoversTheHash(t *testing.T) {
	s := sample(t).all[0]
	if !ed25519.Verify(publicOf(keyOf(7)), s.Hash[:], s.Signature) {
		t.Error("the signature is not over the hash")
	}
}

// nothing is a ledger without lines.
func nothing(time.Time, time.Time) ([]byte, error) { return nil, nil }
