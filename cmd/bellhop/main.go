// Command bellhop carries every order of a Shopify shop from the webhook to the
// database and to the owner's phone. Run it with --help.
//
// Each command has a file of its own, named after it. cli.go turns arguments
// into a command and errors into exit codes: 0 done, 1 failed, 2 wrong usage.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	soft, hard, stop := signals()
	code := Run(soft, hard, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// signals returns a context that ends with the first SIGINT or SIGTERM, on which
// work is drained, and one that ends with the second, which breaks it off.
func signals() (soft, hard context.Context, stop func()) {
	soft, drain := context.WithCancel(context.Background())
	hard, end := context.WithCancel(context.Background())
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ch
		drain()
		<-ch
		end()
	}()
	return soft, hard, func() { signal.Stop(ch); drain(); end() }
}
