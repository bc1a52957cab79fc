package bellhop

import (
	"strconv"
	"strings"
	"time"
)

// PushKind is the occasion of a push. That of a refund names the refund, since each one rings:
// "order.refunded:929361465". So does each ring.
type PushKind string

// The kinds.
const (
	PushOrderNew       PushKind = "order.new"       // an order was recorded for the first time
	PushOrderPaid      PushKind = "order.paid"      // one that was not paid is
	PushOrderCancelled PushKind = "order.cancelled" // one was cancelled
	PushOrderRefunded  PushKind = "order.refunded"  // money of one went back, once a refund
	PushOrderRing      PushKind = "order.ring"      // somebody of the rota should take the order; see RingKind
	PushTest           PushKind = "test"            // about no order: somebody tries the device out
	// About no order: Shopify took bellhop's access to the shop away, and the owner must connect it again.
	PushDisconnected PushKind = "shop.disconnected"
)

// RefundKind is the kind of a push about one refund.
func RefundKind(id int64) PushKind {
	return PushOrderRefunded + ":" + PushKind(strconv.FormatInt(id, 10))
}

// RingKind is the kind of the n-th push that asks somebody to take an order: "order.ring:2".
func RingKind(n int) PushKind { return PushOrderRing + ":" + PushKind(strconv.Itoa(n)) }

// Rings reports whether a push asks somebody to take an order.
func (k PushKind) Rings() bool { return strings.HasPrefix(string(k), string(PushOrderRing)+":") }

// Split returns the occasion alone, and the refund that a push is about, or the number of a ring; 0 for none.
func (k PushKind) Split() (occasion PushKind, about int64) {
	before, after, _ := strings.Cut(string(k), ":")
	about, _ = strconv.ParseInt(after, 10, 64)
	return PushKind(before), about
}

// PushStatus is how far a push has got.
type PushStatus string

// The statuses. [PushPending], [PushSending] and, while another attempt is
// planned, [PushUnknown] are on the way; the others are final.
const (
	PushPending PushStatus = "pending" // owed
	PushSending PushStatus = "sending" // an attempt is under way
	PushSent    PushStatus = "sent"    // FCM took it
	PushUnknown PushStatus = "unknown" // an attempt was made and its outcome can't be known
	PushFailed  PushStatus = "failed"  // FCM refused it for good, or bellhop gave up; the reason says why
	PushSkipped PushStatus = "skipped" // there was nothing to send it to, or no use in it; the reason says why
)

// ParsePushStatus accepts the statuses and nothing else.
func ParsePushStatus(s string) (PushStatus, error) {
	switch p := PushStatus(s); p {
	case PushPending, PushSending, PushSent, PushUnknown, PushFailed, PushSkipped:
		return p, nil
	}
	return "", Invalidf("status", "status is pending, sending, sent, unknown, failed or skipped, not %q", Clip(s, 40))
}

// Push is one message owed to one device for one order. There is at most one
// for each (order, device, kind), ever.
type Push struct {
	ID           int64
	Shop         string
	OrderID      int64
	OrderName    string
	DeviceID     int64  // 0 when there was no device
	Installation string // of the device
	Kind         PushKind
	Status       PushStatus
	Attempts     int
	Reason       string
	AcceptedAt   time.Time // when the order was (Trace.AcceptedAt)
	CreatedAt    time.Time
	NextAt       time.Time // when it is due; zero once it is final
	SentAt       time.Time
	ReceivedAt   time.Time // the phone's own word
	OpenedAt     time.Time
}
