package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"bellhop"
	"bellhop/host"
	"bellhop/internal/results"
	"bellhop/wire"
)

// capacityIn reads the measured limit of a machine with a queue, in webhooks a second; 0
// without a file.
func capacityIn(path string) (float64, error) {
	if path == "" {
		return 0, nil
	}
	r, err := readComparison(path)
	if err != nil {
		return 0, inCapacity(oneLine(err))
	}
	held := r.Answer().QueuedUpTo
	if held <= 0 {
		return 0, inCapacity(fmt.Sprintf("%s has no rate that was held with a queue: measure longer, or on a quieter "+
			"machine", path))
	}
	return held, nil
}

func readComparison(path string) (*results.Comparison, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s can't be read: give the results.json that bellhop-bench compare wrote: %w", path,
			err)
	}
	defer f.Close()
	return results.ReadComparison(f)
}

func inCapacity(what string) error {
	return bellhop.Invalidf("capacity", "BELLHOP_CAPACITY: %s", what)
}

// nearLimit is the share of the machine's capacity from which doctor warns.
const nearLimit = 0.5

// trafficPatience is how long doctor waits for a count of a week.
const trafficPatience = 30 * time.Second

// traffic reports how near to its limit the machine came.
func (c *doctorCmd) traffic(j *job, p *wire.Parts) ([]wire.Finding, error) {
	const part = "traffic"
	held, err := capacityIn(c.Capacity)
	if err != nil {
		return []wire.Finding{wire.Fail(part, oneLine(err),
			"give the results.json of bellhop-bench compare, or leave it out")}, nil
	}
	ctx, cancel := context.WithTimeout(j.ctx, trafficPatience)
	defer cancel()
	busy, err := host.LookBack(ctx, p.Store, j.now())
	if errors.Is(err, context.DeadlineExceeded) {
		return []wire.Finding{wire.Warn(part, fmt.Sprintf("not known: counting %d days takes longer than %v",
			host.TrafficDays, trafficPatience),
			"see the metric bellhop_busiest_second_webhooks of bellhop serve")}, nil
	}
	if err != nil {
		return nil, err
	}
	found := fmt.Sprintf("no webhook in the last %d days", host.TrafficDays)
	if busy.All > 0 {
		found = fmt.Sprintf("%s in the last %d days, %d in the busiest second (%s)", plural(int(busy.All), "webhook"),
			host.TrafficDays, busy.Second, busy.At.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	share := 0.0
	if held > 0 {
		share = float64(busy.Second) / held
		found += fmt.Sprintf(", %.2g %% of the %s a second that this machine held", 100*share, results.Rate(held))
	}
	if share > nearLimit {
		return []wire.Finding{wire.Warn(part, found,
			"take a larger machine, or record on several: see docs/workers.md")}, nil
	}
	return []wire.Finding{wire.OK(part, found)}, nil
}
