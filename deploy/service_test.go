package deploy_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// service is one process as a deployment describes it.
type service struct {
	name string
	args []string
	env  map[string]string

	before []string // the command that has to succeed first; nil for none
}

// running is a service that was started on the stage.
type running struct {
	service
	stage *stage
	host  string
	cmd   *exec.Cmd
	ended chan struct{}

	mu  sync.Mutex
	log strings.Builder
}

// command returns the service's command line and environment as they are here.
func (s *stage) command(v service, host string) *exec.Cmd {
	args := make([]string, len(v.args))
	for i, a := range v.args {
		if args[i] = a; strings.HasPrefix(a, "127.0.0.1:") {
			args[i] = onHost(a, host)
		}
	}
	cmd := exec.Command(s.program, args...)
	cmd.Dir = s.t.TempDir()
	// Nothing of this process's own settings.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir}
	for name, value := range v.env {
		cmd.Env = append(cmd.Env, name+"="+s.localized(name, value, host))
	}
	if s.confined {
		s.confine(cmd)
	}
	return cmd
}

// confine makes this test program become the command, under the rules of
// MemoryDenyWriteExecute=yes.
func (s *stage) confine(cmd *exec.Cmd) {
	if !canConfine() {
		s.t.Log("this kernel can't forbid memory that is both written and executed: not tried")
		return
	}
	cmd.Path, cmd.Args = os.Args[0], append([]string{os.Args[0], cmd.Path}, cmd.Args[1:]...)
	cmd.Env = append(cmd.Env, confineKey+"=1")
}

// once runs a service that ends by itself.
func (s *stage) once(v service) {
	s.t.Helper()
	cmd := s.command(v, newHost())
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v: %s", v.name, err, out)
	}
}

// start starts a service and waits until it says that it is ready, and answers so
// where it is asked.
func (s *stage) start(v service) *running {
	s.t.Helper()
	if v.before != nil {
		s.once(service{name: v.name, args: v.before, env: v.env})
	}
	r := &running{service: v, stage: s, host: newHost()}
	r.start(s.command(v, r.host))
	s.t.Cleanup(r.end)
	return r
}

func (r *running) start(cmd *exec.Cmd) {
	t := r.stage.t
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.cmd, r.ended = cmd, make(chan struct{})
	cmd.Stdout, cmd.Stderr = in, in
	cmd.SysProcAttr = dieWithParent()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	ready := make(chan struct{})
	go r.read(out, ready)
	select {
	case <-ready:
	case <-r.ended:
		t.Fatalf("%s ended before it was ready: %s", r.name, r.said())
	case <-time.After(patience):
		t.Fatalf("%s does not get ready: %s", r.name, r.said())
	}
	r.probe()
}

func (r *running) read(out io.ReadCloser, ready chan<- struct{}) {
	defer close(r.ended)
	defer out.Close()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		r.mu.Lock()
		fmt.Fprintln(&r.log, lines.Text())
		r.mu.Unlock()
		if ready != nil && strings.Contains(lines.Text(), `"msg":"ready"`) {
			close(ready)
			ready = nil
		}
	}
	r.cmd.Wait() // how it ended is asked of its state
}

func (r *running) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// probe asks as an orchestrator does.
func (r *running) probe() {
	t := r.stage.t
	t.Helper()
	address, ok := r.env["BELLHOP_METRICS_ADDR"]
	if !ok {
		return
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		answer, err := http.Get("http://" + onHost(address, r.host) + path)
		if err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		body, _ := io.ReadAll(answer.Body)
		if answer.Body.Close(); answer.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s with %d: %s", r.name, path, answer.StatusCode, body)
		}
	}
}

// end asks the process to end, as all that runs it does, and wants it to drain.
func (r *running) end() {
	t := r.stage.t
	select {
	case <-r.ended:
		if r.cmd.ProcessState != nil && r.cmd.ProcessState.Success() {
			return // it was ended before
		}
	default:
		r.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.cmd.Process.Kill()
		<-r.ended
	}
	if !r.cmd.ProcessState.Success() {
		t.Errorf("%s ended with %v: %s", r.name, r.cmd.ProcessState, r.said())
	}
}

// replace ends the process and starts it anew at the same address, as an upgrade
// does.
func (r *running) replace() {
	r.stage.t.Helper()
	r.end()
	r.start(r.stage.command(r.service, r.host))
}
