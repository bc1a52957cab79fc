package statement_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/statement"
)

func written(t *testing.T, c *statement.Chain) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := statement.Write(&file, c); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestFile(t *testing.T) {
	c := sample(t)
	c.lines[0] = nil // pruned
	file := written(t, c.chain())
	read, err := statement.Read(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if read.Shop != shop || len(read.Statements) != 4 || !read.Keys[c.all[0].Key].Equal(publicOf(c.key)) {
		t.Errorf("read %+v", read)
	}
	for i := range c.all {
		lines, err := read.Lines(i)
		if err != nil || !bytes.Equal(lines, c.lines[i]) || (lines == nil) != (c.lines[i] == nil) {
			t.Errorf("statement %d has the lines %x, want %x: %v", i+1, lines, c.lines[i], err)
		}
	}
	if again := written(t, read); !bytes.Equal(again, file) {
		t.Errorf("what was read is written differently:\n%s", again)
	}
	if k := start(t, read, keysOf(c.key), nil); !k.Whole() {
		t.Errorf("the file has faults: %s", words(k.Faults))
	}
}

// TestCutOff cuts a file off at each byte behind its first line.
func TestCutOff(t *testing.T) {
	c := sample(t)
	file := written(t, c.chain())
	for n := bytes.IndexByte(file, '\n') + 1; n < len(file); n++ {
		read, err := statement.Read(bytes.NewReader(file[:n]))
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		k := start(t, read, keysOf(c.key), nil)
		if len(k.Faults) != 1 || k.Faults[0].Code != statement.FaultDamaged ||
			!strings.HasSuffix(k.Faults[0].Text, "the file was cut off") {
			t.Fatalf("%d bytes: %s", n, words(k.Faults))
		}
	}
}

func TestDamagedFile(t *testing.T) {
	c := sample(t)
	file := string(written(t, c.chain()))
	for name, alter := range map[string]struct{ old, new, want string }{
		"a number": {`"number":2,`, `"number":2.5,`, "file_damaged line 3: it is no statement"},
		"a space": {`{"statement":{"backfill":0,`, `{"statement": {"backfill":0,`,
			"file_damaged line 2: it is no statement in the form"},
		"a field more":   {`"number":2,`, `"number":2,"x":1,`, "file_damaged line 3: it is no statement in the form"},
		"a field twice":  {`"number":2,`, `"number":2,"number":2,`, "file_damaged line 3"},
		"a field less":   {`"number":2,`, ``, "file_damaged line 3"},
		"another base64": {`"lines":"AQ0`, `"lines":"AQ0\n`, "file_damaged line 3"},
		"an altered end": {`{"end":4}`, `{"end":3}`, "file_damaged line 6: it ends a file of 3 statements, and here are 4"},
		"more":           {"{\"end\":4}\n", "{\"end\":4}\n\n", "file_damaged line 6: something follows"},
		"a count":        {`"here":4`, `"here":5`, "statement_altered statement 4"},
		"a line":         {`AQ0AAAAA`, `AQ0AAAAB`, "lines_altered statement 2"},
		"a time":         {`"from":"2026-11-22T10:00:00Z"`, `"from":"2026-11-22T11:00:00Z"`, "statement_altered statement 2"},
		"another offset": {`"from":"2026-11-22T10:00:00Z"`, `"from":"2026-11-22T11:00:00+01:00"`, "file_damaged line 3"},
	} {
		altered := strings.Replace(file, alter.old, alter.new, 1)
		if altered == file {
			t.Fatalf("%s: %s is not in the file", name, alter.old)
		}
		read, err := statement.Read(strings.NewReader(altered))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if k := start(t, read, keysOf(c.key), nil); len(k.Faults) == 0 || !strings.HasPrefix(words(k.Faults), alter.want) {
			t.Errorf("%s: %s, want %s", name, words(k.Faults), alter.want)
		}
	}
}

func TestNoFileOfStatements(t *testing.T) {
	for _, text := range []string{"", "\n", "{}\n", "[]\n", "PK\x03\x04", strings.Repeat("x", 1<<20),
		`{"format":"bellhop-statements","version":2,"shop":"demo.myshopify.com","keys":{}}` + "\n",
		`{"format":"bellhop-statements","version":1,"shop":"demo","keys":{}}` + "\n",
		`{"format":"bellhop-statements","version":1,"shop":"demo.myshopify.com","keys":{"a":"AA=="}}` + "\n"} {
		if _, err := statement.Read(strings.NewReader(text)); bellhop.KindOf(err) != bellhop.Invalid {
			t.Errorf("%.40q: %v, want bellhop.Invalid", text, err)
		}
	}
}

// FuzzRead reads anything: it ends, and what it takes for whole is written the same way.
func FuzzRead(f *testing.F) {
	golden, err := os.ReadFile("testdata/statements.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	for _, line := range bytes.SplitAfter(golden, []byte("\n")) {
		f.Add(line)
		f.Add(append(bytes.Clone(bytes.SplitAfter(golden, []byte("\n"))[0]), line...))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		read, err := statement.Read(bytes.NewReader(file))
		if err != nil {
			return
		}
		k, err := statement.Start(read, read.Keys, read)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Ledger(nothing); err != nil {
			t.Fatal(err)
		}
		_, _ = statement.Days(read.Statements), words(k.Faults)
		if again := written(t, read); k.Whole() && !bytes.Equal(body(again), body(file)) {
			t.Errorf("%q was read, and is written as %q", file, again)
		}
	})
}

// body leaves out the first line: the order of its fields is free.
func body(file []byte) []byte { return file[bytes.IndexByte(file, '\n')+1:] }

// TestWithin takes the hours of a part of a chain, with what was stated between them.
func TestWithin(t *testing.T) {
	c := sample(t)
	part := c.chain().Within(day.Add(9*time.Hour), day.Add(10*time.Hour)) // stated first and last
	if len(part.Statements) != 4 {
		t.Errorf("the part has %d statements, want all 4", len(part.Statements))
	}
	part = c.chain().Within(day.Add(13*time.Hour), day.Add(15*time.Hour))
	read, err := statement.Read(bytes.NewReader(written(t, part)))
	if err != nil || len(read.Statements) != 2 || read.Statements[0].Number != 2 {
		t.Fatalf("read %+v, %v", read, err)
	}
	if k := start(t, read, keysOf(c.key), nil); !k.Whole() {
		t.Errorf("a part has faults: %s", words(k.Faults))
	}
	none := c.chain().Within(day.AddDate(1, 0, 0), day.AddDate(1, 1, 0))
	if read, err = statement.Read(bytes.NewReader(written(t, none))); err != nil || len(read.Statements) != 0 {
		t.Errorf("read %+v, %v", read, err)
	}
}

func TestCSV(t *testing.T) {
	c := sample(t)
	var b strings.Builder
	if err := statement.WriteCSV(&b, c.all[3:]); err != nil {
		t.Fatal(err)
	}
	want := `from,to,shopify,here,differed,webhook,backfill,reconciled,p50_us,p99_us,worst_us,rung,quiet,lines,number,` +
		"made_at,checked_at,hash,key\n" +
		`2026-11-22T09:00:00Z,2026-11-22T10:00:00Z,4,4,0,4,0,0,812345,2000000,3000000,4,"backfill 2, quiet_hours 1",4,4,` +
		"2026-11-25T16:20:00Z,2026-11-25T16:19:59Z," + c.all[3].Hash.String() + ",fe812c12\n"
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}
