package amqpqueue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
	"bellhop/internal/realserver"
	"bellhop/queue"
	"bellhop/queue/amqpqueue"
)

// proxied returns the address of a virtual host behind a proxy.
func proxied(t *testing.T) (*realserver.Proxy, string) {
	t.Helper()
	u, err := url.Parse(newVHost(t))
	if err != nil {
		t.Fatal(err)
	}
	p := realserver.StartProxy(t, u.Host)
	u.Host = p.Addr
	return p, u.String()
}

// hasty opens a queue with the patience that it has outside of tests.
func hasty(t *testing.T, address string) *amqpqueue.Queue {
	t.Helper()
	target, _, err := amqpqueue.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	b := amqpqueue.NewBroker(target, amqpqueue.Options{})
	t.Cleanup(func() { b.Close() })
	return openQueue(t, opened{b, address})
}

// TestReconnects cuts all connections: leases are stale, waiting receivers go on,
// and leased events come again.
func TestReconnects(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*realserver.Proxy) (back func()){
		"cut":   func(p *realserver.Proxy) func() { p.Stop(); return p.Start },
		"reset": func(p *realserver.Proxy) func() { return p.Fault(realserver.Reset) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, address := proxied(t)
			_, q := created(t, address)
			send(t, q, event("a", 1))
			d := receive(t, q, 1)[0]
			got := make(chan queue.Delivery)
			go func() {
				ds, err := q.Receive(t.Context(), 1)
				if err != nil {
					t.Error(err)
					close(got)
					return
				}
				got <- ds[0]
			}()
			back := leave(proxy)
			until(t, "the lease is stale", func() bool {
				_, stale := errors.AsType[*queue.StaleError](q.Extend(t.Context(), time.Minute, d.Receipt))
				return stale
			})
			back()
			select {
			case again := <-got:
				if again.Event.ID != d.Event.ID || again.Attempt != 2 {
					t.Errorf("event %s comes as attempt %d", again.Event.WebhookID, again.Attempt)
				}
			case <-time.After(patience):
				t.Fatal("who waited was forgotten")
			}
		})
	}
}

// load sends from several goroutines until it is stopped, each event until it is
// accepted, and remembers those.
type load struct {
	stop     chan struct{}
	senders  sync.WaitGroup
	mu       sync.Mutex
	accepted map[bellhop.EventID]bool
}

func startLoad(t *testing.T, q queue.Producer) *load {
	l := &load{stop: make(chan struct{}), accepted: map[bellhop.EventID]bool{}}
	for s := range 8 {
		l.senders.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-l.stop:
					return
				default:
				}
				e := event(fmt.Sprint("shop", s), n)
				for {
					began := time.Now()
					err := q.Send(t.Context(), e)
					if took := time.Since(began); took > 5*time.Second {
						t.Errorf("a send took %v", took)
					}
					if err == nil {
						break
					}
					if bellhop.KindOf(err) != bellhop.Unavailable {
						t.Errorf("send: %v", err)
						return
					}
					time.Sleep(10 * time.Millisecond) // as a webhook's sender would, for longer
				}
				l.mu.Lock()
				l.accepted[e.ID] = true
				l.mu.Unlock()
			}
		})
	}
	return l
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted)
}

