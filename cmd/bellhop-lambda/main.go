// Command bellhop-lambda is bellhop as AWS Lambda functions: one program, which runs
// the function that BELLHOP_FUNCTION names. deploy/aws has the infrastructure around
// it, docs/aws.md the steps.
//
// Build it as "bootstrap" with the tags lambda.norpc, nosqlite, noamqp and nomail, which
// leave out what no function can use, and grpcnotrace: gRPC's trace pages link
// templates, and with them every method of every type. functions.go puts each
// function together.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"bellhop/wire"
)

// startTimeout is shorter than the 10 s that Lambda gives a start, so that the
// log gets the reason.
const startTimeout = 8 * time.Second

func main() {
	limitMemory()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	h, err := open(ctx)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bellhop-lambda: "+strings.Join(strings.Fields(err.Error()), " "))
		os.Exit(1)
	}
	lambda.Start(h)
}

// limitMemory makes Go collect garbage more often near the function's memory, beyond which Lambda kills it. A third is
// for the program itself, and for what the collector has not got to yet.
func limitMemory() {
	if mib, err := strconv.Atoi(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")); err == nil {
		debug.SetMemoryLimit(int64(mib) << 20 * 2 / 3)
	}
}

// open makes the function ready for its first event.
func open(ctx context.Context) (lambda.Handler, error) {
	if err := wire.CheckEnviron(os.Environ(), settings{}); err != nil {
		return nil, err
	}
	s, err := settingsFromEnviron()
	if err != nil {
		return nil, err
	}
	return newFunction(ctx, &parts{settings: s, log: slog.New(slog.NewJSONHandler(os.Stdout, nil)), now: time.Now,
		began: time.Now(), probe: probe()})
}
