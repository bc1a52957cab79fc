package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"bellhop/internal/wait"
)

// server is a bellhop under measurement.
type server struct {
	*child
	addr string // of the webhooks and the API
	ops  string // of /metrics
	http *http.Client
	took time.Duration // from the start until it was ready
}

// serve starts bellhop on a folder of data, and waits until it is ready.
func (b *bench) serve(ctx context.Context, dir string, env []string, args ...string) (*server, error) {
	return b.serveBy(ctx, b.Binary, dir, env, append([]string{"serve"}, args...)...)
}

// serveBy is serve by any command of a program that does.
func (b *bench) serveBy(ctx context.Context, program, dir string, env []string, command ...string) (*server, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return b.serveAt(ctx, addr, program, dir, env, command...)
}

// serveAt is serveBy at an address. Metrics have a listener of their own: on the main one they
// may be a second old.
func (b *bench) serveAt(ctx context.Context, addr, program, dir string, env []string,
	command ...string) (*server, error) {
	s, err := b.startServer(ctx, program, dir, append(env, "BELLHOP_ADDR="+addr), command...)
	if err == nil {
		s.addr = addr
		s.took, err = s.ready(ctx, "http://"+addr+"/readyz")
	}
	return s, err
}

// work starts a worker without a server, which records.
func (b *bench) work(ctx context.Context, dir string, env []string) (*server, error) {
	s, err := b.startServer(ctx, b.Binary, dir, env, "worker", "--steps", "record")
	if err == nil {
		err = s.listening(ctx, s.ops)
	}
	return s, err
}

func (b *bench) startServer(ctx context.Context, program, dir string, env []string,
	command ...string) (*server, error) {
	ops, err := freeAddress()
	if err != nil {
		return nil, err
	}
	c, err := b.start(ctx, program, append(env, "BELLHOP_METRICS_ADDR="+ops, "BELLHOP_DIR="+dir), command...)
	return &server{child: c, ops: ops, http: &http.Client{Timeout: 30 * time.Second}}, err
}

// running runs fn on a bellhop on a folder of data, and ends it.
func (b *bench) running(ctx context.Context, dir string, env []string, fn func(*server) error, args ...string) error {
	s, err := b.serve(ctx, dir, env, args...)
	if err != nil {
		return err
	}
	return s.during(fn)
}

// during runs fn, and then ends the server.
func (s *server) during(fn func(*server) error) error {
	defer s.kill()
	if err := fn(s); err != nil {
		return err
	}
	return s.stop()
}

// metrics asks for /metrics once and returns the series that are named, such as
// `bellhop_queue_events{state="waiting"}`. One that is not there is 0.
func (s *server) metrics(ctx context.Context, series ...string) (map[string]float64, error) {
	text, err := s.call(ctx, http.MethodGet, s.ops, "/metrics", "", nil, nil)
	if err != nil {
		return nil, err
	}
	found := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if slices.Contains(series, name) {
			if found[name], err = strconv.ParseFloat(value, 64); err != nil {
				return nil, fmt.Errorf("read %s from /metrics: %w", name, err)
			}
		}
	}
	return found, nil
}

// The series that say how far bellhop is.
const (
	seriesWaiting  = `bellhop_queue_events{state="waiting"}`
	seriesLeased   = `bellhop_queue_events{state="leased"}`
	seriesRecorded = `bellhop_ledger_events{outcome="recorded"}`
	seriesSent     = `bellhop_pushes{status="sent"}`
)

// until asks for metrics again and again until enough returns true. It fails after
// limit.
func (s *server) until(ctx context.Context, limit time.Duration,
	enough func(m map[string]float64) bool, series ...string) (map[string]float64, error) {
	for deadline := time.Now().Add(limit); ; {
		m, err := s.metrics(ctx, series...)
		if err != nil {
			return nil, s.trouble(err)
		}
		if len(m) == len(series) && enough(m) { // the server can't measure a missing one just now
			return m, nil
		}
		if time.Now().After(deadline) {
			return nil, s.trouble(fmt.Errorf("after %v it is only here: %v", limit, m))
		}
		if err := s.alive(); err != nil {
			return nil, err
		}
		wait.Pause(ctx, 20*time.Millisecond)
	}
}

