package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"bellhop"
)

// child is a running process of the binary.
type child struct {
	name    string // "bellhop serve", for messages
	cmd     *exec.Cmd
	log     string // file with all that it wrote
	started time.Time
	ended   chan struct{}
	err     error // why it ended; read once ended is closed
}

// drainTime bounds how long a child may take to finish its work and end.
const drainTime = 40 * time.Second

// start starts a program: the binary or this one. The child ends with ctx at the latest.
func (b *bench) start(ctx context.Context, program string, env []string, args ...string) (*child, error) {
	b.children++
	c := &child{
		name:  filepath.Base(program) + " " + strings.Join(args[:min(2, len(args))], " "),
		log:   filepath.Join(b.dir, fmt.Sprintf("child-%d.log", b.children)),
		ended: make(chan struct{}),
	}
	out, err := os.Create(c.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	c.cmd = exec.CommandContext(ctx, program, args...)
	c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = b.environ(env), out, out
	ownGroup(c.cmd)
	c.started = time.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// run runs a command of the binary to its end.
func (b *bench) run(ctx context.Context, env []string, args ...string) error {
	_, err := b.output(ctx, env, args...)
	return err
}

// output runs a command of the binary to its end, and returns its output.
func (b *bench) output(ctx context.Context, env []string, args ...string) (string, error) {
	c, err := b.start(ctx, b.Binary, env, args...)
	if err != nil {
		return "", err
	}
	<-c.ended
	if c.err != nil {
		return "", c.trouble(c.err)
	}
	text, err := os.ReadFile(c.log)
	return strings.TrimSpace(string(text)), err
}

// environ is a child's environment, without the caller's own configuration.
func (b *bench) environ(own []string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "BELLHOP_") {
			env = append(env, kv)
		}
	}
	return append(append(env, "BELLHOP_SHOPIFY_SECRET="+b.secret, "BELLHOP_LOG=json"), own...)
}

// trouble adds the child's last output to an error.
func (c *child) trouble(err error) error {
	text, _ := os.ReadFile(c.log)
	if len(text) > 1000 {
		text = text[len(text)-1000:]
	}
	return fmt.Errorf("%s: %w; it wrote last: %s", c.name, err, strings.TrimSpace(string(text)))
}

// ready waits until url answers 200 and returns how long that took since the
// start.
func (c *child) ready(ctx context.Context, url string) (time.Duration, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	err := c.await(ctx, func(ctx context.Context) error { return ask(ctx, client, url) })
	return time.Since(c.started), err
}

// listening waits until something takes connections at an address.
func (c *child) listening(ctx context.Context, addr string) error {
	d := net.Dialer{Timeout: time.Second}
	return c.await(ctx, func(ctx context.Context) error {
		n, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return n.Close()
	})
}

// await tries until try succeeds. If that takes too long or the child ends before, it
// kills the child.
func (c *child) await(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			c.kill()
			return c.trouble(fmt.Errorf("it is not ready: %w", err))
		case <-c.ended:
			return c.trouble(errors.New("it ended before it was ready"))
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func ask(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, res.Status)
	}
	return nil
}

// alive returns an error if the child has ended.
func (c *child) alive() error {
	select {
	case <-c.ended:
		return c.trouble(errors.New("it ended while it was measured"))
	default:
		return nil
	}
}

// stop asks the child to end, and waits. It kills one that doesn't, and returns an
// error.
func (c *child) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
		return nil
	case <-time.After(drainTime):
	}
	c.kill()
	return c.trouble(fmt.Errorf("it did not end within %v of being asked to", drainTime))
}

// kill ends the child and whatever it started. It is harmless once the child
// has ended.
func (c *child) kill() {
	select {
	case <-c.ended:
		return
	default:
	}
	killGroup(c.cmd)
	<-c.ended
}

// freeAddress returns an address on loopback that nothing listens on. Somebody
// else may take it before the child does, and then the child says so.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// versionOf asks a binary for its version. It refuses another program, which might
// take the next arguments otherwise.
func versionOf(ctx context.Context, binary string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, "version", "--json").Output()
	var v struct{ Version, Platform, SQLite string }
	if err != nil || json.Unmarshal(out, &v) != nil || v.Version == "" || v.Platform == "" || v.SQLite == "" {
		return "", bellhop.Invalidf("bench", "%s is no bellhop: it does not say its version; give the path of one", binary)
	}
	return v.Version, nil
}
