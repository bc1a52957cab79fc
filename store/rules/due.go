package rules

import "time"

// dueAt is when a new push is due to a device whose budget has room from freeAt on. No
// claim looks at it before.
func dueAt(at, freeAt time.Time) time.Time {
	if freeAt.After(at) && freeAt.Sub(at) < longestRefill {
		return freeAt
	}
	return at
}

// longestRefill is above any budget's time to have room again. A clock that was ahead
// leaves later times behind: the claim looks at the budget itself.
const longestRefill = 5 * time.Minute

// LongestWait is above any intended wait. Quiet hours are the longest, on a day of 25
// hours.
const LongestWait = 26 * time.Hour

// Beyond reports whether a stored time is further ahead than possible: the clock was wrong
// then. Nothing waits for such a time.
func Beyond(t, now time.Time) bool { return t.After(now.Add(LongestWait)) }

// IsDue reports whether t has come. The zero time never does.
func IsDue(t, now time.Time) bool { return !t.IsZero() && (!t.After(now) || Beyond(t, now)) }
