package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"bellhop"
	"bellhop/wire"
)

// terminal is where a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	now      func() time.Time
}

// job is a command under way.
type job struct {
	*terminal
	ctx  context.Context // drains the command
	hard context.Context // ends it at once
	log  *slog.Logger
}

// unlessEnded drops the error of a cancelled job, for commands that run until
// interrupted.
func (j *job) unlessEnded(err error) error {
	if j.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	is, err := f.Stat()
	null, _ := os.Stat(os.DevNull) // a device of characters, too
	return err == nil && is.Mode()&os.ModeCharDevice != 0 && !os.SameFile(is, null)
}

// logStyle is the log's format, level, or both with a comma between.
type logStyle struct {
	format string // text, json or auto
	level  slog.Level
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *logStyle) UnmarshalText(text []byte) error {
	*s = logStyle{format: "auto"}
	for word := range strings.SplitSeq(string(text), ",") {
		switch word {
		case "auto", "text", "json":
			s.format = word
		case "debug", "info", "warn", "error":
			if err := s.level.UnmarshalText([]byte(word)); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%q is no format (text, json, auto) and no level (debug, info, warn, error); give "+
				"either or both, such as json,debug", word)
		}
	}
	return nil
}

func (t *terminal) logger(s logStyle) *slog.Logger {
	o := &slog.HandlerOptions{Level: s.level}
	if s.format == "text" || s.format == "auto" && isTerminal(t.err) {
		return slog.New(slog.NewTextHandler(t.err, o))
	}
	return slog.New(slog.NewJSONHandler(t.err, o))
}

func (t *terminal) say(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

// said says that something is done, unless it ended with an error.
func (t *terminal) said(err error, format string, args ...any) error {
	if err == nil {
		t.say(format, args...)
	}
	return err
}

// jsonFlag adds the flag of commands that print a table.
type jsonFlag struct {
	JSON bool `name:"json" help:"Print JSON instead of a table."`
}

// limitFlag adds the flag of commands whose lists may be long.
type limitFlag struct {
	Limit int `name:"limit" default:"50" help:"How many to list."`
}

func (l limitFlag) check() error {
	if l.Limit < 1 {
		return bellhop.Invalidf("limit", "--limit is %d: give 1 or more", l.Limit)
	}
	return nil
}

// table prints rows for people, or their values as JSON. In place of an empty table it
// prints none.
func (t *terminal) table(as jsonFlag, values any, none string, head string, rows [][]string) error {
	if as.JSON {
		return t.json(values)
	}
	if len(rows) == 0 {
		t.say("%s", none)
		return nil
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, head)
	for _, r := range rows {
		fmt.Fprintln(w, strings.TrimRight(strings.Join(r, "\t"), "\t "))
	}
	return w.Flush()
}

// answer says a command's result in words, or as JSON.
func (t *terminal) answer(as jsonFlag, value any, format string, args ...any) error {
	if as.JSON {
		return t.json(value)
	}
	return t.said(nil, format, args...)
}

// list prints a table with a row for each of all. row makes its value in JSON, and its cells.
func list[T, V any](t *job, as jsonFlag, none, head string, all []T, row func(T) (V, []string)) error {
	values, rows := make([]V, len(all)), make([][]string, len(all))
	for i, one := range all {
		values[i], rows[i] = row(one)
	}
	return t.table(as, values, none, head, rows)
}

func (t *terminal) json(v any) error {
	e := json.NewEncoder(t.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// yesFlag adds the flag of commands that drop data.
type yesFlag struct {
	Yes bool `name:"yes" short:"y" help:"Don't ask."`
}

// confirm asks the person before a command drops data, but only at a terminal.
func (f yesFlag) confirm(t *terminal, question string) error {
	if f.Yes || !isTerminal(t.in) {
		return nil
	}
	fmt.Fprintf(t.err, "%s [y/N] ", question)
	line, err := bufio.NewReader(t.in).ReadString('\n')
	if err != nil && err != io.EOF {
		return fmt.Errorf("read the answer: %w", err)
	}
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return bellhop.Errorf(bellhop.Conflict, "not_confirmed", "nothing was done")
	}
	return nil
}

// secretFrom reads a secret from a file, or from the standard input for "-".
// Secrets never come from flags, which other users of the machine can see.
func (t *terminal) secretFrom(path, what string) (string, error) {
	var b []byte
	var err error
	if path == "-" {
		b, err = io.ReadAll(io.LimitReader(t.in, 4<<10))
	} else {
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return "", bellhop.Invalidf("file", "can't read the %s: %v", what, err)
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" || strings.ContainsAny(s, "\r\n\x00") {
		return "", bellhop.Invalidf("file", "the %s must be the only line in %s", what, path)
	}
	return s, nil
}

// open opens the database and the queue while fn runs. It makes none: in the wrong
// folder a command would answer for an empty one.
func (j *job) open(s *wire.Storage, fn func(*wire.Parts) error) error {
	o := j.options()
	o.Existing = true
	return closing(fn)(s.Open(j.ctx, o))
}

func (j *job) options() wire.Options { return wire.Options{Log: j.log, Now: j.now} }

// patientOptions let sends take longer: no webhook waits for a command.
func (j *job) patientOptions() wire.Options {
	return wire.Options{Log: j.log, Now: j.now, SendLimit: 30 * time.Second, Existing: true}
}

// openQueue opens the queue alone.
func (j *job) openQueue(s *wire.Storage, fn func(*wire.Parts) error) error {
	return closing(fn)(s.OpenQueue(j.ctx, j.patientOptions()))
}

// openBroker opens the broker: the queue of BELLHOP_QUEUE need not exist.
func (j *job) openBroker(s *wire.Storage, fn func(*wire.Parts) error) error {
	return closing(fn)(s.OpenBroker(j.ctx, j.patientOptions()))
}

// closing wraps fn, so that it gets what a call opened and closes it at the end.
func closing[P io.Closer](fn func(P) error) func(P, error) error {
	return func(p P, err error) error {
		if err != nil {
			return err
		}
		err = fn(p)
		if e := p.Close(); err == nil {
			err = e
		}
		return err
	}
}

// stamp is the time of now, as stores keep it.
func (t *terminal) stamp() time.Time { return t.now().UTC().Truncate(time.Microsecond) }

// when shows a time to people: "-" for none.
func when(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.UTC().Format("2006-01-02 15:04:05")
}

func orDash(s string) string { return cmp.Or(s, "-") }

// plural is "1 order", "2 orders", "3 pushes".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if strings.HasSuffix(one, "sh") {
		one += "e"
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// parseSince reads the moment of --since.
func parseSince(s string, now time.Time) (time.Time, error) { return parseMoment("since", s, now) }

// parseMoment reads the moment of a flag: RFC 3339, a date, or how long ago.
func parseMoment(flag, s string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly, "2006-01-02T15:04:05", time.DateTime} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC(), nil
		}
	}
	if d, err := wire.ParseDuration(s); err == nil {
		return now.Add(-d).UTC(), nil
	}
	return time.Time{}, bellhop.Invalidf(flag,
		"--%s %q is not a time: give 2026-11-22, 2026-11-22T09:00:00Z, or how long ago, such as 12h or 30d", flag, s)
}
