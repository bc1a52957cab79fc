package driver

import (
	"time"

	"bellhop"
	"bellhop/store"
)

// KeptAnswer is the row of an idempotency key.
type KeptAnswer struct {
	ID      int64
	Request [32]byte
	BegunAt time.Time
	store.Answer
}

// Over reports whether the next may take the key. Times ahead come of a clock that was wrong.
func (k *KeptAnswer) Over(now time.Time) bool {
	lasts := store.AnswersKept
	if k.Status == 0 {
		lasts = store.AnswerLease
	}
	age := now.Sub(k.BegunAt)
	return age >= lasts || -age >= lasts
}

// For returns what a request with the key is answered.
func (k *KeptAnswer) For(request [32]byte) (store.Answer, error) {
	switch {
	case k.Request != request:
		return store.Answer{}, bellhop.Invalidf("idempotency_key_reused",
			"another request has this Idempotency-Key: use a new one for each")
	case k.Status == 0:
		return store.Answer{}, AnswerUnderWay()
	}
	return k.Answer, nil
}

// AnswerUnderWay is the error for a key whose first request is at work.
func AnswerUnderWay() error {
	return bellhop.Errorf(bellhop.Conflict, "in_progress",
		"the first request with this Idempotency-Key is under way: send it again in a moment")
}

// CheckAnswer refuses one that is too large to be kept.
func CheckAnswer(a *store.Answer) error {
	if a.Size() > store.MaxAnswer {
		return bellhop.Errorf(bellhop.TooLarge, "answer", "an answer that is kept has %d bytes at most", store.MaxAnswer)
	}
	return nil
}
