package store

import (
	"context"
	"time"
)

// Answers keep what changes with an idempotency key were answered, so that one that comes again is not made again.
// They go with their person or token, and with the shop that they are about. A copy of the store has none.
type Answers interface {
	// BeginAnswer takes a key for a request, and returns the id to end it with; one caller gets it. Another one gets
	// the answer that was kept, with the id 0, or bellhop.Conflict while the first is at work. It returns bellhop.Invalid
	// for a key that another request has. Whoever took a key and does not end it within [AnswerLease] has lost it to the
	// next, since its process may have died.
	BeginAnswer(ctx context.Context, k AnswerKey, now time.Time) (id int64, kept Answer, err error)
	// EndAnswer keeps the answer of a key that the caller took, of [MaxAnswer] at most; without a status it gives the
	// key up, so that the next one makes the change. If another has taken the key since, it does nothing. An owner has
	// [MaxAnswers], and [MaxAnswersBytes] together: beyond either the oldest sixteenth goes.
	EndAnswer(ctx context.Context, owner string, id int64, a Answer) error
	// PruneAnswers deletes what was begun before a time, limit at most, and returns their number.
	PruneAnswers(ctx context.Context, before time.Time, limit int) (int, error)
}

// AnswerKey is an idempotency key with what it is for.
type AnswerKey struct {
	Owner   string // "person/" with the id, or "token/" with the hash in lower case hex
	Shop    string // that the request is about; "" for none
	Key     [32]byte
	Request [32]byte // what tells this request from others
}

// Answer is an answer without what every one has.
type Answer struct {
	Status         int // 0 for none
	Type, Location string
	Body           []byte
}

// Size is what counts of an answer.
func (a *Answer) Size() int { return len(a.Type) + len(a.Location) + len(a.Body) }

const (
	// AnswersKept is how long an answer is kept, and how long a key is another's.
	AnswersKept = 24 * time.Hour
	// AnswerLease is how long a key waits for a process that may have died.
	AnswerLease = 2 * time.Minute

	MaxAnswer       = 64 << 10
	MaxAnswers      = 1000
	MaxAnswersBytes = 4 << 20
)
