package lambdahost

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"bellhop"
	"bellhop/internal/amazon"
)

// Executions runs a state machine.
type Executions interface {
	// RunNow starts an execution of an Express state machine and waits for its
	// end. problem is its error, "" when it succeeded.
	RunNow(ctx context.Context, name, input string) (problem string, err error)
	// Start starts an execution of a Standard state machine. A second one of the same
	// name starts nothing, and is no error.
	Start(ctx context.Context, name, input string) error
}

// Start is the function between the queue and a state machine: it starts one
// execution for each message. An Express execution acknowledges its message when it
// has succeeded, or the event is a recorded dead letter. A Standard one acknowledges
// it at its start, and holds the last copy from then on. Its name is that of the
// message: one that SQS hands out twice starts one execution, and a replayed dead
// letter, which is a new message of the same event, starts another.
type Start struct {
	Executions Executions
	Standard   bool
	Queue      Visibility
	// Codec puts bodies that are too large for an execution into the bucket. Without a
	// bucket such messages fail.
	Codec   amazon.Codec
	Log     *slog.Logger
	Now     func() time.Time
	Metrics Metrics
}

// atOnce bounds the executions under way.
const atOnce = 16

// maxInput bounds an execution's input. It takes 256 KiB
// (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html), and a
// catcher adds a failure's cause, up to 32 KiB. If both don't fit, nothing catches the
// failure, and a Standard execution loses the last copy.
const maxInput = 220 << 10

// Invoke starts an execution for each message of a batch.
func (f *Start) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	items, err := readBatch(payload)
	if err != nil {
		return nil, err
	}
	t := newTimetable(ctx)
	begin, stop := t.until(ctx, lastStart)
	defer stop()
	wait, cancel := t.until(ctx, lastAnswer)
	defer cancel()
	began := f.Now()
	f.Metrics.seconds(began, MetricOldestReturned, returned(items, began)) // now: what follows may not end
	done := make([]bool, len(items))
	var group errgroup.Group
	group.SetLimit(atOnce)
	var panicked caught
	for _, lane := range lanes(items) {
		group.Go(func() error {
			defer panicked.recover()
			f.carry(begin, wait, items, lane, done)
			return nil
		})
	}
	group.Wait()
	panicked.again()
	answer := handBack(ctx, t, f.Queue, f.Log, items, done)
	f.Log.Info("carried", "events", len(items), "failed", len(answer.BatchItemFailures), "took", f.Now().Sub(began))
	return write(answer)
}

// lanes divides a batch into parts that each need their order: the groups of a FIFO
// queue. It returns places in the batch.
func lanes(items []item) [][]int {
	var all [][]int
	of := map[string]int{}
	for i, it := range items {
		n, known := of[it.group]
		if it.group == "" || !known {
			n = len(all)
			of[it.group] = n
			all = append(all, nil)
		}
		all[n] = append(all[n], i)
	}
	return all
}

// carry goes through a lane up to the first message that fails.
func (f *Start) carry(begin, wait context.Context, items []item, lane []int, done []bool) {
	for _, i := range lane {
		if begin.Err() != nil {
			return
		}
		if err := f.start(wait, items[i]); err != nil {
			f.Log.Warn("handing a message back", "message", items[i].id, "attempt", items[i].attempt, "err", err)
			return
		}
		done[i] = true
	}
}

// start returns nil when the message may be acknowledged.
func (f *Start) start(ctx context.Context, it item) error {
	e, err := f.Codec.Read(it.message)
	if e == nil {
		// A Standard execution would hold the last copy of what it can't make a dead letter.
		return fmt.Errorf("it can't be read; it stays in the queue until that makes it a dead letter: %w", err)
	}
	input, err := f.input(ctx, it, e)
	if err != nil {
		return err
	}
	name := executionName(e.ID, it.id)
	if f.Standard {
		return f.Executions.Start(ctx, name, input)
	}
	problem, err := f.Executions.RunNow(ctx, name, input)
	if err != nil || problem == "" || problem == TypeDead {
		return err
	}
	return fmt.Errorf("the execution %s failed: %s", name, problem)
}

// maxName bounds an execution's name
// (https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html).
const maxName = 80

// executionName begins with the event's id, by which people look an execution up. SQS
// makes UUIDs, and promises only that its ids have at most 100 characters.
func executionName(event bellhop.EventID, message string) string {
	name := event.String() + "-" + message
	if len(name) > maxName {
		sum := sha256.Sum256([]byte(message))
		name = event.String() + "-" + hex.EncodeToString(sum[:16])
	}
	return name
}

// input returns an execution's input: the message as it is if it fits, else with its
// body compressed, else with its body in the bucket.
func (f *Start) input(ctx context.Context, it item, e *bellhop.Event) (string, error) {
	in, err := f.encode(it, it.message)
	if err != nil || len(in) <= maxInput {
		return in, err
	}
	if c, ok := it.message.Compressed(); ok {
		if in, err = f.encode(it, c); err != nil || len(in) <= maxInput {
			return in, err
		}
	}
	if f.Codec.Bucket == nil {
		return "", bellhop.Errorf(bellhop.TooLarge, "execution_size",
			"an event has %d bytes and an execution takes %d: give a bucket for large ones with bucket= in BELLHOP_QUEUE",
			len(in), maxInput)
	}
	m, err := amazon.Codec{Bucket: f.Codec.Bucket, Limit: 1}.Encode(ctx, e)
	if err != nil {
		return "", err
	}
	return f.encode(it, m)
}

func (f *Start) encode(it item, m amazon.Message) (string, error) {
	in, err := write(execution{Message: &m, Attempt: it.attempt, Acknowledged: f.Standard})
	return string(in), err
}

// caught carries a panic from a goroutine to the one that the runtime watches, which
// reports it before the process ends.
type caught struct {
	mu    sync.Mutex
	value any
}

func (c *caught) recover() {
	if p := recover(); p != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.value = p
	}
}

func (c *caught) again() {
	if c.value != nil {
		panic(c.value)
	}
}
