package rules

import "time"

// dueAt is when a new push is due to a device whose budget has room from freeAt
// on, so that no claim has to look at it before.
func dueAt(at, freeAt time.Time) time.Time {
	if freeAt.After(at) && freeAt.Sub(at) < longestRefill {
		return freeAt
	}
	return at
}

// longestRefill is longer than any budget takes to have room again. A clock that was
// ahead leaves later times behind: the claim looks at the budget itself.
const longestRefill = 5 * time.Minute

// LongestWait is longer than anything waits that is kept for later. Quiet hours are
// the longest, on a day that has 25.
const LongestWait = 26 * time.Hour

// Beyond reports whether a stored time is further ahead than it can be: the clock was
// wrong, and is right now. Nothing waits for such a time.
func Beyond(t, now time.Time) bool { return t.After(now.Add(LongestWait)) }

// IsDue reports whether t has come. The zero time never does.
func IsDue(t, now time.Time) bool { return !t.IsZero() && (!t.After(now) || Beyond(t, now)) }
