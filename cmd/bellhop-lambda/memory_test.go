package main

import (
	"context"
	"debug/buildinfo"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bellhop"
)

// TestMemoryOfLargeWebhooks sends the largest webhooks that a function URL takes, half of them incompressible, and
// holds what the functions have resident at the most to the template's Memory, less a fifth.
func TestMemoryOfLargeWebhooks(t *testing.T) {
	const webhooks, batch = 16, 5
	if underRace(t, bootstrap) {
		t.Skip("the race detector takes memory of its own: make shipped measures without")
	}
	most := templateMemory(t) * 4 / 5
	s := newStack(t, 1)
	pids := map[string]string{"accept": "", "direct": ""}
	for name := range pids {
		pids[name] = filepath.Join(t.TempDir(), name)
		f := s.server.Function(name, []string{"sh", "-c", `echo $$ >"$0"; exec "$1"`, pids[name], bootstrap}, s.env[name]...)
		f.Concurrency, s.functions[name] = 1, f
	}
	site := httptest.NewServer(s.functions["accept"].URL())
	t.Cleanup(site.Close)
	for n := range webhooks {
		if status := s.deliver(site.URL, s.shops[0], strconv.Itoa(n+1), shopifySecret, padding(n)); status != http.StatusOK {
			t.Fatalf("a large webhook is answered %d", status)
		}
	}
	m := s.mapping("direct")
	m.BatchSize = batch
	ctx, stop := context.WithCancel(t.Context())
	mapped := make(chan error, 1)
	go func() { mapped <- m.Run(ctx) }()
	s.recorded(webhooks)
	stop()
	if err := <-mapped; err != nil {
		t.Error(err)
	}
	for name, file := range pids {
		mib := mostResident(t, file)
		t.Logf("%s had %d MiB resident at the most", name, mib)
		if mib > most {
			t.Errorf("%s had %d MiB resident, and %d are promised", name, mib, most)
		}
	}
}

func underRace(t *testing.T, program string) bool {
	t.Helper()
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// padding is a field that makes a webhook nearly as large as a function URL takes, 6 MiB.
func padding(n int) string {
	noise := make([]byte, 3*(6<<20-64<<10)/4)
	if n%2 == 0 {
		rng := rand.NewChaCha8([32]byte{byte(n)})
		rng.Read(noise)
	}
	return `,"padding":"` + base64.StdEncoding.EncodeToString(noise) + `"`
}

// recorded waits until so many events are recorded.
func (s *stack) recorded(n int64) {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		changed := s.store.Changed()
		totals, err := s.store.Totals(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if totals[bellhop.OutcomeRecorded] >= n {
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Second): // another process recorded it
		}
	}
	s.t.Fatalf("not all of %d events are recorded", n)
}

// templateMemory is the default of the template's Memory, in MiB.
func templateMemory(t *testing.T) int {
	t.Helper()
	template, err := os.ReadFile("../../deploy/aws/bellhop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`\n  Memory:\n    Type: Number\n    Default: (\d+)\n`).FindSubmatch(template)
	if found == nil {
		t.Fatal("the template has no Memory")
	}
	n, _ := strconv.Atoi(string(found[1]))
	return n
}

// mostResident is the largest resident memory, in MiB, of the process whose id a file has.
func mostResident(t *testing.T, file string) (mib int) {
	t.Helper()
	pid, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%s/status", strings.TrimSpace(string(pid))))
	if err != nil {
		t.Skip("only Linux tells how much memory a process had: ", err)
	}
	kib, err := strconv.Atoi(string(regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}
