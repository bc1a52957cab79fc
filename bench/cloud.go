package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"bellhop/internal/amazon"
	"bellhop/internal/lambdaruntime"
)

// mode is how functions are composed, as the template's parameter Mode.
type mode string

const (
	modeDirect   mode = "direct"
	modeExpress  mode = "express"
	modeStandard mode = "standard"
)

var modes = []mode{modeDirect, modeExpress, modeStandard}

// consumer is the function that the queue's messages are handed to.
func (m mode) consumer() string {
	if m == modeDirect {
		return "direct"
	}
	return "start"
}

// cloud is bellhop as it is deployed on AWS, on this machine: its functions as
// processes, a queue in SQS's stand-in, an event source mapping, and in the modes
// with a state machine a stand-in for Step Functions.
type cloud struct {
	mode      mode
	meter     *meter
	functions map[string]*lambdaruntime.Function
	url       string         // of accept: HOST:PORT
	closers   []func() error // called from the last to the first
}

// Bounds of the processes that a function runs in, where AWS has none: so many
// that at the rates measured none waits for another.
const (
	acceptProcesses = 16
	stepProcesses   = 16
)

// FCMLatency is FCM's assumed time for an answer.
const FCMLatency = 50 * time.Millisecond

// newCloud starts one with a database of its own.
func (b *bench) newCloud(ctx context.Context, m mode) (c *cloud, err error) {
	c = &cloud{mode: m, meter: newMeter(b.SQS)}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	fcm, err := b.twin(ctx, FCMLatency)
	if err != nil {
		return c, err
	}
	c.closers = append(c.closers, fcm.stop)
	database, err := b.likeBase(ctx)
	if err != nil {
		return c, err
	}
	q, err := b.newQueue(ctx, b.sqsSetting)
	if err != nil {
		return c, err
	}
	c.closers = append(c.closers, func() error { return b.removeQueue(ctx, q) })
	endpoint, cut, err := c.listen(c.meter)
	if err != nil {
		return c, err
	}
	env := append(b.databaseEnv(database), b.queueSetting("http://"+endpoint, q.name),
		"BELLHOP_SHOPIFY_SECRET="+b.secret, fcm.push)
	if err := c.deploy(ctx, b, env); err != nil {
		return c, err
	}
	if c.url, _, err = c.listen(c.functions["accept"].URL()); err != nil {
		return c, err
	}
	return c, c.mapQueue(ctx, "http://"+endpoint, q, cut)
}

// listen serves on loopback until it is cut or the cloud is closed.
func (c *cloud) listen(h http.Handler) (addr string, cut func() error, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s := &http.Server{Handler: h} // without a bound on idle connections: orders may come seldom
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) }) // ends when it is closed
	cut = func() error { defer serving.Wait(); return s.Close() }
	c.closers = append(c.closers, cut)
	return l.Addr().String(), cut, nil
}

// deploy makes the functions, with the bounds of the template.
func (c *cloud) deploy(ctx context.Context, b *bench, env []string) error {
	at, err := lambdaruntime.Start(nil)
	if err != nil {
		return err
	}
	c.closers = append(c.closers, at.Close)
	if c.mode == modeDirect {
		c.functions, err = b.functions(ctx, at, env, "accept", "direct")
	} else {
		states := &composition{meter: c.meter}
		var endpoint string
		if endpoint, _, err = c.listen(states); err != nil {
			return err
		}
		c.closers = append(c.closers, func() error { states.running.Wait(); return nil })
		env = append(env, "BELLHOP_STATE_MACHINE="+machineARN, "BELLHOP_STATE_MACHINE_TYPE="+string(c.mode),
			"AWS_ENDPOINT_URL_SFN=http://"+endpoint)
		if c.functions, err = b.functions(ctx, at, env, "accept", "start", "record", "notify"); err == nil {
			states.record, states.notify = c.functions["record"], c.functions["notify"]
		}
	}
	for name, f := range c.functions {
		f.Watch, f.Concurrency = c.meter.watch(name), stepProcesses
	}
	if err == nil {
		c.functions["accept"].Concurrency = acceptProcesses
		c.functions[c.mode.consumer()].Concurrency = templateConsumers
	}
	return err
}

// mapQueue lets the queue's messages be handed to the function until the way to
// the queue is cut.
func (c *cloud) mapQueue(ctx context.Context, endpoint string, q oneQueue, cut func() error) error {
	cfg, err := amazon.Load(ctx, amazon.Settings{Region: region, Endpoint: endpoint})
	if err != nil {
		return err
	}
	m := &lambdaruntime.Mapping{
		Client: sqs.NewFromConfig(amazon.Patient(cfg, awsPoll+5*time.Second)), QueueURL: endpoint + "/" + accountID + "/" +
			q.name,
		QueueARN: "arn:aws:sqs:" + region + ":" + accountID + ":" + q.name, Function: c.functions[c.mode.consumer()],
		BatchSize: templateBatch, Concurrency: awsPollers, Poll: awsPoll,
	}
	ctx, cancel := context.WithCancel(ctx)
	var polling sync.WaitGroup
	polling.Go(func() { _ = m.Run(ctx) }) // its error is that the way was cut, below: a poll is long
	c.closers = append(c.closers, func() error {
		defer polling.Wait()
		cancel()
		return cut()
	})
	return nil
}

// close ends all of it, whatever goes wrong.
func (c *cloud) close() (err error) {
	for i := len(c.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, c.closers[i]())
	}
	return err
}

// carry sends webhooks at a rate and waits until all are done; behind is how long
// after the load's end.
func (c *cloud) carry(ctx context.Context, b *bench, w *Webhooks, rate float64,
	d time.Duration) (a *Account, behind time.Duration, err error) {
	c.meter.reset()
	tally, err := c.load(ctx, b, Load{Requests: w.For, Connections: acceptProcesses, Rate: rate, Duration: d})
	if err != nil {
		return nil, 0, err
	}
	behind = time.Since(tally.Began) - d
	a = c.meter.reset()
	a.Orders = int(tally.OK())
	return a, behind, nil
}

// load loads accept and waits until all accepted orders are done.
func (c *cloud) load(ctx context.Context, b *bench, l Load) (*Tally, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, l.Duration+drainTime, fmt.Errorf("%s: orders are not done with after %v",
		c.mode, drainTime))
	defer cancel()
	l.Target = c.url
	tally, err := l.Run(ctx)
	if err != nil {
		return nil, err
	}
	if n := tally.Failed(); n > 0 {
		return nil, fmt.Errorf("%s: %d of %d webhooks were not accepted: statuses %v, without an answer %v", c.mode, n,
			tally.Sent, tally.Statuses, tally.Failures)
	}
	return tally, c.meter.until(ctx, int(tally.OK()), c.executions(int(tally.OK())))
}

// executions is how many so many orders take.
func (c *cloud) executions(orders int) int {
	if c.mode == modeDirect {
		return 0
	}
	return orders
}
