package main

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"bellhop"
	"bellhop/queue"
	"bellhop/wire"
)

type queueCmd struct {
	Create  queueCreateCmd  `cmd:"" help:"Create a queue." example:"bellhop queue create backfill --visibility 2m --max-attempts 5"`
	Ls      queueLsCmd      `cmd:"" help:"List the queues." example:"bellhop queue ls --json"`
	URL     queueURLCmd     `cmd:"" name:"url" help:"Show a queue's URL, for BELLHOP_QUEUE." example:"BELLHOP_QUEUE=$(bellhop queue url backfill) bellhop worker"`
	Attrs   queueAttrsCmd   `cmd:"" help:"Show a queue's attributes." example:"bellhop queue attrs --json"`
	Set     queueSetCmd     `cmd:"" help:"Change a queue's attributes." example:"bellhop queue set --visibility 1m"`
	Rm      queueRmCmd      `cmd:"" help:"Delete a queue with its events." example:"bellhop queue rm backfill"`
	Depth   queueDepthCmd   `cmd:"" help:"Count the events in the queue." example:"bellhop queue depth --json"`
	Send    queueSendCmd    `cmd:"" help:"Send an event to the queue, as a webhook would." example:"bellhop queue send --shop demo.myshopify.com --topic orders/create order.json"`
	Receive queueReceiveCmd `cmd:"" help:"Receive events from the queue and show them." example:"bellhop queue receive --max 10"`
	Switch  queueSwitchCmd  `cmd:"" help:"Move all events to another queue, while both are in use." example:"bellhop queue switch --from sqlite: --to sqs://sqs.eu-west-1.amazonaws.com/123456789012/orders --follow"`
	Purge   queuePurgeCmd   `cmd:"" help:"Drop all waiting events." example:"bellhop queue purge"`
}

// oneQueue names a queue, by default that of BELLHOP_QUEUE.
type oneQueue struct {
	wire.Storage
	Name string `arg:"" optional:"" help:"The queue's name. Default: BELLHOP_QUEUE's."`
}

func (o *oneQueue) open(j *job, fn func(name string, p *wire.Parts, q queue.Queue) error) error {
	return j.openBroker(&o.Storage, func(p *wire.Parts) (err error) {
		name := cmp.Or(o.Name, p.QueueName)
		q, err := p.Broker.Open(j.ctx, name)
		if err != nil {
			return err
		}
		err = fn(name, p, q)
		return errors.Join(err, q.Close())
	})
}

// attributes are the flags for queue.Attributes; nil if not given.
type attributes struct {
	Visibility  *time.Duration `name:"visibility" placeholder:"30s" help:"The visibility timeout: how long other consumers don't see a received event, such as 30s."`
	MaxAttempts *int           `name:"max-attempts" placeholder:"20" help:"After how many attempts an event becomes a dead letter."`
}

func (a attributes) over(q queue.Attributes) queue.Attributes {
	if a.Visibility != nil {
		q.Visibility = *a.Visibility
	}
	if a.MaxAttempts != nil {
		q.MaxAttempts = *a.MaxAttempts
	}
	return q
}

type queueCreateCmd struct {
	oneQueue
	attributes
}

func (queueCreateCmd) Help() string {
	return `If the queue exists with the same attributes, the command does nothing. In SQS it also creates NAME-notify,
which joins bellhop worker --steps record and bellhop worker --steps notify; in other brokers the worker creates it.`
}

func (c *queueCreateCmd) Run(j *job) error {
	o := j.patientOptions()
	o.Existing = false // the new queue may be the first in its file
	return closing(func(p *wire.Parts) error {
		name := cmp.Or(c.Name, p.QueueName)
		if err := p.CreateQueue(j.ctx, name, c.over(queue.DefaultAttributes())); err != nil {
			return err
		}
		url, err := p.Broker.URL(j.ctx, name)
		return j.said(err, "The queue %s is there. To use it, set BELLHOP_QUEUE=%s", name, url)
	})(c.OpenBroker(j.ctx, o))
}

type queueLsCmd struct {
	wire.Storage
	jsonFlag
}

type queueRow struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	depthRow
}

func (c *queueLsCmd) Run(j *job) error {
	return j.openBroker(&c.Storage, func(p *wire.Parts) error {
		names, err := p.Broker.Names(j.ctx)
		if err != nil {
			return err
		}
		queues := make([]queueRow, len(names))
		for i, name := range names {
			if queues[i], err = describe(j.ctx, p.Broker, name); err != nil {
				return err
			}
		}
		const head = "NAME\tWAITING\tLEASED\tDEAD\tOLDEST\tURL"
		return list(j, c.jsonFlag, "There are no queues.", head, queues, func(q queueRow) (queueRow, []string) {
			return q, append(append([]string{q.Name}, q.cells()...), q.URL)
		})
	})
}

