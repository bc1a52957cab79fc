package lambdaruntime

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// initTimeout is how long a process has until it asks for its first work.
const initTimeout = 10 * time.Second

// invocation is one run of a function.
type invocation struct {
	id      string
	payload []byte
	begun   time.Time
	done    chan outcome  // takes one
	over    chan struct{} // closed when the process asks for more work
}

type outcome struct {
	payload []byte
	failed  bool
}

// instance is one process of a function with a Runtime API of its own.
type instance struct {
	f       *Function
	cmd     *exec.Cmd
	server  *http.Server
	started time.Time
	work    chan *invocation // for next to hand out
	ready   chan struct{}    // closed when it first asks for work
	ended   chan struct{}    // closed when the process has ended

	unwanted atomic.Bool // it is killed for no fault of its own

	mu      sync.Mutex
	readyIn time.Duration // 0 until it asks for work
	current *invocation
	failure *outcome // of a failed start
}

func startInstance(f *Function) (*instance, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i := &instance{f: f, work: make(chan *invocation), ready: make(chan struct{}), ended: make(chan struct{}),
		started: time.Now()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", i.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", i.answer(false))
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", i.answer(true))
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", i.initError)
	i.server = &http.Server{Handler: mux}
	i.cmd = exec.Command(f.command[0], f.command[1:]...)
	i.cmd.Env = append(f.lambdaEnv(l.Addr().String()), f.env...)
	i.cmd.Stdout, i.cmd.Stderr = f.output, f.output
	ownGroup(i.cmd)
	if err := i.cmd.Start(); err != nil {
		l.Close()
		return nil, err
	}
	go i.server.Serve(l) // ends when wait closes it
	go i.wait()
	return i, nil
}

// lambdaEnv is the environment that Lambda sets for every function. Of this
// process's own it hands on only the folder for temporary files.
func (f *Function) lambdaEnv(api string) []string {
	return []string{
		"AWS_LAMBDA_RUNTIME_API=" + api, "AWS_LAMBDA_FUNCTION_NAME=" + f.Name, "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "_HANDLER=bootstrap",
		"AWS_REGION=" + Region, "AWS_DEFAULT_REGION=" + Region,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_SESSION_TOKEN=test",
		"TZ=:UTC", "LANG=en_US.UTF-8", "PATH=/usr/local/bin:/usr/bin/:/bin", "TMPDIR=" + os.TempDir(),
	}
}

func (i *instance) wait() {
	i.cmd.Wait() // how it ended is in its state
	i.server.Close()
	i.f.forget(i)
	close(i.ended)
	if i.f.Fell != nil && !i.unwanted.Load() {
		i.f.Fell()
	}
}

// kill ends the process and waits for its end.
func (i *instance) kill() {
	i.cmd.Process.Kill()
	<-i.ended
}

// remove kills a process for no fault of its own.
func (i *instance) remove() {
	i.unwanted.Store(true)
	i.kill()
}

func (i *instance) dead() bool {
	select {
	case <-i.ended:
		return true
	default:
		return false
	}
}

func (i *instance) init() time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.readyIn
}

// next is where the process asks for work. Between invocations it stands still.
func (i *instance) next(w http.ResponseWriter, r *http.Request) {
	if !i.asked() {
		i.idle()
	}
	freeze(i.cmd)
	defer thaw(i.cmd)
	select {
	case <-r.Context().Done():
	case inv := <-i.work:
		thaw(i.cmd) // a large event does not fit into the connection's buffers
		h := w.Header()
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.begun.Add(i.f.Timeout).UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", i.f.ARN)
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0")
		h.Set("Content-Type", "application/json")
		w.Write(inv.payload)
	}
}

func (i *instance) asked() (first bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if first = i.readyIn == 0; first {
		i.readyIn = max(time.Since(i.started), 1)
		close(i.ready)
	}
	return first
}

// idle gives the process back. Only now is its invocation over
// (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html).
func (i *instance) idle() {
	i.mu.Lock()
	inv := i.current
	i.current = nil
	i.mu.Unlock()
	i.f.put(i)
	if inv != nil {
		close(inv.over)
	}
}

// answer takes the outcome of an invocation. Lambda takes each once.
func (i *instance) answer(failed bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		payload, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
		broken := r.Trailer.Get("Lambda-Runtime-Function-Error-Type")
		if broken != "" {
			payload = encode(broken, "the answer broke off")
		}
		i.mu.Lock()
		inv := i.current
		i.mu.Unlock()
		switch {
		case err != nil:
			w.WriteHeader(http.StatusInternalServerError)
		case inv == nil || inv.id != r.PathValue("id"):
			refuse(w, http.StatusBadRequest, "InvalidRequestID", "no invocation of this id is under way")
		case len(payload) > maxPayload:
			inv.end(outcome{encode("Function.ResponseSizeTooLarge", fmt.Sprintf("the answer is above %d bytes", maxPayload)),
				true})
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		default:
			inv.end(outcome{payload, failed || broken != ""})
			w.WriteHeader(http.StatusAccepted)
		}
	}
}

func (inv *invocation) end(o outcome) {
	select {
	case inv.done <- o:
	default: // it has ended already
	}
}

// initError takes why a process could not start.
func (i *instance) initError(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(io.LimitReader(r.Body, maxPayload))
	if err == nil {
		i.mu.Lock()
		i.failure = &outcome{payload, true}
		i.mu.Unlock()
	}
	w.WriteHeader(http.StatusAccepted)
}

// invoke hands the process an invocation and waits for its end.
func (i *instance) invoke(ctx context.Context, inv *invocation) (r Result, err error) {
	select {
	case <-i.ready:
	case <-i.ended:
		return i.outcome(inv), nil
	case <-time.After(initTimeout):
		i.kill()
		return failure(TypeTimedOut, fmt.Sprintf("RequestId: %s Error: Init phase timed out after %v", inv.id,
			initTimeout)), nil
	case <-ctx.Done():
		i.remove()
		return Result{}, ctx.Err()
	}
	inv.begun = time.Now()
	i.mu.Lock()
	i.current = inv
	i.mu.Unlock()
	select {
	case i.work <- inv:
	case <-i.ended:
		return i.outcome(inv), nil
	}
	defer func() { r.Took = time.Since(inv.begun) }()
	select {
	case <-inv.over:
		return i.outcome(inv), nil
	case <-i.ended:
		return i.outcome(inv), nil
	case <-time.After(i.f.Timeout):
		i.kill()
		return failure(TypeTimedOut, fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", inv.id,
			i.f.Timeout.Seconds())), nil
	case <-ctx.Done():
		i.remove()
		return Result{}, ctx.Err()
	}
}

// outcome returns the result of an invocation that is over, or whose process ended:
// its earlier answer, if any.
func (i *instance) outcome(inv *invocation) Result {
	i.mu.Lock()
	said := i.failure
	i.mu.Unlock()
	select {
	case o := <-inv.done:
		said = &o
	default:
	}
	if said != nil {
		return Result{Payload: said.payload, Failed: said.failed}
	}
	return failure(TypeExited, fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %v", inv.id,
		i.cmd.ProcessState))
}

func failure(kind, message string) Result {
	return Result{Payload: encode(kind, message), Failed: true}
}

func encode(kind, message string) []byte {
	b, err := json.Marshal(&Error{Type: kind, Message: message})
	if err != nil {
		panic(err) // two strings can always be encoded
	}
	return b
}
