package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"bellhop/internal/lambdaruntime"
)

// sqsChunk is the size that counts as one request to SQS.
const sqsChunk = 64 << 10

// meter counts all that AWS would bill. Requests to SQS go through it.
type meter struct {
	to     string // the stand-in
	client *http.Client

	mu      sync.Mutex
	account *Account
	deleted int           // messages
	changed chan struct{} // closed and made anew when an order is done
}

func newMeter(to string) *meter {
	return &meter{to: strings.TrimSuffix(to, "/"), client: &http.Client{}, account: newAccount(),
		changed: make(chan struct{})}
}

// reset begins a new account and returns the one before.
func (m *meter) reset() *Account {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.account
	m.account, m.deleted = newAccount(), 0
	return a
}

// watch returns a function that notes a function's invocations. It does not count
// starts: their number depends on how orders come.
func (m *meter) watch(name string) func(lambdaruntime.Result) {
	return func(r lambdaruntime.Result) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.account.Invocations[name]++
		m.account.Billed[name] += billed(r.Took)
	}
}

// executed notes an execution of the state machine.
func (m *meter) executed(transitions int, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.account.Executions++
	m.account.Transitions += transitions
	m.account.Steps += int((took + 100*time.Millisecond - 1) / (100 * time.Millisecond))
	m.change()
}

// change wakes all waiters; the caller holds the lock.
func (m *meter) change() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// ServeHTTP hands a request on to SQS.
func (m *meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	ask := m.forward
	if operation == "ReceiveMessage" {
		ask = m.poll
	}
	out, status, header, err := ask(r, in)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	m.note(operation, in, out)
	for name, values := range header {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	w.Write(out)
}

func (m *meter) forward(r *http.Request, body []byte) (out []byte, status int, header http.Header, err error) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, m.to+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, 0, nil, err
	}
	req.Header = r.Header
	res, err := m.client.Do(req)
	if err != nil {
		return nil, 0, nil, err
	}
	defer res.Body.Close()
	out, err = io.ReadAll(res.Body)
	return out, res.StatusCode, res.Header, err
}

// poll forwards a receive. When one message comes the stand-in answers all that
// wait; SQS answers only the one that gets it.
func (m *meter) poll(r *http.Request, body []byte) (out []byte, status int, header http.Header, err error) {
	var in map[string]any
	if err := json.Unmarshal(body, &in); err != nil {
		return m.forward(r, body)
	}
	wait, _ := in["WaitTimeSeconds"].(float64) // absent: it doesn't wait
	for end := time.Now().Add(time.Duration(wait * float64(time.Second))); ; {
		var got struct{ Messages []message }
		out, status, header, err = m.forward(r, body)
		left := time.Until(end).Truncate(time.Second)
		if err != nil || status != http.StatusOK || json.Unmarshal(out, &got) != nil || len(got.Messages) > 0 || left <= 0 {
			return out, status, header, err
		}
		in["WaitTimeSeconds"] = int(left.Seconds())
		if body, err = json.Marshal(in); err != nil {
			return nil, 0, nil, err
		}
	}
}

// message is the part of a message that counts in a request to SQS or its answer.
type message struct {
	MessageBody, Body string // its name in requests, and in answers
	MessageAttributes map[string]struct{ DataType, StringValue string }
}

func (m *message) size() int {
	n := len(m.MessageBody) + len(m.Body)
	for name, a := range m.MessageAttributes {
		n += len(name) + len(a.DataType) + len(a.StringValue)
	}
	return n
}

// note counts a request: one for each 64 KiB that it moves.
func (m *meter) note(operation string, in, out []byte) {
	moved := in
	if operation == "ReceiveMessage" {
		moved = out
	}
	var v struct {
		message
		Entries, Messages []message
	}
	_ = json.Unmarshal(moved, &v) // a request without messages counts as one
	size := v.size()
	for _, msg := range append(v.Entries, v.Messages...) {
		size += msg.size()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.account.Requests[operation] += max(1, (size+sqsChunk-1)/sqsChunk)
	switch operation {
	case "ReceiveMessage":
		if len(v.Messages) == 0 {
			m.account.Empty++
		}
	case "DeleteMessageBatch":
		m.deleted += len(v.Entries)
		m.change()
	}
}

// until waits until so many messages were deleted and executions have ended.
func (m *meter) until(ctx context.Context, deleted, executions int) error {
	for {
		m.mu.Lock()
		done, changed := m.deleted >= deleted && m.account.Executions >= executions, m.changed
		m.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
