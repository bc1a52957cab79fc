package main

import (
	"flag"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"bellhop/wire/wiretest"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

// TestMain makes this test binary the program bellhop for the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bellhop": main})
}

// TestScripts runs each file of testdata/script in a folder of its own, with whole
// processes over real HTTP. harness_test.go has the commands beyond testscript's own.
func TestScripts(t *testing.T) {
	threshold, err := filepath.Abs("../../docs/threshold")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := filepath.Abs("../../docs")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Condition:           servers,
		Setup: func(e *testscript.Env) error {
			e.Setenv("BELLHOP_DIR", e.Cd+"/data")
			e.Setenv("THRESHOLD", threshold)
			e.Setenv("DOCS", docs)
			e.Setenv("BELLHOP_SHOPIFY_SECRET", "hush")
			e.Setenv("COLUMNS", "100") // the width of help
			// The race detector would let every command wait a second before it ends.
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			e.Values[backgroundKey("")] = map[string]*background{}
			e.Values[scriptTwin{}] = &scriptTwin{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": start, "end": end, "until-ended": untilEnded, "webhook": deliverWebhook, "http": call, "json": assertJSON,
			"order": writeOrder, "drained": drained, "until": until, "until-http": untilHTTP, "sql": runSQL,
			"occupy": occupy, "mode": assertMode, "json-env": jsonEnv, "exit-code": exitCode, "env-from": envFrom,
			"postgres": postgres, "rabbitmq": rabbitmq, "sqs": sqs, "eventbridge": eventbridge, "put": put,
			"free": free, "guide": guide, "mailserver": mailserver,
			"twin": shopifyTwin, "migrated": migrated,
		},
	})
}

// migrated puts an empty database that is up to date into $BELLHOP_DIR, as bellhop migrate does: a copy takes a
// fraction of the migrations' time.
func migrated(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: migrated")
	}
	ts.Check(wiretest.Fill(ts.Getenv("BELLHOP_DIR")))
}