// TestRestartUnderLoad stops RabbitMQ under load and starts it again. All accepted
// events come.
func TestRestartUnderLoad(t *testing.T) {
	t.Parallel()
	r, err := realserver.StartRabbitMQ(t.Context())
	realserver.Need(t, err)
	t.Cleanup(func() { r.Close() })
	vhost, err := r.NewVHost(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	created(t, r.URL(vhost))
	q := hasty(t, r.URL(vhost))
	l := startLoad(t, q)
	came, ctx := map[bellhop.EventID]bool{}, t.Context()
	var consumer sync.WaitGroup
	missing := func() (n int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for id := range l.accepted {
			if !came[id] {
				n++
			}
		}
		return n
	}
	stopped := make(chan struct{})
	consumer.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
		defer cancel()
		for {
			select {
			case <-stopped:
				if missing() == 0 {
					return
				}
			default:
			}
			ds, err := q.Receive(ctx, 50)
			if err != nil {
				t.Errorf("receive: %v; %d did not come", err, missing())
				return
			}
			for _, d := range ds {
				came[d.Event.ID] = true
				if err := q.Settle(ctx, queue.Settlement{Receipt: d.Receipt}); err != nil {
					if _, stale := errors.AsType[*queue.StaleError](err); !stale {
						t.Errorf("settle: %v", err)
					}
				}
			}
		}
	})
	until(t, "some load", func() bool { return l.count() > 200 })
	r.Stop()
	if err := r.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	before := l.count()
	until(t, "more load", func() bool { return l.count() > before+200 })
	close(l.stop)
	l.senders.Wait()
	close(stopped)
	send(t, q, event("last", 1)) // wakes the consumer if it waits
	consumer.Wait()
	t.Logf("%d accepted, %d of them before RabbitMQ was back", l.count(), before)
}

// special is a server with TLS and small messages, for tests that need those or
// stop all others.
func special(t *testing.T) (*realserver.RabbitMQ, realserver.Certificate) {
	t.Helper()
	c := realserver.NewCertificate(t)
	r, err := realserver.StartRabbitMQ(t.Context(), append(c.TLSSettings(), "max_message_size = 65536")...)
	realserver.Need(t, err)
	t.Cleanup(func() { r.Close() })
	return r, c
}

