package bellhop

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// EventID names one accepted delivery. It is a UUID of version 7, so that ids
// made later sort later and an index over them grows at its end. The time that it begins
// with, in milliseconds, decides which hour's statement covers the event.
//
// Shopify's own webhook id does not serve: it is not covered by the signature,
// and whether a retry keeps it is not promised.
type EventID [16]byte

// NewEventID makes an id of the time that an event was accepted at. It has no clock of its own:
// one that was set back would leave ids in another hour than their events.
func NewEventID(accepted time.Time) (id EventID) {
	rand.Read(id[8:])
	copy(id[:8], binary.BigEndian.AppendUint64(nil, uint64(accepted.UnixMilli())<<16|7<<12|
		uint64(accepted.Nanosecond()/1000%1000))) // microseconds keep the order within a millisecond
	id[8] = 0x80 | id[8]&0x3f
	return id
}

// String returns the usual form, 36 characters with hyphens.
func (id EventID) String() string {
	var room [36]byte
	b := hex.AppendEncode(room[:0], id[:4])
	for _, part := range [...][]byte{id[4:6], id[6:8], id[8:10], id[10:]} {
		b = hex.AppendEncode(append(b, '-'), part)
	}
	return string(b)
}

// MarshalText returns what [EventID.String] does, for logs and JSON.
func (id EventID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what [EventID.MarshalText] returns.
func (id *EventID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseEventID(string(text))
	return err
}

// ParseEventID reads what [EventID.String] returns.
func ParseEventID(s string) (EventID, error) {
	var id EventID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, Invalidf("event_id", "%q is not an event id", Clip(s, 40))
	}
	digits := s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return EventID{}, Invalidf("event_id", "%q is not an event id", Clip(s, 40))
	}
	return id, nil
}

// EventIDOf makes an id of what a delivery carries each time that it comes: a time, and texts that name it. So what
// comes again is the same event.
func EventIDOf(at time.Time, names ...string) (id EventID) {
	h := sha256.New()
	for _, name := range names {
		fmt.Fprintf(h, "%d:%s", len(name), name)
	}
	copy(id[:], h.Sum(nil))
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(0, at.UnixMilli())))
	copy(id[:6], ms[2:])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // a UUID of version 8, whose bits are their maker's
	return id
}

// Signer names the secret that signed a webhook.
type Signer string

// The secrets, in the order that bellhop tries them.
const (
	SignerShop         Signer = "shop"          // the shop's own
	SignerShopPrevious Signer = "shop_previous" // the shop's own, while rotating
	SignerApp          Signer = "app"           // the app's
	SignerAppPrevious  Signer = "app_previous"  // the app's, while rotating

	SignerAPI         Signer = "admin_api"   // nobody signed it: bellhop fetched it by the Admin API
	SignerEventBridge Signer = "eventbridge" // nobody signed it: it came by the app's partner bus
)

// Shared reports whether all shops of the app have it in common: a secret of the app's, or its partner bus.
func (s Signer) Shared() bool {
	return s == SignerApp || s == SignerAppPrevious || s == SignerEventBridge
}

// Unchecked is the signer of a delivery that somebody else put into the queue: a signature that nobody has checked
// yet. Recording checks it, and names the secret instead.
func Unchecked(signature string) Signer { return uncheckedPrefix + Signer(signature) }

const uncheckedPrefix = "unchecked:"

// Unchecked returns the signature that is still to be checked; ok is false if nothing is.
func (s Signer) Unchecked() (signature string, ok bool) {
	return strings.CutPrefix(string(s), uncheckedPrefix)
}

// Event is one delivery, a webhook or what Shopify calls an Event, as it was accepted. All but the body comes
// from headers, which Shopify does not sign.
type Event struct {
	ID             EventID
	Shop           string    // myshopify.com domain, lower case
	Topic          string    // such as "orders/create"; of an Event with its action: "Order/create"
	APIVersion     string    // such as "2026-10"
	WebhookID      string    // X-Shopify-Webhook-Id, or Shopify-Webhook-Id
	ShopifyEventID string    // X-Shopify-Event-Id; "" when absent
	TriggeredAt    time.Time // X-Shopify-Triggered-At; zero when absent
	AcceptedAt     time.Time
	SignedBy       Signer
	TraceParent    string // of the request that brought it, as W3C's traceparent; "" when it is not traced
	Body           []byte // the bytes that were signed, if somebody signed any
}

