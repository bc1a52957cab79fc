package driver

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"bellhop"
)

// LookAhead bounds how many owed pushes a claim looks through for those of one device. The
// rest waits for its turn.
const LookAhead = 10_000

// SkipAtOnce bounds how many owed pushes of a shop one transaction ends.
const SkipAtOnce = 1_000

// MaxTopics is more than Shopify has of topics that an app subscribes to.
const MaxTopics = 500

// ReadMoney reads a stored decimal amount; the zero Money without a currency.
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

// Zoned returns a time with its original offset from UTC, in seconds.
func Zoned(t time.Time, offset int64) time.Time {
	switch {
	case t.IsZero():
		return time.Time{}
	case offset == 0:
		return t.UTC()
	}
	return t.In(time.FixedZone("", int(offset)))
}

// Offset returns a time's offset from UTC, in seconds.
func Offset(t time.Time) int64 {
	_, seconds := t.Zone()
	return int64(seconds)
}

// NewSettings returns the stored form of a person's settings after a change.
func NewSettings(s bellhop.Settings, change func(*bellhop.Settings) error) (string, error) {
	err := change(&s)
	if err == nil {
		err = s.Check()
	}
	return WriteSettings(s), err
}

// WriteSettings returns a person's settings in their stored form.
func WriteSettings(s bellhop.Settings) string {
	if s == (bellhop.Settings{}) {
		return ""
	}
	b, _ := json.Marshal(s) // plain fields
	return string(b)
}

// ReadSettings reads the result of [WriteSettings].
func ReadSettings(kept string) (s bellhop.Settings, err error) {
	if kept == "" {
		return s, nil
	}
	if err := json.Unmarshal([]byte(kept), &s); err != nil {
		return s, fmt.Errorf("read a person's settings: %w", err)
	}
	return s, nil
}

// WriteRota returns a shop's rota in its stored form; "" for none.
func WriteRota(r *bellhop.Rota) string {
	if r == nil {
		return ""
	}
	b, _ := json.Marshal(r) // plain fields
	return string(b)
}

// ReadRota reads the result of [WriteRota].
func ReadRota(kept string) (*bellhop.Rota, error) {
	if kept == "" {
		return nil, nil
	}
	r := &bellhop.Rota{}
	if err := json.Unmarshal([]byte(kept), r); err != nil {
		return nil, fmt.Errorf("read a shop's rota: %w", err)
	}
	return r, nil
}

// IDsAround returns bounds for the ids of events that were accepted in a time: ids are made
// in the order of acceptance, and a moment before it.
func IDsAround(from, to time.Time) (first, last bellhop.EventID) {
	const slack = 10 * time.Second
	return idsFrom(from.Add(-slack)), idsFrom(to.Add(slack))
}

// IDsOfWebhooks is IDsAround for all programs that put webhooks into the queue: one of somebody else's may make ids of
// the time when a webhook was triggered, up to an hour before its acceptance.
func IDsOfWebhooks(from, to time.Time) (first, last bellhop.EventID) {
	return IDsAround(from.Add(-time.Hour), to)
}

// idsFrom is in front of all ids that begin with a time.
func idsFrom(at time.Time) (id bellhop.EventID) {
	binary.BigEndian.PutUint64(id[:8], uint64(max(0, at.UnixMilli()))<<16)
	return id
}

// HashOrNil returns a hash's bytes; nil for the zero hash, which stands for none.
func HashOrNil(h *[32]byte) []byte {
	if *h == ([32]byte{}) {
		return nil
	}
	return h[:]
}
