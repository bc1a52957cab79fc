package amqpqueue

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bellhop"
	"bellhop/internal/rabbit"
	"bellhop/internal/wait"
	"bellhop/queue"
)

// registryName is the queue of RabbitMQ with the [catalog], in one message: its holder
// holds the lock.
const registryName = "bellhop.queues"

// catalog holds what AMQP can't answer.
type catalog struct {
	Queues map[string]entry `json:"queues"`
	// Dictionaries are the dictionaries of packed bodies, so that each bellhop
	// reads the bodies of another.
	Dictionaries map[string][]byte `json:"dictionaries"`
}

type entry struct {
	Visibility  string `json:"visibility"`
	MaxAttempts int    `json:"max_attempts"`
}

func entryOf(a queue.Attributes) entry { return entry{a.Visibility.String(), a.MaxAttempts} }

func (e entry) attributes() queue.Attributes {
	d, err := time.ParseDuration(e.Visibility)
	if err != nil {
		d = queue.DefaultAttributes().Visibility
	}
	return queue.Attributes{Visibility: d, MaxAttempts: e.MaxAttempts}
}

var (
	errBusy    = errors.New("others are using the registry")
	errMissing = errors.New("there is no registry")
)

const (
	// turnWait is the pause before asking for the registry again.
	turnWait = 20 * time.Millisecond
	// heldTooLong is the time after which a registry that nobody gives back counts
	// as lost. If it comes back later, the two become one.
	heldTooLong = 10 * time.Second
)

// registry calls fn with the catalog, and saves it if fn changed it. Nobody else
// has it meanwhile.
func (b *Broker) registry(ctx context.Context, fn func(*catalog) (changed bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, adminPatience)
	defer cancel()
	for began := time.Now(); ; {
		err := b.ask.Do(ctx, func(ch *amqp.Channel) error { return b.turn(ctx, ch, fn) })
		switch {
		case errors.Is(err, errMissing), errors.Is(err, errBusy) && time.Since(began) > heldTooLong:
			if err := b.initialize(ctx); err != nil && !errors.Is(err, errBusy) {
				return b.target.Explain("make the list of queues", err)
			}
		case !errors.Is(err, errBusy):
			return b.target.Explain("read the list of queues", err)
		}
		if !wait.Pause(ctx, turnWait) {
			return b.target.Explain("read the list of queues", ctx.Err())
		}
	}
}

// turn takes the message, and puts it back or replaces it.
func (b *Broker) turn(ctx context.Context, ch *amqp.Channel, fn func(*catalog) (bool, error)) error {
	d, ok, err := ch.Get(registryName, false)
	if e, is := errors.AsType[*amqp.Error](err); is {
		switch e.Code {
		case amqp.NotFound:
			return errMissing
		case amqp.InternalError: // somebody is making it
			return errBusy
		}
	}
	if err != nil {
		return err
	}
	if !ok {
		return errBusy
	}
	c, err := readCatalog(d.Body)
	if err != nil {
		return err
	}
	extra, err := b.merge(ch, c)
	if err != nil {
		return err
	}
	changed, err := fn(c)
	if err != nil || !changed && len(extra) == 0 {
		// The channel's end would give it back as well, but not before another
		// asks.
		return errors.Join(err, d.Nack(false, true))
	}
	if err := b.publishCatalog(ctx, c); err != nil {
		return err
	}
	for _, old := range append(extra, d) {
		if err := old.Ack(false); err != nil {
			return err
		}
	}
	return nil
}

// merge takes in a second list: there is one when somebody made a new list while
// another process held the old one for too long.
func (b *Broker) merge(ch *amqp.Channel, c *catalog) (extra []amqp.Delivery, err error) {
	for {
		d, ok, err := ch.Get(registryName, false)
		if err != nil || !ok {
			return extra, err
		}
		other, err := readCatalog(d.Body)
		if err != nil {
			return extra, err
		}
		maps.Copy(c.Queues, other.Queues)
		maps.Copy(c.Dictionaries, other.Dictionaries)
		extra = append(extra, d)
	}
}

func readCatalog(body []byte) (*catalog, error) {
	c := &catalog{}
	if err := json.Unmarshal(body, c); err != nil {
		return nil, bellhop.Errorf(bellhop.Conflict, "registry", "the message in %s is not bellhop's: remove it",
			registryName)
	}
	if c.Queues == nil {
		c.Queues = map[string]entry{}
	}
	if c.Dictionaries == nil {
		c.Dictionaries = map[string][]byte{}
	}
	return c, nil
}

func (b *Broker) publishCatalog(ctx context.Context, c *catalog) error {
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	m := &rabbit.Message{Key: registryName, Publishing: amqp.Publishing{MessageId: "queues",
		ContentType: "application/json", Body: body}}
	return errors.Join(b.pub.Send(ctx, adminPatience, m)...)
}

// initialize makes the registry. Of several processes one succeeds: a queue that
// belongs to its connection alone is the lock.
func (b *Broker) initialize(ctx context.Context) error {
	return locked(ctx, b.ask, registryName+".lock", func(ch *amqp.Channel) error {
		if _, err := ch.QueueDeclare(registryName, true, false, false, false,
			quorum(amqp.Table{"x-delivery-limit": unlimited})); err != nil {
			return err
		}
		d, ok, err := ch.Get(registryName, false)
		if err != nil {
			return err
		}
		if ok {
			return d.Nack(false, true)
		}
		return b.publishCatalog(ctx, &catalog{})
	})
}

// locked calls fn while nobody else holds the lock of that name; errBusy if another
// does.
func locked(ctx context.Context, ask *rabbit.Session, name string, fn func(*amqp.Channel) error) error {
	held := false
	err := ask.Do(ctx, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(name, false, true, true, false, nil)
		if e, is := errors.AsType[*amqp.Error](err); is && e.Code == amqp.ResourceLocked {
			return errBusy
		}
		if err != nil {
			return err
		}
		held = true
		return fn(ch)
	})
	if held {
		// By another channel: an error may have closed the first.
		err = errors.Join(err, ask.Do(ctx, func(ch *amqp.Channel) error {
			_, err := ch.QueueDelete(name, false, false, false)
			return err
		}))
	}
	return err
}

// keepDictionary saves this process's dictionary, so that others can read its
// bodies.
func (b *Broker) keepDictionary(ctx context.Context) error {
	id, bytes := b.packer.Dictionary()
	key := strconv.FormatInt(id, 10)
	return b.registry(ctx, func(c *catalog) (bool, error) {
		if c.Dictionaries[key] != nil {
			return false, nil
		}
		c.Dictionaries[key] = bytes
		return true, nil
	})
}

// dictionary finds the dictionary of another process.
func (b *Broker) dictionary(ctx context.Context) func(id int64) ([]byte, error) {
	return func(id int64) (bytes []byte, err error) {
		err = b.registry(ctx, func(c *catalog) (bool, error) {
			bytes = c.Dictionaries[strconv.FormatInt(id, 10)]
			return false, nil
		})
		return bytes, err
	}
}
