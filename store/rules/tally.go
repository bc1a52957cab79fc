package rules

import (
	"cmp"
	"slices"
)

// Tally adds up a transaction's changes to a table of counts, so that it writes each count
// once. The zero value is ready.
type Tally[K ~string] struct {
	counts []Count[K] // few
}

// Count is the change of one key's count.
type Count[K ~string] struct {
	Key K
	By  int64
}

// Add counts n more of k.
func (t *Tally[K]) Add(k K, n int64) {
	for i := range t.counts {
		if t.counts[i].Key == k {
			t.counts[i].By += n
			return
		}
	}
	t.counts = append(t.counts, Count[K]{k, n})
}

// Move counts something under another key; from "" it was not counted before.
func (t *Tally[K]) Move(from, to K) {
	if from != "" {
		t.Add(from, -1)
	}
	t.Add(to, 1)
}

// Counts returns the changes in the order of the keys, so that transactions which lock the
// rows one after the other do not deadlock.
func (t *Tally[K]) Counts() []Count[K] {
	t.counts = slices.DeleteFunc(t.counts, func(c Count[K]) bool { return c.By == 0 })
	slices.SortFunc(t.counts, func(a, b Count[K]) int { return cmp.Compare(a.Key, b.Key) })
	return t.counts
}
