package lambdaruntime_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"

	"bellhop/internal/lambdaruntime"
)

// TestMain is a Lambda function where it finds itself run as one.
func TestMain(m *testing.M) {
	switch os.Getenv("FUNCTION_TEST") {
	case "":
		os.Exit(m.Run())
	case "stillborn":
		os.Exit(3)
	}
	lambda.Start(function)
}

type request struct {
	Do     string            `json:"do"`
	Word   string            `json:"word"`
	Body   string            `json:"body"`
	Header map[string]string `json:"headers"`
}

var count int

func function(ctx context.Context, r request) (any, error) {
	switch r.Do {
	case "echo":
		return r.Word, nil
	case "count":
		count++
		return count, nil
	case "env":
		return os.Environ(), nil
	case "deadline":
		d, _ := ctx.Deadline()
		return time.Until(d).Milliseconds(), nil
	case "fail":
		return nil, errors.New("it went wrong")
	case "typed":
		return nil, messages.InvokeResponse_Error{Type: "bellhop.Dead", Message: "typed"}
	case "panic":
		panic("it fell over")
	case "exit":
		os.Exit(7)
	case "hang":
		select {}
	}
	return map[string]any{"statusCode": 201, "headers": map[string]string{"X-Word": r.Header["x-word"]}, "body": r.Body},
		nil
}

