package connect

import (
	"context"
	"time"

	"bellhop"
	"bellhop/store"
)

// The rule of silence: a shop may be quiet for four times the longest of its silences within seven days, for half an
// hour at least and a day at most.
const (
	silenceWindow   = 7 * 24 * time.Hour
	silenceFactor   = 4
	shortestSilence = 30 * time.Minute
	longestSilence  = 24 * time.Hour
)

// Allowed returns how long a shop may be quiet, by its silences since a time. The one that goes on doesn't count,
// unless it is all there is: then the shop has no rhythm, and gets a day.
func Allowed(silences []store.Silence, since time.Time) time.Duration {
	longest := time.Duration(0)
	for _, s := range silences {
		switch {
		case !s.To.IsZero():
			longest = max(longest, s.To.Sub(s.From))
		case !s.From.After(since):
			return longestSilence
		}
	}
	return min(longestSilence, max(shortestSilence, silenceFactor*longest))
}

// Quiet says since when a shop is quiet, and how long it may be.
type Quiet struct {
	Since   time.Time // of its last event; when it was added, if none came
	Allowed time.Duration
}

// Overdue reports whether an event should have come.
func (q Quiet) Overdue(now time.Time) bool { return now.Sub(q.Since) >= q.Allowed }

// At is when the silence becomes a warning.
func (q Quiet) At() time.Time { return q.Since.Add(q.Allowed) }

// quietSince needs no query; Allowed is the shortest that it may be.
func quietSince(shop bellhop.Shop) Quiet {
	q := Quiet{Since: shop.LastEventAt, Allowed: shortestSilence}
	if q.Since.IsZero() {
		q.Since = shop.AddedAt
	}
	return q
}

// Silence measures how quiet a shop is. One that had an event within the last half hour costs no query.
func Silence(ctx context.Context, s store.Statistics, shop bellhop.Shop, now time.Time) (Quiet, error) {
	q := quietSince(shop)
	switch {
	case !q.Overdue(now):
		return q, nil
	case shop.LastEventAt.IsZero(), now.Sub(shop.AddedAt) < longestSilence:
		q.Allowed = longestSilence // it has no rhythm yet
		return q, nil
	}
	since := now.Add(-silenceWindow)
	// The store lists the newest hundred. The first length here fits a hundred times into the window, so that all of that
	// length are listed. Where there are none, shorter ones count, as far as they matter.
	const least = shortestSilence / silenceFactor
	for d := silenceWindow / store.MaxSilences; ; d /= 2 {
		silences, err := s.Silences(ctx, shop.Domain, since, max(d, least))
		if err != nil {
			return q, err
		}
		if q.Allowed = Allowed(silences, since); q.Allowed > shortestSilence || d <= least {
			return q, nil
		}
	}
}
