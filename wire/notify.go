package wire

import (
	"context"
	"path"
	"strings"

	"bellhop"
	"bellhop/queue"
)

// deliberate is a queue driver whose queues only bellhop queue create makes, since each
// costs money and belongs to somebody. Others make the notify queue by themselves.
type deliberate interface {
	// notifyName is queue.NotifyName in the service's form.
	notifyName(name string) string
}

// notifyName returns the name of a queue's notify queue, and whether only bellhop
// queue create makes it.
func (p *Parts) notifyName(name string) (notify string, onPurpose bool) {
	if d, ok := p.driver.(deliberate); ok {
		return d.notifyName(name), true
	}
	return queue.NotifyName(name), false
}

// OpenNotify opens the notify queue, which joins processes that each run one of the
// worker's two steps.
func (p *Parts) OpenNotify(ctx context.Context) (queue.Queue, error) {
	name, onPurpose := p.notifyName(p.QueueName)
	q, err := p.Broker.Open(ctx, name)
	if bellhop.KindOf(err) == bellhop.NotFound {
		if onPurpose {
			return nil, bellhop.Errorf(bellhop.NotFound, "notify_queue",
				"there is no queue %s, which joins bellhop worker --steps record and --steps notify: bellhop queue create %s "+
					"creates it", name, p.QueueName)
		}
		if err = p.Broker.Create(ctx, name, queue.DefaultAttributes()); err == nil {
			q, err = p.Broker.Open(ctx, name)
		}
	}
	p.Notify = q
	return q, err
}

// CreateQueue makes a queue, and its notify queue if nothing else makes that.
func (p *Parts) CreateQueue(ctx context.Context, name string, a queue.Attributes) error {
	if err := p.Broker.Create(ctx, name, a); err != nil {
		return err
	}
	notify, onPurpose := p.notifyName(name)
	if !onPurpose || queue.IsNotify(strings.TrimSuffix(name, path.Ext(name))) {
		return nil
	}
	err := p.Broker.Create(ctx, notify, queue.DefaultAttributes())
	if bellhop.KindOf(err) == bellhop.Conflict {
		return nil // somebody gave it attributes of its own
	}
	return err
}

// RemoveQueue deletes a queue, and its notify queue if there is one.
func (p *Parts) RemoveQueue(ctx context.Context, name string) error {
	if err := p.Broker.Remove(ctx, name); err != nil {
		return err
	}
	notify, _ := p.notifyName(name)
	err := p.Broker.Remove(ctx, notify)
	if bellhop.KindOf(err) == bellhop.NotFound {
		return nil
	}
	return err
}