func describe(ctx context.Context, b queue.Broker, name string) (r queueRow, err error) {
	r.Name = name
	if r.URL, err = b.URL(ctx, name); err != nil {
		return r, err
	}
	q, err := b.Open(ctx, name)
	if err != nil {
		return r, err
	}
	d, err := q.Depth(ctx)
	r.depthRow = depthRowOf(d)
	return r, errors.Join(err, q.Close())
}

type queueURLCmd struct{ oneQueue }

func (c *queueURLCmd) Run(j *job) error {
	return c.open(j, func(name string, p *wire.Parts, _ queue.Queue) error {
		url, err := p.Broker.URL(j.ctx, name)
		return j.said(err, "%s", url)
	})
}

type queueAttrsCmd struct {
	oneQueue
	jsonFlag
}

func (c *queueAttrsCmd) Run(j *job) error {
	return c.open(j, func(name string, _ *wire.Parts, q queue.Queue) error {
		a, err := q.Attributes(j.ctx)
		if err != nil {
			return err
		}
		return sayAttributes(j, c.jsonFlag, name, a)
	})
}

func sayAttributes(j *job, as jsonFlag, name string, a queue.Attributes) error {
	value := struct {
		Name       string  `json:"name"`
		Visibility float64 `json:"visibility_seconds"`
		Attempts   int     `json:"max_attempts"`
	}{name, a.Visibility.Seconds(), a.MaxAttempts}
	return j.table(as, value, "", "NAME\tVISIBILITY\tMAX ATTEMPTS",
		[][]string{{name, a.Visibility.String(), strconv.Itoa(a.MaxAttempts)}})
}

type queueSetCmd struct {
	oneQueue
	attributes
	jsonFlag
}

func (queueSetCmd) Help() string {
	return `The change applies from the next received event on.`
}

func (c *queueSetCmd) Run(j *job) error {
	if c.Visibility == nil && c.MaxAttempts == nil {
		return bellhop.Invalidf("usage", "say what to set: --visibility, --max-attempts or both")
	}
	return c.open(j, func(name string, _ *wire.Parts, q queue.Queue) error {
		a, err := q.Attributes(j.ctx)
		if err != nil {
			return err
		}
		a = c.over(a)
		if err := q.SetAttributes(j.ctx, a); err != nil {
			return err
		}
		return sayAttributes(j, c.jsonFlag, name, a)
	})
}

type queueRmCmd struct {
	wire.Storage
	Name string `arg:"" help:"The queue's name."`
	yesFlag
}

func (queueRmCmd) Help() string {
	return `Deletes NAME-notify too. Stop all processes that use the queue first. The events stay in the ledger.`
}

func (c *queueRmCmd) Run(j *job) error {
	if err := c.confirm(j.terminal, "Delete the queue "+c.Name+" with all that waits in it?"); err != nil {
		return err
	}
	return j.openBroker(&c.Storage, func(p *wire.Parts) error {
		return j.said(p.RemoveQueue(j.ctx, c.Name), "Deleted the queue %s.", c.Name)
	})
}

type queueDepthCmd struct {
	oneQueue
	jsonFlag
}

type depthRow struct {
	Waiting int   `json:"waiting"`
	Leased  int   `json:"leased"`
	Dead    int   `json:"dead"`
	Oldest  int64 `json:"oldest_seconds"`
}

func depthRowOf(d queue.Depth) depthRow {
	return depthRow{d.Waiting, d.Leased, d.Dead, int64(d.Oldest.Round(time.Second).Seconds())}
}

func (d depthRow) cells() []string {
	return []string{strconv.Itoa(d.Waiting), strconv.Itoa(d.Leased), strconv.Itoa(d.Dead),
		(time.Duration(d.Oldest) * time.Second).String()}
}

func (c *queueDepthCmd) Run(j *job) error {
	return c.open(j, func(_ string, _ *wire.Parts, q queue.Queue) error {
		d, err := q.Depth(j.ctx)
		if err != nil {
			return err
		}
		row := depthRowOf(d)
		return j.table(c.jsonFlag, row, "", "WAITING\tLEASED\tDEAD\tOLDEST", [][]string{row.cells()})
	})
}
