package pipeline

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"bellhop"
	"bellhop/store"
)

// Refusals reports refused webhooks in the log, and over the store to operators at
// another process. It holds one number for each reason and shop, however many
// webhooks are refused.
type Refusals struct {
	keys *Keyring
	log  *slog.Logger
	now  func() time.Time

	mu       sync.Mutex
	troubles map[string]*Trouble         // by reason, of all wrong addresses one
	counts   map[[2]string]store.Refusal // by shop and reason; not saved yet
	astray   map[string]bool             // the wrong addresses since emptied
	emptied  time.Time
}

// NewRefusals takes the keyring, which knows the shops.
func NewRefusals(k *Keyring, l *slog.Logger, now func() time.Time) *Refusals {
	return &Refusals{keys: k, log: l, now: now, troubles: map[string]*Trouble{}, counts: map[[2]string]store.Refusal{},
		astray: map[string]bool{}}
}

// The wrong addresses that are named within an hour, and how much of each.
const mostAstray, longestAstray = 20, 100

// Astray returns the reason of a webhook to a wrong address: the address behind [store.ReasonAstray].
// Strangers can make up any number, so that it names the first few.
func (r *Refusals) Astray(path string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.now(); now.Sub(r.emptied) > store.RefusalsKept {
		clear(r.astray)
		r.emptied = now
	}
	path = bellhop.Clip(path, longestAstray)
	if !r.astray[path] && len(r.astray) == mostAstray {
		return store.ReasonAstray
	}
	r.astray[path] = true
	return store.ReasonAstray + path
}

// Refused takes one refusal: the shop of its header, which anybody can write; the
// reason, one of a few words; and the cause, if it is known. Shops that nobody has
// added count as one, "": strangers could name any number. So do all shops at a wrong address: else a stranger could
// have each shop counted at each address.
func (r *Refusals) Refused(shop, reason string, ours bool, cause error) {
	shop, err := bellhop.ParseShopDomain(shop)
	if err != nil || strings.HasPrefix(reason, store.ReasonAstray) || !r.keys.Knows(shop) {
		shop = ""
	}
	attrs := []any{"reason", reason, "shop", shop}
	if cause != nil {
		attrs = append(attrs, "err", cause)
	}
	r.count(store.Refusal{Shop: shop, Reason: reason, Count: 1, At: r.now().UTC().Truncate(time.Microsecond)})
	r.trouble(reason, ours).Happened(attrs...)
}

// count adds to the unsaved numbers.
func (r *Refusals) count(more store.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := [2]string{more.Shop, more.Reason}
	c := r.counts[key]
	if more.Count += c.Count; c.At.After(more.At) {
		more.At = c.At
	}
	r.counts[key] = more
}

// Keep saves the refusals since the last call in the store.
func (r *Refusals) Keep(ctx context.Context, to store.Refusals) error {
	r.mu.Lock()
	counts := r.counts
	r.counts = map[[2]string]store.Refusal{}
	r.mu.Unlock()
	if len(counts) == 0 {
		return nil
	}
	more := slices.Collect(maps.Values(counts))
	err := to.AddRefusals(ctx, more, r.now())
	if err != nil {
		for _, c := range more {
			r.count(c) // for the next call
		}
	}
	return err
}

func (r *Refusals) trouble(reason string, ours bool) *Trouble {
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.HasPrefix(reason, store.ReasonAstray) {
		reason = store.ReasonAstray
	}
	t := r.troubles[reason]
	if t == nil {
		level := slog.LevelWarn
		if ours {
			level = slog.LevelError
		}
		t = NewTrouble(r.log, level, "webhooks are refused", "")
		r.troubles[reason] = t
	}
	return t
}
