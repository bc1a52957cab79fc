package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"bellhop/internal/lambdaruntime"
)

// The transitions of an execution, each state and the end: with a push owed it
// goes by Record, IsAPushOwed and Notify, without by Record, IsAPushOwed and Done.
const transitions = 4

// composition stands in for Step Functions where nothing fails, so that its work
// counts for nobody: it answers StartSyncExecution and StartExecution, and goes the
// way through deploy/aws/statemachine.asl.json.
type composition struct {
	record, notify *lambdaruntime.Function
	meter          *meter
	running        sync.WaitGroup
}

// ServeHTTP implements http.Handler.
func (c *composition) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct{ Name, Input string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	now := float64(time.Now().UnixMilli()) / 1000
	answer := map[string]any{"executionArn": machineARN + ":" + in.Name, "startDate": now}
	ctx := context.WithoutCancel(r.Context())
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".StartSyncExecution") {
		answer["stopDate"], answer["status"] = now, "SUCCEEDED"
		if err := c.execute(ctx, in.Input); err != nil {
			answer["status"], answer["error"], answer["cause"] = "FAILED", "Bench", err.Error()
		}
	} else {
		// The meter notices a failed one.
		c.running.Go(func() { _ = c.execute(ctx, in.Input) })
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_ = json.NewEncoder(w).Encode(answer) // the caller may be gone
}

// machineARN names the state machine.
const machineARN = "arn:aws:states:" + region + ":" + accountID + ":stateMachine:bellhop"

// execute takes one order the whole way.
func (c *composition) execute(ctx context.Context, input string) error {
	began := time.Now()
	r, err := c.record.Call(ctx, []byte(input))
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	var recorded struct {
		Outcome string
		Pushes  int
	}
	if err := json.Unmarshal(r.Payload, &recorded); err != nil {
		return fmt.Errorf("read what was recorded: %w", err)
	}
	if recorded.Outcome == "recorded" && recorded.Pushes > 0 {
		if _, err := c.notify.Call(ctx, r.Payload); err != nil {
			return fmt.Errorf("notify: %w", err)
		}
	}
	c.meter.executed(transitions, time.Since(began))
	return nil
}
