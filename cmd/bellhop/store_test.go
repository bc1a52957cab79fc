package main

import (
	"bytes"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bellhop/store/move"
)

// TestStoreCopyToPostgres moves a file into a database by the steps of the page on moving.
func TestStoreCopyToPostgres(t *testing.T) {
	to := newPostgres(t)
	t.Setenv("BELLHOP_DIR", t.TempDir())
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	run := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		code, stdout, stderr := runHere(args...)
		if code != want {
			t.Fatalf("%v ended with %d: %s", args[:2], code, stderr)
		}
		if strings.Contains(stdout+stderr, password) {
			t.Errorf("%v shows the password: %s%s", args[:2], stdout, stderr)
		}
		return stdout, stderr
	}
	run(exitDone, "migrate")
	run(exitDone, "shop", "add", "demo.myshopify.com")
	run(exitDone, "token", "create", "--shop", "demo.myshopify.com", "--name", "ci")

	t.Setenv("PGPASSWORD", password)
	u.User = url.User(u.User.Username()) // as the help advises
	out, errs := run(exitDone, "store", "copy", "--to", u.String())
	if !strings.Contains(out, "Copied 3 rows; both sides hold the same.") ||
		!strings.Contains(errs, "verified tokens: 1 of 1\n") {
		t.Errorf("it says %s%s", out, errs)
	}
	run(exitFailed, "store", "copy", "--to", to)
	out, _ = run(exitDone, "token", "ls", "--shop", "demo.myshopify.com", "--db", to)
	if !strings.Contains(out, "ci") {
		t.Errorf("the copy has the tokens %s", out)
	}
	run(exitDone, "store", "copy", "--from", to, "--to", "sqlite:"+filepath.Join(t.TempDir(), "back.db"))

	u.User = url.UserPassword("bellhop", "not the password")
	_, errs = run(exitUsage, "store", "copy", "--to", u.String())
	if !strings.HasPrefix(errs, "bellhop: --to: ") || strings.Contains(errs, "not%20the%20password") ||
		strings.Contains(errs, "BELLHOP_DB") {
		t.Errorf("the error is %s", errs)
	}
}

func TestCopyProgressLine(t *testing.T) {
	began := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	now := func() time.Time { return began.Add(2 * time.Second) }
	p := copyProgress{&progress{terminal: &terminal{err: &out, now: now}, bar: true, began: began}, 3000}
	for _, c := range []struct {
		step move.Step
		want string
	}{
		{move.Step{Table: move.TableOrders, Rows: 1500, Of: 6000}, "[######..................] copied orders: 1500 of 6000, 1500 rows/s"},
		{move.Step{Table: move.TableOrders, Verifying: true}, "[########################] verified orders: 0 of 0, 1500 rows/s"},
	} {
		out.Reset()
		if p.step(c.step); out.String() != "\r\x1b[K"+c.want {
			t.Errorf("got %q", out.String())
		}
	}
}
