package host

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"bellhop/connect"
	"bellhop/internal/wait"
	"bellhop/pipeline"
)

// Keeper keeps the shops connected: it checks each connection when it is due. Any number of processes may have one,
// and one of them works on a shop at a time.
type Keeper struct {
	watch *connect.Watch
	log   *slog.Logger
}

// NewKeeper makes a keeper for the shops of a connector.
func NewKeeper(c *connect.Connector) *Keeper {
	return &Keeper{&connect.Watch{Connector: c}, c.Log}
}

const (
	// keepEvery is how soon a keeper notices that a shop became due, as by app/uninstalled.
	keepEvery = 10 * time.Second
	// keepAtOnce bounds the shops under way. A check takes a few requests, and 50 s at most.
	keepAtOnce = 16
)

// Run works until drain is done, then finishes the checks under way; hard ends that too.
func (k *Keeper) Run(drain, hard context.Context) error {
	away := pipeline.NewTrouble(k.log, slog.LevelError, "looking after connections to Shopify waits",
		"looking after connections to Shopify goes on")
	for drain.Err() == nil {
		next, err := k.round(drain, hard)
		if drain.Err() == nil {
			away.Note(err)
		}
		pause := keepEvery
		if !next.IsZero() {
			pause = min(pause, max(time.Second, next.Sub(k.watch.Now())))
		}
		wait.Pause(drain, pause)
	}
	return nil
}

// Round checks each connection that is due, once. It begins no more when begin is done, and hard ends those under way.
func (k *Keeper) Round(begin, hard context.Context) error {
	_, err := k.round(begin, hard)
	return err
}

func (k *Keeper) round(begin, hard context.Context) (next time.Time, err error) {
	due, next, err := k.watch.Due(begin)
	if err != nil {
		return next, err
	}
	// A shop's trouble is its own: the others go on, and the first error is the round's.
	var shops errgroup.Group
	shops.SetLimit(keepAtOnce)
	for _, conn := range due {
		if begin.Err() != nil {
			break
		}
		shops.Go(func() error {
			if begin.Err() != nil {
				return nil
			}
			return k.watch.Keep(hard, conn)
		})
	}
	return next, shops.Wait()
}
