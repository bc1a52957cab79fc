package pipeline

import (
	"log/slog"
	"sync"

	"bellhop"
)

// Refusals tells of webhooks that were refused, by why.
type Refusals struct {
	keys *Keyring
	log  *slog.Logger

	mu   sync.Mutex
	told map[string]*Trouble // by reason
}

// NewRefusals takes the keyring, which knows the shops.
func NewRefusals(k *Keyring, l *slog.Logger) *Refusals {
	return &Refusals{keys: k, log: l, told: map[string]*Trouble{}}
}

// Refused takes in one: what its shop's header says, which is anybody's word; why,
// which is one of a few words; and the cause, if it is known. Shops that nobody
// has added are told of as one, "": strangers could name any number.
func (r *Refusals) Refused(shop, reason string, ours bool, cause error) {
	shop, err := bellhop.ParseShopDomain(shop)
	if err != nil || !r.keys.Knows(shop) {
		shop = ""
	}
	attrs := []any{"reason", reason, "shop", shop}
	if cause != nil {
		attrs = append(attrs, "err", cause)
	}
	r.trouble(reason, ours).Happened(attrs...)
}

func (r *Refusals) trouble(reason string, ours bool) *Trouble {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.told[reason]
	if t == nil {
		level := slog.LevelWarn
		if ours {
			level = slog.LevelError
		}
		t = NewTrouble(r.log, level, "webhooks are refused", "")
		r.told[reason] = t
	}
	return t
}
