package driver

import "bellhop/store"

// EraseAhead bounds how many rows a step of an erasure looks at where no index finds a shop's.
const EraseAhead = 10_000

// ErasePart is a part of what a shop has. Step deletes some of it, from a place in the part on, which is the
// zero Place at first. It returns how many it deleted and where to go on; more is false at the part's end.
type ErasePart struct {
	What string
	Step func(at Place) (n int, next Place, more bool, err error)
}

// Place is a driver's own place in a part.
type Place [2]int64

// Erase does steps from a place on, up to the first that deletes something or leaves more to do.
func Erase(place string, parts []ErasePart) (done store.Erased, err error) {
	var part int64
	var at Place
	if err := ParseCursor(place, &part, &at[0], &at[1]); err != nil {
		return done, err
	}
	if part < 0 {
		return done, badCursor()
	}
	for ; part < int64(len(parts)); part, at = part+1, (Place{}) {
		n, next, more, err := parts[part].Step(at)
		if err != nil {
			return done, err
		}
		if more {
			return store.Erased{What: parts[part].What, N: n, Next: Cursor(part, next[0], next[1])}, nil
		}
		if n > 0 {
			return store.Erased{What: parts[part].What, N: n, Next: Cursor(part+1, 0, 0)}, nil
		}
	}
	return done, nil
}
