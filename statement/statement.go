// Package statement makes and checks statements: what Shopify has of a shop's hour beside what bellhop has. A shop's
// statements are a chain: each has a hash over its hour's lines of the ledger, the hash of the statement before, and a
// signature. [Make] makes one, [Start] checks a chain, [Write] and [Read] take it anywhere. docs/statements.md has the
// bytes, so that other programs can check them, too. The package has no clock, and no database of its own.
package statement

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"bellhop"
)

// Make returns a statement with what makes it the next of its chain: its number, the lines' hash, the hash of the last
// one, its own hash, and the signature. last is zero but for Shop where it is the first.
func Make(s, last bellhop.Statement, lines []byte, key ed25519.PrivateKey) (bellhop.Statement, error) {
	if last.Shop != s.Shop {
		return s, bellhop.Invalidf("statement", "a statement of %s can't follow one of %s", s.Shop, last.Shop)
	}
	if _, err := ParseLines(lines); err != nil {
		return s, err
	}
	s.Number, s.Previous = last.Number+1, last.Hash
	s.MadeAt, s.CheckedAt = s.MadeAt.Truncate(time.Microsecond), s.CheckedAt.Truncate(time.Microsecond)
	for _, d := range []*time.Duration{&s.P50, &s.P99, &s.Worst} {
		*d = d.Truncate(time.Microsecond)
	}
	s.Lines, s.LinesHash = len(lines)/bellhop.StampBytes, sha256.Sum256(lines)
	public := key.Public().(ed25519.PublicKey)
	s.Key = KeyID(public)
	if err := check(&s); err != nil {
		return s, err
	}
	s.Hash = Hash(&s)
	s.Signature = ed25519.Sign(key, s.Hash[:])
	return s, nil
}

// check refuses a statement that has no canonical form.
func check(s *bellhop.Statement) error {
	shop, err := bellhop.ParseShopDomain(s.Shop)
	from, to := s.From.Truncate(time.Hour), s.To.Truncate(time.Hour)
	least := min(s.Shopify, s.Here, s.Differed, s.Webhook, s.Backfill, s.Reconciled, s.Rung, s.Lines,
		int(s.P50), int(s.P99), int(s.Worst))
	switch {
	case err != nil || shop != s.Shop:
		return bellhop.Invalidf("statement", "%q is no shop's domain", bellhop.Clip(s.Shop, 60))
	case len(s.Key) != 8 || strings.Trim(s.Key, "0123456789abcdef") != "":
		return bellhop.Invalidf("statement", "%q is no id of a key", bellhop.Clip(s.Key, 20))
	case s.Number < 1 || s.Number > maxNumber || least < 0:
		return bellhop.Invalidf("statement", "a statement has a number from 1 on, and no number below 0")
	case !from.Equal(s.From) || !to.Equal(s.To) || !from.Before(to) || to.After(midnight(from)) || notADate(s):
		return bellhop.Invalidf("statement", "a statement is of whole hours of one day in UTC")
	case len(s.Quiet) > maxReasons || !sound(s.Quiet):
		return bellhop.Invalidf("statement", "a statement's reasons are words such as quiet_hours, %d at most", maxReasons)
	}
	return nil
}

const (
	maxNumber  = 1<<53 - 1 // the largest whole number that every reader of JSON keeps
	maxReasons = 100
)

// midnight returns the end of a time's day in UTC.
func midnight(t time.Time) time.Time { return t.Truncate(24 * time.Hour).Add(24 * time.Hour) }

// notADate reports times that JSON can't tell.
func notADate(s *bellhop.Statement) bool {
	for _, at := range []time.Time{s.From, s.To, s.MadeAt, s.CheckedAt} {
		if y := at.UTC().Year(); y < 1 || y > 9999 {
			return true
		}
	}
	return false
}

func sound(reasons map[string]int) bool {
	for reason, n := range reasons {
		if reason == "" || len(reason) > 64 || n < 0 || n > maxNumber ||
			strings.Trim(reason, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return false
		}
	}
	return true
}

