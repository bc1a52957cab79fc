package pipeline

import (
	"context"
	"fmt"
	"time"

	"bellhop"
	"bellhop/shopify"
	"bellhop/store"
)

// eraseAtOnce bounds the rows of one step.
const eraseAtOnce = 200

// AskToErase adds an operator's request to erase a shop, or returns the one that is open.
func AskToErase(ctx context.Context, s store.Privacy, shop, by string, at time.Time) (bellhop.PrivacyRequest, error) {
	for q := (store.RequestQuery{Shop: shop, Open: true, Limit: 200}); ; {
		page, err := s.Requests(ctx, q)
		if err != nil {
			return bellhop.PrivacyRequest{}, err
		}
		for _, r := range page.Requests {
			if r.Kind == bellhop.RequestEraseNow {
				return r, nil
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	return s.AddRequest(ctx, bellhop.PrivacyRequest{Shop: shop, Kind: bellhop.RequestEraseNow, By: by, RequestedAt: at,
		ReceivedAt: at, DueAt: at.Add(bellhop.RequestTime)})
}

// erase deletes all that a shop has, unless it is for Shopify and the shop came back.
func (w *work) erase(ctx context.Context) error {
	if w.r.Kind == bellhop.RequestErase && len(w.r.Steps) == 0 {
		back, err := w.installedAgain(ctx)
		if err != nil {
			return err
		}
		if back != "" {
			if err := w.done(ctx, stepShop, back); err != nil {
				return err
			}
			return w.close(ctx, bellhop.RequestInstalledAgain)
		}
	}
	again := w.has(stepDeadLetters)
	drained, err := w.drained(ctx)
	if err != nil || again && !drained {
		return err
	}
	known, err := w.known(ctx)
	if err != nil {
		return err
	}
	if err := w.Store.SettleMarks(ctx); err != nil {
		return err
	}
	cameBack := again && known // while it was waited for events of before
	old := func(e *bellhop.Event) (bool, error) { return !cameBack || !e.AcceptedAt.After(w.r.ReceivedAt), nil }
	err = w.eachDead(ctx, old, fmt.Sprintf("dropped for request %d, to erase the shop", w.r.ID))
	if err == nil && !cameBack {
		err = w.eraseRows(ctx)
	}
	if err == nil {
		err = w.done(ctx, stepDeadLetters, "")
	}
	if err != nil || !drained {
		return err
	}
	return w.clean(ctx)
}

// eraseRows deletes what the store has of the shop.
func (w *work) eraseRows(ctx context.Context) error {
	for place := stepOf(&w.r, stepShop).Place; ; {
		if err := w.part(ctx); err != nil {
			return err
		}
		e, err := w.Store.EraseShop(ctx, w.r.Shop, place, eraseAtOnce)
		if err != nil {
			return err
		}
		w.Probe.At(PointErased)
		place = e.Next
		err = w.save(ctx, func(r *bellhop.PrivacyRequest) {
			stepOf(r, stepShop).Place = place
			if e.N > 0 {
				s := stepOf(r, e.What)
				s.N, s.At = s.N+e.N, w.Now()
			}
		})
		if err != nil || place == "" {
			return err
		}
	}
}

const (
	// redactAfter is how long Shopify waits with shop/redact after an uninstall.
	redactAfter = 48 * time.Hour
	// lateWebhooks is how long after an uninstall webhooks of before still come: Shopify tries for four hours.
	lateWebhooks = 6 * time.Hour
)

// installedAgain says what shows that a shop has the app again; "" if nothing does. It returns an error as long as
// nobody can tell: to erase a shop in use is worse than to erase one late.
func (w *work) installedAgain(ctx context.Context) (string, error) {
	s, err := w.Store.Shop(ctx, w.r.Shop)
	if bellhop.KindOf(err) == bellhop.NotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	left := w.r.RequestedAt.Add(-redactAfter)
	if !s.UninstalledAt.IsZero() {
		left = s.UninstalledAt
	}
	c, err := w.Store.Connection(ctx, w.r.Shop)
	switch {
	case err != nil && bellhop.KindOf(err) != bellhop.NotFound:
		return "", err
	case err == nil && c.Access == bellhop.AccessGood && c.ConnectedAt.After(left):
		return "the shop was connected again on " + day(c.ConnectedAt), nil
	case err == nil && c.Access == bellhop.AccessGood && c.CheckedAt.After(left):
		return "Shopify still gave access to the shop on " + day(c.CheckedAt), nil
	case err == nil && c.Access == bellhop.AccessGood:
		return "", bellhop.Errorf(bellhop.Unavailable, "not_checked",
			"nobody has checked since whether the app is installed: run bellhop shop check %s", w.r.Shop)
	}
	last, err := w.Store.LastEvents(ctx, w.r.Shop)
	for topic, at := range last {
		if at.After(left.Add(lateWebhooks)) && fromInstalled(topic) {
			return fmt.Sprintf("the shop sent %s on %s, which only an installed app gets", topic, day(at)), nil
		}
	}
	return "", err
}

// fromInstalled reports whether Shopify sends a topic only while the app is installed.
func fromInstalled(topic string) bool {
	switch topic {
	case shopify.TopicAppUninstalled, shopify.TopicCustomersDataRequest, shopify.TopicCustomersRedact,
		shopify.TopicShopRedact:
		return false
	}
	return true
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }
