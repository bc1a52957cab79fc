package web

import (
	"container/list"
	"sync"
	"time"
)

// Limits holds a token bucket for each of the keys used last.
type Limits struct {
	mu    sync.Mutex
	every time.Duration
	burst int
	max   int
	byKey map[string]*list.Element
	used  *list.List // of *bucket, the last used in front
}

type bucket struct {
	key  string
	full time.Time // when it is full again
}

func NewLimits(every time.Duration, burst, max int) *Limits {
	return &Limits{every: every, burst: burst, max: max, byKey: map[string]*list.Element{}, used: list.New()}
}

// Take takes a token from a key's bucket. If there is none, it returns how long until there
// is one.
func (l *Limits) Take(key string, now time.Time) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(key)
	full := b.full
	if full.Before(now) {
		full = now
	}
	full = full.Add(l.every)
	if wait = full.Sub(now) - time.Duration(l.burst)*l.every; wait > 0 {
		return wait
	}
	b.full = full
	return 0
}

// forget fills a key's bucket again.
func (l *Limits) forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.byKey[key]; ok {
		l.used.Remove(e)
		delete(l.byKey, key)
	}
}

func (l *Limits) bucket(key string) *bucket {
	if e, ok := l.byKey[key]; ok {
		l.used.MoveToFront(e)
		return e.Value.(*bucket)
	}
	if l.used.Len() >= l.max {
		oldest := l.used.Back()
		delete(l.byKey, oldest.Value.(*bucket).key)
		l.used.Remove(oldest)
	}
	b := &bucket{key: key}
	l.byKey[key] = l.used.PushFront(b)
	return b
}
