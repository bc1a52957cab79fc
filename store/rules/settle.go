package rules

import (
	"time"

	"bellhop"
	"bellhop/store"
)

// Resendable reports whether a push that has ended may be sent again.
func Resendable(s bellhop.PushStatus) bool {
	return s == bellhop.PushFailed || s == bellhop.PushUnknown || s == bellhop.PushSkipped
}

// SettlementOf says what a settlement does to a push, by its status and whether that
// is final. What is final stays: another claimer, after the lease ran out, had
// the last word. Only that it was sent after all is worth knowing still.
func SettlementOf(s store.Settled, was bellhop.PushStatus, final bool) Settlement {
	switch {
	case final && (s.Status != bellhop.PushSent || was == bellhop.PushSent):
		return SettleNothing
	case s.RetryAt.IsZero():
		return SettleEnd
	}
	return SettleRetry
}

// Settlement is one of the things that can become of a push.
type Settlement uint8

// The settlements.
const (
	SettleNothing Settlement = iota // it stays as it is
	SettleEnd                       // it has its final status, and the stream is told
	SettleRetry                     // it is due again at RetryAt
)

// Settles reports whether an outcome is there to stay: recording such an event
// once more is [Redelivered].
func Settles(o bellhop.Outcome) bool {
	switch o {
	case bellhop.OutcomeRecorded, bellhop.OutcomeDuplicate, bellhop.OutcomeStale:
		return true
	}
	return false
}

// Redelivered is the result of recording an event that was settled before: its
// line and what it stated were committed together.
func Redelivered() bellhop.Result {
	return bellhop.Result{Outcome: bellhop.OutcomeDuplicate, Reason: "redelivered"}
}

// SkipFor returns why a fact changes nothing: for its own reason, or since the
// shop is not there, is disabled or takes nothing that the app's secret signed; ""
// when it is to be merged. Whoever accepted the event may not have known the shop.
func SkipFor(f bellhop.Fact, known bool, s bellhop.Shop) string {
	switch {
	case !known:
		return bellhop.ReasonUnknownShop
	case s.Disabled:
		return bellhop.ReasonShopDisabled
	case s.OwnSecretOnly && f.Event.SignedBy.Shared():
		return bellhop.ReasonAppSecret
	}
	return f.Skip
}

// Tells says what the stream is told of a merge: nothing of an order that has
// not come yet, and nothing where nothing changed.
func (m Merged) Tells(before State) (kind store.ChangeKind, tells bool) {
	switch {
	case m.Result.Outcome != bellhop.OutcomeRecorded:
		return "", false
	case m.First:
		return store.ChangeRecorded, true
	}
	return store.ChangeUpdated, !before.Version.IsZero()
}

// DueAt is when a new push is due to a device whose budget has room from freeAt
// on, so that no claim has to look at it before.
func DueAt(at, freeAt time.Time) time.Time {
	if freeAt.After(at) && freeAt.Sub(at) < longestRefill {
		return freeAt
	}
	return at
}

// longestRefill is longer than any budget takes to have room again. A clock that was
// ahead leaves later times behind: the claim looks at the budget itself.
const longestRefill = 5 * time.Minute

// LongestWait is longer than anything waits that is kept for later. Quiet hours are
// the longest, on a day that has 25.
const LongestWait = 26 * time.Hour

// Beyond reports whether a time that was kept is further ahead than it can be: the
// clock was, and has been put right since. What waits for it waits no longer.
func Beyond(t, now time.Time) bool { return t.After(now.Add(LongestWait)) }

// IsDue reports whether what is due at a time is now; nothing is at the zero time.
func IsDue(t, now time.Time) bool { return !t.IsZero() && (!t.After(now) || Beyond(t, now)) }
