package sqlitequeue

import (
	"bytes"
	"sync"

	"bellhop"
)

// maxRecent bounds the bodies that are held in memory.
const maxRecent = 4 << 20

// recent holds events between their commit and their delivery where one process
// does both: it saves reading and unpacking what was packed and written a moment
// before. What is not in it is
// read from the file.
type recent struct {
	mu     sync.Mutex
	on     bool // somebody receives in this process
	bytes  int
	events map[bellhop.EventID]*bellhop.Event
}

// keep remembers events that were committed; copies, since the bodies are the
// sender's. When there is no room they are left out: a backlog is read from the
// file.
func (r *recent) keep(events []*bellhop.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range events {
		if !r.on || r.bytes+len(e.Body) > maxRecent {
			return
		}
		c := *e
		c.Body = bytes.Clone(e.Body)
		r.bytes += len(c.Body)
		r.events[c.ID] = &c
	}
}

// take returns an event and forgets it; nil if it isn't there.
func (r *recent) take(id bellhop.EventID) *bellhop.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.events[id]
	if e != nil {
		delete(r.events, id)
		r.bytes -= len(e.Body)
	}
	return e
}

// clear forgets everything. It is called by a receiver that found nothing
// waiting: what is left was received or purged elsewhere.
func (r *recent) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on, r.bytes, r.events = true, 0, map[bellhop.EventID]*bellhop.Event{}
}
