package realserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// HAProxy is a proxy that runs with a configuration of ours.
type HAProxy struct{ *process }

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
	p, err := start(os.DevNull, "TERM", env, haproxy, "-db", "-f", config)
	if err != nil {
		return nil, err
	}
	return &HAProxy{p}, p.ready(ctx, "haproxy", answers(health))
}
