package bench

import (
	"slices"
	"strconv"

	"bellhop/internal/results"
)

// Spec describes a figure. The table of specs is the one place for targets.
type Spec struct {
	Key    string  `json:"key"`
	Title  string  `json:"title"`
	Unit   Unit    `json:"unit"`
	Target *Target `json:"target,omitempty"`
}

// Unit is a figure's unit. It knows how to write the figure.
type Unit string

// The units.
const (
	PerSecond    Unit = "/s"
	Ratio        Unit = "×"
	Milliseconds Unit = "ms"
	Microseconds Unit = "µs"
	Bytes        Unit = "bytes"
	MiB          Unit = "MiB"
)

// Target is the value to reach. One of AtLeast and AtMost is set.
type Target struct {
	AtLeast float64 `json:"at_least,omitempty"`
	AtMost  float64 `json:"at_most,omitempty"`
	// Floor, if set, is the least to count as done at all.
	Floor float64 `json:"floor,omitempty"`
}

// Verdict says how a figure stands to its target.
type Verdict string

// The verdicts.
const (
	VerdictNone    Verdict = ""
	VerdictOK      Verdict = "ok"
	VerdictBelow   Verdict = "below"    // it misses the target
	VerdictNotDone Verdict = "not done" // it misses even the floor
)

func atLeast(v float64) *Target { return &Target{AtLeast: v} }
func atMost(v float64) *Target  { return &Target{AtMost: v} }

// The keys of the figures that costs go by.
const (
	KeyBytesKept  = "bytes_kept_per_order"
	KeyLambdaInit = "lambda_init"
)

// specs are all figures, in the order of the table.
var specs = []Spec{
	{"bare_per_second", "bare handler: answered", PerSecond, nil},
	{"bare_p99", "bare handler: p99", Milliseconds, nil},
	{"bare_cpu", "bare handler: CPU a request", Microseconds, nil},
	{"accepted_per_second", "accepting alone: durably accepted", PerSecond, nil},
	{"accepted_ratio", "accepting alone: ÷ bare", Ratio, &Target{AtLeast: 0.5, Floor: 0.4}},
	{"accepted_p99", "accepting alone: p99", Milliseconds, nil},
	{"accepted_cpu", "accepting alone: CPU an order", Microseconds, nil},
	{"recorded_per_second", "all of it: recorded with items, drain included", PerSecond, nil},
	{"recorded_ratio", "all of it: ÷ bare", Ratio, &Target{AtLeast: 0.45, Floor: 0.33}},
	{"recorded_cpu", "all of it: CPU an order", Microseconds, nil},
	{"flood_accepted_per_second", "all of it: accepted meanwhile", PerSecond, nil},
	{"flood_drain", "all of it: drained after the load", Milliseconds, nil},
	{"flood_p50", "all of it: acceptance p50 under full flood", Milliseconds, nil},
	{"flood_p99", "all of it: acceptance p99 under full flood", Milliseconds, atMost(10)},
	{"flood_p999", "all of it: acceptance p99.9 under full flood", Milliseconds, nil},
	{"bytes_written_per_order", "written to disk an order", Bytes, nil},
	{KeyBytesKept, "kept on disk an order", Bytes, nil},
	{"ring_p50", "webhook to FCM's answer at 500 orders/s: p50", Milliseconds, nil},
	{"ring_p99", "webhook to FCM's answer at 500 orders/s: p99", Milliseconds, atMost(50)},
	{"pushes_per_second", "pushes, FCM taking 50 ms, each status durable", PerSecond, atLeast(4000)},
	{"read_idle_p50", "GET /v1/orders: p50 idle", Milliseconds, nil},
	{"read_idle_p99", "GET /v1/orders: p99 idle", Milliseconds, nil},
	{"read_busy_p99", "GET /v1/orders: p99 under 2,000 webhooks/s", Milliseconds, nil},
	{"read_busy_ratio", "GET /v1/orders: that ÷ idle", Ratio, atMost(1.4)},
	{"read_flood_p99", "GET /v1/orders: p99 under full flood", Milliseconds, nil},
	{"read_flood_ratio", "GET /v1/orders: that ÷ idle", Ratio, atMost(2.5)},
	{"page_cpu", "open page under 500 webhooks/s: processor a second, of 200", Milliseconds, nil},
	{"page_looks", "open page: looks", PerSecond, nil},
	{"page_p99", "open page: p99 of a look", Milliseconds, nil},
	{"memory_idle", "memory: idle", MiB, atMost(40)},
	{"memory_loaded", "memory: most under full flood", MiB, nil},
	{"memory_queued", "memory: with the queue filled", MiB, atMost(150)},
	{"memory_queued_peak", "memory: most while it was filled", MiB, nil},
	{"start_ready", "start to ready, empty folder", Milliseconds, atMost(200)},
	{"postgres_bare_per_second",
		"Postgres: orders whose rows a bare client inserts (unnest, 256 a transaction)", PerSecond, nil},
	{"postgres_recorded_per_second", "Postgres: recorded by a worker of what was queued", PerSecond, nil},
	{"postgres_recorded_ratio", "Postgres: ÷ bare inserts", Ratio, atLeast(0.6)},
	{"postgres_recorded_cpu", "Postgres: the worker's own CPU an order", Microseconds, nil},
	{"rabbitmq_bare_per_second",
		"RabbitMQ: confirmed to a bare publisher (4 connections, 256 on their way in each)", PerSecond, nil},
	{"rabbitmq_bare_handler_per_second",
		"RabbitMQ: answered by a bare handler that publishes each body and waits", PerSecond, nil},
	{"rabbitmq_bare_handler_p99", "RabbitMQ: its p99", Milliseconds, nil},
	{"rabbitmq_accepted_per_second", "queue in RabbitMQ: accepted", PerSecond, nil},
	{"rabbitmq_accepted_ratio", "queue in RabbitMQ: ÷ bare publisher", Ratio, atLeast(0.6)},
	{"rabbitmq_accepted_handler_ratio", "queue in RabbitMQ: ÷ bare handler that publishes", Ratio, nil},
	{"rabbitmq_accepted_p99", "queue in RabbitMQ: p99", Milliseconds, nil},
	{"rabbitmq_accepted_cpu", "queue in RabbitMQ: bellhop's own CPU an order", Microseconds, nil},
	{"rabbitmq_recorded_per_second",
		"queue in RabbitMQ, store in SQLite: recorded by a worker of what was queued", PerSecond, nil},
	{"rabbitmq_postgres_recorded_per_second",
		"queue in RabbitMQ, store in Postgres: recorded by a worker of what was queued", PerSecond, nil},
	{"postgres_alone_accepted_per_second", "queue and store in one Postgres: accepted", PerSecond, nil},
	{"postgres_alone_accepted_p99", "queue and store in one Postgres: p99", Milliseconds, nil},
	{"postgres_alone_recorded_per_second",
		"queue and store in one Postgres: recorded by a worker of what was queued", PerSecond, nil},
	{"postgres_queue_accepted_per_second", "queue in Postgres, store in SQLite: accepted", PerSecond, nil},
	{"postgres_queue_accepted_p99", "queue in Postgres, store in SQLite: p99", Milliseconds, nil},
	{"postgres_queue_recorded_per_second",
		"queue in Postgres, store in SQLite: recorded by a worker of what was queued", PerSecond, nil},
	{"lambda_size", "Lambda: program of all functions", MiB, nil},
	{KeyLambdaInit, "Lambda, direct: start to asking for work", Milliseconds, nil},
	{"lambda_first_record", "Lambda, direct: start to first order recorded", Milliseconds, nil},
	{"sqs_bare_per_second",
		"SQS's stand-in: taken of the same messages from a bare sender (batches of 10)", PerSecond, nil},
	{"sqs_accepted_per_second", "SQS's stand-in: accepted", PerSecond, nil},
	{"sqs_accepted_ratio", "SQS's stand-in: ÷ bare sender", Ratio, atLeast(0.7)},
	{"sqs_accepted_p99", "SQS's stand-in: p99", Milliseconds, nil},
}

