package pipeline

import (
	"context"
	"fmt"
	"strings"
	"time"

	"bellhop"
	"bellhop/push"
	"bellhop/store"
	"bellhop/store/rules"
)

// Lost selects pushes of a shop that failed.
type Lost struct {
	Shop string
	// Status is failed, unknown or skipped; "" is failed. With neither a status nor
	// a reason Lost selects failures of bellhop's or of the push service.
	Status bellhop.PushStatus
	Reason string // also of pushes given up for it; "" for any
	Since  time.Time
	Stale  bool // resend old pushes, too
}

// LostPush is a push that [Lost] selects.
type LostPush struct {
	bellhop.Push
	// Stays is why it is not resent: [LostStale] or [LostDevice]; "" if it is.
	Stays string
}

// Why a push is not resent.
const (
	LostStale  = "stale"  // its order is a day old: an order of yesterday is no news
	LostDevice = "device" // its device is gone, or no longer in use
)

// mostLost bounds how many pushes of a shop Find reads.
const mostLost = 100_000

// Resender is the part of a store that resending needs.
type Resender interface {
	Devices(ctx context.Context, shop string) ([]bellhop.Device, error)
	Pushes(ctx context.Context, shop string, q store.PushQuery) (store.PushPage, error)
	ResendPushes(ctx context.Context, shop string, ids []int64, at time.Time) (int, error)
}

// Find lists the selected pushes, newest first.
func (l Lost) Find(ctx context.Context, s Resender, now time.Time) (found []LostPush, err error) {
	q := store.PushQuery{Status: l.Status, Limit: 200}
	if q.Status == "" {
		q.Status = bellhop.PushFailed
	}
	if !rules.Resendable(q.Status) {
		return nil, bellhop.Invalidf("status",
			"only failed, unknown or skipped pushes can be sent again: give one of these, not %q", string(l.Status))
	}
	devices, err := s.Devices(ctx, l.Shop)
	if err != nil {
		return nil, fmt.Errorf("look for devices: %w", err)
	}
	inUse := map[int64]bool{}
	for _, d := range devices {
		inUse[d.ID] = d.RetiredAt.IsZero()
	}
	for range mostLost / q.Limit {
		page, err := s.Pushes(ctx, l.Shop, q)
		if err != nil {
			return nil, fmt.Errorf("look for pushes: %w", err)
		}
		for _, p := range page.Pushes {
			if p.NextAt.IsZero() && !p.CreatedAt.Before(l.Since) && l.means(p.Reason) {
				found = append(found, LostPush{p, l.stays(p, inUse, now)})
			}
		}
		if q.Cursor = page.Next; page.Next == "" {
			break
		}
	}
	return found, nil
}

func (l Lost) means(reason string) bool {
	cause := strings.TrimPrefix(reason, "gave_up: ")
	switch {
	case l.Reason != "":
		return l.Reason == reason || l.Reason == cause
	case l.Status != "":
		return true
	}
	r := push.Reason(cause)
	return r.OfService() || r == push.ReasonQuota
}

func (l Lost) stays(p bellhop.Push, inUse map[int64]bool, now time.Time) string {
	switch {
	case !inUse[p.DeviceID]:
		return LostDevice
	case !l.Stale && now.Sub(p.CreatedAt) > pushTTL:
		return LostStale
	}
	return ""
}

// Resend resends the pushes that don't stay, and returns their number. It can run
// beside push workers.
func (l Lost) Resend(ctx context.Context, s Resender, found []LostPush, at time.Time) (sent int, err error) {
	var ids []int64
	for i, p := range found {
		if p.Stays == "" {
			ids = append(ids, p.ID)
		}
		if len(ids) == store.ResendMost || i == len(found)-1 {
			n, err := s.ResendPushes(ctx, l.Shop, ids, at.UTC().Truncate(time.Microsecond))
			if sent += n; err != nil {
				return sent, fmt.Errorf("send pushes again: %w", err)
			}
			ids = nil
		}
	}
	return sent, nil
}
