package bellhop

import (
	"encoding/hex"
	"time"
)

// Statement says of a shop's hour what Shopify has and what bellhop has. A shop's statements are a chain: each has
// the hash of the one before, and a signature. A database keeps it as one JSON document. That is not the JSON that Hash
// covers, which package statement writes: every reader of files knows that one, so that it can never change. Of this
// one there are rows that stay readable.
type Statement struct {
	Shop   string `json:"shop"`
	Number int64  `json:"number"` // among the shop's statements, from 1 on
	// From and To are whole hours in UTC. More than one hour is between them only where nothing was there in any
	// but the last.
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	MadeAt    time.Time `json:"made_at"`
	CheckedAt time.Time `json:"checked_at"` // when Shopify's orders were compared

	// Orders by when they were created.
	Shopify  int `json:"shopify"`  // that Shopify has
	Here     int `json:"here"`     // that bellhop has
	Differed int `json:"differed"` // that were missing or different when they were compared for the first time

	// Here, by what brought them first.
	Webhook    int `json:"webhook"`
	Backfill   int `json:"backfill"`
	Reconciled int `json:"reconciled"`

	// From an order's creation to its record, of those that webhooks brought; in nanoseconds.
	P50   time.Duration `json:"p50"`
	P99   time.Duration `json:"p99"`
	Worst time.Duration `json:"worst"`

	Rung  int            `json:"rung"`            // orders with a push [PushOrderNew] that was sent, or perhaps was
	Quiet map[string]int `json:"quiet,omitempty"` // the others, by reason

	// Lines counts the ledger's lines of the events whose ids begin with a time from From to before To. LinesHash is
	// over [StampBytes] of each, in the order of the events' ids: the id (16), the outcome (1), and the outcome's
	// time in microseconds (8, big endian).
	Lines     int  `json:"lines"`
	LinesHash Hash `json:"lines_hash"`

	Previous  Hash   `json:"previous"` // the hash of the statement before; zero for the first
	Hash      Hash   `json:"hash"`
	Key       string `json:"key"`       // the id of the key that signed it
	Signature []byte `json:"signature"` // Ed25519, over Hash
}

// StampBytes is how many bytes of a line of the ledger a statement covers.
const StampBytes = 25

// Hash is a SHA-256.
type Hash [32]byte

// String returns 64 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText returns what [Hash.String] does, for JSON.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what [Hash.MarshalText] returns.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return Invalidf("hash", "%q is no SHA-256", Clip(string(text), 80))
	}
	if _, err := hex.Decode(h[:], text); err != nil {
		return Invalidf("hash", "%q is no SHA-256", Clip(string(text), 80))
	}
	return nil
}