func newServer(t *testing.T) *lambdaruntime.Server {
	t.Helper()
	s, err := lambdaruntime.Start(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newFunction(t *testing.T, s *lambdaruntime.Server) *lambdaruntime.Function {
	return s.Function("echo", []string{os.Args[0]}, "FUNCTION_TEST=yes")
}

func invoke(t *testing.T, f *lambdaruntime.Function, do, word string) lambdaruntime.Result {
	t.Helper()
	payload, err := json.Marshal(request{Do: do, Word: word})
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Invoke(t.Context(), payload)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAProcessServesOneInvocationAfterTheOther(t *testing.T) {
	f := newFunction(t, newServer(t))
	for i, want := range []string{"1", "2", "3"} {
		r := invoke(t, f, "count", "")
		if string(r.Payload) != want || r.Failed || r.Cold != (i == 0) || r.Cold != (r.Init > 0) {
			t.Errorf("invocation %d: %s, %+v", i, r.Payload, r)
		}
	}
	if n := f.Kill(); n != 1 || f.Starts() != 1 {
		t.Errorf("%d processes, %d starts", n, f.Starts())
	}
	if r := invoke(t, f, "count", ""); string(r.Payload) != "1" || !r.Cold {
		t.Errorf("after the kill: %s, %+v", r.Payload, r)
	}
}

func TestInvocationsAtOnceHaveProcessesOfTheirOwn(t *testing.T) {
	f := newFunction(t, newServer(t))
	f.Concurrency, f.Timeout = 2, 2*time.Second
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { invoke(t, f, "hang", "") })
	}
	both.Wait()
	if f.Starts() != 2 {
		t.Errorf("%d processes for two invocations at once", f.Starts())
	}
}

func TestFailures(t *testing.T) {
	f := newFunction(t, newServer(t))
	f.Timeout = time.Second
	for _, test := range []struct {
		do, kind, says string
		dies           bool
	}{
		{"fail", "errorString", "it went wrong", false},
		{"typed", "bellhop.Dead", "typed", false},
		{"panic", "string", "it fell over", true},
		{"exit", lambdaruntime.TypeExited, "exit status 7", true},
		{"hang", lambdaruntime.TypeTimedOut, "timed out after 1.00 seconds", true},
	} {
		r := invoke(t, f, test.do, "")
		var e *lambdaruntime.Error
		if !errors.As(r.Err(), &e) || e.Type != test.kind || !strings.Contains(e.Message, test.says) {
			t.Errorf("%s: %s", test.do, r.Payload)
		}
		if again := invoke(t, f, "echo", "x"); again.Cold != test.dies || again.Failed {
			t.Errorf("after %s: %+v %s", test.do, again, again.Payload)
		}
	}
}

func TestAProcessThatCannotStart(t *testing.T) {
	s := newServer(t)
	r := invoke(t, s.Function("stillborn", []string{os.Args[0]}, "FUNCTION_TEST=stillborn"), "echo", "")
	if r.Err() == nil || !strings.Contains(r.Err().Error(), "Runtime.ExitError") {
		t.Errorf("%+v %s", r, r.Payload)
	}
	if _, err := s.Function("nothing", []string{"/nowhere/bootstrap"}).Invoke(t.Context(), nil); err == nil {
		t.Error("a program that isn't there was run")
	}
}

func TestAFunctionSeesItsOwnEnvironmentAlone(t *testing.T) {
	t.Setenv("BELLHOP_LEAKED", "yes")
	f := newFunction(t, newServer(t))
	if r := invoke(t, f, "env", ""); !bytes.Contains(r.Payload, []byte("FUNCTION_TEST=yes")) ||
		bytes.Contains(r.Payload, []byte("LEAKED")) {
		t.Errorf("%s", r.Payload)
	}
	f.Kill()
	f.Timeout = 5 * time.Second
	var left int
	if r := invoke(t, f, "deadline", ""); json.Unmarshal(r.Payload, &left) != nil || left > 5000 || left < 3000 {
		t.Errorf("%s ms are left of 5 s", r.Payload)
	}
}

func TestADoneContextEndsTheProcess(t *testing.T) {
	f := newFunction(t, newServer(t))
	invoke(t, f, "echo", "warm")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := f.Invoke(ctx, []byte(`{"do":"hang"}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if r := invoke(t, f, "echo", "x"); !r.Cold {
		t.Error("the process that was at work serves on")
	}
}

func TestInvokeAPI(t *testing.T) {
	s := newServer(t)
	f := newFunction(t, s)
	f.Timeout = 5 * time.Second
	post := func(name, body string) (*http.Response, string) {
		t.Helper()
		resp, err := http.Post(s.InvokeURL()+"/2015-03-31/functions/"+name+"/invocations", "application/json",
			strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(answer)
	}
	for _, name := range []string{"echo", "echo:$LATEST",
		"arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aecho",
		"arn:aws:lambda:us-east-1:000000000000:function:echo:7"} {
		if resp, answer := post(name, `{"do":"echo","word":"hi"}`); resp.StatusCode != 200 || answer != `"hi"` ||
			resp.Header.Get("X-Amz-Function-Error") != "" {
			t.Errorf("%s: %d %s", name, resp.StatusCode, answer)
		}
	}
	if resp, answer := post("echo", `{"do":"typed"}`); resp.StatusCode != 200 ||
		resp.Header.Get("X-Amz-Function-Error") != "Unhandled" ||
		!strings.Contains(answer, `"errorType":"bellhop.Dead"`) {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, answer)
	}
	if resp, answer := post("nobody", `{}`); resp.StatusCode != 404 ||
		resp.Header.Get("X-Amzn-ErrorType") != "ResourceNotFoundException" {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	if resp, answer := post("echo", `{`); resp.StatusCode != 400 {
		t.Errorf("no JSON: %d %s", resp.StatusCode, answer)
	}
	if resp, _ := post("echo", `"`+strings.Repeat("x", 6<<20)+`"`); resp.StatusCode != 413 {
		t.Errorf("too large: %d", resp.StatusCode)
	}
}

func TestFunctionURL(t *testing.T) {
	f := newFunction(t, newServer(t))
	site := httptest.NewServer(f.URL())
	defer site.Close()
	req, err := http.NewRequest(http.MethodPost, site.URL+"/any", strings.NewReader(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header["X-Word"] = []string{"one", "two"}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 201 || string(body) != `{"a":1}` || resp.Header.Get("X-Word") != "one,two" {
		t.Errorf("%d %s %v %v", resp.StatusCode, body, resp.Header, err)
	}
}
