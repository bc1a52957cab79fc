package rules

import (
	"bellhop"
	"bellhop/store"
)

// wants reports whether an owner wants a push of this kind for an order, or why not.
func wants(s bellhop.Settings, kind bellhop.PushKind, total bellhop.Money) (wanted bool, why string) {
	switch {
	case !asked(s, kind):
		return false, store.ReasonNotWanted
	case below(s, total):
		return false, store.ReasonBelowAmount
	}
	return true, ""
}

// below reports whether an order's total is below the owner's limit. A refund doesn't state
// the order's total: the claim asks again.
func below(s bellhop.Settings, total bellhop.Money) bool {
	return s.AtLeast != "" && total.Currency != "" && !total.AtLeast(s.AtLeast)
}

func asked(s bellhop.Settings, kind bellhop.PushKind) bool {
	switch occasion, _ := kind.Split(); occasion {
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
