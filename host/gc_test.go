package host

import "testing"

func TestGarbagePercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 400, 12 << 20: 400, 20 << 20: 225, 48 << 20: 100, 96 << 20: 50,
		1 << 30: 50} {
		if got := garbagePercent(live); got != want {
			t.Errorf("%d MiB: %d, want %d", live>>20, got, want)
		}
	}
}
