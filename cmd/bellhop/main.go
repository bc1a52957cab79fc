// Command bellhop carries every order of a Shopify shop from the webhook to the
// database and to the owner's phone. Run it with --help.
//
// Each command has a file of its name. cli.go turns arguments into a command and errors
// into exit codes: 0 done, 1 failed, 2 wrong usage.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	drain, hard, stop := signals()
	code := Run(drain, hard, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// signals returns contexts that end with the first and the second SIGINT or SIGTERM: the
// first drains, the second ends at once.
func signals() (drain, hard context.Context, stop func()) {
	drain, first := context.WithCancel(context.Background())
	hard, second := context.WithCancel(context.Background())
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ch
		first()
		<-ch
		second()
	}()
	return drain, hard, func() { signal.Stop(ch); first(); second() }
}
