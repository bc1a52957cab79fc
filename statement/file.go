package statement

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"bellhop"
	"bellhop/store"
)

// Chain is a shop's statements, or a part of them without a gap, in the order of their numbers.
type Chain struct {
	Shop string
	Keys Keys // that signed them, as far as their source says
	// Whole says that the first statement should be the chain's first.
	Whole bool
	// Statements are without their lines.
	Statements []bellhop.Statement
	// Lines returns the lines of a statement by its index; nil once they were pruned with the ledger.
	Lines func(i int) ([]byte, error)

	damage *Fault // where a file could not be read any further
}

// header is the first line of a file.
type header struct {
	Format  string            `json:"format"`
	Version int               `json:"version"`
	Shop    string            `json:"shop"`
	Keys    map[string][]byte `json:"keys"`
}

// entry is the line of a statement.
type entry struct {
	Statement canonical    `json:"statement"`
	Hash      bellhop.Hash `json:"hash"`
	Signature []byte       `json:"signature"`
	Lines     []byte       `json:"lines"`
}

// trailer is the last line: without it a file that was cut off would look whole.
type trailer struct {
	End *int `json:"end"` // how many statements there are
}

const (
	format  = "bellhop-statements"
	version = 1

	maxHeader     = 1 << 16
	maxTrailer    = 1 << 10
	maxEntry      = 1 << 16 // without the lines
	maxStatements = 200_000 // the hours of 22 years
)

// Write writes a chain as a file of JSON lines, for [Read].
func Write(w io.Writer, c *Chain) error {
	to := json.NewEncoder(w)
	h := header{format, version, c.Shop, map[string][]byte{}}
	for id, key := range c.Keys {
		h.Keys[id] = key
	}
	if err := to.Encode(h); err != nil {
		return err
	}
	for i := range c.Statements {
		lines, err := c.lines(i)
		if err != nil {
			return err
		}
		if err := writeEntry(w, &c.Statements[i], lines); err != nil {
			return err
		}
	}
	n := len(c.Statements)
	return to.Encode(trailer{&n})
}

// lines spares a question where there are none.
func (c *Chain) lines(i int) ([]byte, error) {
	if c.Statements[i].Lines == 0 {
		return []byte{}, nil
	}
	return c.Lines(i)
}

func writeEntry(w io.Writer, s *bellhop.Statement, lines []byte) error {
	_, err := w.Write(append(encodeEntry(s, lines), '\n'))
	return err
}

// encodeEntry puts it together by hand, since the hash covers these very bytes of the statement.
func encodeEntry(s *bellhop.Statement, lines []byte) []byte {
	b := fmt.Appendf(nil, `{"statement":%s,"hash":"%s","signature":"%s","lines":`, Canonical(s), s.Hash,
		base64.StdEncoding.EncodeToString(s.Signature))
	if lines == nil {
		return append(b, "null}"...)
	}
	b = append(b, '"')
	return append(base64.StdEncoding.AppendEncode(b, lines), `"}`...)
}

// Read reads a file of statements. It keeps the statements, and reads their lines again when somebody asks. A file of
// something else is bellhop.Invalid; where one was cut off or damaged [Chain.Check] says so.
func Read(from io.ReaderAt) (*Chain, error) {
	in := &lineReader{from: bufio.NewReader(io.NewSectionReader(from, 0, 1<<62))}
	first, err := in.next(maxHeader)
	var h header
	if err != nil || json.Unmarshal(first, &h) != nil || h.Format != format {
		return nil, bellhop.Invalidf("file", "it is no file of statements: bellhop statement --out writes one")
	}
	if h.Version != version {
		return nil, bellhop.Invalidf("file", "it has version %d of the format, and this bellhop reads %d: take a newer "+
			"bellhop", h.Version, version)
	}
	if shop, err := bellhop.ParseShopDomain(h.Shop); err != nil || shop != h.Shop {
		return nil, bellhop.Invalidf("file", "its first line names no shop")
	}
	c := &Chain{Shop: h.Shop, Keys: Keys{}}
	for _, key := range h.Keys {
		one, err := ParseKeys(base64.StdEncoding.EncodeToString(key))
		if err != nil || len(h.Keys) > maxKeys {
			return nil, bellhop.Invalidf("file", "its first line names a key that is none")
		}
		for id := range one {
			c.Keys[id] = one[id]
		}
	}
	at, err := c.readAll(in)
	c.Lines = func(i int) ([]byte, error) {
		line, err := (&lineReader{from: bufio.NewReader(io.NewSectionReader(from, at[i], 1<<62))}).next(maxLine)
		if err != nil {
			return nil, err
		}
		e, err := readEntry(line)
		return e.Lines, err
	}
	return c, err
}

