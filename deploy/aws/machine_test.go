package aws_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"bellhop"
	"bellhop/host/lambdahost"
	"bellhop/internal/amazon"
	"bellhop/internal/lambdaruntime"
	"bellhop/internal/realserver"
)

const (
	recordARN = "arn:aws:lambda:us-east-1:000000000000:function:record"
	notifyARN = "arn:aws:lambda:us-east-1:000000000000:function:notify"
)

// definition writes the state machine as it is deployed, with the functions put
// in as the template does.
func definition(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("statemachine.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	ready := strings.NewReplacer("${RecordFunctionArn}", recordARN, "${NotifyFunctionArn}",
		notifyARN).Replace(string(text))
	path := filepath.Join(t.TempDir(), "statemachine.json")
	if err := os.WriteFile(path, []byte(ready), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// startMachine starts the state machine over a Lambda API.
func startMachine(t *testing.T, lambda string, express bool) *realserver.StepFunctions {
	t.Helper()
	s, err := realserver.StartStepFunctions(t.Context(), realserver.StateMachine{Definition: definition(t),
		Lambda: lambda, Express: express})
	realserver.Need(t, err)
	t.Cleanup(s.Stop)
	return s
}

// failure is how a function fails.
type failure struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

func (f *failure) Error() string { return f.Type }

// function acts as a Lambda function: n counts its calls from 1.
type function func(n int, in input) (any, error)

// input is the machine's input to either function.
type input struct {
	Message struct {
		Body       string         `json:"body"`
		Attributes map[string]any `json:"attributes"`
	} `json:"message"`
	Bury    *struct{ Reason string } `json:"bury"`
	Event   string                   `json:"event"`
	Outcome string                   `json:"outcome"`
	Pushes  int                      `json:"pushes"`
}

// functions is the part of the Lambda API that the state machine calls.
type functions struct {
	mu     sync.Mutex
	does   map[string]function
	called map[string][]input
}

// are sets what the functions do from now on.
func (f *functions) are(record, notify function) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.does = map[string]function{"record": record, "notify": notify}
	f.called = map[string][]input{}
}

func (f *functions) calls(name string) []input {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.called[name]
}

func (f *functions) invoke(w http.ResponseWriter, r *http.Request) {
	arn := r.PathValue("name")
	name := arn[strings.LastIndexByte(arn, ':')+1:]
	body, _ := io.ReadAll(r.Body)
	var in input
	if err := json.Unmarshal(body, &in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.called[name] = append(f.called[name], in)
	does, n := f.does[name], len(f.called[name])
	f.mu.Unlock()
	out, err := does(n, in)
	if err != nil {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		out = err
	}
	json.NewEncoder(w).Encode(out)
}

func serveFunctions(t *testing.T) (*functions, string) {
	f := &functions{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", f.invoke)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return f, srv.URL
}

// records answers as the function record does.
func records(outcome string, pushes int) function { return recordsFor(outcome, "", pushes) }

func recordsFor(outcome, reason string, pushes int) function {
	return func(int, input) (any, error) {
		return map[string]any{"event": "e1", "shop": "demo.myshopify.com", "order_id": "820982911946154508",
			"outcome": outcome, "reason": reason, "pushes": pushes}, nil
	}
}

func notifies(int, input) (any, error) {
	return map[string]any{"sent": 1, "failed": 0, "left": 0}, nil
}

// fails fails the first times, and then does as another.
func fails(times int, kind string, then function) function {
	return func(n int, in input) (any, error) {
		if n <= times {
			return nil, &failure{kind, "on purpose"}
		}
		return then(n, in)
	}
}

const always = 1 << 30

// deadLetters records nothing, and makes dead letters.
func deadLetters(n int, in input) (any, error) {
	if in.Bury != nil {
		return records("dead", 0)(n, in)
	}
	return nil, &failure{"bellhop.Unavailable", "the database is away"}
}

// body is as large as what travels by value may be; larger ones travel by
// reference.
var body = strings.Repeat("x", 180<<10)

// TestMachine runs the state machine that is deployed, over functions that do what
// each case says.
func TestMachine(t *testing.T) {
	f, url := serveFunctions(t)
	machines := map[bool]*realserver.StepFunctions{false: startMachine(t, url, true), true: startMachine(t, url, false)}
	for _, test := range []struct {
		name           string
		acknowledged   bool // by a Standard execution
		record, notify function
		status, err    string
		records, dead  int // calls
		notifies       int
		ends           string // state
	}{
		{name: "an order is recorded and the phone gets a push", record: records("recorded", 2), notify: notifies,
			status: "SUCCEEDED", records: 1, notifies: 1, ends: "Notify"},
		{name: "an order without a push", record: records("recorded", 0), notify: notifies,
			status: "SUCCEEDED", records: 1, ends: "Done"},
		{name: "a repeated order sends nothing", record: records("duplicate", 0), notify: notifies,
			status: "SUCCEEDED", records: 1, ends: "Done"},
		{name: "an event whose answer was lost sends the pushes that it may owe",
			record: recordsFor("duplicate", "redelivered", 0), notify: notifies,
			status: "SUCCEEDED", records: 1, notifies: 1, ends: "Notify"},
		{name: "a shop nobody has added sends nothing", record: records("skipped", 0), notify: notifies,
			status: "SUCCEEDED", records: 1, ends: "Done"},
		{name: "the database is away for a moment", record: fails(2, "bellhop.Unavailable", records("recorded", 1)),
			notify: notifies,
			status: "SUCCEEDED", records: 3, notifies: 1, ends: "Notify"},
		{name: "Lambda is throttled for a moment", record: fails(3, "Lambda.TooManyRequestsException",
			records("recorded", 1)), notify: notifies,
			status: "SUCCEEDED", records: 4, notifies: 1, ends: "Notify"},
		{name: "record is not attached to the network any more",
			record: fails(18, "Lambda.ResourceNotReadyException", records("recorded", 1)), notify: notifies,
			status: "SUCCEEDED", records: 19, notifies: 1, ends: "Notify"},
		{name: "record is being attached to the network",
			record: fails(18, "Lambda.ENINotReadyException", records("recorded", 1)), notify: notifies,
			status: "SUCCEEDED", records: 19, notifies: 1, ends: "Notify"},
		{name: "record is pending until it is attached",
			record: fails(18, "Lambda.ResourceConflictException", records("recorded", 1)), notify: notifies,
			status: "SUCCEEDED", records: 19, notifies: 1, ends: "Notify"},
		{name: "notify is not attached to the network any more", record: records("recorded", 1),
			notify: fails(always, "Lambda.ResourceNotReadyException", nil),
			status: "SUCCEEDED", records: 1, notifies: 1, ends: "ThePushStaysOwed"},
		{name: "record crashes once", record: fails(1, "Runtime.ExitError", records("recorded", 1)), notify: notifies,
			status: "SUCCEEDED", records: 2, notifies: 1, ends: "Notify"},
		{name: "the database stays away, and the queue has the message", record: deadLetters, notify: notifies,
			status: "FAILED", err: "bellhop.Unavailable", records: 4, ends: "GiveBack"},
		{name: "the database stays away, and nobody else has the message", acknowledged: true, record: deadLetters,
			notify: notifies,
			status: "FAILED", err: "bellhop.Unavailable", records: 4 + 25, dead: 1, ends: "GiveUp"},
		{name: "the database comes back after minutes", acknowledged: true,
			record: fails(10, "bellhop.Unavailable", records("recorded", 1)), notify: notifies,
			status: "SUCCEEDED", records: 11, notifies: 1, ends: "Notify"},
		{name: "the dead letter, too, succeeds late", acknowledged: true,
			record: fails(35, "bellhop.Unavailable", deadLetters), notify: notifies,
			status: "FAILED", err: "bellhop.Unavailable", records: 4 + 25, dead: 7, ends: "GiveUp"},
		{name: "poison", record: fails(always, "bellhop.Dead", nil), notify: notifies,
			status: "FAILED", err: "bellhop.Dead", records: 1, ends: "Dead"},
		{name: "poison, acknowledged", acknowledged: true, record: fails(always, "bellhop.Dead", nil), notify: notifies,
			status: "FAILED", err: "bellhop.Dead", records: 1, ends: "Dead"},
		{name: "poison that is found out late", acknowledged: true,
			record: fails(6, "bellhop.Unavailable", fails(always, "bellhop.Dead", nil)), notify: notifies,
			status: "FAILED", err: "bellhop.Dead", records: 7, ends: "Dead"},
		{name: "a message that is not ours", record: fails(always, "bellhop.NotOurs", nil), notify: notifies,
			status: "FAILED", err: "bellhop.NotOurs", records: 1, ends: "GiveBack"},
		{name: "notify fails for a moment", record: records("recorded", 1),
			notify: fails(2, "bellhop.Unavailable", notifies),
			status: "SUCCEEDED", records: 1, notifies: 3, ends: "Notify"},
		{name: "notify fails for good", record: records("recorded", 1),
			notify: fails(always, "bellhop.Unavailable", nil),
			status: "SUCCEEDED", records: 1, notifies: 3, ends: "ThePushStaysOwed"},
		{name: "notify crashes", acknowledged: true, record: records("recorded", 1),
			notify: fails(always, "Runtime.ExitError", nil),
			status: "SUCCEEDED", records: 1, notifies: 1, ends: "ThePushStaysOwed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f.are(test.record, test.notify)
			e := execute(t, machines[test.acknowledged], test.acknowledged)
			if e.Status != test.status || e.Error != test.err {
				t.Errorf("it ended with %s %s (%s); want %s %s", e.Status, e.Error, e.Cause, test.status, test.err)
			}
			if last := e.States[len(e.States)-1]; last != test.ends {
				t.Errorf("it went %s; want to end at %s", strings.Join(e.States, " → "), test.ends)
			}
			if test.err == "bellhop.Unavailable" && !strings.Contains(e.Cause, "away") &&
				!strings.Contains(e.Cause, "on purpose") {
				t.Errorf("the cause is %q", e.Cause)
			}
			checkCalls(t, f, test.records, test.dead, test.notifies)
		})
	}
}

// execute runs the machine once, as the function start does.
func execute(t *testing.T, m *realserver.StepFunctions, acknowledged bool) realserver.Execution {
	t.Helper()
	in, err := json.Marshal(map[string]any{"message": map[string]any{"body": body,
		"attributes": map[string]any{"bellhop": "{}"}},
		"attempt": 3, "acknowledged": acknowledged})
	if err != nil {
		t.Fatal(err)
	}
	request := map[string]any{"stateMachineArn": m.ARN, "input": string(in)}
	if !acknowledged {
		var e realserver.Execution
		if err := m.Call(t.Context(), "StartSyncExecution", request, &e); err != nil {
			t.Fatal(err)
		}
	} else {
		request["name"] = uuid.NewString()
		var started struct{ ExecutionArn string }
		if err := m.Call(t.Context(), "StartExecution", request, &started); err != nil {
			t.Fatal(err)
		}
		if err := m.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	all, err := m.Executions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all[len(all)-1]
}

func checkCalls(t *testing.T, f *functions, records, dead, notified int) {
	t.Helper()
	n := 0
	for _, in := range f.calls("record") {
		if in.Message.Body != body || in.Message.Attributes["bellhop"] != "{}" {
			t.Errorf("record got %d bytes of the body and %v", len(in.Message.Body), in.Message.Attributes)
		}
		if in.Bury != nil {
			n++
			if in.Bury.Reason != "recording failed for good: bellhop.Unavailable" {
				t.Errorf("it is a dead letter for %q", in.Bury.Reason)
			}
		}
	}
	if got := len(f.calls("record")); got != records+dead || n != dead {
		t.Errorf("record was called %d times, %d of them for dead letters; want %d and %d", got, n, records+dead, dead)
	}
	if got := len(f.calls("notify")); got != notified {
		t.Errorf("notify was called %d times, want %d", got, notified)
	}
	for _, in := range f.calls("notify") {
		if in.Event != "e1" || in.Pushes < 1 && in.Outcome != "duplicate" || in.Message.Body != "" {
			t.Errorf("notify got %+v", in)
		}
	}
}

// TestAStandardMessageRunsOnce shows that a message that SQS hands out twice starts one
// execution, and that a replayed dead letter of the same event starts another.
func TestAStandardMessageRunsOnce(t *testing.T) {
	f, url := serveFunctions(t)
	m := startMachine(t, url, false)
	f.are(records("recorded", 0), notifies)
	cfg, err := amazon.Load(t.Context(), amazon.Settings{Region: "us-east-1", Endpoint: m.Endpoint})
	if err != nil {
		t.Fatal(err)
	}
	start := &lambdahost.Start{Executions: lambdahost.NewStepFunctions(cfg, m.ARN), Standard: true,
		Log: slog.New(slog.DiscardHandler), Now: time.Now}
	in, err := amazon.Encode(&bellhop.Event{ID: bellhop.EventID{1, 15: 1}, Shop: "demo.myshopify.com",
		Topic: "orders/create", AcceptedAt: time.Now(), SignedBy: bellhop.SignerApp, Body: []byte(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	for i, message := range []string{"059f36b4-87a3-44ab-83d2-661975830a7d", "2e1424d4-f796-459a-8184-9c92662be6da"} {
		for attempt := range 2 {
			answer, err := start.Invoke(t.Context(), batchOf(t, message, attempt+1, in))
			if err != nil || string(answer) != `{"batchItemFailures":[]}` {
				t.Errorf("message %d, attempt %d: %s, %v", i+1, attempt+1, answer, err)
			}
			if err := m.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := len(f.calls("record")); n != i+1 {
				t.Errorf("after attempt %d of message %d, record was called %d times", attempt+1, i+1, n)
			}
		}
	}
}

// batchOf returns Lambda's event for one message.
func batchOf(t *testing.T, id string, attempt int, m amazon.Message) []byte {
	t.Helper()
	attributes := map[string]types.MessageAttributeValue{}
	for name, value := range m.Attributes {
		attributes[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
	}
	event, err := lambdaruntime.Event("arn:aws:sqs:us-east-1:000000000000:orders", []types.Message{{MessageId: &id,
		ReceiptHandle: aws.String("handle"), Body: &m.Body, MessageAttributes: attributes,
		Attributes: map[string]string{"ApproximateReceiveCount": strconv.Itoa(attempt)}}})
	if err != nil {
		t.Fatal(err)
	}
	return event
}

func TestMachineIsValid(t *testing.T) {
	command, err := realserver.NodeCommand("asl-validator/dist/bin/asl-validator.js", "--json-path", definition(t))
	realserver.Need(t, err)
	if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	text, err := os.ReadFile("statemachine.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []string{"JSONata", `"Assign"`, `"Arguments"`, `"Output"`, "states:::"} {
		if strings.Contains(string(text), foreign) {
			t.Errorf("%s: the stand-in would misread it", foreign)
		}
	}
	var placeholders []string
	for _, m := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(string(text), -1) {
		placeholders = append(placeholders, m[1])
	}
	slices.Sort(placeholders)
	substitutions := readTemplate(t).Resources["Machine"].Properties["DefinitionSubstitutions"].(map[string]any)
	for _, p := range slices.Compact(placeholders) {
		if substitutions[p] == nil {
			t.Errorf("the template puts nothing in for %s", p)
		}
		delete(substitutions, p)
	}
	if len(substitutions) > 0 {
		t.Errorf("the template puts in %v, and nothing asks for it", substitutions)
	}
}
