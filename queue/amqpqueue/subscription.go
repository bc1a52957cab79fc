package amqpqueue

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop/internal/rabbit"
	"bellhop/queue"
)

// subscription is a consuming connection, and its one channel. All leases end with
// it.
type subscription struct {
	in       *intake
	ctx      context.Context // until the connection is gone
	gone     context.CancelFunc
	conn     *amqp.Connection
	ch       *amqp.Channel
	closed   chan *amqp.Error
	canceled chan string // a lane was deleted
	requests <-chan amqp.Delivery
	pumps    sync.WaitGroup // all goroutines
	taps     sync.WaitGroup // the goroutines of the lanes
	id       string
	n        atomic.Int64 // leases

	// Of the goroutine that serves:
	want     int // see ahead; 0 while not subscribed
	tag      [lanes]string
	tags     int
	complete time.Time // by when the first message of each lane should be here; set with the intake's lock
}

func (s *subscription) receipt() queue.Receipt {
	return queue.Receipt(fmt.Sprint(s.id, ".", s.n.Add(1)))
}

// attach connects, and joins the consuming processes.
func (in *intake) attach(ctx context.Context) (*subscription, error) {
	q := in.q
	conn, err := q.target.Dial(ctx, fmt.Sprint("bellhop ", q.name, " consumer"))
	if err != nil {
		return nil, err
	}
	s := &subscription{in: in, conn: conn, id: rand.Text()}
	s.ctx, s.gone = context.WithCancel(context.Background())
	defer context.AfterFunc(ctx, func() { rabbit.Drop(conn) })()
	if err := s.join(); err != nil {
		s.end()
		return nil, q.target.Explain("consume from the queue "+q.name, err)
	}
	return s, nil
}

// join listens to requests first, and joins the members then: an asker waits for
// the answers of all members.
func (s *subscription) join() (err error) {
	if s.ch, err = s.conn.Channel(); err != nil {
		return err
	}
	s.closed = s.ch.NotifyClose(make(chan *amqp.Error, 1))
	s.canceled = s.ch.NotifyCancel(make(chan string, lanes+2))
	mine, err := s.ch.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		return err
	}
	if err := s.ch.QueueBind(mine.Name, "", s.in.q.control(), false, nil); err != nil {
		return err
	}
	if s.requests, err = s.ch.Consume(mine.Name, "control", true, true, false, false, nil); err != nil {
		return err
	}
	members, err := s.ch.Consume(s.in.q.members(), "member", true, false, false, false, nil)
	if err != nil {
		return err
	}
	s.pumps.Go(func() {
		for range members { // nobody sends any
		}
	})
	return nil
}

// end ends the connection and waits for its goroutines.
func (s *subscription) end() {
	s.gone()
	rabbit.Hangup(s.conn)
	s.taps.Wait()
	s.pumps.Wait()
}

// gather bounds the wait for the first message of each lane after subscribing.
const gather = 300 * time.Millisecond

// subscribe asks for messages of all lanes.
func (s *subscription) subscribe(want int) error {
	expect := map[int]bool{}
	for i := range lanes {
		state, err := s.ch.QueueDeclarePassive(s.in.q.lane(i), true, false, false, false, nil)
		if err != nil {
			return err
		}
		if state.Messages > 0 {
			expect[i] = true
		}
	}
	s.in.expecting(s, expect)
	s.want = want
	for i := range lanes {
		if err := s.consume(i); err != nil {
			return err
		}
	}
	return nil
}

// consume asks for messages of a lane, by a new tag: RabbitMQ counts by it how many
// it delivers ahead.
func (s *subscription) consume(lane int) error {
	if err := s.ch.Qos(ahead(lane, s.want), 0, false); err != nil {
		return err
	}
	s.tags++
	s.tag[lane] = fmt.Sprint("lane.", s.tags)
	deliveries, err := s.ch.Consume(s.in.q.lane(lane), s.tag[lane], false, false, false, false, nil)
	if err != nil {
		return err
	}
	s.taps.Go(func() {
		for d := range deliveries {
			s.in.add(s, lane, d)
		}
	})
	return nil
}

// renew asks anew for messages of lanes with so many leased messages that RabbitMQ
// would deliver no more.
func (s *subscription) renew(starving []int) error {
	for _, lane := range starving {
		if err := s.ch.Cancel(s.tag[lane], false); err != nil {
			return err
		}
		if err := s.consume(lane); err != nil {
			return err
		}
	}
	return nil
}

// expecting makes receivers wait a moment, so that a small batch has events of all
// lanes with any.
func (in *intake) expecting(s *subscription, lanes map[int]bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for i := range lanes {
		if len(in.lanes[i]) > 0 {
			delete(lanes, i)
		}
	}
	in.expect, s.complete = lanes, time.Now().Add(gather)
}

// unsubscribe returns once all messages on their way have arrived.
func (s *subscription) unsubscribe() error {
	s.want = 0
	for i := range lanes {
		if err := s.ch.Cancel(s.tag[i], false); err != nil {
			return err
		}
	}
	s.taps.Wait()
	return nil
}
