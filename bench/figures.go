package bench

import (
	"slices"
	"strconv"

	"bellhop/internal/results"
)

// spec describes a figure. The table of specs is the one place for targets.
type spec struct {
	key, title string
	unit       Unit
	target     *Target
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

// The keys of the figures, as they stand in results.
const (
	keyBareRate         = "bare_per_second"
	keyBareP99          = "bare_p99"
	keyBareCPU          = "bare_cpu"
	keyAcceptedRate     = "accepted_per_second"
	keyAcceptedRatio    = "accepted_ratio"
	keyAcceptP99        = "accepted_p99"
	keyAcceptCPU        = "accepted_cpu"
	keyRecordedRate     = "recorded_per_second"
	keyRecordedRatio    = "recorded_ratio"
	keyFloodRate        = "flood_accepted_per_second"
	keyDrainSeconds     = "flood_drain"
	keyFloodP50         = "flood_p50"
	keyFloodP99         = "flood_p99"
	keyFloodP999        = "flood_p999"
	keyRecordCPU        = "recorded_cpu"
	keyBytesWritten     = "bytes_written_per_order"
	KeyBytesKept        = "bytes_kept_per_order"
	keyNotifyP50        = "ring_p50"
	keyNotifyP99        = "ring_p99"
	keyPushRate         = "pushes_per_second"
	keyReadIdleP50      = "read_idle_p50"
	keyReadIdleP99      = "read_idle_p99"
	keyReadBusyP99      = "read_busy_p99"
	keyReadFloodP99     = "read_flood_p99"
	keyReadBusyRatio    = "read_busy_ratio"
	keyReadFloodRatio   = "read_flood_ratio"
	keyPageCPU          = "page_cpu"
	keyPageLooks        = "page_looks"
	keyPageP99          = "page_p99"
	keyMemoryIdle       = "memory_idle"
	keyMemoryLoaded     = "memory_loaded"
	keyMemoryQueued     = "memory_queued"
	keyMemoryPeak       = "memory_queued_peak"
	keyStart            = "start_ready"
	keyPostgresBareRate = "postgres_bare_per_second"
	keyPostgresRate     = "postgres_recorded_per_second"
	keyPostgresRatio    = "postgres_recorded_ratio"
	keyRabbitBareRate   = "rabbitmq_bare_per_second"
	keyRabbitBareFlood  = "rabbitmq_bare_handler_per_second"
	keyRabbitBareP99    = "rabbitmq_bare_handler_p99"
	keyRabbitRate       = "rabbitmq_accepted_per_second"
	keyRabbitRatio      = "rabbitmq_accepted_ratio"
	keyRabbitFloodRatio = "rabbitmq_accepted_handler_ratio"
	keyRabbitP99        = "rabbitmq_accepted_p99"
	keyRabbitCPU        = "rabbitmq_accepted_cpu"
	keyRabbitRecorded   = "rabbitmq_recorded_per_second"
	keyRabbitPgRecorded = "rabbitmq_postgres_recorded_per_second"
	keyPgAloneRate      = "postgres_alone_accepted_per_second"
	keyPgAloneP99       = "postgres_alone_accepted_p99"
	keyPgAloneRecorded  = "postgres_alone_recorded_per_second"
	keyPgQueueRate      = "postgres_queue_accepted_per_second"
	keyPgQueueP99       = "postgres_queue_accepted_p99"
	keyPgQueueRecorded  = "postgres_queue_recorded_per_second"
	keyLambdaInit       = "lambda_init"
	keyLambdaStart      = "lambda_first_record"
	keyLambdaSize       = "lambda_size"
	keyPostgresCPU      = "postgres_recorded_cpu"
	keySQSBareRate      = "sqs_bare_per_second"
	keySQSRate          = "sqs_accepted_per_second"
	keySQSRatio         = "sqs_accepted_ratio"
	keySQSP99           = "sqs_accepted_p99"
)

// specs are all figures, in the order of the table.
var specs = []spec{
	{keyBareRate, "bare handler: answered", PerSecond, nil},
	{keyBareP99, "bare handler: p99", Milliseconds, nil},
	{keyBareCPU, "bare handler: CPU a request", Microseconds, nil},
	{keyAcceptedRate, "accepting alone: durably accepted", PerSecond, nil},
	{keyAcceptedRatio, "accepting alone: ÷ bare", Ratio, &Target{AtLeast: 0.5, Floor: 0.4}},
	{keyAcceptP99, "accepting alone: p99", Milliseconds, nil},
	{keyAcceptCPU, "accepting alone: CPU an order", Microseconds, nil},
	{keyRecordedRate, "all of it: recorded with items, drain included", PerSecond, nil},
	{keyRecordedRatio, "all of it: ÷ bare", Ratio, &Target{AtLeast: 0.45, Floor: 0.33}},
	{keyRecordCPU, "all of it: CPU an order", Microseconds, nil},
	{keyFloodRate, "all of it: accepted meanwhile", PerSecond, nil},
	{keyDrainSeconds, "all of it: drained after the load", Milliseconds, nil},
	{keyFloodP50, "all of it: acceptance p50 under full flood", Milliseconds, nil},
	{keyFloodP99, "all of it: acceptance p99 under full flood", Milliseconds, atMost(10)},
	{keyFloodP999, "all of it: acceptance p99.9 under full flood", Milliseconds, nil},
	{keyBytesWritten, "written to disk an order", Bytes, nil},
	{KeyBytesKept, "kept on disk an order", Bytes, nil},
	{keyNotifyP50, "webhook to FCM's answer at 500 orders/s: p50", Milliseconds, nil},
	{keyNotifyP99, "webhook to FCM's answer at 500 orders/s: p99", Milliseconds, atMost(50)},
	{keyPushRate, "pushes, FCM taking 50 ms, each status durable", PerSecond, atLeast(4000)},
	{keyReadIdleP50, "GET /v1/orders: p50 idle", Milliseconds, nil},
	{keyReadIdleP99, "GET /v1/orders: p99 idle", Milliseconds, nil},
	{keyReadBusyP99, "GET /v1/orders: p99 under 2,000 webhooks/s", Milliseconds, nil},
	{keyReadBusyRatio, "GET /v1/orders: that ÷ idle", Ratio, atMost(1.4)},
	{keyReadFloodP99, "GET /v1/orders: p99 under full flood", Milliseconds, nil},
	{keyReadFloodRatio, "GET /v1/orders: that ÷ idle", Ratio, atMost(2.5)},
	{keyPageCPU, "open page under 500 webhooks/s: processor a second, of 200", Milliseconds, nil},
	{keyPageLooks, "open page: looks", PerSecond, nil},
	{keyPageP99, "open page: p99 of a look", Milliseconds, nil},
	{keyMemoryIdle, "memory: idle", MiB, atMost(40)},
	{keyMemoryLoaded, "memory: most under full flood", MiB, nil},
	{keyMemoryQueued, "memory: with the queue filled", MiB, atMost(150)},
	{keyMemoryPeak, "memory: most while it was filled", MiB, nil},
	{keyStart, "start to ready, empty folder", Milliseconds, atMost(200)},
	{keyPostgresBareRate, "Postgres: orders whose rows a bare client inserts (unnest, 256 a transaction)", PerSecond, nil},
	{keyPostgresRate, "Postgres: recorded by a worker of what was queued", PerSecond, nil},
	{keyPostgresRatio, "Postgres: ÷ bare inserts", Ratio, atLeast(0.6)},
	{keyPostgresCPU, "Postgres: the worker's own CPU an order", Microseconds, nil},
	{keyRabbitBareRate, "RabbitMQ: confirmed to a bare publisher (4 connections, 256 on their way in each)", PerSecond,
		nil},
	{keyRabbitBareFlood, "RabbitMQ: answered by a bare handler that publishes each body and waits", PerSecond, nil},
	{keyRabbitBareP99, "RabbitMQ: its p99", Milliseconds, nil},
	{keyRabbitRate, "queue in RabbitMQ: accepted", PerSecond, nil},
	{keyRabbitRatio, "queue in RabbitMQ: ÷ bare publisher", Ratio, atLeast(0.6)},
	{keyRabbitFloodRatio, "queue in RabbitMQ: ÷ bare handler that publishes", Ratio, nil},
	{keyRabbitP99, "queue in RabbitMQ: p99", Milliseconds, nil},
	{keyRabbitCPU, "queue in RabbitMQ: bellhop's own CPU an order", Microseconds, nil},
	{keyRabbitRecorded, "queue in RabbitMQ, store in SQLite: recorded by a worker of what was queued", PerSecond, nil},
	{keyRabbitPgRecorded, "queue in RabbitMQ, store in Postgres: recorded by a worker of what was queued", PerSecond, nil},
	{keyPgAloneRate, "queue and store in one Postgres: accepted", PerSecond, nil},
	{keyPgAloneP99, "queue and store in one Postgres: p99", Milliseconds, nil},
	{keyPgAloneRecorded, "queue and store in one Postgres: recorded by a worker of what was queued", PerSecond, nil},
	{keyPgQueueRate, "queue in Postgres, store in SQLite: accepted", PerSecond, nil},
	{keyPgQueueP99, "queue in Postgres, store in SQLite: p99", Milliseconds, nil},
	{keyPgQueueRecorded, "queue in Postgres, store in SQLite: recorded by a worker of what was queued", PerSecond, nil},
	{keyLambdaSize, "Lambda: program of all functions", MiB, nil},
	{keyLambdaInit, "Lambda, direct: start to asking for work", Milliseconds, nil},
	{keyLambdaStart, "Lambda, direct: start to first order recorded", Milliseconds, nil},
	{keySQSBareRate, "SQS's stand-in: taken of the same messages from a bare sender (batches of 10)", PerSecond, nil},
	{keySQSRate, "SQS's stand-in: accepted", PerSecond, nil},
	{keySQSRatio, "SQS's stand-in: ÷ bare sender", Ratio, atLeast(0.7)},
	{keySQSP99, "SQS's stand-in: p99", Milliseconds, nil},
}

// Figure is one measured quantity.
type Figure struct {
	Key     string    `json:"key"`
	Title   string    `json:"title"`
	Unit    Unit      `json:"unit"`
	Values  []float64 `json:"values"` // as measured, one after another
	Median  float64   `json:"median"`
	Min     float64   `json:"min"`
	Max     float64   `json:"max"`
	Target  *Target   `json:"target,omitempty"`
	Verdict Verdict   `json:"verdict,omitempty"`
}

// newFigure sums up the measured values.
func newFigure(s spec, values []float64) Figure {
	f := Figure{
		Key: s.key, Title: s.title, Unit: s.unit, Values: values,
		Median: median(values), Min: slices.Min(values), Max: slices.Max(values), Target: s.target,
	}
	f.Verdict = s.target.judge(f.Median)
	return f
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
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
