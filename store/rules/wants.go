package rules

import (
	"bellhop"
	"bellhop/store"
)

// wants reports whether somebody is to be told of something about an order. Of a
// new order that they are not told of the log says why.
func wants(s bellhop.Settings, kind bellhop.PushKind, total bellhop.Money) (wanted bool, why string) {
	switch {
	case !asked(s, kind):
		return false, store.ReasonNotWanted
	case below(s, total):
		return false, store.ReasonBelowAmount
	}
	return true, ""
}

// below reports whether an order is of less than somebody is to be told of. A refund
// doesn't state what its order comes to, so that it is asked again once it is due.
func below(s bellhop.Settings, total bellhop.Money) bool {
	return s.AtLeast != "" && total.Currency != "" && !total.AtLeast(s.AtLeast)
}

func asked(s bellhop.Settings, kind bellhop.PushKind) bool {
	switch kind {
	case bellhop.PushOrderNew:
		return !s.NotNew
	case bellhop.PushOrderPaid:
		return s.Paid
	case bellhop.PushOrderCancelled:
		return s.Cancelled
	case bellhop.PushOrderRefunded:
		return s.Refunded
	}
	return false
}
