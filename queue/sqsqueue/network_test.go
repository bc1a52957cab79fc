package sqsqueue_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"bellhop"
	"bellhop/internal/realserver"
	"bellhop/queue"
)

// proxied returns a queue behind a proxy, and the same one without it.
func proxied(t *testing.T) (*toxiproxy.Proxy, queue.Queue, queue.Queue) {
	t.Helper()
	direct := fresh(t)
	if err := direct.Create(t.Context(), "orders",
		queue.Attributes{Visibility: time.Second, MaxAttempts: 10}); err != nil {
		t.Fatal(err)
	}
	p := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "sqs",
		realserver.FreeAddress(t),
		strings.TrimPrefix(direct.options.Settings.Endpoint, "http://"))
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	o := direct.options
	o.Settings.Endpoint = "http://" + p.Listen
	return p, openOrders(t, open(t, o)), openOrders(t, direct)
}

func openOrders(t *testing.T, b opened) queue.Queue {
	t.Helper()
	q, err := b.Open(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

func toxic(t *testing.T, p *toxiproxy.Proxy, json string) {
	t.Helper()
	if _, err := p.Toxics.AddToxicJson(strings.NewReader(json)); err != nil {
		t.Fatal(err)
	}
}

// TestBlackHole makes SQS swallow all requests.
func TestBlackHole(t *testing.T) {
	p, q, _ := proxied(t)
	toxic(t, p, `{"name":"hole","type":"timeout","stream":"upstream","attributes":{"timeout":0}}`)
	start := time.Now()
	err := q.Send(t.Context(), event(1))
	if took := time.Since(start); bellhop.KindOf(err) != bellhop.Unavailable || took > 5*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
	p.Toxics.RemoveToxic(t.Context(), "hole")
	if err := q.Send(t.Context(), event(2)); err != nil {
		t.Errorf("once it is over: %v", err)
	}
}

// TestAnswersAreLost loses SQS's answers: no acknowledged event is missing, and
// events leased to nobody come again.
func TestAnswersAreLost(t *testing.T) {
	p, q, direct := proxied(t)
	toxic(t, p, `{"name":"lost","type":"limit_data","stream":"downstream","attributes":{"bytes":0}}`)
	if err := q.Send(t.Context(), event(1)); bellhop.KindOf(err) != bellhop.Unavailable {
		t.Errorf("a send whose answer is lost: %v", err)
	}
	p.Toxics.RemoveToxic(t.Context(), "lost")
	if err := q.Send(t.Context(), event(2)); err != nil {
		t.Fatal(err)
	}
	seen := map[bellhop.EventID]int{}
	for len(seen) < 2 {
		ds, err := direct.Receive(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range ds {
			seen[d.Event.ID]++
		}
	}
	if seen[event(2).ID] != 1 {
		t.Errorf("came: %v", seen)
	}
}

// TestCutAndBack cuts the connections while a receiver waits, or before it can.
func TestCutAndBack(t *testing.T) {
	p, q, direct := proxied(t)
	failed := make(chan error)
	go func() {
		_, err := q.Receive(t.Context(), 1)
		failed <- err
	}()
	p.Stop()
	if err := <-failed; bellhop.KindOf(err) != bellhop.Unavailable {
		t.Errorf("a receive that was cut: %v", err)
	}
	if err := q.Send(t.Context(), event(1)); bellhop.KindOf(err) != bellhop.Unavailable {
		t.Errorf("a send to nobody: %v", err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if err := direct.Send(t.Context(), event(2)); err != nil {
		t.Fatal(err)
	}
	ds, err := q.Receive(t.Context(), 1)
	if err != nil || ds[0].Event.ID != event(2).ID {
		t.Errorf("once it is back: %+v, %v", ds, err)
	}
}

// TestLatencyIsHidden makes SQS slow: sends go on beside each other.
func TestLatencyIsHidden(t *testing.T) {
	p, q, _ := proxied(t)
	toxic(t, p, `{"name":"far","type":"latency","stream":"downstream","attributes":{"latency":200}}`)
	start := time.Now()
	if err := q.Send(t.Context(), events(300)...); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 5*time.Second { // one after the other they take 6 s
		t.Errorf("30 batches of 200ms took %v", took)
	}
}

// TestBodyIsLost deletes a body in the bucket: the event becomes a dead letter that
// says so.
func TestBodyIsLost(t *testing.T) {
	b := fresh(t)
	if err := b.Create(t.Context(), "orders", queue.Attributes{Visibility: time.Second, MaxAttempts: 10}); err != nil {
		t.Fatal(err)
	}
	q := openOrders(t, b)
	e := event(1)
	e.Body = make([]byte, 2<<20)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range e.Body {
		e.Body[i] = byte(rng.Uint32())
	}
	if err := q.Send(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	ds, err := q.Receive(t.Context(), 1)
	if err != nil || !bytes.Equal(ds[0].Event.Body, e.Body) {
		t.Fatalf("receive: %v", err)
	}
	if err := q.Settle(t.Context(), queue.Settlement{Receipt: ds[0].Receipt, Verdict: queue.Retry}); err != nil {
		t.Fatal(err)
	}
	deleteBody(t, e)
	ctx, cancel := context.WithCancel(t.Context())
	var receiver sync.WaitGroup
	receiver.Go(func() { q.Receive(ctx, 1) }) // finds the body gone, and waits on
	defer receiver.Wait()
	defer cancel()
	for {
		dead, err := q.DeadLetters(t.Context(), queue.Cursor{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(dead) == 1 {
			if !strings.Contains(dead[0].Reason, "gone from the bucket") {
				t.Errorf("reason: %s", dead[0].Reason)
			}
			break
		}
	}
	if d, err := q.DeadLetter(t.Context(), e.ID); err != nil || d.Event.ID != e.ID || len(d.Event.Body) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
	b.options.Bucket = ""
	if err := openOrders(t, open(t, b.options)).Send(t.Context(), e); bellhop.KindOf(err) != bellhop.TooLarge {
		t.Errorf("without a bucket: %v", err)
	}
	b.options.Bucket = "no-such-bucket"
	if _, err := open(t, b.options).Open(t.Context(), "orders"); bellhop.KindOf(err) != bellhop.Invalid ||
		!strings.Contains(err.Error(), "no-such-bucket") {
		t.Errorf("a bucket that isn't there: %v", err)
	}
}
