// Command with starts Postgres, RabbitMQ and a stand-in for SQS and S3, runs a command
// with their addresses in its environment, and stops them. It is for measurements:
// this Postgres commits to the disk.
//
//	go run ./internal/realserver/with bin/bellhop-bench
//
// The addresses are BENCH_POSTGRES, the URL of an empty database, BENCH_RABBITMQ, the
// URL of an empty virtual host, and BENCH_SQS, an endpoint. It leaves out servers that
// are not installed.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"bellhop/internal/realserver"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "with: give a command to run")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]...); err != nil {
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			os.Exit(e.ExitCode())
		}
		fmt.Fprintln(os.Stderr, "with:", err)
		os.Exit(1)
	}
}

func run(name string, args ...string) error {
	// An interrupt reaches the command by itself; this process outlives it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := exec.Command(name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench",
		"AWS_EC2_METADATA_DISABLED=true")
	var errs []error
	add := func(variable, address string, err error) {
		cmd.Env = append(cmd.Env, variable+"="+address)
		errs = append(errs, err)
	}
	missing := func(err error) bool {
		if err != nil && !errors.Is(err, realserver.ErrMissing) {
			errs = append(errs, err)
		}
		return err != nil
	}
	if p, err := realserver.StartPostgres(ctx, "fsync=on"); !missing(err) {
		defer p.Close()
		database, err := p.NewDatabase(ctx)
		add("BENCH_POSTGRES", p.URL(database), err)
	}
	if s, err := realserver.StartSQS(ctx); !missing(err) {
		defer s.Stop()
		add("BENCH_SQS", s.Endpoint, nil)
	}
	if r, err := realserver.StartRabbitMQ(ctx); !missing(err) {
		defer r.Close()
		vhost, err := r.NewVHost(ctx)
		add("BENCH_RABBITMQ", r.URL(vhost), err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return cmd.Run()
}