// Figure is one measured quantity.
type Figure struct {
	Spec
	Values  []float64 `json:"values"` // as measured, one after another
	Median  float64   `json:"median"`
	Min     float64   `json:"min"`
	Max     float64   `json:"max"`
	Verdict Verdict   `json:"verdict,omitempty"`
}

// newFigure sums up the measured values.
func newFigure(s Spec, values []float64) Figure {
	median := results.MedianOf(values)
	return Figure{s, values, median, slices.Min(values), slices.Max(values), s.Target.judge(median)}
}

// judge says how a value stands to the target; nil is no target.
func (t *Target) judge(v float64) Verdict {
	switch {
	case t == nil:
		return VerdictNone
	case t.AtLeast > 0 && v < t.Floor:
		return VerdictNotDone
	case t.AtLeast > 0 && v < t.AtLeast, t.AtMost > 0 && v > t.AtMost:
		return VerdictBelow
	}
	return VerdictOK
}

// String writes a target as "≥ 0.5 (done from 0.4)".
func (t *Target) String() string {
	text := "≤ " + plain(t.AtMost)
	if t.AtLeast > 0 {
		text = "≥ " + plain(t.AtLeast)
	}
	if t.Floor > 0 {
		text += " (done from " + plain(t.Floor) + ")"
	}
	return text
}

func plain(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// format writes a value with as many digits as mean something.
func (u Unit) format(v float64) string {
	switch u {
	case Ratio:
		return strconv.FormatFloat(v, 'f', 3, 64)
	case Milliseconds, MiB:
		if v < 100 {
			return strconv.FormatFloat(v, 'f', 1, 64)
		}
	}
	return results.Grouped(int64(v + 0.5))
}
