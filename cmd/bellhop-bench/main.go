// Command bellhop-bench measures bellhop on this machine: it runs the program as
// users do, loads it, and writes, draws and compares the results.
//
// Each command has a file of its own. The exit codes are those of bellhop: 0 done,
// 1 failed, 2 wrong usage.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"bellhop"
	"bellhop/wire"
)

type commands struct {
	Run       runCmd       `cmd:"" default:"withargs" help:"Measure bellhop beside a bare handler on this machine."`
	Compare   compareCmd   `cmd:"" help:"Find the traffic above which a queue pays, on this machine."`
	Alternate alternateCmd `cmd:"" help:"Measure two builds of bellhop in turn: what make compare runs."`
	Report    reportCmd    `cmd:"" help:"Draw the report of a comparison again."`
	Diff      diffCmd      `cmd:"" help:"Compare the results of two comparisons."`
	Cost      costCmd      `cmd:"" help:"Show what each way to run bellhop costs a month, by orders a day."`
	Inline    inlineCmd    `cmd:"" hidden:"" help:"Serve, doing everything within the webhook's request, for comparison."`
	Plain     plainCmd     `cmd:"" hidden:"" help:"Serve a plain handler, for comparison with inline."`
	Bare      bareCmd      `cmd:"" hidden:"" help:"Serve a bare handler, for comparison with bellhop."`
}

const description = `bellhop-bench measures bellhop on this machine.

Without a command it is bellhop-bench run; bellhop-bench run --help lists its settings.

Example:

  bellhop-bench --rounds 5 --json results.json`

// job is a command under way.
type job struct {
	ctx      context.Context // done when the program must end
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(&job{ctx, os.Stdout, os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

// run obeys the arguments and returns the exit code.
func run(j *job, args []string) int {
	err := parse(j, args)
	if err == nil {
		return 0
	}
	fmt.Fprintln(j.err, "bellhop-bench: "+strings.Join(strings.Fields(err.Error()), " "))
	if bellhop.KindOf(err) == bellhop.Invalid {
		return 2
	}
	return 1
}

func parse(j *job, args []string) error {
	parser, err := kong.New(new(commands), kong.Name("bellhop-bench"), kong.Description(description),
		kong.Writers(j.out, j.err),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(durationFlag)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}))
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return bellhop.Invalidf("usage", "%v; see bellhop-bench --help", err)
	}
	return parsed.Run(j)
}

// durationFlag reads every flag that says how long.
func durationFlag(c *kong.DecodeContext, to reflect.Value) error {
	var text string
	if err := c.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := wire.ParseDuration(text)
	to.SetInt(int64(d))
	return err
}

func (j *job) say(format string, args ...any) { fmt.Fprintf(j.out, format+"\n", args...) }

// progress says on the standard error how far a run is.
func (j *job) progress(format string, args ...any) { fmt.Fprintf(j.err, format+"\n", args...) }

func (j *job) json(v any) error {
	e := json.NewEncoder(j.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// table prints rows for people.
func (j *job) table(head string, rows [][]string) error {
	w := tabwriter.NewWriter(j.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, head)
	for _, r := range rows {
		fmt.Fprintln(w, strings.TrimRight(strings.Join(r, "\t"), "\t "))
	}
	return w.Flush()
}

// program is the bellhop to measure: the given one, else the one beside this program.
func program(binary string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	if binary == "" {
		binary = filepath.Join(filepath.Dir(self), "bellhop"+filepath.Ext(self))
	}
	if _, err := os.Stat(binary); err != nil {
		return "", bellhop.Invalidf("binary", "%s: there is no bellhop to measure: build it there, or give --binary FILE",
			binary)
	}
	return binary, nil
}

// interrupted says what remains of a run that a signal ended.
func interrupted(err error, kept string) error {
	if errors.Is(err, context.Canceled) {
		return bellhop.Errorf(bellhop.Internal, "interrupted", "the run was interrupted; its results are %s", kept)
	}
	return err
}

// writeFile writes a file by fn, in words what it is.
func writeFile(path, what string, fn func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the %s: %w", what, err)
	}
	if err := errors.Join(fn(f), f.Close()); err != nil {
		return fmt.Errorf("write the %s: %w", what, err)
	}
	return nil
}
