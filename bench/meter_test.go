package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bellhop/internal/lambdaruntime"
)

// askSQS sends a request as the SDK does.
func askSQS(t *testing.T, url, operation, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", operation, res.StatusCode, out, err)
	}
	return string(out)
}

func TestTheMeterCountsWhatIsBilled(t *testing.T) {
	receives := 0
	standIn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.Header.Get("X-Amz-Target"), "ReceiveMessage") {
			return
		}
		var in struct{ WaitTimeSeconds int }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		if receives++; receives == 1 { // at once, though it was to wait
			fmt.Fprint(w, `{}`)
		} else if in.WaitTimeSeconds > 0 {
			fmt.Fprintf(w, `{"Messages":[{"Body":"%s"},{"Body":"b"}]}`, strings.Repeat("x", sqsChunk))
		}
	}))
	defer standIn.Close()
	m := newMeter(standIn.URL)
	way := httptest.NewServer(m)
	defer way.Close()
	askSQS(t, way.URL, "SendMessage", `{"MessageBody":"a"}`)
	askSQS(t, way.URL, "SendMessage", `{"MessageBody":"a","MessageAttributes":{"x":{"DataType":"String","StringValue":"`+
		strings.Repeat("y", sqsChunk)+`"}}}`)
	if out := askSQS(t, way.URL, "ReceiveMessage", `{"WaitTimeSeconds":20}`); !strings.Contains(out, `"b"`) {
		t.Errorf("received %.20s", out)
	}
	askSQS(t, way.URL, "ReceiveMessage", `{"WaitTimeSeconds":0}`)
	askSQS(t, way.URL, "DeleteMessageBatch", `{"Entries":[{},{}]}`)
	m.watch("start")(lambdaruntime.Result{Took: 1500 * time.Microsecond})
	m.executed(transitions, 101*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := m.until(ctx, 2, 1); err != nil {
		t.Fatal(err)
	}
	a := m.reset()
	want := map[string]int{"SendMessage": 3, "ReceiveMessage": 3, "DeleteMessageBatch": 1}
	if fmt.Sprint(a.Requests) != fmt.Sprint(want) || a.Empty != 1 || a.Steps != 2 || a.Transitions != transitions {
		t.Errorf("%+v", a)
	}
	if a.Invocations["start"] != 1 || a.Billed["start"] != 2 {
		t.Errorf("%+v", a)
	}
	cancel()
	if err := m.until(ctx, 1, 0); err == nil {
		t.Error("after a reset something is deleted")
	}
}

func TestServersElsewhereAreNotLoaded(t *testing.T) {
	for _, o := range []Options{
		{Binary: "x", SQS: "http://192.0.2.1:4566"}, {Binary: "x", SQS: "https://sqs.us-east-1.amazonaws.com"},
		{Binary: "x", Postgres: "postgres://me:hush@db.example/x"}, {Binary: "x", Postgres: "me:hush"},
		{Binary: "x", RabbitMQ: "amqp://me:hush@mq.example/x"},
	} {
		if err := withDefaults(t, o).check(); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%+v: %v", o, err)
		}
	}
	o := Options{Binary: "x", SQS: "http://localhost:4566", Postgres: "postgres://me:hush@127.0.0.1:5432/x"}
	if err := withDefaults(t, o).check(); err != nil {
		t.Error(err)
	}
}

func TestWhatIsMissingIsSaidOnce(t *testing.T) {
	b := &bench{}
	for _, s := range b.able(b.steps()) {
		if len(s.needs) > 0 {
			t.Errorf("%s is measured without %s", s.title, s.needs[0])
		}
	}
	if strings.Count(b.skipped, "no Postgres") != 1 || !strings.Contains(b.skipped, "sending to SQS") ||
		strings.Contains(b.skipped, "\n") {
		t.Errorf("it says %q", b.skipped)
	}
	b = &bench{Options: Options{Postgres: "x", RabbitMQ: "x", SQS: "x"}, source: "x"}
	if b.able(b.steps()); b.skipped != "" {
		t.Errorf("it says %q", b.skipped)
	}
}
