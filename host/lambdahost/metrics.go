package lambdahost

import (
	"log/slog"
	"time"
)

// Namespace is CloudWatch's for the functions' metrics. Each has the dimension Stack.
const Namespace = "bellhop"

// The metrics. A function prints one only when there is something to say: CloudWatch
// charges for the hours with values.
const (
	// MetricOldestReturned is the age in seconds of the oldest event of a batch that came
	// before. SQS's own age leaves out messages that came three times
	// (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html).
	MetricOldestReturned = "OldestReturnedEvent"
	// MetricOldestOwed is for how many seconds the oldest owed push has been late.
	MetricOldestOwed = "OldestOwedPush"
	// MetricGivenUp counts pushes that failed for good to devices that are still in use.
	MetricGivenUp = "PushesGivenUp"
)

// Metrics prints metrics as lines of the log, in CloudWatch's embedded metric format
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
// The log must write JSON.
type Metrics struct {
	Log   *slog.Logger
	Stack string // "" prints none
}

// seconds prints how long something takes at a time.
func (m Metrics) seconds(at time.Time, name string, d time.Duration) {
	m.print(at, name, "Seconds", d.Seconds())
}

// count prints how many of something there are at a time.
func (m Metrics) count(at time.Time, name string, n int) { m.print(at, name, "Count", float64(n)) }

func (m Metrics) print(at time.Time, name, unit string, value float64) {
	if m.Stack == "" || value <= 0 {
		return
	}
	type metric struct{ Name, Unit string }
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []metric
	}
	m.Log.Info("metric", slog.Group("_aws", "Timestamp", at.UnixMilli(),
		"CloudWatchMetrics", []directive{{Namespace, [][]string{{"Stack"}}, []metric{{name, unit}}}}),
		"Stack", m.Stack, name, value)
}
