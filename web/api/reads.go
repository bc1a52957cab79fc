package api

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"bellhop"
	"bellhop/store"
	"bellhop/web"
)

// saveReads is how often counts are saved. A process that is killed loses those since.
const saveReads = time.Minute

// reads counts in the access log how many orders each API token reads on a day. The first read within a minute is in
// the log before the token gets anything; more are added up.
type reads struct {
	log   store.AccessLog
	now   func() time.Time
	fault *slog.Logger
	ctx   context.Context // until close
	stop  context.CancelFunc
	done  chan struct{}

	mu   sync.Mutex
	more map[bellhop.Access]int64 // by line, without its number; not saved yet
}

func newReads(o *Options) *reads {
	r := &reads{log: o.Store, now: o.Now, fault: o.Log, done: make(chan struct{}), more: map[bellhop.Access]int64{}}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

// note counts orders that a client gets. Reading goes on when the database takes no changes.
func (r *reads) note(ctx context.Context, who web.Principal, orders int) {
	if who.Token.ID == 0 || who.Masks() || orders == 0 {
		return
	}
	line := bellhop.Access{Shop: who.Shop, At: r.now().UTC().Truncate(24 * time.Hour), By: who.Name(),
		What: bellhop.AccessRead}
	r.mu.Lock()
	n, known := r.more[line]
	if known {
		n += int64(orders)
	}
	r.more[line] = n
	r.mu.Unlock()
	if !known {
		r.add(ctx, line, int64(orders))
	}
}

func (r *reads) add(ctx context.Context, line bellhop.Access, n int64) {
	logged := line
	logged.N = n
	if err := r.log.AddAccess(ctx, logged); err != nil {
		r.fault.ErrorContext(ctx, "what an API token reads is not in the access log yet", "shop", line.Shop, "err", err)
		r.mu.Lock()
		r.more[line] += n // for the next time
		r.mu.Unlock()
	}
}

// run saves the counts until [reads.close].
func (r *reads) run() {
	defer close(r.done)
	tick := time.NewTicker(saveReads)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.save()
		case <-r.ctx.Done():
			r.save()
			return
		}
	}
}

func (r *reads) save() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r.mu.Lock()
	more := r.more
	r.more = map[bellhop.Access]int64{}
	r.mu.Unlock()
	for line, n := range more {
		if n > 0 {
			r.add(ctx, line, n)
		}
	}
}

// close saves what is left.
func (r *reads) close() {
	r.stop()
	<-r.done
}