// canonical is a statement as its hash covers it. Its fields are in the order of their names, and none of its texts
// needs an escape, so that its JSON is canonical as RFC 8785 says. Fields that are added later need omitzero: older
// statements have to keep their hash.
type canonical struct {
	Backfill   int            `json:"backfill"`
	CheckedAt  time.Time      `json:"checked_at"`
	Differed   int            `json:"differed"`
	From       time.Time      `json:"from"`
	Here       int            `json:"here"`
	Key        string         `json:"key"`
	Lines      int            `json:"lines"`
	LinesHash  bellhop.Hash   `json:"lines_sha256"`
	MadeAt     time.Time      `json:"made_at"`
	Number     int64          `json:"number"`
	P50        int64          `json:"p50_us"`
	P99        int64          `json:"p99_us"`
	Previous   bellhop.Hash   `json:"previous"`
	Quiet      map[string]int `json:"quiet"`
	Reconciled int            `json:"reconciled"`
	Rung       int            `json:"rung"`
	Shop       string         `json:"shop"`
	Shopify    int            `json:"shopify"`
	To         time.Time      `json:"to"`
	Webhook    int            `json:"webhook"`
	Worst      int64          `json:"worst_us"`
}

// Canonical returns the bytes that a statement's hash covers: JSON without spaces, keys by name.
func Canonical(s *bellhop.Statement) []byte {
	c := canonical{Backfill: s.Backfill, CheckedAt: s.CheckedAt.UTC(), Differed: s.Differed, From: s.From.UTC(),
		Here: s.Here, Key: s.Key, Lines: s.Lines, LinesHash: s.LinesHash, MadeAt: s.MadeAt.UTC(), Number: s.Number,
		P50: s.P50.Microseconds(), P99: s.P99.Microseconds(), Previous: s.Previous, Quiet: s.Quiet,
		Reconciled: s.Reconciled, Rung: s.Rung, Shop: s.Shop, Shopify: s.Shopify, To: s.To.UTC(), Webhook: s.Webhook,
		Worst: s.Worst.Microseconds()}
	if c.Quiet == nil {
		c.Quiet = map[string]int{}
	}
	b, _ := json.Marshal(c) // fails for no value that check lets pass
	return b
}

// statement is the reverse of [Canonical].
func (c *canonical) statement() bellhop.Statement {
	return bellhop.Statement{Shop: c.Shop, Number: c.Number, From: c.From, To: c.To, MadeAt: c.MadeAt,
		CheckedAt: c.CheckedAt, Shopify: c.Shopify, Here: c.Here, Differed: c.Differed, Webhook: c.Webhook,
		Backfill: c.Backfill, Reconciled: c.Reconciled, P50: micros(c.P50), P99: micros(c.P99), Worst: micros(c.Worst),
		Rung: c.Rung, Quiet: c.Quiet, Lines: c.Lines, LinesHash: c.LinesHash, Previous: c.Previous, Key: c.Key}
}

// micros keeps what is out of bounds negative, so that check refuses it.
func micros(n int64) time.Duration {
	if n > maxNumber/1000 {
		return -1
	}
	return time.Duration(n) * time.Microsecond
}

// Hash returns the hash that a statement should have.
func Hash(s *bellhop.Statement) bellhop.Hash { return sha256.Sum256(Canonical(s)) }

// KeyID returns the id of a public key: eight hexadecimal digits.
func KeyID(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:4])
}

// KeyText returns a public key for people to keep: its 32 bytes in base64.
func KeyText(key ed25519.PublicKey) string { return base64.StdEncoding.EncodeToString(key) }

// Keys are public keys by their ids.
type Keys map[string]ed25519.PublicKey

// String lists their ids.
func (k Keys) String() string {
	if len(k) == 0 {
		return "any that is known"
	}
	return strings.Join(slices.Sorted(maps.Keys(k)), " or ")
}

// maxKeys bounds the keys of a chain: a key is replaced only when it was lost.
const maxKeys = 100

// ParseKeys reads public keys as [KeyText] writes them, with commas between.
func ParseKeys(text string) (Keys, error) {
	keys := Keys{}
	for one := range strings.SplitSeq(text, ",") {
		key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(one))
		if err != nil || len(key) != ed25519.PublicKeySize || len(keys) == maxKeys {
			return nil, bellhop.Invalidf("key", "%q is no public key: bellhop statement key prints it, 44 characters "+
				"that end with =; several have commas between", bellhop.Clip(strings.TrimSpace(one), 60))
		}
		keys[KeyID(key)] = key
	}
	return keys, nil
}
