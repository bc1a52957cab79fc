package amqpqueue_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"bellhop"
	"bellhop/internal/realserver"
	"bellhop/queue"
)

// TestCluster kills each of three nodes in turn, and with it the leaders of its
// lanes, while it sends and receives events. make test-cluster runs it: a cluster
// takes a minute to start.
func TestCluster(t *testing.T) {
	if os.Getenv("TEST_CLUSTER") == "" {
		t.Skip("make test-cluster runs it")
	}
	c, err := realserver.StartRabbitMQCluster(t.Context(), 3)
	realserver.Need(t, err)
	t.Cleanup(func() { c.Close() })
	vhost, err := c.Nodes[0].NewVHost(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, c.URL(vhost))
	if err := b.Create(t.Context(), "orders", queue.Attributes{Visibility: time.Minute, MaxAttempts: 100}); err != nil {
		t.Fatal(err)
	}
	q, err := b.Open(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	load := newClusterLoad(t, q)
	for i, node := range c.Nodes {
		load.more(200)
		leaders, err := node.Ctl(t.Context(), "list_queues", "-p", vhost, "name", "leader", "--no-table-headers")
		if err != nil {
			t.Fatal(err)
		}
		node.Kill()
		began := time.Now()
		load.more(500)
		t.Logf("killed node %d, which led %d of %d queues; 500 more were sent and received within %v", i+1,
			strings.Count(leaders, fmt.Sprint("bellhop", i+1, "@")), strings.Count(leaders, "\n")+1,
			time.Since(began).Round(time.Millisecond))
		if err := node.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := node.Ctl(t.Context(), "await_startup"); err != nil {
			t.Fatal(err)
		}
	}
	load.end()
}

// clusterLoad sends and receives until the test stops it.
type clusterLoad struct {
	t           *testing.T
	q           queue.Queue
	stop        context.CancelFunc
	sent, taken sync.WaitGroup

	mu       sync.Mutex
	acked    map[bellhop.EventID]bool
	seen     map[bellhop.EventID]int
	refused  int
	progress chan struct{} // closed at each event that is received
}

func newClusterLoad(t *testing.T, q queue.Queue) *clusterLoad {
	l := &clusterLoad{t: t, q: q, acked: map[bellhop.EventID]bool{}, seen: map[bellhop.EventID]int{},
		progress: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	l.stop = stop
	for i := range 8 {
		l.sent.Go(func() { l.send(ctx, i) })
	}
	receiving, end := context.WithCancel(t.Context())
	l.taken.Go(func() { l.receive(receiving) })
	t.Cleanup(func() { stop(); end(); l.sent.Wait(); l.taken.Wait() })
	return l
}

// send goes on like Shopify: it sends a refused event again.
func (l *clusterLoad) send(ctx context.Context, sender int) {
	for n := 1; ctx.Err() == nil; n++ { // an id of zeros is none
		e := &bellhop.Event{ID: bellhop.EventID{byte(sender), byte(n >> 16), byte(n >> 8), byte(n)},
			Shop:  fmt.Sprintf("shop-%d.myshopify.com", n%20),
			Topic: "orders/create", AcceptedAt: time.Now(), Body: []byte(`{"id":1}`)}
		for ctx.Err() == nil {
			err := l.q.Send(ctx, e)
			l.mu.Lock()
			if err == nil {
				l.acked[e.ID] = true
			} else {
				l.refused++
			}
			l.mu.Unlock()
			if err == nil {
				break
			}
			if ctx.Err() == nil && bellhop.KindOf(err) != bellhop.Unavailable {
				l.t.Errorf("send: %v", err)
				return
			}
		}
	}
}

func (l *clusterLoad) receive(ctx context.Context) {
	for ctx.Err() == nil {
		ds, err := l.q.Receive(ctx, 64)
		if err != nil {
			continue // the node is gone; another follows
		}
		l.q.Settle(ctx, verdicts(ds)...) // unsettled events come again
		l.mu.Lock()
		for _, d := range ds {
			l.seen[d.Event.ID]++
		}
		close(l.progress)
		l.progress = make(chan struct{})
		l.mu.Unlock()
	}
}

func verdicts(ds []queue.Delivery) (all []queue.Settlement) {
	for _, d := range ds {
		all = append(all, queue.Settlement{Receipt: d.Receipt, Verdict: queue.Ack})
	}
	return all
}

// until waits until done, which it calls with the lock, is true.
func (l *clusterLoad) until(what func() string, done func() bool) {
	l.t.Helper()
	stuck := time.After(3 * time.Minute)
	for {
		l.mu.Lock()
		ok, progress := done(), l.progress
		l.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-progress:
		case <-stuck:
			l.t.Fatalf("stuck: %s", what())
		}
	}
}

// more waits until this many more events were sent and received.
func (l *clusterLoad) more(n int) {
	l.t.Helper()
	l.mu.Lock()
	from := len(l.seen)
	l.mu.Unlock()
	l.until(func() string { return fmt.Sprintf("no %d events more came", n) },
		func() bool { return len(l.seen) >= from+n })
}

// end stops sending and checks that all acknowledged events come.
func (l *clusterLoad) end() {
	l.t.Helper()
	l.stop()
	l.sent.Wait()
	l.until(l.missing, func() bool { return len(l.lost()) == 0 })
	l.mu.Lock()
	defer l.mu.Unlock()
	again := 0
	for _, n := range l.seen {
		again += n - 1
	}
	l.t.Logf("%d acknowledged and received, %d of them more than once; %d sends were refused and made again",
		len(l.acked), again, l.refused)
}

// lost lists acknowledged events that have not come; with the lock.
func (l *clusterLoad) lost() (all []bellhop.EventID) {
	for id := range l.acked {
		if l.seen[id] == 0 {
			all = append(all, id)
		}
	}
	return all
}

func (l *clusterLoad) missing() string {
	l.mu.Lock()
	lost := len(l.lost())
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(l.t.Context(), 30*time.Second)
	defer cancel()
	depth, err := l.q.Depth(ctx)
	return fmt.Sprintf("%d of %d acknowledged events are missing; the queue's depth is %+v (%v)", lost, len(l.acked),
		depth, err)
}
