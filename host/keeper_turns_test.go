package host

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// turns is a duty of shops of which some always have more to do.
type turns struct {
	*testing.T
	mu    sync.Mutex
	due   map[string]time.Time
	under map[string]bool
	took  map[string]time.Duration // the longest that a shop waited
}

func (d *turns) Due(context.Context) (due []string, next time.Time, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for shop, at := range d.due {
		if !at.After(time.Now()) {
			due = append(due, shop)
		}
	}
	slices.SortFunc(due, func(a, b string) int { return cmp.Or(d.due[a].Compare(d.due[b]), cmp.Compare(a, b)) })
	return due[:min(len(due), 100)], time.Now(), nil
}

// Keep takes 40 s with a busy shop, which is due again at once, and a second with a quiet one, which is due again in
// five minutes.
func (d *turns) Keep(_ context.Context, shop string) error {
	takes, again := time.Second, 5*time.Minute
	if shop[0] == 'b' {
		takes, again = 40*time.Second, 0
	}
	d.mu.Lock()
	if d.under[shop] || len(d.under) == 4 {
		d.Errorf("%s beside %v", shop, d.under)
	}
	d.under[shop] = true
	d.took[shop] = max(d.took[shop], time.Since(d.due[shop]))
	d.mu.Unlock()
	time.Sleep(takes)
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.under, shop)
	d.due[shop] = time.Now().Add(again)
	return nil
}

// TestNobodyIsStarved: twelve shops have work for hours, of 40 s at a time. The others have their turn within two
// minutes, and so have the twelve.
func TestNobodyIsStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &turns{T: t, due: map[string]time.Time{}, under: map[string]bool{}, took: map[string]time.Duration{}}
		for i := range 12 {
			d.due["busy "+string(rune('a'+i))] = time.Now()
			d.due["quiet "+string(rune('a'+i))] = time.Now()
		}
		k := &Keeper[string]{d, func(shop string) string { return shop }, time.Now, slog.New(slog.DiscardHandler), "turns", 4}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
		defer cancel()
		if err := k.Run(ctx, context.WithoutCancel(ctx)); err != nil {
			t.Fatal(err)
		}
		for shop, took := range d.took {
			if took > 3*time.Minute {
				t.Errorf("%s waited for %v", shop, took)
			}
		}
		if len(d.took) != 24 || len(d.under) > 0 {
			t.Errorf("%d had a turn, %v are under way", len(d.took), d.under)
		}
	})
}

// TestRoundGoesOn: a round works on more shops than a list has, until its time is over.
func TestRoundGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &turns{T: t, due: map[string]time.Time{}, under: map[string]bool{}, took: map[string]time.Duration{}}
		for i := range 500 {
			d.due[fmt.Sprint("quiet ", i)] = time.Now()
		}
		k := &Keeper[string]{d, func(shop string) string { return shop }, time.Now, slog.New(slog.DiscardHandler), "turns", 4}
		for _, want := range []int{220, 440, 500} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if err := k.Round(ctx, t.Context()); err != nil || len(d.took) < want {
				t.Errorf("%d shops had a turn within a minute, want %d; %v", len(d.took), want, err)
			}
			cancel()
		}
	})
}
