package lambdaruntime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Function is one function. It runs in as many processes as it has invocations
// at once.
type Function struct {
	Name string
	ARN  string
	// Timeout is how long an invocation may take before its process is killed.
	Timeout time.Duration
	// Concurrency is how many invocations go on at once; more wait.
	Concurrency int
	// Fell, if set, gets a call for each process that ended by itself or because
	// its time was up.
	Fell func()
	// Watch, if set, gets each invocation once it is over, from many goroutines
	// at once.
	Watch func(Result)

	command []string
	output  io.Writer

	once  sync.Once
	slots chan struct{}

	mu     sync.Mutex
	env    []string
	idle   []*instance
	all    map[*instance]bool
	starts int
	closed bool
}

// The account and region that functions see.
const (
	Region  = "us-east-1"
	Account = "000000000000"
)

func newFunction(name string, command, env []string, output io.Writer) *Function {
	return &Function{
		Name: name, ARN: "arn:aws:lambda:" + Region + ":" + Account + ":function:" + name,
		Timeout: 30 * time.Second, Concurrency: 10,
		command: command, env: env, output: output, all: map[*instance]bool{},
	}
}

// Result is the outcome of an invocation.
type Result struct {
	RequestID string
	Payload   []byte // the answer, or an error as JSON
	Failed    bool   // Payload is an error: returned, panicked, timed out or ended
	// Cold says that a process was started for it; Init is how long that took
	// until it asked for work.
	Cold bool
	Init time.Duration
	Took time.Duration // without Init
}

// Error is how a function's failure looks to the caller.
type Error struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

func (e *Error) Error() string { return e.Type + ": " + e.Message }

// The types of errors that the service makes by itself.
const (
	TypeTimedOut = "Sandbox.Timedout"
	TypeExited   = "Runtime.ExitError"
)

// Err returns the failure as an [*Error], or nil.
func (r Result) Err() error {
	if !r.Failed {
		return nil
	}
	e := &Error{}
	if err := json.Unmarshal(r.Payload, e); err != nil {
		return fmt.Errorf("the function failed with %q: %w", r.Payload, err)
	}
	return e
}

var errClosed = errors.New("the server is closed")

// Invoke runs the function once. The result holds the function's own failure. The
// error means that it could not run at all, or that ctx was done; then Invoke kills
// its process.
func (f *Function) Invoke(ctx context.Context, payload []byte) (Result, error) {
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	f.once.Do(func() { f.slots = make(chan struct{}, max(f.Concurrency, 1)) })
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
	inv := &invocation{id: uuid.NewString(), payload: payload, done: make(chan outcome, 1), over: make(chan struct{})}
	i, cold, err := f.take()
	if err != nil {
		return Result{}, err
	}
	r, err := i.invoke(ctx, inv)
	r.RequestID, r.Cold = inv.id, cold
	if cold {
		r.Init = i.init()
	}
	if err == nil && f.Watch != nil {
		f.Watch(r)
	}
	return r, err
}

// Call is Invoke, with the function's own failure as the error, too.
func (f *Function) Call(ctx context.Context, payload []byte) (Result, error) {
	r, err := f.Invoke(ctx, payload)
	if err == nil {
		err = r.Err()
	}
	return r, err
}

// take returns an idle process, the last used first, or a new one.
func (f *Function) take() (i *instance, cold bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, false, errClosed
	}
	for n := len(f.idle) - 1; n >= 0; n-- {
		i, f.idle = f.idle[n], f.idle[:n]
		if !i.dead() {
			return i, false, nil
		}
	}
	if i, err = startInstance(f); err != nil {
		return nil, false, fmt.Errorf("start function %s: %w", f.Name, err)
	}
	f.all[i] = true
	f.starts++
	return i, true, nil
}

// put makes a process idle that asks for more work.
func (f *Function) put(i *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.idle = append(f.idle, i)
}

func (f *Function) forget(i *instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, i)
}

// SetEnv changes the environment of processes that start from now on.
func (f *Function) SetEnv(env ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.env = env
}

// Starts returns how many processes were started so far: cold starts.
func (f *Function) Starts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.starts
}

// Kill kills the function's processes, idle or at work, and returns how many
// there were. The next invocation starts a new one.
func (f *Function) Kill() int {
	f.mu.Lock()
	all := slices.Collect(maps.Keys(f.all))
	f.mu.Unlock()
	for _, i := range all {
		i.remove()
	}
	return len(all)
}

func (f *Function) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.Kill()
}
