package realserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// StepFunctions is a stand-in for Step Functions that holds one state machine. It
// answers StartSyncExecution (Express alone), StartExecution and
// DescribeExecution.
//
// It keeps nothing when it ends, and differs from Step Functions: it knows no
// JSONata and no Assign, enforces the limit of 256 KiB on the input alone, and
// gives a failed task's cause as "TYPE: MESSAGE", where the real one has JSON.
type StepFunctions struct {
	*process
	Endpoint string // http://HOST:PORT
	ARN      string // of the state machine
}

// StateMachine is a state machine for a [StepFunctions] to run.
type StateMachine struct {
	Definition string // a file in the Amazon States Language, without placeholders
	Lambda     string // address of the Lambda API that its tasks call
	Express    bool   // else Standard
}

// StartStepFunctions starts a state machine. Its retries wait no longer than it
// takes to see that they do.
func StartStepFunctions(ctx context.Context, m StateMachine) (*StepFunctions, error) {
	const arn = "arn:aws:states:us-east-1:000000000000:stateMachine:bellhop"
	express := "0"
	if m.Express {
		express = "1"
	}
	p, endpoint, err := startNode(ctx, "../stepfunctions.cjs", "PORT", executions, "DEFINITION="+m.Definition,
		"MACHINE_ARN="+arn, "EXPRESS="+express, "RETRY_MS=5", "AWS_ENDPOINT_URL_LAMBDA="+m.Lambda,
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_MAX_ATTEMPTS=1",
		"AWS_SESSION_TOKEN=")
	if p == nil {
		return nil, err
	}
	return &StepFunctions{p, endpoint, arn}, err
}

const executions = "/_/executions"

// Execution is an execution of a state machine.
type Execution struct {
	Name   string   `json:"name"`
	Input  string   `json:"input"`
	Status string   `json:"status"` // RUNNING, SUCCEEDED, FAILED, TIMED_OUT
	Output string   `json:"output"`
	Error  string   `json:"error"`
	Cause  string   `json:"cause"`
	States []string `json:"states"` // in the order of entering; a retry adds its state again
}

// Executions lists all executions, in the order of the starts.
func (s *StepFunctions) Executions(ctx context.Context) (all []Execution, err error) {
	err = s.do(ctx, http.MethodGet, executions, nil, "", &all)
	return all, err
}

// Wait returns once every started execution has ended.
func (s *StepFunctions) Wait(ctx context.Context) error {
	return s.do(ctx, http.MethodGet, "/_/wait", nil, "", &struct{}{})
}

// Call makes one call of the API, as "StartExecution".
func (s *StepFunctions) Call(ctx context.Context, action string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return s.do(ctx, http.MethodPost, "", body, "AWSStepFunctions."+action, out)
}

func (s *StepFunctions) do(ctx context.Context, method, path string, in []byte, target string, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, s.Endpoint+path, bytes.NewReader(in))
	if err != nil {
		return err
	}
	req.Header.Set("X-Amz-Target", target)
	req.Close = true // Node ends connections that are idle for 5 s, and a request may meet that
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("it says %d: %s", res.StatusCode, body)
	}
	return json.Unmarshal(body, out)
}