// drainLimit bounds how long draining a queue may take.
const drainLimit = 5 * time.Minute

// drained waits until the queue is empty, and returns how many events were ever
// recorded.
func (s *server) drained(ctx context.Context) (recorded int64, err error) {
	return s.drainedWithin(ctx, drainLimit)
}

func (s *server) drainedWithin(ctx context.Context, limit time.Duration) (recorded int64, err error) {
	m, err := s.until(ctx, limit, func(m map[string]float64) bool {
		return m[seriesWaiting]+m[seriesLeased] == 0
	}, seriesWaiting, seriesLeased, seriesRecorded)
	return int64(m[seriesRecorded]), err
}

// call asks with JSON and, unless out is nil, takes JSON.
func (s *server) call(ctx context.Context, method, addr, path, token string, in, out any) ([]byte, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && !isOK(res.StatusCode) {
		err = fmt.Errorf("%s %s answers %s: %.200s", method, path, res.Status, text)
	}
	if err == nil && out != nil {
		err = json.Unmarshal(text, out)
	}
	return text, err
}

// signIn returns a session's token.
func (s *server) signIn(ctx context.Context, email, password string) (string, error) {
	var session struct{ Token string }
	_, err := s.call(ctx, http.MethodPost, s.addr, "/v1/sessions", "",
		map[string]string{"email": email, "password": password}, &session)
	return session.Token, err
}

// sizeOf is how many bytes the files in a folder have.
func sizeOf(dir string) (n int64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return 0, err
		}
		n += info.Size()
	}
	return n, nil
}

// copyOf copies a folder of data that no process uses, so that each measurement
// begins with the same.
func (b *bench) copyOf(dir string) (string, error) {
	to, err := os.MkdirTemp(b.dir, "data-")
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		return "", err
	}
	// CopyFS lets others read what it copies, and bellhop refuses a key that others can read.
	if err := os.Chmod(filepath.Join(to, "bellhop.key"), 0o600); !errors.Is(err, fs.ErrNotExist) {
		return to, err
	}
	return to, nil
}

// twin is FCM's stand-in as a process.
type twin struct {
	*server
	push string // for BELLHOP_PUSH
}

// twin starts one whose answers take so long.
func (b *bench) twin(ctx context.Context, latency time.Duration, args ...string) (*twin, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	account := filepath.Join(b.dir, fmt.Sprintf("fcm-%d.json", b.children))
	c, err := b.start(ctx, b.Binary, nil, append([]string{"simulate", "fcm", "--addr", addr, "--latency",
		latency.String(), "--unlimited", "--service-account", account}, args...)...)
	if err != nil {
		return nil, err
	}
	_, err = c.ready(ctx, "http://"+addr+"/_/counts")
	s := &server{child: c, addr: addr, http: &http.Client{Timeout: time.Minute}}
	return &twin{s, "BELLHOP_PUSH=fcm:" + account + "?endpoint=http://" + addr}, err
}

// taken is how many messages it took for phones.
func (t *twin) taken(ctx context.Context) (n int64, err error) {
	var counts struct{ Taken int64 }
	_, err = t.call(ctx, http.MethodGet, t.addr, "/_/counts", "", nil, &counts)
	return counts.Taken, err
}

// arrival is one message that came to the twin.
type arrival struct {
	At   time.Time
	Data map[string]string
}

// arrivals are the messages that it took, the oldest first.
func (t *twin) arrivals(ctx context.Context) ([]arrival, error) {
	var all struct{ Sent []arrival }
	_, err := t.call(ctx, http.MethodGet, t.addr, "/_/sent", "", nil, &all)
	return all.Sent, err
}
