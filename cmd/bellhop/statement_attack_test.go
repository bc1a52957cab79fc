package main

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bellhop"
	"bellhop/statement"
	"bellhop/store/sealed"
)

func (s *stated) verifyNames(what string) {
	s.Helper()
	code, out, _ := runHere("verify", "--db", "--shop", itsShop)
	if code != exitFailed || !strings.Contains(out, "ALTERED") {
		s.Errorf("%s: verify says %d\n%s", what, code, out)
	}
}

// Statements dropped at the end pass as soon as bellhop closed the next hour behind them.
func TestAttackDroppedAtTheEnd(t *testing.T) {
	s := newStated(t, "sqlite3", "")
	s.alter(`DELETE FROM statements WHERE number = 3`, "")
	s.alter(`DELETE FROM statements WHERE number = 2`, "")
	s.alter(`DELETE FROM ledger WHERE seq = (SELECT seq FROM events WHERE id = `+blob(eventAt(12, 1))+`)`, "")
	s.verifyNames("at once")
	s.open(func(db *sealed.Store) {
		s.record(db, 25, 1, "seen")
		s.close(db, 24, 26) // what bellhop does: From is ClosedTo
	})
	s.verifyNames("an hour later")
}

// bellhop's note of closed hours is moved on by hand: those hours are never stated.
func TestAttackNeverStated(t *testing.T) {
	s := newStated(t, "sqlite3", "")
	s.open(func(db *sealed.Store) {
		s.record(db, 49, 1, "seen")
		s.close(db, 48, 50)
	})
	s.verifyNames("a day that was never stated")
}

// Lines beside all statements are dropped: what is altered in the ledger passes for pruned.
func TestAttackNulledLines(t *testing.T) {
	s := newStated(t, "sqlite3", "")
	s.alter(`UPDATE ledger SET outcome = 'recorded' WHERE seq = (SELECT seq FROM events WHERE id = `+blob(eventAt(9, 1))+`)`, "")
	for _, n := range []string{"1", "2", "3"} {
		s.alter(`UPDATE statements SET lines = NULL WHERE number = `+n, "")
	}
	s.verifyNames("a changed line")
}

// Pruning drops as many blobs as lines, and stops when there are no more lines: empty statements hold up the others.
func TestHonestPruning(t *testing.T) {
	s := newStated(t, "sqlite3", "")
	s.open(func(db *sealed.Store) {
		for day := 1; day < 8; day++ {
			s.close(db, 24*day, 24*day+24) // quiet days
		}
		s.record(db, 24*8+1, 1, "seen")
		s.close(db, 24*8, 24*8+2)
		s.record(db, 24*20, 1, "seen")
		for {
			n, err := db.PruneLedger(s.Context(), statedDay.Add(24*9*time.Hour), 2)
			s.check(err)
			if n < 2 {
				break
			}
		}
	})
	if code, out, _ := runHere("verify", "--db", "--shop", itsShop); code != exitDone {
		t.Errorf("honest pruning is accused:\n%s", out)
	}
}

// A statement's time is altered, so that it seems to be of another's hour: verify has to name that statement, and
// still the line of the hour that was altered, and nothing else.
func TestAttackCoveredHour(t *testing.T) {
	s := newStated(t, "sqlite3", "")
	s.alter(`UPDATE statements SET document = replace(document, '"from":"2026-11-22T13', '"from":"2026-11-22T09') WHERE number = 3`, "")
	out := s.run(exitFailed, "verify", "--db", "--shop", itsShop)
	if n := strings.Count(out, "ALTERED"); n != 1 {
		t.Errorf("one statement was altered, and verify names %d:\n%s", n, out)
	}
	s.alter(`UPDATE ledger SET outcome = 'recorded' WHERE seq = (SELECT seq FROM events WHERE id = `+blob(eventAt(9, 1))+`)`, "")
	out = s.run(exitFailed, "verify", "--db", "--shop", itsShop)
	if !strings.Contains(out, eventAt(9, 1).String()) {
		t.Errorf("the line is not named:\n%s", out)
	}
}

// Somebody without bellhop's key goes on behind an older file with a key of their own, which the newer file names.
func TestAttackAnotherKeyBehindAnOlderFile(t *testing.T) {
	s := newStated(t, "sqlite3", "")
	older, newer := filepath.Join(s.dir, "older.jsonl"), filepath.Join(s.dir, "newer.jsonl")
	s.run(exitDone, "statement", "--shop", itsShop, "--out", older)
	f, err := os.Open(older)
	s.check(err)
	defer f.Close()
	c, err := statement.Read(f)
	s.check(err)
	public, private, err := ed25519.GenerateKey(nil)
	s.check(err)
	last := c.Statements[len(c.Statements)-1]
	forged, err := statement.Make(bellhop.Statement{Shop: itsShop, From: last.To, To: last.To.Add(24 * time.Hour),
		MadeAt: last.MadeAt.Add(24 * time.Hour), CheckedAt: last.MadeAt}, last, nil, private)
	s.check(err)
	c.Statements = append(c.Statements, forged)
	c.Keys[statement.KeyID(public)] = public
	to, err := os.Create(newer)
	s.check(err)
	s.check(statement.Write(to, c))
	s.check(to.Close())
	if code, out, _ := runHere("verify", newer, "--since", older); code != exitFailed {
		t.Errorf("verify takes it: %d\n%s", code, out)
	}
}
