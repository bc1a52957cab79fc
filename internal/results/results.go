// Package results is the content of results.json, which bellhop-bench compare writes,
// and its meaning. bellhop reads it too: it says how much traffic the machine holds.
package results

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"bellhop"
)

// Format is that of [Comparison] in JSON. ReadComparison refuses a later one.
const Format = 1

// Comparison compares handling orders inside the web request, after its answer in the
// background of the same process, and behind a queue, at several rates. All words and charts
// follow from it.
type Comparison struct {
	Format      int             `json:"format"`
	Version     string          `json:"version"` // of bellhop
	Command     string          `json:"command"` // that made it, without secrets
	Started     time.Time       `json:"started"`
	Took        time.Duration   `json:"took_ns"`
	Machine     Machine         `json:"machine"`
	Settings    CompareSettings `json:"settings"`
	Traffic     *Traffic        `json:"traffic,omitempty"` // the user's own; nil when it is not known
	Idle        []Sample        `json:"idle"`              // owners' requests alone, of each mode in turn
	Points      []RatePoint     `json:"points"`            // by rate, the lowest first
	Plain       *PlainCheck     `json:"plain,omitempty"`   // whether inline is fair
	Problems    []string        `json:"problems"`
	Interrupted bool            `json:"interrupted,omitempty"` // it was stopped before its end
}

// CompareSettings are the settings of all modes.
type CompareSettings struct {
	Store       string        `json:"store"`                // sqlite, postgres
	Queue       string        `json:"queue"`                // sqlite, postgres, amqp, or that it is a stand-in for SQS
	Pool        int           `json:"pool"`                 // requests that inline works at at once
	Background  []int         `json:"background,omitempty"` // places in the pool of each background mode
	Waiting     int           `json:"waiting"`
	PushLatency time.Duration `json:"push_latency_ns"`
	Faults      string        `json:"faults,omitempty"` // of the push service
	OwnersRate  float64       `json:"owners_per_second"`
	Duration    time.Duration `json:"duration_ns"` // of one point, in one mode
	Repeats     int           `json:"repeats"`
	Disk        string        `json:"disk,omitempty"`
}

// InlineCapacity is how many orders a second inline can handle at the most.
func (s CompareSettings) InlineCapacity() float64 { return s.Capacity(s.Pool) }

// Capacity is how many orders a second a pool can handle at the most: each keeps its place while
// the push service answers.
func (s CompareSettings) Capacity(pool int) float64 {
	if s.PushLatency <= 0 {
		return 0
	}
	return float64(pool) / s.PushLatency.Seconds()
}

// Modes are those that were compared, in the order in which people read them.
func (s CompareSettings) Modes() []Mode {
	all := []Mode{Inline}
	for _, pool := range s.Background {
		all = append(all, Background(pool))
	}
	return append(all, Queued)
}

// Traffic is the traffic of a user's shops.
type Traffic struct {
	OrdersPerDay float64 `json:"orders_per_day"`
	PeakFactor   float64 `json:"peak_factor"` // the busiest second ÷ the mean of the day
	Source       string  `json:"source"`      // where both are from, in words
}

// Peak is the orders of the busiest second.
func (t Traffic) Peak() float64 { return t.OrdersPerDay / (24 * 60 * 60) * t.PeakFactor }

// Check refuses traffic that makes no sense; nil is none.
func (t *Traffic) Check() error {
	if t == nil {
		return nil
	}
	if t.OrdersPerDay <= 0 || t.OrdersPerDay > 1e9 || t.PeakFactor < 1 || t.PeakFactor > 1e6 {
		return bellhop.Invalidf("traffic",
			"%v orders a day with a peak factor of %v make no sense: give more than 0 orders, and a factor of 1 to "+
				"1,000,000", t.OrdersPerDay, t.PeakFactor)
	}
	return nil
}

// Mode is a way to handle an order.
type Mode string

// The modes.
const (
	Inline Mode = "inline" // within the request
	Queued Mode = "queued" // behind a queue

	background = "background-" // answered at once and worked on in the same process; its pool follows
)

// Background is the mode that works in the background with so many places in its pool.
func Background(pool int) Mode { return Mode(background + strconv.Itoa(pool)) }

// BackgroundPool is how many places a background mode has; 0 for other modes.
func (m Mode) BackgroundPool() int {
	pool, _ := strconv.Atoi(strings.TrimPrefix(string(m), background))
	return pool
}

// Name is the mode in words.
func (m Mode) Name() string {
	switch pool := m.BackgroundPool(); {
	case pool > 0:
		return fmt.Sprintf("in the background, %d at once", pool)
	case m == Inline:
		return "inside the request"
	default:
		return "with a queue"
	}
}

// RatePoint is one rate, measured several times in each mode, which take turns. Of a
// mode that had failed far below the rate there is nothing.
type RatePoint struct {
	Rate       float64           `json:"rate"` // webhooks a second
	Inline     []Sample          `json:"inline"`
	Background map[Mode][]Sample `json:"background,omitempty"`
	Queued     []Sample          `json:"queued"`
	Kills      []Kill            `json:"kills,omitempty"`
}

