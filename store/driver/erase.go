package driver

import "bellhop/store"

// EraseAhead bounds how many rows a step of an erasure looks at where no index finds a shop's.
const EraseAhead = 10_000

// EraseStep deletes some of a part of what a shop has, from a place in the part on, which is the zero Place at
// first. It returns how many it deleted and where to go on; more is false at the part's end.
type EraseStep func(at Place) (n int, next Place, more bool, err error)

// EraseSteps are how a driver deletes each part. Disable keeps new orders out; Rest drops the shop's own row with
// what is little.
type EraseSteps struct {
	Disable, Pushes, Devices, Orders, Events, Stream, Heard, People, Accesses, Exports, Statements, Rest EraseStep
}

// erasePart is a part in the order of an erasure. An upgrade may come in its midst: add parts behind exports, where
// a place of before comes a part too early at the most, and what is deleted is deleted again.
type erasePart struct {
	what string
	step EraseStep
}

// parts leaves out what a shop without a row does not have, and the last events of one that has: those were skipped
// while the shop was erased.
func (s *EraseSteps) parts(known bool) []erasePart {
	all := []erasePart{{"shop", s.Disable}, {"pushes", s.Pushes}, {"devices", s.Devices}, {"orders", s.Orders},
		{"events", s.Events}, {"stream", s.Stream}, {"heard", s.Heard}, {"people", s.People}, {"accesses", s.Accesses},
		{"exports", s.Exports}, {"statements", s.Statements}, {"shop", s.Rest}, {"events", s.Events}}
	const exports, late = 9, 12
	for i := range all {
		if i != exports && known == (i == late) {
			all[i].step = nil
		}
	}
	return all
}

// Place is a driver's own place in a part.
type Place [2]int64

// Erase does steps from a place on, up to the first that deletes something or leaves more to do. known says whether
// the shop still has its row.
func Erase(place string, known bool, steps EraseSteps) (done store.Erased, err error) {
	parts := steps.parts(known)
	var part int64
	var at Place
	if err := ParseCursor(place, &part, &at[0], &at[1]); err != nil {
		return done, err
	}
	if part < 0 {
		return done, badCursor()
	}
	for ; part < int64(len(parts)); part, at = part+1, (Place{}) {
		if parts[part].step == nil {
			continue
		}
		n, next, more, err := parts[part].step(at)
		if err != nil {
			return done, err
		}
		if more {
			return store.Erased{What: parts[part].what, N: n, Next: Cursor(part, next[0], next[1])}, nil
		}
		if n > 0 {
			return store.Erased{What: parts[part].what, N: n, Next: Cursor(part+1, 0, 0)}, nil
		}
	}
	return done, nil
}
