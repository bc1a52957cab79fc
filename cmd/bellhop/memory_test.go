package main

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"bellhop"
	"bellhop/queue"
	"bellhop/wire"
)

// TestMemoryOfLargeBodies makes a worker record MEMORY_BODIES webhooks of 8 MiB, half of
// them incompressible, from every queue. Make memory runs it.
func TestMemoryOfLargeBodies(t *testing.T) {
	bodies, err := strconv.Atoi(os.Getenv("MEMORY_BODIES"))
	if err != nil {
		t.Skip("it is a measurement: make memory runs it")
	}
	const most = 400 // MiB
	for _, way := range tracedWays() {
		if way.separateServices {
			continue
		}
		t.Run(way.name, func(t *testing.T) {
			s := wire.Storage{Dir: t.TempDir(), DB: "sqlite:", Queue: "sqlite:"}
			for _, set := range way.env(t, "memory") {
				name, value, _ := strings.Cut(set, "=")
				if strings.HasPrefix(value, "sqs+http:") {
					value += "&bucket=memory"
					makeBucket(t, value)
				}
				switch t.Setenv(name, value); name {
				case "BELLHOP_DB":
					s.DB = value
				case "BELLHOP_QUEUE":
					s.Queue = value
				}
			}
			t.Setenv("BELLHOP_DIR", s.Dir)
			p := openParts(t, &s)
			fill(t, p.Queue, bodies)
			began := time.Now()
			worker := exec.Command("bellhop", "worker")
			worker.Stderr = t.Output()
			if err := worker.Start(); err != nil {
				t.Fatal(err)
			}
			recorded := func() int64 {
				totals, err := p.Store.Totals(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return totals[bellhop.OutcomeRecorded]
			}
			for recorded() < int64(bodies) && time.Since(began) < time.Hour {
				time.Sleep(200 * time.Millisecond)
			}
			peak := mostResident(t, worker.Process.Pid)
			worker.Process.Signal(syscall.SIGTERM)
			worker.Wait()
			t.Logf("%d of %d bodies of 8 MiB recorded in %v; at most %d MiB resident", recorded(), bodies,
				time.Since(began).Round(time.Second), peak)
			if peak > most {
				t.Errorf("at most %d MiB are promised", most)
			}
		})
	}
}

func openParts(t *testing.T, s *wire.Storage) *wire.Parts {
	t.Helper()
	o := wire.Options{SendLimit: time.Minute}
	if strings.HasPrefix(s.Queue, "sqs") {
		b, err := s.OpenBroker(t.Context(), o)
		if err == nil {
			err = b.CreateQueue(t.Context(), "memory", queue.DefaultAttributes())
		}
		if err != nil {
			t.Fatal(err)
		}
		b.Close()
	}
	p, err := s.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	if err := p.Store.AddShop(t.Context(), bellhop.Shop{Domain: "demo.myshopify.com", AddedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return p
}

func fill(t *testing.T, q queue.Producer, bodies int) {
	t.Helper()
	order, err := os.ReadFile(filepath.Join("..", "..", "shopify", "testdata", "orders_create.jpy.json"))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.NewChaCha8([32]byte{})
	noise := make([]byte, 3*(bellhop.DefaultMaxBody-64<<10)/4) // in base64, beside the order
	for n := range bodies {
		if n%2 == 0 {
			rng.Read(noise)
		} else {
			clear(noise)
		}
		body := strings.Replace(string(order), `"id":6100200300401,`, fmt.Sprintf(`"id":%d,"padding":%q,`, n+1,
			base64.StdEncoding.EncodeToString(noise)), 1)
		e := &bellhop.Event{ID: bellhop.EventID(uuid.Must(uuid.NewV7())), Shop: "demo.myshopify.com", Topic: "orders/create",
			APIVersion: "2026-10",
			WebhookID:  strconv.Itoa(n), AcceptedAt: time.Now().UTC(), SignedBy: bellhop.SignerApp, Body: []byte(body)}
		if err := q.Send(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// makeBucket makes a bucket in a queue's stand-in.
func makeBucket(t *testing.T, address string) {
	t.Helper()
	host, _, _ := strings.Cut(strings.TrimPrefix(address, "sqs+http://"), "/")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+host+"/memory", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("make the bucket: %s", answer.Status)
	}
}

// mostResident is a process's largest resident memory in MiB.
func mostResident(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("only Linux tells how much memory a process had: ", err)
	}
	_, line, _ := strings.Cut(string(b), "VmHWM:")
	var kib int
	if _, err := fmt.Sscan(line, &kib); err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}