// TopicPushesOwed is the topic of wake-up messages: they tell push workers in other processes that
// pushes are owed. No webhook brings them, and no ledger has them.
const TopicPushesOwed = ownTopics + "pushes_owed"

// TopicEnvelope is the topic of an envelope of EventBridge that could not be opened. The body is the whole envelope,
// for another try: the setting or the program may be another by then. No webhook has it.
const TopicEnvelope = ownTopics + "envelope"

// Outcome is an accepted event's end. Every event has exactly one.
type Outcome string

// The outcomes.
const (
	OutcomeRecorded  Outcome = "recorded"  // it changed an order, or the shop
	OutcomeDuplicate Outcome = "duplicate" // it said nothing new
	OutcomeStale     Outcome = "stale"     // bellhop already knew something newer
	OutcomeSkipped   Outcome = "skipped"   // it is kept, and nothing was done; the reason says why
	OutcomeDead      Outcome = "dead"      // it can't be processed; it is among the dead letters
)

// Outcomes lists all of them, in the order they are shown in.
func Outcomes() []Outcome {
	return []Outcome{OutcomeRecorded, OutcomeDuplicate, OutcomeStale, OutcomeSkipped, OutcomeDead}
}

// Reasons of [OutcomeSkipped] in the ledger.
const (
	ReasonUnknownShop    = "unknown_shop"     // nobody has added this shop; replay once it is added
	ReasonShopDisabled   = "shop_disabled"    // the shop is disabled; replay once it is enabled
	ReasonAppSecret      = "app_secret"       // the app's secret signed it, and the shop accepts only its own
	ReasonBodyDropped    = "body_dropped"     // it came again after it was settled and its body dropped
	ReasonTopicUnhandled = "topic_unhandled"  // bellhop does not use this topic
	ReasonNotActedOn     = "not_yet_acted_on" // the compliance topics: a person has to act
	ReasonBodyTooLarge   = "body_too_large"   // neither accepted nor kept: Shopify got 413
	ReasonNotConnected   = "not_connected"    // app/scopes_update of a shop that bellhop has no access to
	ReasonIncomplete     = "incomplete"       // the body lacks fields of an order, which follow
	ReasonOtherHandle    = "other_handle"     // an Event of another subscription, whose handle follows
)

// namesInReason bounds how many fields a reason names, and maxName the bytes of one.
const namesInReason, maxName = 5, 80

// IncompleteReason names the fields that a body lacks.
func IncompleteReason(lacks []string) string {
	names := make([]string, 0, namesInReason)
	for _, name := range lacks[:min(len(lacks), namesInReason)] {
		names = append(names, Clip(name, maxName))
	}
	reason := ReasonIncomplete + ": " + strings.Join(names, ", ")
	if more := len(lacks) - len(names); more > 0 {
		reason += fmt.Sprintf(" (and %d more)", more)
	}
	return reason
}

// ReasonParts returns the code of a skipped event's reason, and what follows it: "" for most.
func ReasonParts(reason string) (code, names string) {
	code, names, _ = strings.Cut(reason, ": ")
	return code, names
}

// ReasonInstalledSince is the reason of an app/uninstalled that is [OutcomeStale].
const ReasonInstalledSince = "installed_since"

const (
	// MaxBody bounds the body of an event everywhere.
	MaxBody = 32 << 20
	// DefaultMaxBody is what the endpoint takes unless told otherwise. An order of 500 lines, the most that
	// Shopify takes, has up to 2.9 MB once it is fulfilled and refunded.
	DefaultMaxBody = 8 << 20
)

// Clip bounds a text of others that becomes part of an error or a message. It cuts between two characters.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
