package driver

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"bellhop"
	"bellhop/store"
)

const (
	maxQuiet     = 100     // reasons of a statement
	maxStatement = 1 << 16 // bytes of its document
	hour         = time.Hour
)

// CheckStatement returns a statement as it is kept.
func CheckStatement(s bellhop.Statement, lines []byte) (bellhop.Statement, error) {
	for _, at := range []*time.Time{&s.From, &s.To, &s.MadeAt, &s.CheckedAt} {
		*at = at.UTC().Truncate(time.Microsecond)
	}
	switch {
	case s.Shop == "" || s.Number < 1:
		return s, bellhop.Invalidf("statement", "a statement has a shop, and a number from 1 on")
	case !s.From.Before(s.To) || !s.From.Equal(s.From.Truncate(hour)) || !s.To.Equal(s.To.Truncate(hour)):
		return s, bellhop.Invalidf("statement", "a statement is of whole hours")
	case len(lines) > store.MaxStatementLines*bellhop.StampBytes:
		return s, bellhop.Errorf(bellhop.TooLarge, "statement_too_large", "the statement has %d lines: %d at most",
			len(lines)/bellhop.StampBytes, store.MaxStatementLines)
	case len(lines) != s.Lines*bellhop.StampBytes || sha256.Sum256(lines) != s.LinesHash:
		return s, bellhop.Invalidf("lines", "these are not the lines of the statement")
	case len(s.Quiet) > maxQuiet || len(WriteStatement(&s)) > maxStatement:
		return s, bellhop.Invalidf("statement", "a statement has %d reasons at most, and %d bytes", maxQuiet, maxStatement)
	}
	return s, nil
}

// CheckFollows refuses a statement that does not follow the newest of its shop, which is zero before there is one.
func CheckFollows(s, newest *bellhop.Statement) error {
	if s.Number != newest.Number+1 || s.Previous != newest.Hash {
		return StatementTaken()
	}
	return nil
}

// StatementTaken is the error when another process added a statement first.
func StatementTaken() error {
	return bellhop.Errorf(bellhop.Conflict, "statement_taken", "the statement does not follow the newest one of its shop")
}

// WriteStatement returns a statement's document in its stored form.
func WriteStatement(s *bellhop.Statement) string {
	b, _ := json.Marshal(s) // plain fields
	return string(b)
}

// ReadStatement reads the result of [WriteStatement].
func ReadStatement(kept string) (s bellhop.Statement, err error) {
	if err := json.Unmarshal([]byte(kept), &s); err != nil {
		return s, fmt.Errorf("read a statement: %w", err)
	}
	return s, nil
}

// StatementList is the query for the documents of statements; at makes an argument of a time in microseconds. + 0 keeps
// the database from walking through all by number where an index finds them by their time, which it enters by to_at.
func StatementList(q store.StatementQuery, at func(int64) any) (list Query, err error) {
	limit, err := Page(q.Limit, "")
	number, window := "number", !q.From.IsZero() || !q.To.IsZero()
	if window {
		number = "number + 0"
	}
	list.Add(`SELECT document FROM statements WHERE shop_id = (SELECT id FROM shops WHERE domain = ?) AND `+number+` > ?`,
		q.Shop, q.After)
	if window {
		list.Add(` AND to_at > ?`, at(q.From.UnixMicro()))
	}
	if !q.To.IsZero() {
		list.Add(` AND from_at < ?`, at(q.To.UnixMicro()))
	}
	list.Add(` ORDER BY `+number+` LIMIT ?`, int64(limit))
	return list, err
}

// CheckFates refuses a page of fates, or of lines, that is empty or too large.
func CheckFates(limit int) error {
	if limit < 1 || limit > store.FatesMost {
		return bellhop.Invalidf("limit", "limit is %d: give 1 to %d", limit, store.FatesMost)
	}
	return nil
}

// StampsBetween returns bounds for the ids that begin with a time and come behind another one.
func StampsBetween(from, to time.Time, after bellhop.EventID) (first, last bellhop.EventID) {
	first, last = idsFrom(from), idsFrom(to)
	if bytes.Compare(after[:], first[:]) > 0 {
		first = after
	}
	return first, last
}
