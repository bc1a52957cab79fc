package bench

import (
	"errors"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"bellhop/internal/results"
)

// Tally is the result of a [Load].
type Tally struct {
	Began, Ended time.Time        // the first request, the last answer
	Sent         int64            // requests, the warm-up's included
	Statuses     map[int]int64    // answers by status, the warm-up's included
	Failures     map[string]int64 // requests without an answer, by why
	Window       time.Duration    // the measured time, without the warm-up
	Counted      int64            // answers 2xx in the window
	Latency      *Spread          // of the answers in the window, whatever their status unless Load.OKOnly
	// Lateness is how long after it was due each request of an open loop was
	// sent: the generator's own share of the latency, and the wait for
	// a connection.
	Lateness *Spread
}

// Rate is the answers 2xx a second in the window.
func (t *Tally) Rate() float64 {
	if t.Window <= 0 {
		return 0
	}
	return float64(t.Counted) / t.Window.Seconds()
}

// OK is how many requests of the whole run were answered 2xx.
func (t *Tally) OK() (n int64) {
	for status, count := range t.Statuses {
		if isOK(status) {
			n += count
		}
	}
	return n
}

// Failed is how many requests were answered otherwise, or not at all.
func (t *Tally) Failed() int64 { return t.Sent - t.OK() }

func isOK(status int) bool { return status >= 200 && status < 300 }

// Spread holds durations and returns percentiles, to three digits.
type Spread struct{ h *hdrhistogram.Histogram }

// longest is the longest duration that a Spread tells from longer ones.
const longest = 10 * time.Minute

// NewSpread returns an empty one.
func NewSpread() *Spread {
	return &Spread{hdrhistogram.New(int64(time.Microsecond), int64(longest), 3)}
}

// Add takes one duration in.
func (s *Spread) Add(d time.Duration) {
	_ = s.h.RecordValue(int64(min(max(d, 0), longest))) // in range by then
}

// At returns the duration that percent of all are not above.
func (s *Spread) At(percent float64) time.Duration {
	return time.Duration(s.h.ValueAtPercentile(percent))
}

// Count is how many there are.
func (s *Spread) Count() int64 { return s.h.TotalCount() }

// Max is the longest.
func (s *Spread) Max() time.Duration { return time.Duration(s.h.Max()) }

// recorder is a Tally that many goroutines write to. One lock serves them all: they
// hold it for less than a hundredth of a request.
type recorder struct {
	from, to time.Time // the window
	okOnly   bool

	mu sync.Mutex
	t  Tally
}

func newRecorder() *recorder {
	return &recorder{t: Tally{
		Statuses: map[int]int64{}, Failures: map[string]int64{}, Latency: NewSpread(), Lateness: NewSpread(),
	}}
}

// window sets the measured time. Call it before the first note.
func (r *recorder) window(from, to time.Time) {
	r.from, r.to = from, to
	r.t.Window = to.Sub(from)
}

// exchange is one request and its answer.
type exchange struct {
	due    time.Time // when latency begins to count
	sent   time.Time
	at     time.Time // decides whether it is in the window
	end    time.Time
	status int
	err    error
}

func (r *recorder) note(x exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.t.Sent++
	if x.end.After(r.t.Ended) {
		r.t.Ended = x.end
	}
	if x.err != nil {
		r.t.Failures[failureKind(x.err)]++
		return
	}
	r.t.Statuses[x.status]++
	if x.at.Before(r.from) || x.at.After(r.to) {
		return
	}
	if isOK(x.status) {
		r.t.Counted++
	} else if r.okOnly {
		return
	}
	r.t.Latency.Add(x.end.Sub(x.due))
	r.t.Lateness.Add(x.sent.Sub(x.due))
}

func failureKind(err error) string {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.kind
	}
	return failCut
}

func latenciesOf(s *Spread) results.Latencies {
	if s.Count() == 0 {
		return results.Latencies{}
	}
	return results.Latencies{P50: s.At(50), P99: s.At(99), P999: s.At(99.9), Max: s.Max()}
}
