package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"bellhop"
	"bellhop/wire"
)

// commands are bellhop's commands. A new one is a struct with a Run method in a file of
// its own, and a line here. Its help, in the tags, ends with an example. A Help method says more.
type commands struct {
	Help helpFlag `name:"help" short:"h" help:"Show help."`
	Log  logStyle `name:"log" env:"BELLHOP_LOG" default:"auto" help:"The log's format and lowest level, such as json,debug. auto is text on a terminal, else json; levels are debug, info, warn, error."`

	Demo      demoCmd      `cmd:"" help:"Run everything in one process, with a simulated shop and phone." example:"bellhop demo --addr 127.0.0.1:8080 --rate 5/s"`
	Serve     serveCmd     `cmd:"" help:"Accept webhooks, serve the API and the console, record orders and send pushes." example:"BELLHOP_SHOPIFY_SECRET=shpss_... bellhop serve --addr :8080"`
	Worker    workerCmd    `cmd:"" help:"Record orders and send pushes, without a web server." example:"bellhop serve --no-worker &\nbellhop worker --steps record &\nbellhop worker --steps notify"`
	Migrate   migrateCmd   `cmd:"" help:"Bring the database up to date." example:"bellhop migrate"`
	Doctor    doctorCmd    `cmd:"" help:"Check the configuration and reach every part of it." example:"bellhop doctor --json"`
	Shop      shopCmd      `cmd:"" help:"Add, list and change shops."`
	Shopify   shopifyCmd   `cmd:"" help:"Print what Shopify has to know."`
	Owner     ownerCmd     `cmd:"" help:"Manage owners: they sign in to see one shop."`
	Rota      rotaCmd      `cmd:"" help:"Set and show whom a shop's orders ring until somebody takes them."`
	Operator  operatorCmd  `cmd:"" help:"Manage operators: they sign in to see every shop."`
	Token     tokenCmd     `cmd:"" help:"Manage a shop's API tokens."`
	Orders    ordersCmd    `cmd:"" help:"Export a shop's orders, and complete older ones."`
	Backup    backupCmd    `cmd:"" help:"Write the whole state to a file, even while bellhop runs." example:"bellhop backup /backups/bellhop-2026-11-22.db"`
	Restore   restoreCmd   `cmd:"" help:"Restore the whole state from a file, even while bellhop runs." example:"bellhop restore /backups/bellhop-2026-11-22.db"`
	Store     storeCmd     `cmd:"" help:"Copy or renumber the whole database."`
	Key       keyCmd       `cmd:"" help:"Check, rotate or reset the key that tokens and secrets are sealed with."`
	Queue     queueCmd     `cmd:"" help:"Manage the queue between webhooks and workers."`
	Events    eventsCmd    `cmd:"" help:"Manage the events that bellhop publishes to other services."`
	Dead      deadCmd      `cmd:"" help:"Manage dead letters: events that bellhop could not process."`
	Privacy   privacyCmd   `cmd:"" help:"Show requests to give or forget personal data, and carry them out."`
	Push      pushCmd      `cmd:"" help:"Send pushes again."`
	Replay    replayCmd    `cmd:"" help:"Record stored events again, without pushing anything twice." example:"bellhop replay --shop demo.myshopify.com --since 30d"`
	Ledger    ledgerCmd    `cmd:"" help:"Show the outcome of every event."`
	Statement statementCmd `cmd:"" help:"Show for each hour of a shop that no order is missing, and print the key of that."`
	Verify    verifyCmd    `cmd:"" help:"Check that statements and the ledger were not altered." example:"bellhop verify demo-2026-11-30.jsonl --key PUB --since demo-2026-10-31.jsonl\nbellhop verify --db"`
	Trigger   triggerCmd   `cmd:"" help:"Send one signed webhook, made up, of a topic." example:"BELLHOP_SHOPIFY_SECRET=hush bellhop trigger orders/create"`
	Simulate  simulateCmd  `cmd:"" help:"Simulate Shopify and FCM."`
	Bench     benchCmd     `cmd:"" passthrough:"" help:"Measure bellhop on this machine: runs bellhop-bench." example:"bellhop bench --rounds 5 --json results.json"`
	Version   versionCmd   `cmd:"" help:"Show the version." example:"bellhop version --json"`
}

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Run runs the command and returns the exit code. drain asks it to finish, hard ends it
// at once. The configuration is the process's environment.
func Run(drain, hard context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	t := &terminal{in: stdin, out: stdout, err: stderr, now: time.Now}
	err := run(drain, hard, args, t)
	if err == nil || errors.Is(err, errHelp) {
		return exitDone
	}
	if ended, ok := errors.AsType[*exec.ExitError](err); ok { // bellhop-bench printed its own
		return ended.ExitCode()
	}
	fmt.Fprintln(stderr, "bellhop: "+oneLine(err))
	if bellhop.KindOf(err) == bellhop.Invalid {
		return exitUsage
	}
	return exitFailed
}

