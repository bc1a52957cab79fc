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

// Beyond reports whether a time that was kept is further ahead than it can be: the
// clock was, and has been put right since. What waits for it waits no longer.
func Beyond(t, now time.Time) bool { return t.After(now.Add(LongestWait)) }

// IsDue reports whether what is due at a time is now; nothing is at the zero time.
func IsDue(t, now time.Time) bool { return !t.IsZero() && (!t.After(now) || Beyond(t, now)) }
