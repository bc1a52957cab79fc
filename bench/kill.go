package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"bellhop/internal/results"
	"bellhop/internal/wait"
)

// leasesEnd is how long a queue may keep what the killed process had leased, and pushes that it
// had claimed.
const leasesEnd = 2 * time.Minute

// kills adds a kill in each mode to a rate.
func (c *comparing) kills(ctx context.Context, p *results.RatePoint) error {
	for _, m := range c.modes {
		k, err := c.kill(ctx, m, p.Rate)
		if err != nil {
			return err
		}
		p.Kills = append(p.Kills, k)
	}
	return c.o.Keep(c.c)
}

// kill kills a mode's process in the middle of webhooks at a rate, starts it again at once, waits
// until it has nothing left to do, and counts what is missing.
func (c *comparing) kill(ctx context.Context, m results.Mode, rate float64) (k results.Kill, err error) {
	what := fmt.Sprintf("%s at %s webhooks/s, killed midway", m, results.Rate(rate))
	err = c.within(ctx, what, m, nil, func(t target, fcm *twin) error {
		env := append(t.env, fcm.push)
		srv, err := c.serveIn(ctx, m, t.dir, env)
		if err != nil {
			return err
		}
		defer srv.kill()
		w, err := c.webhooks(c.shops(), int(rate*(compareWarmup+c.o.Duration).Seconds())+1)
		if err != nil {
			return err
		}
		again := &server{}
		group, during := errgroup.WithContext(ctx)
		group.Go(func() error {
			_, err := c.arrive(srv.addr, w, rate).Run(during)
			return err
		})
		group.Go(func() (err error) {
			wait.Pause(during, compareWarmup+c.o.Duration/2)
			srv.kill()
			program, args := c.command(m)
			again, err = c.serveAt(ctx, srv.addr, program, t.dir, env, args...)
			return err
		})
		if err := errors.Join(group.Wait(), context.Cause(ctx)); err != nil {
			return err
		}
		return again.during(func(*server) error {
			k, err = c.missing(ctx, m, rate, again, fcm, w)
			return err
		})
	})
	return k, err
}

// missing counts the acknowledged orders that never came into the database or to the phone.
func (c *comparing) missing(ctx context.Context, m results.Mode, rate float64, s *server, fcm *twin,
	w *Webhooks) (k results.Kill, err error) {
	if _, err := s.drainedWithin(ctx, c.drainLimit(m, rate)); err != nil {
		return k, err
	}
	patience := time.Duration(0)
	if m == results.Queued { // in the others nobody tries a push again
		patience = leasesEnd
	}
	acknowledged := w.Acknowledged()
	silent, err := fcm.silent(ctx, w, acknowledged, patience)
	if err != nil {
		return k, err
	}
	token, err := s.signIn(ctx, operator, c.password)
	if err != nil {
		return k, err
	}
	k = results.Kill{Mode: m, Acknowledged: int64(len(acknowledged)), NeverPushed: int64(len(silent))}
	for _, order := range silent {
		found, err := s.hasOrder(ctx, token, acknowledged[order], order)
		if err != nil {
			return k, err
		}
		if !found {
			k.NeverRecorded++
		}
	}
	return k, nil
}

// silent returns the acknowledged orders without a push, after as long as it takes for there to be
// none, or patience.
func (t *twin) silent(ctx context.Context, w *Webhooks, acknowledged map[int64]string,
	patience time.Duration) ([]int64, error) {
	for deadline := time.Now().Add(patience); ; wait.Pause(ctx, time.Second) {
		pushed, err := t.notified(ctx, w, time.Time{})
		if err != nil {
			return nil, err
		}
		var silent []int64
		for order := range acknowledged {
			if !pushed.orders[order] {
				silent = append(silent, order)
			}
		}
		if len(silent) == 0 || !time.Now().Before(deadline) {
			return silent, context.Cause(ctx)
		}
	}
}

// hasOrder reports whether an order is in the database.
func (s *server) hasOrder(ctx context.Context, token, shop string, order int64) (bool, error) {
	u := fmt.Sprintf("http://%s/v1/orders/%d?shop=%s", s.addr, order, url.QueryEscape(shop))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := s.http.Do(req)
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
		return true, nil
	case http.StatusNotFound:
		return false, nil
	default:
		return false, fmt.Errorf("look for an order: the answer is %s", res.Status)
	}
}