// Of returns the samples of a mode.
func (p RatePoint) Of(m Mode) []Sample {
	switch m {
	case Inline:
		return p.Inline
	case Queued:
		return p.Queued
	default:
		return p.Background[m]
	}
}

// Add adds a sample to those of its mode.
func (p *RatePoint) Add(s Sample) {
	switch s.Mode {
	case Inline:
		p.Inline = append(p.Inline, s)
	case Queued:
		p.Queued = append(p.Queued, s)
	default:
		if p.Background == nil {
			p.Background = map[Mode][]Sample{}
		}
		p.Background[s.Mode] = append(p.Background[s.Mode], s)
	}
}

// Kill is a load during which the process was killed, by a signal that it can't catch, and
// started again. It counts orders whose webhook was answered 2xx, which Shopify never sends again.
type Kill struct {
	Mode          Mode  `json:"mode"`
	Acknowledged  int64 `json:"acknowledged"`
	NeverRecorded int64 `json:"never_recorded"`
	NeverPushed   int64 `json:"never_pushed"` // those never recorded included
}

// KillOf returns a mode's kill at this rate; false when there was none.
func (p RatePoint) KillOf(m Mode) (Kill, bool) {
	for _, k := range p.Kills {
		if k.Mode == m {
			return k, true
		}
	}
	return Kill{}, false
}

// Sample is one measurement: webhooks at a rate, whether or not earlier ones were
// answered, beside owners' requests.
type Sample struct {
	Mode    Mode    `json:"mode"`
	Offered float64 `json:"offered_per_second"` // as really sent

	Sent       int64 `json:"sent"`
	OK         int64 `json:"ok"`
	Refused    int64 `json:"refused"`    // answered, and not 2xx
	Unanswered int64 `json:"unanswered"` // within 5 s
	Recorded   int64 `json:"recorded"`   // orders in the database in the end
	Notified   int64 `json:"rung"`       // of the accepted orders, those whose phone got a push

	// from when a webhook was due until it was answered 2xx; 5 s without an answer
	Webhooks     Latencies `json:"webhooks"`
	Owners       Latencies `json:"owners"`
	OwnersFailed int64     `json:"owners_failed"`
	Notify       Latencies `json:"ring"` // from a webhook's due time until the push service had its push

	Drain   time.Duration `json:"drain_ns"`      // from the last webhook until all was recorded and pushed
	CPU     time.Duration `json:"cpu_ns"`        // of bellhop alone, in all
	Memory  int64         `json:"memory_bytes"`  // the most of bellhop alone
	Written int64         `json:"written_bytes"` // by bellhop alone
	// share of the machine that went to neither the run nor its servers
	Others   float64  `json:"others,omitempty"`
	Problems []string `json:"problems,omitempty"`
}

// Failed is how many webhooks Shopify would send again.
func (s Sample) Failed() int64 { return s.Refused + s.Unanswered }

// Latencies are percentiles; all zero when there was nothing.
type Latencies struct {
	P50  time.Duration `json:"p50_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p999_ns"`
	Max  time.Duration `json:"max_ns"`
}

// PlainCheck compares a plain hand-written handler with inline, with the same pool:
// both flooded.
type PlainCheck struct {
	Plain  []float64 `json:"plain_per_second"`
	Inline []float64 `json:"inline_per_second"`
}

// WriteJSON writes results, such as a [Comparison] for [ReadComparison].
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// ReadComparison reads the JSON of [WriteJSON].
func ReadComparison(r io.Reader) (*Comparison, error) {
	c := new(Comparison)
	if err := json.NewDecoder(r).Decode(c); err != nil {
		return nil, bellhop.Invalidf("results",
			"the results can't be read: %v; give the results.json of bellhop-bench compare", err)
	}
	if c.Format < 1 || len(c.Settings.Store) == 0 {
		return nil, bellhop.Invalidf("results", "these are no results of bellhop-bench compare")
	}
	if c.Format > Format {
		return nil, fmt.Errorf("the results are of format %d, this bellhop knows %d: bring it up to date", c.Format,
			Format)
	}
	return c, nil
}

// Machine is the measured machine.
type Machine struct {
	CPU    string  `json:"cpu"`
	Cores  int     `json:"cores"`
	Memory int64   `json:"memory_bytes,omitempty"`
	OS     string  `json:"os"`
	Kernel string  `json:"kernel,omitempty"`
	Go     string  `json:"go"`
	Load   float64 `json:"load_before"` // the load average of the last minute, before the run
	// Others is the share of the machine that other programs used during the
	// run, from 0 to 1.
	Others float64 `json:"others_during"`
}

// String describes it in a line.
func (m *Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %.1f GiB of memory, %s %s, %s", m.CPU, m.Cores, float64(m.Memory)/(1<<30), m.OS,
		m.Kernel, m.Go)
}

// When a machine counts as busy with other work: a load average, as a share of
// the cores, and a share of the processors.
const (
	busyLoad   = 0.25
	busyOthers = 0.05
)

// Busy reports whether others used enough of the machine to be felt.
func (m *Machine) Busy() bool {
	return m.Load > busyLoad*float64(m.Cores) || m.Others > busyOthers
}
