package shop

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// The lives of tokens.
const (
	accessLife    = time.Hour
	appTokenLife  = 24*time.Hour - time.Second // by client credentials
	onlineLife    = 24*time.Hour - time.Second
	refreshLife   = 90 * 24 * time.Hour
	refreshRepeat = 30 * 24 * time.Hour // that a replaced refresh token may be tried again, at most
)

// tokens are the app's tokens for one shop. Of those that expire it has one: a new one revokes the one before.
type tokens struct {
	offline  *token
	replaced string               // the refresh token that offline came from
	until    time.Time            // replaced may be tried again, unless offline was used
	lasting  map[string]bool      // tokens that don't expire
	online   map[string]time.Time // by when they expire
}

// token is an access token that expires.
type token struct {
	text         string
	expires      time.Time
	refresh      string // "" for none
	refreshUntil time.Time
	used         bool
}

// secret makes up a token with Shopify's prefix.
func secret(prefix string) string {
	b := make([]byte, 16)
	rand.Read(b)
	return prefix + hex.EncodeToString(b)
}

// issue gives the app a token that expires, with a refresh token unless it came by client credentials.
func (k *tokens) issue(life time.Duration, refreshable bool, now time.Time) *token {
	k.offline = &token{text: secret("shpat_"), expires: now.Add(life)}
	k.replaced = ""
	if refreshable {
		k.offline.refresh, k.offline.refreshUntil = secret("shprt_"), now.Add(refreshLife)
	}
	return k.offline
}

// lastingToken gives the app one that doesn't expire.
func (k *tokens) lastingToken() string {
	if k.lasting == nil {
		k.lasting = map[string]bool{}
	}
	text := secret("shpat_")
	k.lasting[text] = true
	return text
}

// onlineToken gives the app a token of a person who is signed in to the shop.
func (k *tokens) onlineToken(now time.Time) string {
	if k.online == nil {
		k.online = map[string]time.Time{}
	}
	text := secret("shpua_")
	k.online[text] = now.Add(onlineLife)
	return text
}

// renew exchanges a refresh token; nil if it is dead. The one before stays good until the app uses its
// replacement: the answer may have been lost.
func (k *tokens) renew(refresh string, now time.Time) *token {
	switch t := k.offline; {
	case refresh == "" || t == nil:
		return nil
	case refresh == t.refresh && now.Before(t.refreshUntil):
		t = k.issue(accessLife, true, now)
		k.replaced, k.until = refresh, now.Add(refreshRepeat)
		return t
	case refresh == k.replaced && !t.used && now.Before(k.until):
		t = k.issue(accessLife, true, now)
		k.replaced = refresh
		return t
	}
	return nil
}

// standing is what a token is worth.
type standing int

const (
	standingDead standing = iota // unknown, revoked or expired
	standingGood
	standingLasting // good, but it doesn't expire
)

// check says what an access token is worth, and notes that it was used.
func (k *tokens) check(text string, now time.Time) standing {
	switch t := k.offline; {
	case text == "":
		return standingDead
	case t != nil && t.text == text && now.Before(t.expires):
		t.used = true
		return standingGood
	case k.lasting[text]:
		return standingLasting
	case now.Before(k.online[text]):
		return standingGood
	}
	return standingDead
}