// readAll returns where each statement's line begins. It stops with the damage where the file has some.
func (c *Chain) readAll(in *lineReader) (at []int64, err error) {
	for {
		begins := in.at
		line, err := in.next(maxLine)
		var e entry
		var ends bool
		if err == nil {
			ends, err = in.end(line, len(at))
		}
		if err == nil && ends {
			return at, nil
		}
		if err == nil {
			e, err = readEntry(line)
		}
		if err == nil && len(at) == maxStatements {
			err = bellhop.Invalidf("file", "there are more than %d statements", maxStatements)
		}
		switch {
		case errors.Is(err, errCutOff) || bellhop.KindOf(err) == bellhop.Invalid:
			c.damage = &Fault{Code: FaultDamaged, Text: fmt.Sprintf("line %d: %v", in.n, err)}
			return at, nil
		case err != nil:
			return at, err
		}
		s := e.Statement.statement()
		s.Hash, s.Signature = e.Hash, e.Signature
		c.Statements, at = append(c.Statements, s), append(at, begins)
	}
}

// readEntry takes nothing that [Write] would not write, so that nobody reads a line in two ways.
func readEntry(line []byte) (e entry, err error) {
	if err := json.Unmarshal(line, &e); err != nil {
		return e, bellhop.Invalidf("file", "it is no statement")
	}
	s := e.Statement.statement()
	s.Hash, s.Signature = e.Hash, e.Signature
	if err := check(&s); err != nil {
		return e, err
	}
	if !bytes.Equal(encodeEntry(&s, e.Lines), line) {
		return e, bellhop.Invalidf("file", "it is no statement in the form that bellhop writes")
	}
	return e, nil
}

// maxLine is that of a statement with the most lines.
const maxLine = maxEntry + (store.MaxStatementLines*bellhop.StampBytes+2)/3*4

var errCutOff = errors.New("the file was cut off")

// lineReader reads lines and bounds them.
type lineReader struct {
	from *bufio.Reader
	n    int   // lines that were begun
	at   int64 // where the next one begins
}

func (r *lineReader) next(most int) (line []byte, err error) {
	r.n++
	for {
		part, err := r.from.ReadSlice('\n')
		line = append(line, part...)
		r.at += int64(len(part))
		switch {
		case len(line) > most:
			return nil, bellhop.Invalidf("file", "it has more than %d bytes", most)
		case err == io.EOF:
			return nil, errCutOff
		case err == nil:
			return line[:len(line)-1], nil
		case err != bufio.ErrBufferFull:
			return nil, err
		}
	}
}

// end reports whether a line is the last one of a file with n statements.
func (r *lineReader) end(line []byte, n int) (bool, error) {
	var t trailer
	if len(line) > maxTrailer || json.Unmarshal(line, &t) != nil || t.End == nil {
		return false, nil
	}
	if *t.End != n {
		return true, bellhop.Invalidf("file", "it ends a file of %d statements, and here are %d", *t.End, n)
	}
	if _, err := r.from.ReadByte(); err != io.EOF {
		return true, bellhop.Invalidf("file", "something follows the end of the file")
	}
	return true, nil
}
