package queuetest

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/queue"
)

// childEnv holds the address of the queues in a child process.
const childEnv = "BELLHOP_QUEUETEST_CHILD"

// Main belongs into a driver's TestMain. In the child processes that the suite
// starts and kills it opens the broker at an address and never returns; otherwise
// it runs the tests.
func Main(m *testing.M, open func(ctx context.Context, address string) (queue.Broker, error)) {
	address := os.Getenv(childEnv)
	if address == "" {
		os.Exit(m.Run())
	}
	fmt.Println("error:", child(context.Background(), open, address)) // it ends by being killed
	os.Exit(1)
}

// child sends without end from several goroutines, and prints the id of each
// acknowledged event. It receives too, and acknowledges half.
func child(ctx context.Context, open func(context.Context, string) (queue.Broker, error), address string) error {
	b, err := open(ctx, address)
	if err != nil {
		return err
	}
	q, err := b.Open(ctx, "orders")
	if err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(verb string, id bellhop.EventID) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(verb, id)
	}
	for p := range 8 {
		go func() {
			for n := 0; ; n++ {
				e := event(string(rune('a'+p)), n)
				if err := q.Send(ctx, e); err != nil {
					fmt.Println("error:", err)
					os.Exit(1)
				}
				say("sent", e.ID)
			}
		}()
	}
	for {
		ds, err := q.Receive(ctx, 10)
		if err != nil {
			return err
		}
		for i, d := range ds {
			if i%2 == 0 {
				say("acking", d.Event.ID)
				if err := q.Settle(ctx, queue.Settlement{Receipt: d.Receipt}); err != nil {
					return err
				}
			}
		}
	}
}

// survivesKill kills processes that send and receive, and checks that each event
// comes whose sender had an acknowledgement.
func (s suite) survivesKill(t *testing.T) {
	b, q := s.open(t, 50)
	// A driver that can't notice a dead process hands its events out once their
	// leases have run out.
	must(t, q.SetAttributes(t.Context(), queue.Attributes{Visibility: 5 * time.Second, MaxAttempts: 50}))
	acked, gone := map[string]bool{}, map[string]bool{}
	for range 5 {
		s.killOne(t, s.Address(b), acked, gone)
	}
	waiting := maps.Clone(acked)
	maps.DeleteFunc(waiting, func(id string, _ bool) bool { return gone[id] })
	t.Logf("%d events acknowledged before 5 kills, %d of them must still come", len(acked), len(waiting))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for len(waiting) > 0 {
		ds, err := q.Receive(ctx, 100)
		if err != nil {
			t.Fatalf("%d acknowledged events did not come: %v", len(waiting), err)
		}
		for _, d := range ds {
			delete(waiting, d.Event.ID.String())
		}
		settle(t, q, queue.Ack, ds...)
	}
}

// killOne runs a child until it has printed enough, kills it, and notes its lines.
func (s suite) killOne(t *testing.T, address string, acked, gone map[string]bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childEnv+"="+address)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	stuck := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	lines, said := bufio.NewScanner(out), 0
	for lines.Scan() {
		verb, id, _ := strings.Cut(lines.Text(), " ")
		switch verb {
		case "sent":
			acked[id] = true
		case "acking":
			gone[id] = true
		default:
			t.Errorf("the child said %q", lines.Text())
		}
		if said++; said == 300 {
			must(t, cmd.Process.Kill())
		}
	}
	cmd.Wait() // it was killed; that is no news
	if said < 300 {
		t.Fatalf("the child ended by itself after %d lines", said)
	}
}
