package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"bellhop"
	"bellhop/host"
	"bellhop/pipeline"
	"bellhop/store"
	"bellhop/wire"
)

type privacyRunCmd struct {
	wire.Storage
	jsonFlag
	requestArg
}

func (privacyRunCmd) Help() string {
	return `bellhop serve and bellhop worker carry requests out by themselves: this does it now, or goes on where a process
ended. A request of which events still wait in the queue stays open.`
}

func (c *privacyRunCmd) Run(j *job) error {
	return j.open(&c.Storage, func(p *wire.Parts) error {
		r, err := c.read(j, p.Store)
		if err != nil {
			return err
		}
		return j.carryOut(c.jsonFlag, p, &r)
	})
}

// carryOut carries a request out with progress, and prints its record.
func (j *job) carryOut(as jsonFlag, p *wire.Parts, r *bellhop.PrivacyRequest) error {
	if r.Open() {
		done, err := j.carry(p, r.ID)
		if err != nil {
			return err
		}
		*r = done
	}
	err := j.showRequest(as, r, false)
	if err == nil && r.Open() && !as.JSON {
		j.say("\nThe request stays open: events from before it wait in the queue. bellhop serve and bellhop worker\n"+
			"finish it once they are recorded, or run: bellhop privacy run %d", r.ID)
	}
	return err
}

// busyWait is how often carry looks whether another process has finished.
const busyWait = time.Second

// carry carries out a request. If another process carries out requests right now, it waits: that one may take
// this request, too.
func (j *job) carry(p *wire.Parts, id int64) (bellhop.PrivacyRequest, error) {
	shown := &shownStore{Store: p.Store, progress: j.progress()}
	defer shown.end()
	// The record that is printed at the end says it all.
	work := host.NewPrivacy(shown, p.Queue, slog.New(slog.DiscardHandler), j.now, nil)
	for {
		r, err := work.Run(j.ctx, id)
		if bellhop.CodeOf(err) != pipeline.CodePrivacyBusy {
			return r, err
		}
		select {
		case <-j.ctx.Done():
			return r, err
		case <-time.After(busyWait):
		}
	}
}

// shownStore shows what is saved of a request as progress.
type shownStore struct {
	store.Store
	*progress
}

// UpdateRequest implements [store.Privacy].
func (s *shownStore) UpdateRequest(ctx context.Context, id int64, change func(*bellhop.PrivacyRequest) error) error {
	line := ""
	err := s.Store.UpdateRequest(ctx, id, func(r *bellhop.PrivacyRequest) error {
		err := change(r)
		line = stepsLine(r)
		return err
	})
	if err == nil && line != "" {
		s.show(line, line, false)
	}
	return err
}

// stepsLine says how much was found where so far; "" for nothing.
func stepsLine(r *bellhop.PrivacyRequest) string {
	var found []string
	for _, s := range r.Steps {
		if s.N > 0 {
			found = append(found, fmt.Sprintf("%s %d", s.What, s.N))
		}
	}
	if len(found) == 0 {
		return ""
	}
	return fmt.Sprintf("request %d: %s", r.ID, strings.Join(found, ", "))
}

type shopEraseCmd struct {
	wire.Storage
	jsonFlag
	Domain string `arg:"" help:"The shop's domain."`
	Yes    bool   `name:"yes" short:"y" help:"Don't ask for the domain again."`
}

func (shopEraseCmd) Help() string {
	return `Deletes all that bellhop keeps of the shop: its orders, webhooks, dead letters, people who belong to no other
shop, devices, connection and settings. It asks for the domain again; without a terminal it needs --yes. Nothing brings
it back but a backup. What was done stays in the record: bellhop privacy ls. A shop that should only rest is disabled.`
}

func (c *shopEraseCmd) Run(j *job) error {
	domain, err := bellhop.ParseShopDomain(c.Domain)
	if err != nil {
		return err
	}
	return j.open(&c.Storage, func(p *wire.Parts) error {
		if err := j.isThere(p, domain); err != nil {
			return err
		}
		if err := c.confirm(j, domain); err != nil {
			return err
		}
		r, err := pipeline.AskToErase(j.ctx, p.Store, domain, operatingUser(), j.stamp())
		if err != nil {
			return err
		}
		return j.carryOut(c.jsonFlag, p, &r)
	})
}

// isThere refuses a shop of which there is nothing: neither the shop nor webhooks.
func (j *job) isThere(p *wire.Parts, domain string) error {
	_, err := p.Store.Shop(j.ctx, domain)
	if bellhop.KindOf(err) != bellhop.NotFound {
		return err
	}
	page, other := p.Store.Lines(j.ctx, store.LineQuery{Shop: domain, Limit: 1})
	if other != nil || len(page.Lines) > 0 {
		return other
	}
	return noShop(err, domain)
}

// confirm asks for the domain again.
func (c *shopEraseCmd) confirm(j *job, domain string) error {
	if c.Yes {
		return nil
	}
	if !isTerminal(j.in) {
		return bellhop.Invalidf("usage", "this deletes all of %s: give --yes where nobody can be asked", domain)
	}
	fmt.Fprintf(j.err, "This deletes all of %s for good. Type its domain to go on: ", domain)
	line, err := bufio.NewReader(j.in).ReadString('\n')
	if err != nil && err != io.EOF {
		return fmt.Errorf("read the answer: %w", err)
	}
	if !strings.EqualFold(strings.TrimSpace(line), domain) {
		return bellhop.Errorf(bellhop.Conflict, "not_confirmed", "that is another name: nothing was done")
	}
	return nil
}
