package rabbit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
	"bellhop/internal/rabbit"
	"bellhop/internal/realserver"
)

var (
	broker      *realserver.RabbitMQ
	brokerErr   error
	certificate realserver.Certificate
	once        sync.Once
)

func TestMain(m *testing.M) {
	code := m.Run()
	if broker != nil {
		broker.Close()
	}
	os.Exit(code)
}

// server starts RabbitMQ once for all tests of this process.
func server(t *testing.T) *realserver.RabbitMQ {
	t.Helper()
	once.Do(func() {
		certificate = realserver.NewCertificate(lasting{t})
		broker, brokerErr = realserver.StartRabbitMQ(context.Background(),
			append(certificate.TLSSettings(), "max_message_size = 4194304")...)
	})
	realserver.Need(t, brokerErr)
	return broker
}

// lasting is a test whose temporary folder outlives it.
type lasting struct{ testing.TB }

func (l lasting) TempDir() string {
	dir, err := os.MkdirTemp("", "bellhop-rabbit-")
	if err != nil {
		l.Fatal(err)
	}
	return dir
}

func newVHost(t *testing.T, r *realserver.RabbitMQ) string {
	t.Helper()
	vhost, err := r.NewVHost(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return vhost
}

const patience = time.Minute

// rig is a publisher behind a proxy, and a queue to publish to.
type rig struct {
	*rabbit.Publisher
	t     *testing.T
	vhost string
	proxy *realserver.Proxy
	ask   *rabbit.Session // not through the proxy
}

func newRig(t *testing.T, connections int) *rig {
	t.Helper()
	r := server(t)
	vhost := newVHost(t, r)
	proxy := realserver.StartProxy(t, r.Addr)
	through, _, err := rabbit.Parse(realserver.RabbitURL(proxy.Addr, vhost))
	if err != nil {
		t.Fatal(err)
	}
	direct, _, err := rabbit.Parse(r.URL(vhost))
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{Publisher: rabbit.NewPublisher(through, rabbit.Options{Name: "test", Connections: connections}), t: t,
		vhost: vhost, proxy: proxy, ask: rabbit.NewSession(direct, "test")}
	t.Cleanup(g.ask.Close)
	t.Cleanup(g.Close)
	g.do(func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare("q", true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
		return err
	})
	return g
}

func (g *rig) do(fn func(*amqp.Channel) error) {
	g.t.Helper()
	if err := g.ask.Do(g.t.Context(), fn); err != nil {
		g.t.Fatal(err)
	}
}

func message(id, key string) *rabbit.Message {
	return &rabbit.Message{Key: key, Publishing: amqp.Publishing{MessageId: id, Body: []byte("x")}}
}

// got drains the queue and returns how often each message is in it.
func (g *rig) got() map[string]int {
	seen := map[string]int{}
	g.do(func(ch *amqp.Channel) error {
		for {
			d, ok, err := ch.Get("q", true)
			if err != nil || !ok {
				return err
			}
			seen[d.MessageId]++
		}
	})
	return seen
}

func (g *rig) mustSend(m ...*rabbit.Message) {
	g.t.Helper()
	if errs := g.Send(g.t.Context(), patience, m...); errs != nil {
		g.t.Fatal(errors.Join(errs...))
	}
}

func TestSendAndReturn(t *testing.T) {
	t.Parallel()
	g := newRig(t, 4)
	var all []*rabbit.Message
	for i := range 2000 {
		key := "q"
		if i%100 == 7 {
			key = "nowhere"
		}
		all = append(all, message(fmt.Sprint(i), key))
	}
	errs := g.Send(t.Context(), patience, all...)
	if len(errs) != len(all) {
		t.Fatal("no error though some messages reach no queue")
	}
	seen := g.got()
	for i, err := range errs {
		if unroutable := i%100 == 7; unroutable != (bellhop.KindOf(err) == bellhop.NotFound) ||
			unroutable == (err == nil) {
			t.Errorf("message %d: %v", i, err)
		} else if n := seen[fmt.Sprint(i)]; (n == 1) == unroutable {
			t.Errorf("message %d is in the queue %d times", i, n)
		}
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	g := newRig(t, 1)
	for range 2 { // at first the broker says so, then it is known
		small, large := message("small", "q"), message("large", "q")
		large.Body = make([]byte, 4<<20+1)
		errs := g.Send(t.Context(), patience, small, large)
		if errs == nil || errs[0] != nil {
			t.Fatalf("the errors are %v; want one for the large message alone", errs)
		}
		if e, ok := errors.AsType[*rabbit.TooLargeError](errs[1]); !ok || e.Limit != 4<<20 || e.Size != 4<<20+1 {
			t.Errorf("the large message: %v", errs[1])
		}
	}
	if g.Limit() != 4<<20 {
		t.Errorf("the limit is %d", g.Limit())
	}
}

func TestExchanges(t *testing.T) {
	t.Parallel()
	g := newRig(t, 1)
	if err := g.ask.DeclareTopic(t.Context(), "events"); err != nil {
		t.Fatal(err)
	}
	g.do(func(ch *amqp.Channel) error {
		return errors.Join(ch.QueueBind("q", "order.#", "events", false, nil),
			ch.ExchangeDeclare("fan", "fanout", true, false, false, false, nil))
	})
	for _, key := range []string{"order.recorded", "nobody.listens"} {
		if err := g.Publish(t.Context(), "events", key, map[string]any{"a": "b"}, "application/json",
			[]byte("{}")); err != nil {
			t.Errorf("publish %s: %v", key, err)
		}
	}
	if n := len(g.got()); n != 1 {
		t.Errorf("%d messages came; want 1", n)
	}
	err := g.Publish(t.Context(), "nowhere", "order.recorded", nil, "", []byte("{}"))
	wantLine(t, "no exchange", err, bellhop.NotFound, "no exchange 'nowhere'")
	wantLine(t, "another type", g.ask.DeclareTopic(t.Context(), "fan"), bellhop.Conflict,
		"received 'topic' but current is 'fanout'")
	g.mustSend(message("after", "q"))
}

// TestRefused fills a queue until it refuses messages: the publisher tries another
// channel then, and messages to other queues go on.
func TestRefused(t *testing.T) {
	t.Parallel()
	g := newRig(t, 1)
	g.do(func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare("full", true, false, false, false,
			amqp.Table{"x-queue-type": "quorum", "x-max-length": 1, "x-overflow": "reject-publish"})
		return err
	})
	target, _, err := rabbit.Parse(server(t).URL(g.vhost))
	if err != nil {
		t.Fatal(err)
	}
	log := new(waitingLog)
	dropped := log.wait("refuses messages to the queue full")
	p := rabbit.NewPublisher(target, rabbit.Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	defer p.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var senders sync.WaitGroup
	senders.Go(func() {
		for ctx.Err() == nil {
			p.Send(ctx, 300*time.Millisecond, message("1", "full"))
		}
	})
	for done := false; !done; {
		if errs := p.Send(t.Context(), patience, message("2", "q")); errs != nil {
			t.Fatal(errs)
		}
		select {
		case <-dropped:
			done = true
		default:
		}
	}
	stop()
	senders.Wait()
}

// waitingLog waits for a line with a text.
type waitingLog struct {
	mu   sync.Mutex
	text string
	said chan struct{}
}

func (l *waitingLog) wait(text string) <-chan struct{} {
	l.text, l.said = text, make(chan struct{})
	return l.said
}

func (l *waitingLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text != "" && strings.Contains(string(b), l.text) {
		l.text = ""
		close(l.said)
	}
	return len(b), nil
}

func TestMissingPermission(t *testing.T) {
	t.Parallel()
	g := newRig(t, 1)
	r := server(t)
	for _, args := range [][]string{{"add_user", "reader", "secret"}, {"set_permissions", "-p", g.vhost, "reader", "",
		"", ".*"}} {
		if _, err := r.Ctl(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	target, _, err := rabbit.Parse(fmt.Sprintf("amqp://reader:secret@%s/%s", r.Addr, g.vhost))
	if err != nil {
		t.Fatal(err)
	}
	p := rabbit.NewPublisher(target, rabbit.Options{})
	defer p.Close()
	errs := p.Send(t.Context(), patience, message("1", "q"))
	wantLine(t, "publish", errors.Join(errs...), bellhop.Invalid, "set_permissions -p "+g.vhost+" reader")
	s := rabbit.NewSession(target, "test")
	defer s.Close()
	wantLine(t, "declare", s.DeclareTopic(t.Context(), "events"), bellhop.Invalid, "set_permissions")
}

// TestSendsAgain cuts connections under load. The publisher sends messages under way again.
func TestSendsAgain(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*rig){
		"cut":   func(g *rig) { g.proxy.Stop(); g.proxy.Start() },
		"reset": func(g *rig) { g.proxy.Fault(realserver.Reset)() },
		"black hole": func(g *rig) {
			mend := g.proxy.Fault(realserver.BlackHole)
			time.AfterFunc(rabbit.Stall/2,
				mend)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, 2)
			g.mustSend(message("first", "q"))
			var senders sync.WaitGroup
			halfway := make(chan struct{}, 8)
			for s := range 8 {
				senders.Go(func() {
					for i := range 100 {
						if i == 50 {
							halfway <- struct{}{}
						}
						if errs := g.Send(t.Context(), patience, message(fmt.Sprint(s, ".", i), "q")); errs != nil {
							t.Error(errs)
						}
					}
				})
			}
			<-halfway
			fault(g)
			senders.Wait()
			if n := len(g.got()); n != 801 {
				t.Errorf("%d of 801 confirmed messages are there", n)
			}
		})
	}
}

// TestBatchesGoOnOverTheNextLink loses the only connection under messages of one call.
func TestBatchesGoOnOverTheNextLink(t *testing.T) {
	t.Parallel()
	g := newRig(t, 1)
	g.mustSend(message("first", "q"))
	time.AfterFunc(rabbit.Stall/2, g.proxy.Fault(realserver.BlackHole))
	batch := make([]*rabbit.Message, 5)
	for i := range batch {
		batch[i] = message(fmt.Sprint(i), "q")
	}
	if errs := g.Send(t.Context(), patience, batch...); errs != nil {
		t.Error(errs)
	}
	if n := len(g.got()); n != 6 {
		t.Errorf("%d of 6 confirmed messages are there", n)
	}
}

func TestGivesUpInTime(t *testing.T) {
	t.Parallel()
	g := newRig(t, 1)
	g.mustSend(message("first", "q"))
	g.proxy.Stop()
	for range 20 {
		began := time.Now()
		errs := g.Send(t.Context(), 900*time.Millisecond, message("1", "q"))
		if took := time.Since(began); errs == nil || bellhop.KindOf(errs[0]) != bellhop.Unavailable ||
			took > 5*time.Second {
			t.Fatalf("without a broker: %v after %v", errs, took)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if errs := g.Send(ctx, patience, message("2", "q")); errs == nil || !errors.Is(errs[0], context.Canceled) {
		t.Errorf("a cancelled send: %v", errs)
	}
	g.proxy.Start()
	for g.Send(t.Context(), patience, message("last", "q")) != nil {
	}
	if g.got()["last"] == 0 {
		t.Error("what was confirmed is not there")
	}
}

// TestSilence silences the broker: senders get an error that may pass, before and
// after the connection counts as dead.
func TestSilence(t *testing.T) {
	t.Parallel()
	g := newRig(t, 1)
	g.mustSend(message("first", "q"))
	mend := g.proxy.Fault(realserver.BlackHole)
	for began := time.Now(); time.Since(began) < 2*rabbit.Stall; {
		errs := g.Send(t.Context(), 100*time.Millisecond, message("1", "q"))
		if errs == nil || bellhop.KindOf(errs[0]) != bellhop.Unavailable {
			t.Fatalf("a send to a silent broker: %v", errs)
		}
	}
	mend()
	for deadline := time.Now().Add(patience); g.Send(t.Context(), patience, message("last", "q")) != nil; {
		if time.Now().After(deadline) {
			t.Fatal("it does not go on")
		}
	}
}

func TestMemoryAlarm(t *testing.T) {
	r, err := realserver.StartRabbitMQ(t.Context())
	realserver.Need(t, err)
	t.Cleanup(func() { r.Close() })
	target, _, err := rabbit.Parse(r.URL("%2F"))
	if err != nil {
		t.Fatal(err)
	}
	s := rabbit.NewSession(target, "test")
	t.Cleanup(s.Close)
	if err := s.Do(t.Context(), func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare("q", true, false, false, false, amqp.Table{"x-queue-type": "quorum"})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	p := rabbit.NewPublisher(target, rabbit.Options{Connections: 2})
	t.Cleanup(p.Close)
	send := func() error { return errors.Join(p.Send(t.Context(), 900*time.Millisecond, message("1", "q"))...) }
	if err := send(); err != nil {
		t.Fatal(err)
	}
	if err := r.SetMemoryAlarm(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; {
		err := send()
		if bellhop.KindOf(err) == bellhop.Unavailable && strings.Contains(err.Error(), "accepts no messages just now") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("under an alarm a send says %v", err)
		}
	}
	if err := r.SetMemoryAlarm(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; {
		if err = send(); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after the alarm: %v", err)
		}
	}
}
