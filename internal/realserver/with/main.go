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
	p, err := realserver.StartPostgres(ctx, "fsync=on")
	switch {
	case err == nil:
		defer p.Close()
		database, err := p.NewDatabase(ctx)
		if err != nil {
			return err
		}
		cmd.Env = append(cmd.Env, "BENCH_POSTGRES="+p.URL(database))
	case !errors.Is(err, realserver.ErrMissing):
		return err
	}
	s, err := realserver.StartSQS(ctx)
	switch {
	case err == nil:
		defer s.Stop()
		cmd.Env = append(cmd.Env, "BENCH_SQS="+s.Endpoint)
	case !errors.Is(err, realserver.ErrMissing):
		return err
	}
	r, err := realserver.StartRabbitMQ(ctx)
	switch {
	case err == nil:
		defer r.Close()
		vhost, err := r.NewVHost(ctx)
		if err != nil {
			return err
		}
		cmd.Env = append(cmd.Env, "BENCH_RABBITMQ="+r.URL(vhost))
	case !errors.Is(err, realserver.ErrMissing):
		return err
	}
	return cmd.Run()
}
