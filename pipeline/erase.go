package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bellhop"
	"bellhop/shopify"
	"bellhop/store"
)

// eraseAtOnce bounds the rows of one step.
const eraseAtOnce = 200

// AskToErase adds an operator's request to erase a shop, or returns the one that is open.
func AskToErase(ctx context.Context, s store.Privacy, shop, by string, at time.Time) (bellhop.PrivacyRequest, error) {
	var open *bellhop.PrivacyRequest
	err := store.EachRequest(ctx, s, store.RequestQuery{Shop: shop, Open: true}, func(r *bellhop.PrivacyRequest) error {
		if r.Kind == bellhop.RequestEraseNow {
			open = r
		}
		return nil
	})
	switch {
	case err != nil:
		return bellhop.PrivacyRequest{}, err
	case open != nil:
		return *open, nil
	}
	return s.AddRequest(ctx, bellhop.PrivacyRequest{Shop: shop, Kind: bellhop.RequestEraseNow, By: by, RequestedAt: at,
		ReceivedAt: at, DueAt: at.Add(bellhop.RequestTime)})
}

// erase deletes all that a shop has, unless it is for Shopify and the shop came back.
func (w *work) erase(ctx context.Context) error {
	if w.r.Kind == bellhop.RequestErase && w.r.Found() == 0 && !w.has(stepShop) {
		back, err := w.installedAgain(ctx)
		if err != nil {
			return err
		}
		if back != "" {
			return w.close(ctx, bellhop.RequestInstalledAgain, bellhop.PrivacyStep{What: stepShop, At: w.Now(), Note: back})
		}
	}
	if err := w.wait(ctx); err != nil {
		return err
	}
	if err := w.Store.SettleMarks(ctx); err != nil {
		return err
	}
	err := w.pass(ctx, []step{{stepDeadLetters, w.eraseDead}, {stepShop, w.eraseRows}})
	if err != nil || !w.has(stepQueue) {
		return err
	}
	// Those that went with the shop.
	if err := w.eachExport(ctx, func([]byte) bool { return false }); err != nil {
		return err
	}
	return w.clean(ctx)
}

// doneOnce notes that a pass before erased the whole shop.
const doneOnce = "done once"

// cameBack reports whether the shop was added again while its queue still had events of before. Then it is another one.
func (w *work) cameBack(ctx context.Context) (bool, error) {
	if !slices.Contains(stepOf(&w.r, stepShop).Doing, doneOnce) {
		return false, nil
	}
	return w.known(ctx)
}

func (w *work) eraseDead(ctx context.Context) error {
	back, err := w.cameBack(ctx)
	if err != nil {
		return err
	}
	old := func(e *bellhop.Event) (bool, error) { return !back || !e.AcceptedAt.After(w.r.ReceivedAt), nil }
	return w.eachDead(ctx, old, fmt.Sprintf("dropped for request %d, to erase the shop", w.r.ID))
}

// eraseRows deletes what the store has of the shop.
func (w *work) eraseRows(ctx context.Context) error {
	for place := stepOf(&w.r, stepShop).Place; ; {
		if err := w.part(ctx); err != nil {
			return err
		}
		if back, err := w.cameBack(ctx); back || err != nil {
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
			if e.N == 0 {
				return
			}
			s := stepOf(r, e.What)
			if s.N += e.N; e.What != stepShop {
				s.At = w.Now()
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
	last, err := w.Store.LastEvents(ctx, w.r.Shop, time.Time{})
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
