package host_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"bellhop"
	"bellhop/host"
	"bellhop/queue"
	"bellhop/wire"
)

// queues are two queues in one process, and the events sent to the first.
type queues struct {
	t    *testing.T
	ends wire.Switch

	mu   sync.Mutex
	sent map[bellhop.EventID]bool
}

func openQueues(t *testing.T, from, to string) *queues {
	t.Helper()
	q := &queues{t: t, sent: map[bellhop.EventID]bool{}}
	for _, e := range []struct {
		url  string
		into **wire.Parts
	}{{from, &q.ends.From}, {to, &q.ends.To}} {
		s := wire.Storage{Dir: t.TempDir(), DB: "sqlite:", Queue: e.url}
		p, err := s.OpenQueue(t.Context(), wire.Options{SendLimit: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		*e.into = p
	}
	t.Cleanup(func() {
		if err := q.ends.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return q
}

func inFile(t *testing.T) string { return "sqlite:" + t.TempDir() + "/queue.db" }

// send puts an event of some size into the first queue.
func (q *queues) send(bytes int) {
	e := &bellhop.Event{ID: bellhop.EventID(uuid.Must(uuid.NewV7())), Shop: shop, Topic: "orders/create",
		APIVersion: "2026-10",
		WebhookID:  uuid.NewString(), AcceptedAt: time.Now().UTC().Truncate(time.Microsecond),
		Body: []byte(strings.Repeat("x", bytes))}
	if err := q.ends.From.Queue.Send(q.t.Context(), e); err != nil {
		q.t.Error(err)
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sent[e.ID] = true
}

// produce sends from several goroutines until enough is done.
func (q *queues) produce(enough context.Context) (wait func()) {
	var producers sync.WaitGroup
	for range 4 {
		producers.Go(func() {
			for enough.Err() == nil {
				q.send(1000)
				select {
				case <-enough.Done():
				case <-time.After(time.Millisecond):
				}
			}
		})
	}
	return producers.Wait
}

func (q *queues) move(ctx context.Context, change func(*host.Switch)) host.Switched {
	q.t.Helper()
	s := &host.Switch{From: q.ends.From.Queue, To: q.ends.To.Queue, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(s)
	}
	done, err := s.Run(ctx, q.t.Context())
	if err != nil {
		q.t.Fatal(err)
	}
	return done
}

// allMoved takes everything out of the second queue and compares it with the sent
// events: all but lost must be there.
func (q *queues) allMoved(lost int) {
	q.t.Helper()
	ctx, cancel := context.WithTimeout(q.t.Context(), 60*time.Second)
	defer cancel()
	for len(q.sent) > lost {
		ds, err := q.ends.To.Queue.Receive(ctx, 256)
		if err != nil {
			q.t.Fatalf("%d of what was sent never comes: %v", len(q.sent)-lost, err)
		}
		verdicts := make([]queue.Settlement, len(ds))
		for i, d := range ds {
			delete(q.sent, d.Event.ID) // may be its second coming
			verdicts[i] = queue.Settlement{Receipt: d.Receipt, Verdict: queue.Ack}
		}
		if err := q.ends.To.Queue.Settle(ctx, verdicts...); err != nil {
			q.t.Fatal(err)
		}
	}
}

// TestSwitchWhileWebhooksCome moves a queue while several producers send to it, until
// they have stopped and it is empty.
func TestSwitchWhileWebhooksCome(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		from, to func(*testing.T) string
	}{
		{"from SQLite to SQLite", inFile, inFile},
		{"from SQLite to SQS", inFile, newSQSQueue},
		{"from SQS to SQLite", newSQSQueue, inFile},
		{"from SQLite to Postgres", inFile, newPostgresQueue},
		{"from Postgres to SQS", newPostgresQueue, newSQSQueue},
		{"from RabbitMQ to Postgres", newRabbitQueue, newPostgresQueue},
		{"from SQLite to RabbitMQ", inFile, newRabbitQueue},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			q := openQueues(t, c.from(t), c.to(t))
			for range 300 {
				q.send(100) // a backlog
			}
			producing, stop := context.WithCancel(t.Context())
			wait := q.produce(producing)
			following, enough := context.WithCancel(t.Context())
			defer enough()
			q.move(following, func(s *host.Switch) {
				s.Follow = true
				s.Step = func(done host.Switched) {
					if done.Moved > 600 {
						enough()
					}
				}
			})
			stop()
			wait()
			done := q.move(t.Context(), nil)
			if done.Left.Waiting+done.Left.Leased > 0 {
				t.Errorf("it ended, and %+v is left", done.Left)
			}
			q.allMoved(0)
		})
	}
}

// TestSwitchReportsDeadLetters leaves them where they are without the option Dead.
func TestSwitchReportsDeadLetters(t *testing.T) {
	q := openQueues(t, inFile(t), inFile(t))
	q.send(100)
	ds, err := q.ends.From.Queue.Receive(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.ends.From.Queue.Settle(t.Context(), queue.Settlement{Receipt: ds[0].Receipt, Verdict: queue.DeadLetter,
		Reason: "a test said so"}); err != nil {
		t.Fatal(err)
	}
	q.send(100)
	if done := q.move(t.Context(), nil); done.Moved != 1 || done.Left.Dead != 1 {
		t.Errorf("%+v, want one moved and one dead letter left", done)
	}
	if done := q.move(t.Context(), func(s *host.Switch) { s.Dead = true }); done.Moved != 1 || done.Revived != 1 ||
		done.Left.Dead != 0 {
		t.Errorf("%+v, want the dead letter moved", done)
	}
	q.allMoved(0)
}

// TestSwitchKeepsWhatDoesNotFit moves an event that the other queue refuses, between
// some that it takes.
func TestSwitchKeepsWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	q := openQueues(t, inFile(t), newSQSQueue(t))
	for range 5 {
		q.send(100)
	}
	big := &bellhop.Event{ID: bellhop.EventID(uuid.New()), Shop: shop, Topic: "orders/create", AcceptedAt: time.Now(),
		Body: make([]byte, 1_500_000)}
	rand.NewChaCha8([32]byte{}).Read(big.Body) // incompressible
	if err := q.ends.From.Queue.Send(t.Context(), big); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		q.send(100)
	}
	done := q.move(t.Context(), nil)
	if done.Moved != 10 || done.Refused != 1 || done.Left.Dead != 1 {
		t.Errorf("%+v, want 10 moved and 1 refused", done)
	}
	dead, err := q.ends.From.Queue.DeadLetter(t.Context(), big.ID)
	if err != nil || len(dead.Event.Body) != len(big.Body) || !strings.Contains(dead.Reason, "can't be moved") {
		t.Errorf("the dead letter has %q, %v", dead.Reason, err)
	}
	q.allMoved(0)
}

// awayFor is a queue that fails the first sends.
type awayFor struct {
	queue.Queue
	mu   sync.Mutex
	left int
}

func (q *awayFor) Send(ctx context.Context, events ...*bellhop.Event) error {
	q.mu.Lock()
	q.left--
	away := q.left >= 0
	q.mu.Unlock()
	if away {
		return errors.New("the broker is away")
	}
	return q.Queue.Send(ctx, events...)
}

// TestSwitchWaitsForTheOtherQueue loses no attempt of an event meanwhile.
func TestSwitchWaitsForTheOtherQueue(t *testing.T) {
	t.Parallel()
	q := openQueues(t, inFile(t), inFile(t))
	for range 10 {
		q.send(100)
	}
	done := q.move(t.Context(), func(s *host.Switch) { s.To = &awayFor{Queue: s.To, left: 4} })
	if done.Moved != 10 || done.Left != (queue.Depth{}) {
		t.Errorf("%+v, want 10 moved", done)
	}
	q.allMoved(0)
}

// TestKilledSwitchLosesNothing kills a switch again and again while producers send.
func TestKilledSwitchLosesNothing(t *testing.T) {
	t.Parallel()
	q := openQueues(t, inFile(t), inFile(t))
	producing, stop := context.WithCancel(t.Context())
	wait := q.produce(producing)
	for range 8 {
		killSwitch(t, q)
	}
	stop()
	wait()
	q.move(t.Context(), nil)
	t.Logf("%d events sent", len(q.sent))
	q.allMoved(0)
}

// killSwitch runs a switch as a process, and kills it a little after it has moved an
// event.
func killSwitch(t *testing.T, q *queues) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childDir+"="+t.TempDir(), childDB+"=sqlite:", childSteps+"="+string(stepsSwitch),
		childQueue+"="+address(t, q.ends.From), childTo+"="+address(t, q.ends.To))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, out, "moving")
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed
}

func address(t *testing.T, p *wire.Parts) string {
	t.Helper()
	url, err := p.Broker.URL(t.Context(), p.QueueName)
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// switchChild moves until it is killed, and prints a line once it has sent to the other
// queue, at times before the acknowledgement.
func switchChild(ctx context.Context) error {
	s := wire.Storage{Dir: os.Getenv(childDir), DB: os.Getenv(childDB)}
	both, err := s.OpenSwitch(ctx, os.Getenv(childQueue), os.Getenv(childTo), wire.Options{})
	if err != nil {
		return err
	}
	defer both.Close()
	to := &announced{Queue: both.To.Queue, report: sync.OnceFunc(func() { fmt.Println("moving") })}
	move := host.Switch{From: both.From.Queue, To: to, Follow: true, Log: slog.New(slog.DiscardHandler)}
	_, err = move.Run(ctx, context.Background())
	return err
}

// announced is a queue that reports sends.
type announced struct {
	queue.Queue
	report func()
}

func (q *announced) Send(ctx context.Context, events ...*bellhop.Event) error {
	err := q.Queue.Send(ctx, events...)
	if err == nil {
		q.report()
	}
	return err
}
