package realserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// HAProxy is a proxy that runs with a configuration of ours.
type HAProxy struct {
	*process
	dir string
}

// CheckHAProxy returns HAProxy's complaint about a configuration file.
func CheckHAProxy(ctx context.Context, config string, env ...string) error {
	haproxy, err := find("haproxy", "/usr/sbin")
	if err != nil {
		return err
	}
	check := exec.CommandContext(ctx, haproxy, "-c", "-f", config)
	check.Env = append(os.Environ(), env...)
	if out, err := check.CombinedOutput(); err != nil {
		return fmt.Errorf("haproxy -c: %w: %s", err, out)
	}
	return nil
}

// StartHAProxy starts a proxy with a configuration file and its environment. It is
// ready once health answers.
func StartHAProxy(ctx context.Context, config, health string, env ...string) (*HAProxy, error) {
	if err := CheckHAProxy(ctx, config, env...); err != nil {
		return nil, err
	}
	haproxy, err := find("haproxy", "/usr/sbin")
	if err != nil {
		return nil, err
	}
	h := &HAProxy{}
	if h.dir, err = os.MkdirTemp("", "bellhop-haproxy-"); err != nil {
		return nil, err
	}
	if h.process, err = start(h.dir, "TERM", env, haproxy, "-db", "-f", config); err != nil {
		os.RemoveAll(h.dir)
		return nil, err
	}
	return h, h.ready(ctx, "haproxy", answers(health))
}

// Close ends the proxy.
func (h *HAProxy) Close() error {
	h.Stop()
	return os.RemoveAll(h.dir)
}
