package statement_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/statement"
	"bellhop/store"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const shop = "demo.myshopify.com"

// day is the day that the tests are about.
var day = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// keyOf makes a key of a seed.
func keyOf(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func publicOf(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

func keysOf(keys ...ed25519.PrivateKey) statement.Keys {
	all := statement.Keys{}
	for _, key := range keys {
		all[statement.KeyID(publicOf(key))] = publicOf(key)
	}
	return all
}

// event is the id of the n-th event of an hour.
func event(hour, n int) bellhop.EventID { return bellhop.EventID{1, byte(hour), 6: 0x70, 15: byte(n)} }

// line is that of an event that was recorded some seconds into its hour.
func line(hour, n int, outcome bellhop.Outcome) store.LedgerStamp {
	return store.LedgerStamp{Event: event(hour, n), Outcome: outcome,
		At: day.Add(time.Duration(hour)*time.Hour + time.Duration(n)*time.Second + 250*time.Microsecond)}
}

// bytesOf returns lines as a statement covers them.
func bytesOf(lines ...store.LedgerStamp) (b []byte) {
	b = []byte{}
	for _, l := range lines {
		b = statement.AppendLine(b, l)
	}
	return b
}

// chain is a chain in memory that tests can alter.
type chain struct {
	key   ed25519.PrivateKey
	all   []bellhop.Statement
	lines [][]byte
}

// add closes an hour, or some of which only the last one has lines.
func (c *chain) add(t *testing.T, from, to int, lines ...store.LedgerStamp) *bellhop.Statement {
	t.Helper()
	last := bellhop.Statement{Shop: shop}
	if n := len(c.all); n > 0 {
		last = c.all[n-1]
	}
	s := bellhop.Statement{Shop: shop, From: day.Add(time.Duration(from) * time.Hour),
		To: day.Add(time.Duration(to) * time.Hour), Shopify: len(lines), Here: len(lines), Webhook: len(lines),
		P50: 812345 * time.Microsecond, P99: 2 * time.Second, Worst: 3 * time.Second, Rung: len(lines)}
	s.MadeAt = s.To.Add(20 * time.Minute).Add(time.Duration(len(c.all)) * 26 * time.Hour)
	s.CheckedAt = s.MadeAt.Add(-time.Second)
	s, err := statement.Make(s, last, bytesOf(lines...), c.key)
	if err != nil {
		t.Fatal(err)
	}
	c.all, c.lines = append(c.all, s), append(c.lines, bytesOf(lines...))
	return &c.all[len(c.all)-1]
}

// sign makes the hash and the signature of an altered statement anew, as somebody does who has the key.
func (c *chain) sign(i int) {
	c.all[i].Hash = statement.Hash(&c.all[i])
	c.all[i].Signature = ed25519.Sign(c.key, c.all[i].Hash[:])
}

func (c *chain) chain() *statement.Chain {
	lines := c.lines
	return &statement.Chain{Shop: shop, Keys: keysOf(c.key), Statements: c.all,
		Lines: func(i int) ([]byte, error) { return lines[i], nil }}
}

// copy returns a copy whose alterations leave the original as it is.
func (c *chain) copy() *chain {
	d := &chain{key: c.key, all: slices.Clone(c.all)}
	for i := range c.all {
		d.all[i].Signature = slices.Clone(c.all[i].Signature)
		d.lines = append(d.lines, slices.Clone(c.lines[i]))
	}
	return d
}

// sample has an hour with lines, hours of which only the last has some, an empty day's end, and an hour again in which
// a skipped event was recorded since and one more came.
func sample(t *testing.T) *chain {
	t.Helper()
	c := &chain{key: keyOf(7)}
	c.add(t, 9, 10, line(9, 1, bellhop.OutcomeRecorded), line(9, 2, bellhop.OutcomeDuplicate),
		line(9, 3, bellhop.OutcomeSkipped))
	c.add(t, 10, 14, line(13, 1, bellhop.OutcomeRecorded), line(13, 2, bellhop.OutcomeStale),
		line(13, 3, bellhop.OutcomeDead))
	c.add(t, 14, 24)
	settled, late := line(9, 3, bellhop.OutcomeRecorded), line(9, 4, bellhop.OutcomeRecorded)
	settled.At, late.At = day.Add(30*time.Hour), day.Add(31*time.Hour)
	s := c.add(t, 9, 10, line(9, 1, bellhop.OutcomeRecorded), line(9, 2, bellhop.OutcomeDuplicate), settled, late)
	s.Quiet = map[string]int{"quiet_hours": 1, "backfill": 2}
	c.sign(3)
	return c
}

func start(t *testing.T, c *statement.Chain, keys statement.Keys, older *statement.Chain) *statement.Check {
	t.Helper()
	k, err := statement.Start(c, keys, older)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func words(faults []statement.Fault) string {
	var all []string
	for _, f := range faults {
		all = append(all, f.Code+" "+f.String())
	}
	return strings.Join(all, "\n")
}

func TestMakeAndCheck(t *testing.T) {
	c := sample(t)
	k := start(t, c.chain(), keysOf(c.key), nil)
	if !k.Whole() || k.Pruned != 0 {
		t.Errorf("a whole chain has faults:\n%s", words(k.Faults))
	}
	if len(k.Since) != 2 {
		t.Errorf("since the first statement: %s, want two lines", words(k.Since))
	}
	if c.all[0].Number != 1 || c.all[3].Number != 4 || c.all[1].Previous != c.all[0].Hash {
		t.Error("the statements are not numbered and linked")
	}
}

func TestMakeRefuses(t *testing.T) {
	good := bellhop.Statement{Shop: shop, From: day, To: day.Add(time.Hour), MadeAt: day, CheckedAt: day}
	last := bellhop.Statement{Shop: shop}
	for name, wrong := range map[string]func(*bellhop.Statement){
		"another shop":        func(s *bellhop.Statement) { s.Shop = "other.myshopify.com" },
		"no shop":             func(s *bellhop.Statement) { s.Shop = "x" },
		"no whole hour":       func(s *bellhop.Statement) { s.To = s.To.Add(time.Minute) },
		"no time":             func(s *bellhop.Statement) { s.To = s.From },
		"more than a day":     func(s *bellhop.Statement) { s.To = s.From.Add(25 * time.Hour) },
		"two days":            func(s *bellhop.Statement) { s.From = s.From.Add(-time.Hour) },
		"a negative number":   func(s *bellhop.Statement) { s.Here = -1 },
		"a strange reason":    func(s *bellhop.Statement) { s.Quiet = map[string]int{`"`: 1} },
		"a negative duration": func(s *bellhop.Statement) { s.P99 = -time.Second },
	} {
		s := good
		wrong(&s)
		if _, err := statement.Make(s, last, nil, keyOf(1)); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%s: %v, want bellhop.Invalid", name, err)
		}
	}
	unsorted := bytesOf(line(0, 2, bellhop.OutcomeRecorded), line(0, 1, bellhop.OutcomeRecorded))
	for name, lines := range map[string][]byte{"a part of a line": make([]byte, 24), "no outcome": make([]byte, 25),
		"not by event": unsorted} {
		if _, err := statement.Make(good, last, lines, keyOf(1)); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%s: %v, want bellhop.Invalid", name, err)
		}
	}
}

// TestCanonicalIsSorted holds the order of the fields to what RFC 8785 wants.
func TestCanonicalIsSorted(t *testing.T) {
	s := sample(t).all[3]
	text := statement.Canonical(&s)
	var sorted map[string]json.RawMessage // which is marshalled by its keys
	if err := json.Unmarshal(text, &sorted); err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(sorted)
	if err != nil || !bytes.Equal(text, want) {
		t.Errorf("not sorted: %s", text)
	}
}

func TestGolden(t *testing.T) {
	var file bytes.Buffer
	if err := statement.Write(&file, sample(t).chain()); err != nil {
		t.Fatal(err)
	}
	const name = "testdata/statements.jsonl"
	if *update {
		if err := os.WriteFile(name, file.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file.Bytes(), want) {
		t.Errorf("the format changed, and files that people keep have the old one:\n%s", file.Bytes())
	}
}

// TestByHand checks the golden file as docs/statements.md says, without this package.
func TestByHand(t *testing.T) {
	text, err := os.ReadFile("testdata/statements.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	var head struct{ Keys map[string][]byte }
	if err := json.Unmarshal(lines[0], &head); err != nil {
		t.Fatal(err)
	}
	previous := strings.Repeat("0", 64)
	for _, line := range lines[1 : len(lines)-1] {
		var e struct {
			Statement        json.RawMessage
			Hash             bellhop.Hash
			Signature, Lines []byte
		}
		var s struct {
			Key, Previous string
			Lines         int
			Sum           bellhop.Hash `json:"lines_sha256"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(e.Statement, &s); err != nil {
			t.Fatal(err)
		}
		if sha256.Sum256(e.Statement) != e.Hash || !ed25519.Verify(head.Keys[s.Key], e.Hash[:], e.Signature) ||
			sha256.Sum256(e.Lines) != s.Sum || len(e.Lines) != 25*s.Lines || s.Previous != previous {
			t.Errorf("does not fit: %s", line)
		}
		previous = e.Hash.String()
	}
}

func TestKeys(t *testing.T) {
	one, other := publicOf(keyOf(1)), publicOf(keyOf(2))
	keys, err := statement.ParseKeys(statement.KeyText(one) + ", " + statement.KeyText(other))
	if err != nil || len(keys) != 2 || !keys[statement.KeyID(one)].Equal(one) {
		t.Errorf("%v, %v", keys, err)
	}
	for _, text := range []string{"", "x", statement.KeyText(one)[:40], statement.KeyText(one) + ","} {
		if _, err := statement.ParseKeys(text); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%q: %v, want bellhop.Invalid", text, err)
		}
	}
}
