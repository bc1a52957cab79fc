package rules

import (
	"cmp"
	"slices"
)

// Tally gathers what a transaction changes in a table of counts, so that each
// count is written once. The zero value is ready.
type Tally[K ~string] struct {
	counts []Count[K] // few, and so searched one by one
}

// Count is by how much the count of a key changes.
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

// Move counts something under another key; "" means that it was not counted.
func (t *Tally[K]) Move(from, to K) {
	if from != "" {
		t.Add(from, -1)
	}
	t.Add(to, 1)
}

// Counts returns what changed, in the order of the keys, so that transactions
// that lock the rows one after the other do not wait for each other in a circle.
func (t *Tally[K]) Counts() []Count[K] {
	t.counts = slices.DeleteFunc(t.counts, func(c Count[K]) bool { return c.By == 0 })
	slices.SortFunc(t.counts, func(a, b Count[K]) int { return cmp.Compare(a.Key, b.Key) })
	return t.counts
}
