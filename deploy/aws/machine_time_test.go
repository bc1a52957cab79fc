package aws_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// retrier is one of a state's rules for trying again.
type retrier struct {
	IntervalSeconds, BackoffRate, MaxDelaySeconds float64
	MaxAttempts                                   int
}

// longest is how long a state may take: every try to its end, and every wait
// whole.
func longest(timeout float64, retry []retrier) float64 {
	total := timeout
	for _, r := range retry {
		wait := r.IntervalSeconds
		for range r.MaxAttempts {
			total += timeout + min(wait, max(r.MaxDelaySeconds, r.IntervalSeconds))
			wait *= max(r.BackoffRate, 1)
		}
	}
	return total
}

// TestMachineEndsInTime adds up how long executions may take.
func TestMachineEndsInTime(t *testing.T) {
	text, err := os.ReadFile("statemachine.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	var machine struct {
		TimeoutSeconds any
		States         map[string]struct {
			Type, Resource string
			TimeoutSeconds float64
			Retry          []retrier
		}
	}
	if err := json.Unmarshal(text, &machine); err != nil {
		t.Fatal(err)
	}
	tpl := readTemplate(t)
	timeout := func(function string) float64 {
		return number(t, function, tpl.Resources[function].Properties["Timeout"])
	}
	took := map[string]float64{}
	for name, s := range machine.States {
		if s.Type != "Task" {
			continue
		}
		function := strings.TrimSuffix(strings.TrimPrefix(s.Resource, "${"), "FunctionArn}")
		if s.TimeoutSeconds <= timeout(function) {
			t.Errorf("%s waits %v s, and its function may take %v s", name, s.TimeoutSeconds, timeout(function))
		}
		took[name] = longest(s.TimeoutSeconds, s.Retry)
	}
	if express := took["Record"] + took["Notify"]; express >= 300 {
		t.Errorf("an Express execution may take %v s, and is cut off after 300", express)
	}
	if took["Record"] >= timeout("Start") {
		t.Errorf("recording may take %v s, and start waits %v s", took["Record"], timeout("Start"))
	}
	if machine.TimeoutSeconds != nil {
		t.Errorf("the whole is cut off after %v s: Express ends at 300, Standard needs hours, and one file serves both",
			machine.TimeoutSeconds)
	}
	if all := took["Record"] + took["RecordPatiently"] + took["Bury"]; all >= 6*3600 {
		t.Errorf("a Standard execution may take %v s until its message is a dead letter", all)
	}
	if patient := took["RecordPatiently"]; patient < 2*3600 {
		t.Errorf("a Standard execution gives up after %v s", patient)
	}
}
