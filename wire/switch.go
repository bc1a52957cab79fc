package wire

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"

	"bellhop"
	"bellhop/queue"
)

// Switch is two queues, opened to move one into the other.
type Switch struct {
	From, To *Parts
}

// OpenSwitch opens the queue from, which must exist, and to, each a URL as
// BELLHOP_QUEUE takes it. Either may be in s's database. Errors call them --from and
// --to.
func (s Storage) OpenSwitch(ctx context.Context, from, to string, o Options) (w *Switch, err error) {
	w = &Switch{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	if from == to {
		return w, sameQueue()
	}
	source, target := end{"--from", Storage{Dir: s.Dir, DB: s.DB, Queue: from}, o},
		end{"--to", Storage{Dir: s.Dir, DB: s.DB, Queue: to}, o}
	if _, err := target.only(theQueue, o); err != nil { // before anything opens
		return w, target.withFlag(err)
	}
	if err := source.queueThere(ctx); err != nil {
		return w, source.withFlag(err)
	}
	if w.From, err = source.OpenQueue(ctx, o); err != nil {
		return w, source.withFlag(err)
	}
	if w.To, err = target.OpenQueue(ctx, o); err != nil {
		return w, target.withFlag(err)
	}
	return w, w.check(ctx, s.DB)
}

// Close closes both.
func (w *Switch) Close() error {
	return closeAll(slices.DeleteFunc([]*Parts{w.From, w.To}, func(p *Parts) bool { return p == nil })...)
}

// check refuses two ways to write one queue.
func (w *Switch) check(ctx context.Context, db string) error {
	from, err := w.From.Broker.URL(ctx, w.From.QueueName)
	if err != nil {
		return err
	}
	to, err := w.To.Broker.URL(ctx, w.To.QueueName)
	if err == nil && placeOf(from, db) == placeOf(to, db) {
		return sameQueue()
	}
	return err
}

func sameQueue() error {
	return bellhop.Invalidf("same_queue", "--from and --to are the same queue; give two")
}

// placeOf returns a queue's server or file and its name, the same for every URL of it.
// db is the database that postgres: means.
func placeOf(address, db string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	name := cmp.Or(u.Query().Get("queue"), queue.DefaultName)
	if inStoresDatabase(address) {
		if u, err = url.Parse(db); err != nil {
			return address
		}
	}
	return u.Host + u.Path + "?queue=" + name
}

// queueThere refuses a missing file or database: a typing error must make none.
func (e *end) queueThere(ctx context.Context) error {
	d, err := e.only(theQueue, e.opts)
	if err != nil {
		return err
	}
	if found, there := examineAll(ctx, d.shared); !there {
		return notThere(found)
	}
	return nil
}
