package aws_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// retrier is one of a state's rules for trying again.
type retrier struct {
	ErrorEquals                                   []string
	IntervalSeconds, BackoffRate, MaxDelaySeconds float64
	MaxAttempts                                   int
	JitterStrategy                                string
}

// detached reports whether a rule is for a function that Lambda has detached from the
// network: it refuses such calls at once.
func (r retrier) detached() bool {
	return slices.Contains(r.ErrorEquals, "Lambda.ResourceNotReadyException")
}

// longest is how long a state may take: every try to its end, and every wait whole. attach is the
// part of it that attaching the function to the network may take.
func longest(timeout float64, retry []retrier) (total, attach float64) {
	total = timeout
	for _, r := range retry {
		wait := r.IntervalSeconds
		for range r.MaxAttempts {
			waited := min(wait, max(r.MaxDelaySeconds, r.IntervalSeconds))
			wait *= max(r.BackoffRate, 1)
			total += waited
			if r.detached() {
				attach += waited
			} else {
				total += timeout
			}
		}
	}
	return total, attach
}

// patience is how long a state waits between its tries on average: FULL jitter takes any part of a wait
// (https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_stepfunctions.JitterType.html).
func patience(retry []retrier) (total float64) {
	for _, r := range retry {
		waits, _ := longest(0, []retrier{r})
		if r.JitterStrategy == "FULL" {
			waits /= 2
		}
		total += waits
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
	took, attach := map[string]float64{}, map[string]float64{}
	for name, s := range machine.States {
		if s.Type != "Task" {
			continue
		}
		function := strings.TrimSuffix(strings.TrimPrefix(s.Resource, "${"), "FunctionArn}")
		if s.TimeoutSeconds <= timeout(function) {
			t.Errorf("%s waits %v s, and its function may take %v s", name, s.TimeoutSeconds, timeout(function))
		}
		took[name], attach[name] = longest(s.TimeoutSeconds, s.Retry)
	}
	if express := took["Record"] + took["Notify"]; express >= 300 {
		t.Errorf("an Express execution may take %v s, and is cut off after 300", express)
	}
	if attach["Record"] != 90 {
		t.Errorf("Lambda has %v s to attach record to the network", attach["Record"])
	}
	record := machine.States["Record"].TimeoutSeconds
	for what, takes := range map[string]float64{"through all other troubles": took["Record"] - attach["Record"],
		"once it is attached to the network": attach["Record"] + record} {
		if takes >= timeout("Start") {
			t.Errorf("recording %s may take %v s, and start waits %v s", what, takes, timeout("Start"))
		}
	}
	if machine.TimeoutSeconds != nil {
		t.Errorf("the whole is cut off after %v s: Express ends at 300, Standard needs hours, and one file serves both",
			machine.TimeoutSeconds)
	}
	if all := took["Record"] + took["RecordPatiently"] + took["Bury"]; all >= 12*3600 {
		t.Errorf("a Standard execution may take %v s until its message is a dead letter", all)
	}
	for state, least := range map[string]float64{"RecordPatiently": 2.5 * 3600, "Bury": 2 * 3600} {
		if waits := patience(machine.States[state].Retry); waits < least {
			t.Errorf("%s gives up after %v s on average", state, waits)
		}
	}
}
