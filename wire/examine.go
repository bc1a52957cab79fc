package wire

import (
	"context"
	"slices"
)

// Level says how bad a [Finding] is.
type Level string

// The levels.
const (
	LevelOK   Level = "ok"
	LevelWarn Level = "warn" // it works, but needs a look
	LevelFail Level = "fail" // it does not work
)

// Finding is the state of one part.
type Finding struct {
	Part  string `json:"part"`
	Level Level  `json:"level"`
	Found string `json:"found"`
	Fix   string `json:"fix,omitempty"` // "" with [LevelOK]
}

// OK is a finding that all is well.
func OK(part, found string) Finding { return Finding{Part: part, Level: LevelOK, Found: found} }

// Warn is a finding that needs a look.
func Warn(part, found, fix string) Finding {
	return Finding{Part: part, Level: LevelWarn, Found: found, Fix: fix}
}

// Fail is a finding that something does not work.
func Fail(part, found, fix string) Finding {
	return Finding{Part: part, Level: LevelFail, Found: found, Fix: fix}
}

// Examine looks at the database and the queue without opening or changing them. there
// reports whether they can be opened.
func (s *Storage) Examine(ctx context.Context, o Options) (found []Finding, there bool) {
	d, err := s.only(both, o)
	if err != nil {
		return []Finding{Fail("settings", err.Error(), "correct the setting")}, false
	}
	return examineAll(ctx, d.shared)
}

// examiner looks at something without opening or changing it. there reports whether it
// can be opened.
type examiner interface {
	examine(ctx context.Context) (found []Finding, there bool)
}

func examineAll[E examiner](ctx context.Context, all []E) (found []Finding, there bool) {
	there = true
	for _, e := range all {
		more, thereToo := e.examine(ctx)
		found, there = append(found, more...), there && thereToo
	}
	return found, there
}

// QuickCheck reads everything in the stores, and returns an error that names the
// damage, if any.
func (p *Parts) QuickCheck(ctx context.Context) error {
	return firstOf(slices.Values(p.shared), func(r resource) error { return r.quickCheck(ctx) })
}