func run(drain, hard context.Context, args []string, t *terminal) error {
	if err := wire.CheckEnviron(os.Environ(), commands{}); err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	var c commands
	parser, err := kong.New(&c,
		kong.Name("bellhop"), kong.Description(description), kong.Writers(t.out, t.err), kong.NoDefaultHelp(),
		keepNamed(args[0]), kong.PostBuild(addExamples),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(durationFlag)),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}))
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if errors.Is(err, errHelp) {
		return err
	}
	if err != nil {
		return usage(parsed, err)
	}
	return parsed.Run(&job{terminal: t, ctx: drain, hard: hard, log: t.logger(c.Log)})
}

// keepNamed leaves out the other commands if the first argument names one. kong prepares every flag of all
// commands, and tests start hundreds of them: under the race detector that was half of what starting one cost.
func keepNamed(arg string) kong.Option {
	return kong.PostBuild(func(k *kong.Kong) error {
		for _, command := range k.Model.Children {
			if command.Name == arg {
				k.Model.Children = []*kong.Node{command}
			}
		}
		return nil
	})
}

// addExamples ends each command's help with the example of its tag.
func addExamples(k *kong.Kong) error {
	for _, leaf := range k.Model.Leaves(false) {
		example := "Example:\n\n  " + strings.ReplaceAll(leaf.Tag.Get("example"), "\n", "\n  ")
		leaf.Detail = strings.TrimLeft(leaf.Detail+"\n\n"+example, "\n")
	}
	return nil
}

// durationFlag reads the flags and variables with a duration.
func durationFlag(c *kong.DecodeContext, to reflect.Value) error {
	var text string
	if err := c.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := wire.ParseDuration(text)
	to.SetInt(int64(d))
	return err
}

const description = `bellhop carries every order of a Shopify shop from the webhook to the database and to the
owner's phone.

Begin with: bellhop demo`

// usage turns kong's error on wrong arguments into one line.
func usage(parsed *kong.Context, err error) error {
	command := "bellhop"
	if e, ok := errors.AsType[*kong.ParseError](err); ok && e.Context != nil {
		parsed = e.Context
	}
	if parsed != nil && parsed.Selected() != nil {
		command += " " + parsed.Selected().Path()
	}
	said := strings.TrimRight(err.Error(), ".")
	for _, w := range parserWords {
		said = w.said.ReplaceAllString(said, w.words)
	}
	return bellhop.Invalidf("usage", "%s; see %s --help", said, command)
}

// parserWords translate the parser's messages.
var parserWords = []struct {
	said  *regexp.Regexp
	words string
}{
	{regexp.MustCompile(`expected a valid \d+ bit u?int but got ("[^"]*")`), "$1 is not a whole number"},
	{regexp.MustCompile(`expected \w+ value but got ("[^"]*").*`), "$1 is not a value"},
	{regexp.MustCompile(`bool value must be true, 1, yes, false, 0 or no but got`), "give true or false, not"},
	{regexp.MustCompile(`expected "<([^>]+)>"`), "$1 is missing"},
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

var errHelp = errors.New("help was asked for")

// helpFlag prints the help and ends the parsing, but not the process as kong's own
// does.
type helpFlag bool

// IgnoreDefault lets the flag win over a default command.
func (helpFlag) IgnoreDefault() {}

// BeforeReset runs when the flag is given, before kong validates anything.
func (helpFlag) BeforeReset(c *kong.Context) error {
	if err := c.PrintUsage(false); err != nil {
		return err
	}
	return errHelp
}
