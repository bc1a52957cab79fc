package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"bellhop"
)

func runHere(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Run(context.Background(), context.Background(), args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// TestEveryCommandHelps walks all commands: each has a help and an example, and no line
// that a terminal has to wrap twice.
func TestEveryCommandHelps(t *testing.T) {
	parser, err := kong.New(&commands{}, kong.NoDefaultHelp(), kong.PostBuild(addExamples))
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(false) {
		path := strings.Fields(leaf.Path())
		t.Run(strings.Join(path, " "), func(t *testing.T) {
			if leaf.Hidden || leaf.Passthrough {
				return
			}
			code, out, errs := runHere(append(path, "--help")...)
			if code != exitDone || errs != "" {
				t.Fatalf("--help ended with %d: %s", code, errs)
			}
			example := out[strings.Index(out, "Example:")+1:]
			if !strings.Contains(out, "Example:") || !strings.Contains(example, "bellhop "+path[0]) {
				t.Errorf("there is no example:\n%s", out)
			}
			if !strings.HasSuffix(leaf.Help, ".") {
				t.Errorf("the help %q is no sentence", leaf.Help)
			}
			lines := append(strings.Split(leaf.Detail, "\n"), leaf.Help)
			for _, f := range leaf.Flags {
				if f.Help == "" {
					t.Errorf("--%s has no help", f.Name)
				}
				lines = append(lines, f.Help)
			}
			for _, a := range leaf.Positional {
				lines = append(lines, a.Help)
			}
			for _, line := range lines {
				if n := utf8.RuneCountInString(line); n >= 160 {
					t.Errorf("a line of %d characters, where 160 are too many: %s", n, line)
				}
			}
		})
	}
}

// Every flag with a duration takes days, and none takes an impossible one.
func TestDurationsAreReadAlike(t *testing.T) {
	parser, err := kong.New(&commands{}, kong.NoDefaultHelp())
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, leaf := range parser.Model.Leaves(false) {
		for _, f := range leaf.Flags {
			if !strings.HasSuffix(f.Target.Type().String(), "time.Duration") {
				continue
			}
			asked++
			for text, right := range map[string]bool{"30d": true, "1d12h": true, "1h30m": true, "0": true, "30 d": false,
				"d": false, "-2h": false, "99999999d": false} {
				// The rest is wrong in any case, so that nothing starts.
				_, _, errs := runHere(append(strings.Fields(leaf.Path()), "--"+f.Name+"="+text, "--there-is-none")...)
				if refused := strings.Contains(errs, "is not a duration"); refused == right {
					t.Errorf("%s --%s=%s: %s", leaf.Path(), f.Name, text, errs)
				}
			}
		}
	}
	if asked < 8 {
		t.Errorf("only %d flags were tried", asked)
	}
}

func TestSecretsAreNoFlags(t *testing.T) {
	parser, err := kong.New(&commands{}, kong.NoDefaultHelp())
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(false) {
		for _, f := range leaf.Flags {
			secret := strings.Contains(f.Name, "secret") || strings.Contains(f.Name, "password")
			ofFile := strings.HasSuffix(f.Name, "-file") || strings.HasSuffix(f.Name, "-only")
			// The first has an environment variable, the second is made up.
			known := f.Name == "shopify-secret" || leaf.Path() == "simulate shopify" && f.Name == "secret"
			if secret && !ofFile && !known && !leaf.Hidden {
				t.Errorf("bellhop %s --%s shows a secret to every user of the machine", leaf.Path(), f.Name)
			}
		}
	}
}

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for s, want := range map[string]time.Time{
		"2026-11-20":                time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC),
		"2026-11-20T08:00:00+09:00": time.Date(2026, 11, 19, 23, 0, 0, 0, time.UTC),
		"2026-11-20 08:00:00":       time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC),
		"12h":                       now.Add(-12 * time.Hour),
		"30d":                       now.AddDate(0, 0, -30),
	} {
		if got, err := parseSince(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%s is %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "soon", "-3h", "30", "2026-13-01", "1d2"} {
		if got, err := parseSince(s, now); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func TestParseEmail(t *testing.T) {
	if got, err := bellhop.ParseEmail("Jo.Lee+shop@Example.COM"); err != nil || got != "jo.lee+shop@example.com" {
		t.Errorf("%q, %v", got, err)
	}
	for _, s := range []string{"", "jo", "jo@", "@example.com", "Jo <jo@example.com>", " jo@example.com",
		`"j o"@example.com`, strings.Repeat("a", 250) + "@example.com"} {
		if got, err := bellhop.ParseEmail(s); err == nil {
			t.Errorf("%q is %q", s, got)
		}
	}
}

func TestOnlyThisMachineIsATarget(t *testing.T) {
	for target, want := range map[string]string{
		"http://127.0.0.1:8080":      "http://127.0.0.1:8080/webhooks/shopify",
		"http://localhost:1/":        "http://localhost:1/webhooks/shopify",
		"http://[::1]:8080/hooks/in": "http://[::1]:8080/hooks/in",
	} {
		if got, err := webhookTarget(target, false); err != nil || got != want {
			t.Errorf("%s is %q, %v", target, got, err)
		}
	}
	for _, target := range []string{"http://example.com", "http://10.0.0.1", "https://localhost.example.com", "ftp://127.0.0.1", "127.0.0.1:80", ""} {
		if got, err := webhookTarget(target, false); err == nil {
			t.Errorf("%q is %q", target, got)
		}
	}
}

func TestLogStyle(t *testing.T) {
	for text, want := range map[string]logStyle{
		"auto": {format: "auto"}, "json": {format: "json"}, "text": {format: "text"}, "debug": {format: "auto", level: slog.LevelDebug},
		"json,warn": {format: "json", level: slog.LevelWarn}, "error,text": {format: "text", level: slog.LevelError},
	} {
		var got logStyle
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s is %+v (%v), want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "loud", "json,", "debug+1"} {
		if err := new(logStyle).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	var out strings.Builder
	(&terminal{err: &out}).logger(logStyle{format: "text", level: slog.LevelWarn}).Info("quiet")
	if out.Len() > 0 {
		t.Errorf("from warnings on it says %s", &out)
	}
}