// TestSmallMessages limits RabbitMQ to messages of 64 KiB, over TLS.
func TestSmallMessages(t *testing.T) {
	t.Parallel()
	r, c := special(t)
	vhost, err := r.NewVHost(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	address := strings.Replace(realserver.RabbitURL(r.TLSAddr, vhost), "amqp:", "amqps:", 1) + "?cacertfile=" +
		c.Authority
	_, q := created(t, address)
	for _, size := range []int{1, 64 << 10, 65537, 200_000, 2 << 20} {
		e := event("a", size)
		e.Body = noise(size)
		send(t, q, e)
		d := receive(t, q, 1)[0]
		settle(t, q, queue.Retry, d)
		d = receive(t, q, 1)[0]
		settle(t, q, queue.DeadLetter, d)
		l, err := q.DeadLetter(t.Context(), e.ID)
		if err != nil || !bytes.Equal(l.Event.Body, e.Body) {
			t.Fatalf("%d bytes: among the dead letters the body has changed, %v", size, err)
		}
		if _, err := q.Redrive(t.Context(), e.ID); err != nil {
			t.Fatal(err)
		}
		d = receive(t, q, 1)[0]
		if d.Attempt != 1 || !bytes.Equal(d.Event.Body, e.Body) {
			t.Errorf("%d bytes: attempt %d, and the body is the same: %v", size, d.Attempt,
				bytes.Equal(d.Event.Body, e.Body))
		}
		settle(t, q, queue.Ack, d)
		wantDepth(t, q, 0, 0, 0)
		raw(t, r.URL(vhost), func(ch *amqp.Channel) error {
			if _, err := ch.QueueDeclarePassive("orders.body."+e.ID.String(), true, false, false, false,
				nil); err == nil {
				t.Errorf("%d bytes: the parts of a body are left behind", size)
			}
			return nil
		})
	}
}

// TestMemoryAlarm makes RabbitMQ take nothing any more: a send fails soon,
// consumers still receive and acknowledge events, and sending recovers by itself.
func TestMemoryAlarm(t *testing.T) {
	t.Parallel()
	r, _ := special(t)
	vhost, err := r.NewVHost(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, patient := created(t, r.URL(vhost))
	for i := range 20 {
		send(t, patient, event("a", i))
	}
	q := hasty(t, r.URL(vhost))
	held := receive(t, q, 5)
	if err := r.SetMemoryAlarm(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	n := 100
	until(t, "a send is refused", func() bool {
		n++
		err := q.Send(t.Context(), event("a", n))
		return bellhop.KindOf(err) == bellhop.Unavailable
	})
	until(t, "it says why", func() bool {
		err := q.Ready(t.Context())
		return bellhop.KindOf(err) == bellhop.Unavailable && strings.Contains(err.Error(), "accepts no messages just now")
	})
	quickest := time.Hour // a busy machine may hold up one of them
	for i := range 5 {
		began := time.Now()
		if err := q.Send(t.Context(), event("a", 1000+i)); bellhop.KindOf(err) != bellhop.Unavailable {
			t.Errorf("a send under an alarm: %v", err)
		}
		quickest = min(quickest, time.Since(began))
	}
	if quickest > 500*time.Millisecond {
		t.Errorf("sends under an alarm fail after %v", quickest)
	}
	settle(t, q, queue.Ack, held...)
	settle(t, q, queue.Ack, receive(t, q, 15)...)
	if err := r.SetMemoryAlarm(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	until(t, "it goes on", func() bool {
		return errors.Join(q.Ready(t.Context()),
			q.Send(t.Context(), event("b", 1))) == nil
	})
}

// TestLogsItsConnection checks that the log says when the connection went and
// came back.
func TestLogsItsConnection(t *testing.T) {
	t.Parallel()
	proxy, address := proxied(t)
	target, _, err := amqpqueue.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	var log lines
	b := amqpqueue.NewBroker(target, amqpqueue.Options{Log: slog.New(slog.NewTextHandler(&log, nil)),
		SendLimit: patience})
	t.Cleanup(func() { b.Close() })
	if err := b.Create(t.Context(), queue.DefaultName, queue.DefaultAttributes()); err != nil {
		t.Fatal(err)
	}
	q := openQueue(t, opened{b, address})
	received := make(chan struct{})
	go func() {
		defer close(received)
		if _, err := q.Receive(t.Context(), 1); err != nil {
			t.Error(err)
		}
	}()
	proxy.Stop()
	until(t, "the loss in the log", func() bool { return log.count("lost the consuming connection") > 0 })
	proxy.Start()
	until(t, "its end in the log", func() bool { return log.count("the consuming connection is back") == 1 })
	send(t, q, event("a", 1))
	<-received
	if n := log.count("lost the consuming connection"); n != 1 {
		t.Errorf("the log has the loss %d times", n)
	}
}

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

// TestDeliveredAheadCostsNoAttempt cuts a consumer off more often than an event may
// be tried. It had all of them and had received one.
func TestDeliveredAheadCostsNoAttempt(t *testing.T) {
	t.Parallel()
	proxy, address := proxied(t)
	_, q := created(t, address)
	if err := q.SetAttributes(t.Context(), queue.Attributes{Visibility: time.Minute, MaxAttempts: 2}); err != nil {
		t.Fatal(err)
	}
	var all []*bellhop.Event
	for i := range 50 {
		all = append(all, event("a", i))
	}
	send(t, q, all...)
	for range queue.Suspicious + 2 {
		d := receive(t, q, 1)[0]
		proxy.Stop()
		until(t, "the lease is stale", func() bool {
			_, stale := errors.AsType[*queue.StaleError](q.Extend(t.Context(), time.Minute, d.Receipt))
			return stale
		})
		proxy.Start()
	}
	until(t, "the queue can be looked at", func() bool {
		d, err := q.Depth(t.Context())
		if err == nil && d.Dead > 2 { // at most two of the five received events, twice
			t.Fatalf("%d of %d died", d.Dead, len(all))
		}
		return err == nil && d.Waiting+d.Leased+d.Dead >= len(all) // some may be there twice
	})
}
