package store

import (
	"fmt"
	"time"

	"bellhop"
)

// Of the stream the newest KeepChanges are kept, and what a relay has not passed
// on yet; older ones are dropped in chunks of ChangeChunk. See [TrimTo].
const (
	KeepChanges = 100_000
	ChangeChunk = 1_000
)

// LookAhead bounds how many of the owed pushes are looked through for those of
// one device. What lies behind is dealt with when its turn comes.
const LookAhead = 10_000

// ReadMoney reads an amount that was stored as a decimal; the zero Money without
// a currency.
func ReadMoney(amount, currency string) (bellhop.Money, error) {
	if currency == "" {
		return bellhop.Money{}, nil
	}
	m, err := bellhop.ParseMoney(amount, currency)
	if err != nil {
		return m, fmt.Errorf("the stored amount is damaged: %v", err)
	}
	return m, nil
}

// Zoned returns a time with the offset from UTC, in seconds, that it was written
// in.
func Zoned(t time.Time, offset int64) time.Time {
	switch {
	case t.IsZero():
		return time.Time{}
	case offset == 0:
		return t.UTC()
	}
	return t.In(time.FixedZone("", int(offset)))
}

// Offset returns the offset from UTC, in seconds, that a time is written in.
func Offset(t time.Time) int64 {
	_, seconds := t.Zone()
	return int64(seconds)
}
