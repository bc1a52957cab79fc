// Package realserver starts the servers that bellhop's drivers talk to, for
// tests and measurements: the real ones where they can be had, stand-ins that
// speak the same protocol where not. Each is private to the process that
// started it, listens on loopback alone, and ends with that process, however it
// ends.
package realserver

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// ErrMissing is why a server can't be started: it isn't installed.
var ErrMissing = errors.New("not installed; make test installs it")

// Need skips a test when the error says that a server is not installed, unless
// all tests have to run, and fails it for any other error.
func Need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrMissing) && os.Getenv("BELLHOP_TEST_ALL") == "":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// SkipExamples skips a test program's examples unless their server is installed, as [Need] skips
// tests: an example can't skip itself.
func SkipExamples(installed error) {
	if errors.Is(installed, ErrMissing) && os.Getenv("BELLHOP_TEST_ALL") == "" {
		flag.Set("test.skip", "^Example")
	}
}

// process is a server that ends when its standard input does, and so with the
// process that holds the other end.
type process struct {
	dir   string // [os.DevNull] for none
	cmd   *exec.Cmd
	stdin io.WriteCloser
	said  tail
	ended chan struct{}
	stop  sync.Once
}

// guarded runs a command and ends it once standard input ends. Without a word
// before that end nobody is left who wants its folder, and it is deleted.
const guarded = `signal=$1 dir=$2; shift 2
"$@" </dev/null & pid=$!
(read -r word; [ "$word" ] || touch "$dir/abandoned"; kill -"$signal" $pid) <&3 2>/dev/null &
wait $pid
[ -e "$dir/abandoned" ] && rm -rf "$dir"
kill 0`

// start runs a command in a process group of its own. dir is deleted if this
// process dies; signal asks the server to stop.
func start(dir, signal string, env []string, command ...string) (*process, error) {
	p := &process{dir: dir, ended: make(chan struct{})}
	p.cmd = exec.Command("sh", append([]string{"-c", "exec 3<&0; " + guarded, "sh", signal, dir}, command...)...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	ownGroup(p.cmd)
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = stdin
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait() // its output says how it ended
		close(p.ended)
	}()
	return p, nil
}

// Stop ends the server and waits for it.
func (p *process) Stop() {
	p.stop.Do(func() {
		io.WriteString(p.stdin, "stop\n") // fails if it has ended by itself
		p.stdin.Close()
	})
	<-p.ended
}

// Close ends the server and deletes its files.
func (p *process) Close() error {
	p.Stop()
	if p.dir == os.DevNull {
		return nil
	}
	return os.RemoveAll(p.dir)
}

// Kill ends the server at once, as a power cut would.
func (p *process) Kill() {
	killGroup(p.cmd)
	<-p.ended
}

// patience is how long a server may take to answer for the first time.
const patience = 3 * time.Minute

// ready waits until ask returns nil.
func (p *process) ready(ctx context.Context, name string, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended by itself: %s", name, p.said.String())
		case <-ctx.Done():
			p.Stop()
			return fmt.Errorf("%s did not get ready: %w: %s", name, err, p.said.String())
		case <-tick.C:
		}
	}
}

// answers requests a page and accepts any answer.
func answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
}

// place makes a folder for a server, and finds an address.
func place(prefix string) (dir, addr string, err error) {
	port, err := FreePort()
	if err == nil {
		dir, err = os.MkdirTemp("", prefix)
	}
	return dir, fmt.Sprint("127.0.0.1:", port), err
}

// FreePort returns a TCP port on loopback that nothing listened on just now. It
// keeps below the ports that systems give to outgoing connections: the thousands
// that other tests open would take it before the server does.
func FreePort() (int, error) {
	const first, last, tries = 15000, 32000, 100
	for try := 1; ; try++ {
		port := first + rand.IntN(last-first)
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			return port, l.Close()
		}
		if try == tries {
			return 0, fmt.Errorf("find a free port: %w", err)
		}
	}
}

// FreeAddress returns an address at a [FreePort]. A process that ends and starts
// again finds it free each time.
func FreeAddress(t testing.TB) string {
	t.Helper()
	port, err := FreePort()
	must(t, err)
	return fmt.Sprint("127.0.0.1:", port)
}

// find returns a program from PATH or from one of the folders that some systems
// keep it in.
func find(name string, folders ...string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, pattern := range folders {
		if found, _ := filepath.Glob(filepath.Join(pattern, name)); len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, ErrMissing)
}

// NodeModules returns the folder with the servers for Node.
func NodeModules() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(file), "node", "node_modules")
	if _, err := os.Stat(filepath.Join(dir, ".installed")); err != nil {
		return "", fmt.Errorf("the servers that run on Node: %w", ErrMissing)
	}
	return dir, nil
}

// NodeCommand returns the command line that runs a program of [NodeModules], such as
// "asl-validator/dist/bin/asl-validator.js", with its listeners moved to loopback.
func NodeCommand(program string, args ...string) ([]string, error) {
	modules, err := NodeModules()
	if err != nil {
		return nil, err
	}
	loopback := filepath.Join(filepath.Dir(modules), "loopback.cjs")
	return append([]string{filepath.Join(modules, ".bin", "node"), "--require", loopback,
		filepath.Join(modules, program)}, args...), nil
}

// startNode starts a program of [NodeModules] that listens at a port of its own, by a
// variable, and answers at a path once it is ready.
func startNode(ctx context.Context, program, port, path string, env ...string) (p *process, endpoint string,
	err error) {
	command, err := NodeCommand(program)
	if err != nil {
		return nil, "", err
	}
	n, err := FreePort()
	if err != nil {
		return nil, "", err
	}
	endpoint = fmt.Sprint("http://127.0.0.1:", n)
	if p, err = start(os.DevNull, "TERM", append(env, fmt.Sprint(port, "=", n)), command...); err != nil {
		return nil, "", err
	}
	return p, endpoint, p.ready(ctx, program, answers(endpoint+path))
}

// Script is a program for Node that is no stand-in.
type Script struct {
	*process
	Endpoint string // http://HOST:PORT
}

// Said returns the end of its output.
func (s *Script) Said() string { return s.said.String() }

// StartScript starts a program that listens at PORT on loopback. It finds what is in [NodeModules].
func StartScript(ctx context.Context, path string, env ...string) (*Script, error) {
	modules, err := NodeModules()
	if err != nil {
		return nil, err
	}
	n, err := FreePort()
	if err != nil {
		return nil, err
	}
	endpoint := fmt.Sprint("http://127.0.0.1:", n)
	p, err := start(os.DevNull, "TERM", append(env, fmt.Sprint("PORT=", n), "NODE_PATH="+modules),
		filepath.Join(modules, ".bin", "node"), path)
	if err != nil {
		return nil, err
	}
	return &Script{p, endpoint}, p.ready(ctx, path, answers(endpoint))
}

// tail keeps the end of a server's output.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - 4096; over > 0 {
		t.buf = t.buf[over:]
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(bytes.ToValidUTF8(t.buf, nil)))
}
