package connect

import (
	"context"
	"time"

	"bellhop"
	"bellhop/store"
)

// The rule of silence: a shop may be quiet for four times the longest of its silences within the seven days before, for
// half an hour at least and a day at most. In its first day it may be quiet all day.
const (
	silenceWindow   = 7 * 24 * time.Hour
	silenceFactor   = 4
	shortestSilence = 30 * time.Minute
	longestSilence  = 24 * time.Hour
	// leastSilence is the shortest that matters: four times a shorter one is less than half an hour.
	leastSilence = shortestSilence / silenceFactor

	// The store keeps all that the rule looks at: see TooLong.
	_ = uint64(store.HeardTime - longestSilence - 2*silenceWindow)
)

// allowed returns how long a shop may be quiet from a time on, by its silences until then.
func allowed(silences []store.Silence, from time.Time) time.Duration {
	longest := time.Duration(0)
	for _, s := range silences {
		if !s.To.IsZero() && !s.To.After(from) && s.To.After(from.Add(-silenceWindow)) {
			longest = max(longest, s.To.Sub(s.From))
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
	silences, err := s.Silences(ctx, shop.Domain, q.Since.Add(-silenceWindow), leastSilence)
	q.Allowed = allowed(silences, q.Since)
	return q, err
}

// TooLong lists the silences of a shop's last seven days that were longer than the rule allows, the oldest first. The
// one that goes on is among them once it is, and has no end.
func TooLong(ctx context.Context, s store.Statistics, shop bellhop.Shop, now time.Time) (
	long []store.Silence, err error) {
	since := now.Add(-silenceWindow)
	// The oldest may have begun a day before, and is compared with the seven days before that.
	silences, err := s.Silences(ctx, shop.Domain, since.Add(-longestSilence-silenceWindow), leastSilence)
	for _, one := range silences {
		to := one.To
		if to.IsZero() {
			to = now
		}
		if to.After(since) && to.Sub(shop.AddedAt) >= longestSilence && to.Sub(one.From) >= allowed(silences, one.From) {
			long = append(long, one)
		}
	}
	return long, err
}
