package bench

import (
	"context"
	"os"
	"time"

	"bellhop/internal/wait"
)

// warmup is how long a flood goes on before acceptance is measured.
const warmup = 500 * time.Millisecond

// measureBare loads the bare handler.
func (b *bench) measureBare(ctx context.Context) error {
	return b.floodBare(ctx, nil, func(c *child, before usage, tally *Tally) {
		b.noteCPU("bare_cpu", c, before, tally.OK())
		b.add("bare_per_second", tally.Rate())
		b.ms("bare_p99", tally.Latency.At(99))
	})
}

// floodBare floods a bare handler; note adds the results.
func (b *bench) floodBare(ctx context.Context, env []string,
	note func(c *child, before usage, t *Tally), args ...string) error {
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	c, err := b.start(ctx, b.self, env, append([]string{"bare", "--addr", addr}, args...)...)
	if err != nil {
		return err
	}
	defer c.kill()
	if err := c.listening(ctx, addr); err != nil {
		return err
	}
	l := b.flood(addr, b.mainWebhooks())
	l.Warmup = warmup
	before, _ := usageOf(c.cmd.Process.Pid)
	tally, err := l.Run(ctx)
	if err != nil {
		return err
	}
	b.expectNone("bare handler", tally)
	note(c, before, tally)
	return c.stop()
}

// expectNone makes a problem of requests that were not answered 2xx.
func (b *bench) expectNone(what string, t *Tally) {
	if n := t.Failed(); n > 0 {
		b.problem("%s: %d of %d requests failed: statuses %v, without an answer %v", what, n, t.Sent, t.Statuses, t.Failures)
	}
}

// bare returns the bare handler's rate just before, to compare with.
func (b *bench) bare() float64 {
	rates := b.values["bare_per_second"]
	return rates[len(rates)-1]
}

// accepting runs fn on a bellhop that only accepts, without orders.
func (b *bench) accepting(ctx context.Context, env []string, fn func(*server) error) error {
	return b.serving(ctx, b.data.empty, env, fn, "--no-worker")
}

// serving runs fn on a bellhop with a copy of the data, and ends it.
func (b *bench) serving(ctx context.Context, data string, env []string, fn func(*server) error, args ...string) error {
	dir, err := b.copyOf(data)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return b.running(ctx, dir, env, fn, args...)
}

// floodAccepting floods a bellhop that only accepts, and returns how many webhooks
// a second it did. prefix is that of the figures' keys.
func (b *bench) floodAccepting(ctx context.Context, env []string, w *Webhooks,
	what, prefix string) (rate float64, err error) {
	err = b.accepting(ctx, env, func(s *server) error {
		before, _ := usageOf(s.cmd.Process.Pid)
		l := b.flood(s.addr, w)
		l.Warmup = warmup
		tally, err := l.Run(ctx)
		if err != nil {
			return err
		}
		b.noteCPU(prefix+"_cpu", s.child, before, tally.OK())
		b.expectNone(what, tally)
		rate = tally.Rate()
		b.add(prefix+"_per_second", rate)
		b.ms(prefix+"_p99", tally.Latency.At(99))
		return nil
	})
	return rate, err
}

// measureAccepting floods a bellhop that only accepts.
func (b *bench) measureAccepting(ctx context.Context) error {
	rate, err := b.floodAccepting(ctx, nil, b.mainWebhooks(), "accepting", "accepted")
	if err != nil {
		return err
	}
	b.add("accepted_ratio", rate/b.bare())
	return nil
}

// noteCPU adds a child's CPU since before, by order; nothing on systems that don't
// count it.
func (b *bench) noteCPU(key string, c *child, before usage, orders int64) {
	if after, err := usageOf(c.cmd.Process.Pid); err == nil {
		b.add(key, float64(after.CPU-before.CPU)/float64(time.Microsecond)/float64(max(orders, 1)))
	}
}

// measureRecording floods a bellhop that does all, then waits until it is done.
// Sustained is all that it recorded, by the time from the first webhook to the last
// record: a queue that only grew would count for nothing.
func (b *bench) measureRecording(ctx context.Context) error {
	dir, err := b.copyOf(b.data.empty)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sizeBefore, err := sizeOf(dir)
	if err != nil {
		return err
	}
	var recorded int64
	err = b.running(ctx, dir, nil, func(s *server) error {
		before, _ := usageOf(s.cmd.Process.Pid)
		tally, err := b.flood(s.addr, b.mainWebhooks()).Run(ctx)
		if err != nil {
			return err
		}
		_, most, memErr := resident(s.cmd.Process.Pid)
		if recorded, err = s.drained(ctx); err != nil {
			return err
		}
		b.noteRecording(tally, recorded, time.Since(tally.Began))
		b.noteCPU("recorded_cpu", s.child, before, recorded)
		if after, err := usageOf(s.cmd.Process.Pid); err == nil {
			b.add("bytes_written_per_order", float64(after.Written-before.Written)/float64(max(recorded, 1)))
		}
		if memErr == nil {
			b.mib("memory_loaded", most)
		}
		return nil
	})
	if err != nil {
		return err
	}
	size, err := sizeOf(dir)
	b.add(KeyBytesKept, float64(size-sizeBefore)/float64(max(recorded, 1)))
	return err
}

func (b *bench) noteRecording(t *Tally, recorded int64, took time.Duration) {
	b.expectNone("recording", t)
	// An order whose answer was cut off may be there, one that was acknowledged must.
	if recorded < t.OK() || recorded > t.Sent {
		b.problem("recording: %d webhooks were acknowledged and %d recorded", t.OK(), recorded)
	}
	rate := float64(recorded) / took.Seconds()
	b.add("recorded_per_second", rate)
	b.add("recorded_ratio", rate/b.bare())
	b.add("flood_accepted_per_second", t.Rate())
	b.ms("flood_drain", took-t.Ended.Sub(t.Began))
	b.ms("flood_p50", t.Latency.At(50))
	b.ms("flood_p99", t.Latency.At(99))
	b.ms("flood_p999", t.Latency.At(99.9))
}

// measureQueued looks at memory while very many webhooks wait.
func (b *bench) measureQueued(ctx context.Context) error {
	return b.accepting(ctx, nil, func(s *server) error {
		l := b.flood(s.addr, b.mainWebhooks())
		l.Duration, l.Count = 0, int64(b.Queued)
		tally, err := l.Run(ctx)
		if err != nil {
			return err
		}
		b.expectNone("queueing", tally)
		m, err := s.metrics(ctx, seriesWaiting)
		if err != nil {
			return s.trouble(err)
		}
		if int64(m[seriesWaiting]) != tally.OK() {
			b.problem("queueing: %d webhooks were acknowledged and %d wait", tally.OK(), int64(m[seriesWaiting]))
		}
		if now, most, err := resident(s.cmd.Process.Pid); err == nil {
			b.mib("memory_queued", now)
			b.mib("memory_queued_peak", most)
		}
		return nil
	})
}

// starts is how often each round measures a start.
const starts = 3

// measureStarting starts bellhop in an empty folder, and looks at its memory while
// it is idle.
func (b *bench) measureStarting(ctx context.Context) error {
	for range starts {
		if err := b.startEmpty(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) startEmpty(ctx context.Context) error {
	dir, err := os.MkdirTemp(b.dir, "data-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return b.running(ctx, dir, nil, func(s *server) error {
		b.ms("start_ready", s.took)
		wait.Pause(ctx, time.Second)
		if now, _, err := resident(s.cmd.Process.Pid); err == nil {
			b.mib("memory_idle", now)
		}
		return nil
	})
}
