package rules

import (
	"bellhop/store"
)

// trimMost bounds how many changes one trim drops, so that it holds up no caller.
const trimMost = 10 * store.ChangeChunk

// TrimTo returns the number up to which to drop the stream. behind is the lowest cursor of
// a relay; without relays it is newest.
func TrimTo(oldest, newest, behind int64) int64 {
	to := max(min(newest-store.KeepChanges, behind), newest-store.KeepForRelays)
	return min(to, oldest-1+trimMost)
}
